//! Text in: one single value from a form, an address or a cell, by the type of its field.

use mains_base::{Currency, Value};

use super::input;
use super::problem::FieldProblem;
use crate::schema::{Field, FieldKind, Schema};

/// Reads a single value; `""` is null. Blanks around what is not prose do not count.
pub(super) fn read(field: &Field, schema: &Schema, source: &str) -> Result<Value, FieldProblem> {
    let trimmed = source.trim();
    let prose = matches!(field.kind, FieldKind::Text { .. });
    if source.is_empty() || (trimmed.is_empty() && !prose) {
        return input::read(field, schema, &serde_json::Value::Null);
    }
    match &field.kind {
        FieldKind::Text { .. } => input::word(field, schema, source),
        FieldKind::Bool => match trimmed {
            "true" | "on" | "1" => Ok(Value::Bool(true)),
            "false" | "off" | "0" => Ok(Value::Bool(false)),
            _ => Err(FieldProblem::new("type", "Say true or false.")),
        },
        FieldKind::Integer { .. } => whole(trimmed).map(Value::Int),
        FieldKind::Number { .. } => {
            let number = trimmed.parse().ok().filter(|number: &f64| number.is_finite());
            let number = number.map(|number| Value::Double(number + 0.0));
            number.ok_or_else(|| FieldProblem::new("type", "Write a number, such as 2.5."))
        }
        FieldKind::Decimal { scale, .. } => input::decimal_text(trimmed, *scale),
        FieldKind::Money { currency } => {
            let (amount, code) =
                trimmed.split_once(' ').map_or((trimmed, None), |(amount, code)| (amount, Some(code)));
            let wrong = || {
                FieldProblem::new("type", "Write an amount in minor units and a currency, such as 1999 EUR.")
            };
            let given = code.map(|code| Currency::new(code.trim()).ok_or_else(wrong)).transpose()?;
            input::money_of(whole(amount).map_err(|_| wrong())?, given, *currency)
        }
        FieldKind::Json { .. } | FieldKind::Point => {
            let json = serde_json::from_str(trimmed);
            let json =
                json.map_err(|_| FieldProblem::new("type", "Write JSON, such as {\"theme\": \"dark\"}."))?;
            input::read(field, schema, &json)
        }
        FieldKind::File | FieldKind::Computed(_) => {
            input::read(field, schema, &serde_json::Value::Bool(true))
        }
        _ => input::word(field, schema, trimmed),
    }
}

fn whole(text: &str) -> Result<i64, FieldProblem> {
    text.parse().map_err(|_| FieldProblem::new("type", "Write a whole number, such as 3."))
}
