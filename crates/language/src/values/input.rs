//! JSON in: one single value, by the type of its field.

use mains_base::{Currency, Date, IdError, MAX_INTEGER, Money, Point, Time, Uuid, Value, has_nul, nfc};
use serde_json::Value as Json;

use super::problem::FieldProblem;
use super::{DEEPEST_JSON, decimal, no_currency, target};
use crate::schema::{CurrencyRule, Field, FieldKind, Schema};

type Read = Result<Value, FieldProblem>;

/// Reads a single value; limits are asked afterwards.
pub(super) fn read(field: &Field, schema: &Schema, json: &Json) -> Read {
    match (&field.kind, json) {
        (FieldKind::Bool, Json::Null) => Err(FieldProblem::new("required", "Say true or false.")),
        (_, Json::Null) => Ok(Value::Null),
        (FieldKind::Bool, json) => {
            json.as_bool().map(Value::Bool).ok_or_else(|| FieldProblem::new("type", "Say true or false."))
        }
        (FieldKind::Integer { .. }, json) => integer(json).map(Value::Int),
        (FieldKind::Number { .. }, json) => number(json),
        (FieldKind::Decimal { scale, .. }, json) => decimal_of(json, *scale),
        (FieldKind::Money { currency }, json) => money(json, *currency),
        (FieldKind::Json { .. }, json) => canonical(json),
        (FieldKind::Point, json) => point(json),
        (FieldKind::File, _) => Err(FieldProblem::new("type", "Files cannot be sent yet.")),
        (FieldKind::Computed(_), _) => Err(FieldProblem::new("type", "This is calculated; leave it out.")),
        (_, Json::String(source)) => word(field, schema, source),
        _ => Err(FieldProblem::new("type", format!("Send text, such as {}.", example(field)))),
    }
}

/// Reads what is a string in JSON and text in a form alike; the text is not empty.
pub(super) fn word(field: &Field, schema: &Schema, source: &str) -> Read {
    let wrong = || FieldProblem::new("type", format!("Write it like {}.", example(field)));
    match &field.kind {
        FieldKind::Id | FieldKind::Relation { .. } => id(field, schema, source),
        FieldKind::Date { .. } => Date::parse(source).map(|date| Value::Int(date.days())).ok_or_else(wrong),
        FieldKind::Datetime { .. } => {
            Time::parse(source).map(|time| Value::Int(time.micros())).ok_or_else(wrong)
        }
        FieldKind::Bytes { .. } => bytes(source).map(Value::Bytes).ok_or_else(wrong),
        _ => plain(source),
    }
}

fn plain(source: &str) -> Read {
    if has_nul(source) {
        return Err(FieldProblem::new("type", "Leave out the character U+0000."));
    }
    let text = nfc(source);
    Ok(if text.is_empty() { Value::Null } else { Value::Text(text) })
}

/// What a value of this field looks like.
pub(super) fn example(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Date { .. } => "\"2026-11-21\"",
        FieldKind::Datetime { .. } => "\"2026-11-21T09:30:00Z\"",
        FieldKind::Email { .. } => "\"ada@example.com\"",
        FieldKind::Url { .. } => "\"https://example.com/page\"",
        FieldKind::Slug { .. } => "\"my-first-page\"",
        FieldKind::Id | FieldKind::Relation { .. } => "\"note_01j9z3k8e5fs6v2x0q4m7c1b9d\"",
        FieldKind::Bytes { .. } => "\"00ff\"",
        FieldKind::Enum { .. } => "one of the words that this field knows",
        _ => "\"words\"",
    }
}

fn id(field: &Field, schema: &Schema, source: &str) -> Read {
    let Some(collection) = target(schema, field) else {
        return Err(FieldProblem::new("id", "There are no ids here."));
    };
    let Some(prefix) = &collection.prefix else {
        return Err(FieldProblem::new("id", "Records of a private table have no ids."));
    };
    match Uuid::parse(source, prefix) {
        Ok(uuid) => Ok(Value::Id(uuid)),
        Err(IdError::Prefix) => Err(FieldProblem::new(
            "id",
            format!("Give the id of one of {}; it begins with {}_.", collection.name, prefix.as_str()),
        )),
        Err(IdError::Suffix) => Err(FieldProblem::new(
            "id",
            format!("This id is not whole; after {}_ come 26 letters and digits.", prefix.as_str()),
        )),
    }
}

