//! Values of fields: read from JSON and from text, checked, and written again.
//!
//! Invariant: what [`from_json`] and [`from_text`] give fits its field: texts are in NFC, without U+0000 and never
//! empty (that is null), numbers are within the field's limits, JSON is at most [`DEEPEST_JSON`] deep, lists hold nothing
//! twice. `required` is not asked
//! here, since a change leaves out what it does not touch.

mod decimal;
mod exact;
mod form;
mod input;
mod limits;
mod output;
mod problem;
#[cfg(test)]
mod tests;
mod text;

use mains_base::{Currency, Value};
use serde_json::Value as Json;

pub use decimal::{decimal_from_text, decimal_to_text};
pub use exact::{Flaw, FlawKind, flaws};
pub use input::too_deep;
pub use output::{duration_to_text, json_of_type, to_json, to_text};
pub use problem::FieldProblem;

use crate::schema::{Collection, Field, FieldKind, Schema};

/// The most lists and objects in each other that a JSON field holds. Whoever reads what is stored, in an answer, an export
/// or the log, has some levels of its own around it, and readers of JSON stop at 128.
pub const DEEPEST_JSON: usize = 64;

/// The currency that stands in a money value until the record's own currency field says it
/// ([`crate::schema::CurrencyRule::Field`]); ISO 4217 calls it "no currency".
pub fn no_currency() -> Currency {
    Currency::new("XXX").unwrap_or_else(|| unreachable!("three upper-case letters"))
}

/// The value that JSON gives to this field. `null` is null, of a list the empty list.
pub fn from_json(field: &Field, schema: &Schema, json: &Json) -> Result<Value, FieldProblem> {
    if field.many.is_none() {
        return element_from_json(field, schema, json);
    }
    let items = match json {
        Json::Null => &Vec::new(),
        Json::Array(items) => items,
        _ => return Err(FieldProblem::new("type", "Send a list, such as [\"one\", \"two\"].")),
    };
    list(field, items, |item| match item {
        Json::Null => Err(FieldProblem::new("type", "A list holds no null; leave it out.")),
        item => element_from_json(field, schema, item),
    })
}

/// The value of one element of a list field, or of a field that holds a single value.
pub fn element_from_json(field: &Field, schema: &Schema, json: &Json) -> Result<Value, FieldProblem> {
    let value = input::read(field, schema, json)?;
    limits::check(field, &value)?;
    Ok(value)
}

/// The value that a text gives to this field: a form's, an address's, a cell's of a CSV file. `""` is null. A list is
/// a JSON array, or parts between commas.
pub fn from_text(field: &Field, schema: &Schema, source: &str) -> Result<Value, FieldProblem> {
    if field.many.is_none() {
        return element_from_text(field, schema, source);
    }
    let trimmed = source.trim();
    if trimmed.starts_with('[') {
        let wrong =
            |_| FieldProblem::new("type", "This list is no JSON; write [\"one\", \"two\"], or one, two.");
        return from_json(field, schema, &serde_json::from_str(trimmed).map_err(wrong)?);
    }
    let parts: Vec<&str> = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    list(field, &parts, |part| element_from_text(field, schema, part))
}

/// The value that a text gives to one element of a list field, or to a field that holds a single value.
pub fn element_from_text(field: &Field, schema: &Schema, source: &str) -> Result<Value, FieldProblem> {
    let value = text::read(field, schema, source)?;
    limits::check(field, &value)?;
    Ok(value)
}

/// Whether a value that was not read here (calculated, or changed by `add`) fits the field.
pub fn check(field: &Field, value: &Value) -> Result<(), FieldProblem> {
    let (Some(_), Value::List(items)) = (field.many, value) else {
        return limits::check(field, value);
    };
    limits::check_list(field, items)?;
    for (place, item) in items.iter().enumerate() {
        limits::check(field, item).map_err(|problem| problem.of_element(place))?;
    }
    Ok(())
}

/// The collection that declares this very field, for fields that are borrowed from `schema`.
fn home<'s>(schema: &'s Schema, field: &Field) -> Option<&'s Collection> {
    let holds = |collection: &&Collection| collection.fields.iter().any(|own| std::ptr::eq(own, field));
    schema.collections.iter().find(holds)
}

/// The collection whose ids this field holds.
fn target<'s>(schema: &'s Schema, field: &Field) -> Option<&'s Collection> {
    match field.kind {
        FieldKind::Relation { to, .. } => Some(schema.collection(to)),
        FieldKind::Id => home(schema, field),
        _ => None,
    }
}

fn list<T>(
    field: &Field,
    items: &[T],
    read: impl Fn(&T) -> Result<Value, FieldProblem>,
) -> Result<Value, FieldProblem> {
    let mut values = Vec::with_capacity(items.len().min(1000));
    for (place, item) in items.iter().enumerate() {
        match read(item) {
            Ok(Value::Null) => {
                return Err(
                    FieldProblem::new("type", "A list holds no empty text; leave it out.").of_element(place)
                );
            }
            Ok(value) => values.push(value),
            Err(problem) => return Err(problem.of_element(place)),
        }
    }
    limits::check_list(field, &values)?;
    Ok(Value::List(values))
}
