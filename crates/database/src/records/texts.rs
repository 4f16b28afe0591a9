//! Values as addresses write them: `where.` conditions and unique keys. Only their type is asked of them; whether a
//! field would take them is no question of reading.

use mains_base::{Caller, Date, MAX_INTEGER, Time, Uuid, Value, has_nul, nfc};
use mains_language::expression::Type;
use mains_language::schema::Schema;

/// The collection whose records `me` stands for.
pub(super) const ACCOUNTS: &str = "accounts";

/// The value of this type that a text says. `me` is the caller's account: of a visitor nobody, equal to no record.
pub(super) fn read(schema: &Schema, caller: &Caller, ty: &Type, text: &str) -> Option<Value> {
    let within =
        |number: i64| (number.unsigned_abs() <= MAX_INTEGER.unsigned_abs()).then_some(Value::Int(number));
    match ty {
        Type::Bool => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Type::Int => within(text.parse().ok()?),
        Type::Double => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Double),
        Type::Decimal(scale) => within(decimal(text, usize::from(*scale))?),
        Type::Text(_) => (!has_nul(text)).then(|| Value::Text(nfc(text))),
        Type::Date => Some(Value::Int(Date::parse(text)?.days())),
        Type::Timestamp => Some(Value::Int(Time::parse(text)?.micros())),
        Type::Record(to) => {
            let to = schema.collection(*to);
            if text == "me" && to.name == ACCOUNTS {
                return Some(Value::Id(caller.id));
            }
            Uuid::parse(text, to.prefix.as_ref()?).ok().map(Value::Id)
        }
        _ => None,
    }
}

/// Whether a text can say values of this type at all.
pub(super) fn says(ty: &Type) -> bool {
    !matches!(
        ty,
        Type::Null | Type::Money | Type::Point | Type::File | Type::Json | Type::Duration | Type::List(_)
    )
}

/// A number with at most `scale` digits after the point, times 10^scale.
fn decimal(text: &str, scale: usize) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > scale {
        return None;
    }
    let number: i64 = format!("{whole}{part:0<scale$}").parse().ok()?;
    Some(if negative { -number } else { number })
}

/// What a text of this type looks like, in words.
pub(super) fn wanted(schema: &Schema, ty: &Type) -> String {
    match ty {
        Type::Bool => "true or false".to_owned(),
        Type::Int => "whole number".to_owned(),
        Type::Double => "number".to_owned(),
        Type::Decimal(scale) => format!("number with at most {scale} digits after the point"),
        Type::Text(_) => "text that can be stored".to_owned(),
        Type::Date => "day such as 2026-11-21".to_owned(),
        Type::Timestamp => "instant such as 2026-11-21T12:00:00Z".to_owned(),
        Type::Record(to) => {
            let prefix = schema.collection(*to).prefix.as_ref().map_or("", |prefix| prefix.as_str());
            format!("id that begins with {prefix}_")
        }
        _ => "value that can be compared here; use filter".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use mains_language::expression::TextKind;

    use super::*;

    #[test]
    fn values_are_read_by_their_type() {
        let (schema, caller) = (Schema::default(), Caller::visitor());
        let text = |ty, text| read(&schema, &caller, &ty, text);
        assert_eq!(text(Type::Decimal(2), "-1.5"), Some(Value::Int(-150)));
        assert_eq!(text(Type::Decimal(2), "1.555"), None);
        assert_eq!(text(Type::Decimal(0), "7"), Some(Value::Int(7)));
        assert_eq!(text(Type::Int, "9007199254740992"), None);
        assert_eq!(text(Type::Int, "-9223372036854775808"), None);
        assert_eq!(text(Type::Double, "inf"), None);
        assert_eq!(text(Type::Text(TextKind::Plain), "a\0"), None);
        assert_eq!(text(Type::Bool, "1"), None);
        assert_eq!(text(Type::Date, "2026-02-29"), None);
    }
}
