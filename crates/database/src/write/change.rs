//! The log rows of a transaction: one for each record it changed.
//!
//! Invariants: a create carries the record (of an append-only collection nothing: readers fetch it), an update the
//! old values of the fields that changed, a delete the record before. Private tables, where secrets are, have none.

use mains_base::{Result, Value};
use mains_language::schema::{Collection, Field, Schema};
use mains_language::values::to_json;
use serde_json::{Map, Value as Json};

use super::kept::Kept;
use super::save::changed;
use super::{Image, Tx};

/// Texts longer than this many bytes are left out and marked.
const LONGEST: usize = 1024;

/// The key under which the names of fields that were left out stand; no field has an empty name.
const LEFT_OUT: &str = "";

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Update,
    Delete,
}

/// Appends the log rows of the whole transaction.
pub(super) fn write(tx: &mut Tx<'_>) -> Result<()> {
    let kept = std::mem::take(&mut tx.state.kept);
    for ((collection, _id), kept) in kept.changed() {
        let schema = tx.schema();
        let _row = row(&schema, schema.collection(collection), kept);
    }
    Ok(())
}

/// What is said of a record; nothing when it was made and deleted here.
fn row(schema: &Schema, collection: &Collection, kept: &Kept) -> Option<(Op, Option<String>)> {
    let set = |image: &Image| -> Vec<&Field> {
        let stored = collection.fields.iter().filter(|field| field.is_stored());
        stored.filter(|field| !image.value(field.id).is_null()).collect()
    };
    let of = |fields: Vec<&Field>, image: &Image| Some(object(schema, collection, (&fields, image)));
    match (&kept.before, &kept.now) {
        (None, None) => None,
        (None, Some(_)) if collection.append_only => Some((Op::Create, None)),
        (None, Some(now)) => Some((Op::Create, of(set(now), now))),
        (Some(before), None) => Some((Op::Delete, of(set(before), before))),
        (Some(before), Some(now)) => {
            Some((Op::Update, of(changed(collection, before, now).collect(), before)))
        }
    }
}

fn object(schema: &Schema, collection: &Collection, (fields, image): (&[&Field], &Image)) -> String {
    let mut object = Map::new();
    let mut left_out = Vec::new();
    for field in fields {
        let value = image.value(field.id);
        if size(value) > LONGEST && !is_named_by_read(collection, field) {
            left_out.push(Json::String(field.name.clone()));
        } else {
            object.insert(field.name.clone(), to_json(field, schema, value));
        }
    }
    if !left_out.is_empty() {
        object.insert(LEFT_OUT.to_owned(), Json::Array(left_out));
    }
    Json::Object(object).to_string()
}

/// Whoever follows the log judges with these, so they are never left out.
fn is_named_by_read(collection: &Collection, field: &Field) -> bool {
    let rules = [&collection.rules.read, &field.read];
    rules.into_iter().flatten().any(|rule| rule.names().contains(&(collection.id, field.id)))
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Null | Value::Bool(_) => 1,
        _ => 16,
    }
}
