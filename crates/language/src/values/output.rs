//! Values out: JSON for doors, text for forms, addresses and cells.

use std::fmt::Write;

use mains_base::{Date, Time, Value};
use serde_json::{Value as Json, json};

use super::{decimal_to_text, target};
use crate::expression::Type;
use crate::schema::{Collection, Field, FieldKind, Schema};

/// The value of a field as JSON.
pub fn to_json(field: &Field, schema: &Schema, value: &Value) -> Json {
    match (value, &field.kind) {
        (Value::List(items), FieldKind::File) if field.many.is_none() => file(items),
        (Value::List(items), _) => items.iter().map(|item| single(field, schema, item)).collect(),
        (value, _) => single(field, schema, value),
    }
}

fn single(field: &Field, schema: &Schema, value: &Value) -> Json {
    match (value, &field.kind) {
        (value, FieldKind::Computed(ty)) => json_of_type(ty, schema, value),
        (Value::Id(_), _) => id(target(schema, field), value),
        (Value::Int(number), FieldKind::Decimal { scale, .. }) => decimal_to_text(*number, *scale).into(),
        (Value::Int(days), FieldKind::Date { .. }) => date(*days),
        (Value::Int(micros), FieldKind::Datetime { .. }) => Time::from_micros(*micros).to_string().into(),
        (Value::Text(text), FieldKind::Json { .. }) => serde_json::from_str(text).unwrap_or(Json::Null),
        (Value::List(items), FieldKind::File) => file(items),
        (value, _) => plain(value),
    }
}

/// The value of an expression of this type as JSON.
pub fn json_of_type(ty: &Type, schema: &Schema, value: &Value) -> Json {
    match (value, ty) {
        (Value::List(items), Type::List(element)) => {
            items.iter().map(|item| json_of_type(element, schema, item)).collect()
        }
        (Value::List(items), Type::File) => file(items),
        (Value::Id(_), Type::Record(collection)) => id(Some(schema.collection(*collection)), value),
        (Value::Int(number), Type::Decimal(scale)) => decimal_to_text(*number, *scale).into(),
        (Value::Int(days), Type::Date) => date(*days),
        (Value::Int(micros), Type::Timestamp) => Time::from_micros(*micros).to_string().into(),
        (Value::Int(micros), Type::Duration) => duration_to_text(*micros).into(),
        (Value::Text(text), Type::Json) => serde_json::from_str(text).unwrap_or(Json::Null),
        (value, _) => plain(value),
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::Id(uuid) => Json::String(uuid.suffix().iter().map(|&byte| char::from(byte)).collect()),
        Value::Bytes(raw) => Json::String(hex(raw)),
        Value::Money(money) => json!({ "amount": money.amount, "currency": money.currency.as_str() }),
        Value::Point(point) => json!({ "latitude": point.latitude, "longitude": point.longitude }),
        Value::List(items) => items.iter().map(plain).collect(),
    }
}

fn id(collection: Option<&Collection>, value: &Value) -> Json {
    let prefix = collection.and_then(|collection| collection.prefix.as_ref());
    match (prefix, value) {
        (Some(prefix), Value::Id(uuid)) => uuid.text(prefix).into(),
        _ => plain(value),
    }
}

fn date(days: i64) -> Json {
    Date::from_days(days).map_or(Json::Null, |date| date.to_string().into())
}

fn file(parts: &[Value]) -> Json {
    let part = |place: usize| parts.get(place).map_or(Json::Null, plain);
    json!({ "name": part(0), "type": part(1), "size": part(2) })
}

/// A span as the protobuf and CEL JSON mapping writes it: seconds with up to six digits, `1.5s`.
pub fn duration_to_text(micros: i64) -> String {
    let text = decimal_to_text(micros, 6);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn hex(raw: &[u8]) -> String {
    raw.iter().fold(String::with_capacity(raw.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The value of a field as text that [`super::from_text`] reads again; null is `""`.
pub fn to_text(field: &Field, schema: &Schema, value: &Value) -> String {
    match (value, &field.kind) {
        (Value::Money(money), _) => format!("{} {}", money.amount, money.currency.as_str()),
        (Value::Text(text), FieldKind::Json { .. }) => text.clone(),
        (Value::List(items), _) if items.is_empty() => String::new(),
        _ => match to_json(field, schema, value) {
            Json::Null => String::new(),
            Json::String(text) => text,
            json => json.to_string(),
        },
    }
}