fn integer(json: &Json) -> Result<i64, FieldProblem> {
    let wrong = || FieldProblem::new("type", "Send a whole number, such as 3.");
    let Json::Number(number) = json else { return Err(wrong()) };
    match number.as_i64() {
        Some(whole) => Ok(whole),
        None => number.as_f64().and_then(whole_double).ok_or_else(wrong),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within ±2⁵³")]
fn whole_double(double: f64) -> Option<i64> {
    (double.fract() == 0.0 && double.abs() <= MAX_INTEGER as f64).then_some(double as i64)
}

fn number(json: &Json) -> Read {
    let number = json.as_number().and_then(serde_json::Number::as_f64).filter(|number| number.is_finite());
    number
        .map(|number| Value::Double(number + 0.0))
        .ok_or_else(|| FieldProblem::new("type", "Send a number, such as 2.5."))
}

fn decimal_of(json: &Json, scale: u8) -> Read {
    match json {
        Json::String(source) if source.is_empty() => Ok(Value::Null),
        Json::String(source) => decimal_text(source, scale),
        Json::Number(number) if number.is_i64() || number.is_u64() => {
            decimal_text(&number.to_string(), scale)
        }
        _ => Err(FieldProblem::new(
            "type",
            "Send the number as text, such as \"12.50\", so that no digit is lost.",
        )),
    }
}

/// Reads a decimal and says what is wrong with it.
pub(super) fn decimal_text(source: &str, scale: u8) -> Read {
    let digits = || match scale {
        0 => "Write a whole number, such as \"12\".".to_owned(),
        1 => "Write a number with one digit after the point, such as \"12.5\".".to_owned(),
        scale => format!("Write a number with up to {scale} digits after the point, such as \"12.50\"."),
    };
    let read = decimal::decimal_from_text(source, scale).map(Value::Int);
    read.ok_or_else(|| FieldProblem::new("type", digits()))
}

fn money(json: &Json, rule: CurrencyRule) -> Read {
    let wrong = || {
        FieldProblem::new(
            "type",
            "Send an amount in minor units and a currency: {\"amount\": 1999, \"currency\": \"EUR\"}.",
        )
    };
    let Json::Object(parts) = json else { return Err(wrong()) };
    if parts.keys().any(|key| key != "amount" && key != "currency") {
        return Err(wrong());
    }
    let amount = integer(parts.get("amount").ok_or_else(wrong)?).map_err(|_| wrong())?;
    let currency = match parts.get("currency") {
        None | Some(Json::Null) => None,
        Some(Json::String(code)) => Some(Currency::new(code).ok_or_else(wrong)?),
        Some(_) => return Err(wrong()),
    };
    money_of(amount, currency, rule)
}

/// An amount under the field's rule for currencies.
pub(super) fn money_of(amount: i64, given: Option<Currency>, rule: CurrencyRule) -> Read {
    let currency = match (rule, given) {
        (CurrencyRule::Fixed(fixed), Some(given)) if given != fixed => {
            let message = format!("The currency here is always {}.", fixed.as_str());
            return Err(FieldProblem::new("currency", message));
        }
        (CurrencyRule::Fixed(fixed), _) => fixed,
        (CurrencyRule::Field(_), given) => given.unwrap_or_else(no_currency),
        (CurrencyRule::Free, Some(given)) => given,
        (CurrencyRule::Free, None) => {
            return Err(FieldProblem::new("currency", "Say the currency too, such as \"EUR\"."));
        }
    };
    Ok(Value::Money(Money { amount, currency }))
}

fn point(json: &Json) -> Read {
    let part = |name: &str, limit: f64| {
        json.get(name).and_then(Json::as_f64).filter(|degrees| degrees.abs() <= limit)
    };
    match (part("latitude", 90.0), part("longitude", 180.0)) {
        (Some(latitude), Some(longitude)) => {
            Ok(Value::Point(Point { latitude: latitude + 0.0, longitude: longitude + 0.0 }))
        }
        _ => Err(FieldProblem::new("type", "Send a place: {\"latitude\": 52.5, \"longitude\": 13.4}.")),
    }
}

/// JSON as it is stored: no blanks, keys sorted, so that equal values are equal texts.
fn canonical(json: &Json) -> Read {
    if is_deeper(json, DEEPEST_JSON) {
        return Err(too_deep());
    }
    let mut sorted = json.clone();
    sorted.sort_all_objects();
    if contains_nul(&sorted) {
        return Err(FieldProblem::new("type", "Leave out the character U+0000."));
    }
    Ok(Value::Text(sorted.to_string()))
}

/// What is said of JSON that is deeper than is kept.
pub fn too_deep() -> FieldProblem {
    let message = format!("At most {DEEPEST_JSON} lists and objects may stand in each other here.");
    FieldProblem::new("too_deep", message)
}

/// Whether more than `levels` lists and objects stand in each other; looks no deeper than that.
fn is_deeper(json: &Json, levels: usize) -> bool {
    let below = |json: &Json| levels.checked_sub(1).is_none_or(|levels| is_deeper(json, levels));
    match json {
        Json::Array(items) => levels == 0 || items.iter().any(below),
        Json::Object(parts) => levels == 0 || parts.values().any(below),
        _ => false,
    }
}

fn contains_nul(json: &Json) -> bool {
    match json {
        Json::String(text) => has_nul(text),
        Json::Array(items) => items.iter().any(contains_nul),
        Json::Object(parts) => parts.iter().any(|(key, value)| has_nul(key) || contains_nul(value)),
        _ => false,
    }
}

fn bytes(source: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = source.as_bytes().chunks(2);
    pairs
        .map(|pair| if let [high, low] = pair { Some(digit(high)? << 4 | digit(low)?) } else { None })
        .collect()
}
