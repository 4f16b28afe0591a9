//! Literals of TOML as values of fields: defaults and limits.

use mains_base::Value;
use serde_json::Value as Json;
use toml::de::DeValue;

use super::document::Item;
use crate::schema::{Field, FieldId, FieldKind, Schema};
use crate::values;

/// A literal as a value of this type, without limits; notes what does not fit.
pub(super) fn read(item: Item<'_, '_>, kind: &FieldKind) -> Option<Value> {
    of_field(item, &blank(kind.clone()), &Schema::default())
}

/// A literal as a value of this field, its limits kept; notes what does not fit.
pub(super) fn of_field(item: Item<'_, '_>, field: &Field, schema: &Schema) -> Option<Value> {
    // A decimal is written with a point; its digits are taken as they stand.
    let digits = matches!(field.kind, FieldKind::Decimal { .. }) && item.value.get_ref().is_float();
    let json = match item.value.get_ref().as_float() {
        Some(number) if digits => Json::String(number.as_str().replace('_', "")),
        _ => json(item)?,
    };
    match values::from_json(field, schema, &json) {
        Ok(value) => Some(value),
        Err(problem) => {
            item.error(format!("This does not fit the field: {}", problem.message), None);
            None
        }
    }
}

fn json(item: Item<'_, '_>) -> Option<Json> {
    Some(match item.value.get_ref() {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(_) => Json::from(item.whole()?),
        DeValue::Float(number) => Json::from(number.as_str().replace('_', "").parse::<f64>().ok()?),
        DeValue::Boolean(flag) => Json::Bool(*flag),
        DeValue::Datetime(time) => Json::String(time.to_string()),
        DeValue::Array(items) => {
            items.iter().map(|value| json(Item { value, ..item })).collect::<Option<Vec<_>>>()?.into()
        }
        DeValue::Table(table) => {
            let parts = table
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), json(Item { value, ..item })?)));
            Json::Object(parts.collect::<Option<_>>()?)
        }
    })
}

/// A field of this type with nothing said about it.
pub(super) fn blank(kind: FieldKind) -> Field {
    Field::new(FieldId::ID, "", kind)
}
