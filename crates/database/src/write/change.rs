//! The log rows of a transaction: one for each record it changed.
//!
//! Invariants: a create carries the record (of an append-only collection nothing: readers fetch it), an update the
//! record and the old values of the fields that changed, a delete the record before; what erases says no value.
//! Private tables, where secrets are, have none.

use mains_base::{Result, Uuid, Value};
use mains_language::schema::{Collection, Field, Schema};
use mains_language::values::to_json;
use serde_json::{Map, Value as Json};

use super::kept::{Kept, Key};
use super::save::changed;
use super::{Image, Tx};
use crate::log::{NewChange, Op, append};

/// Values that are longer than this many bytes are left out and named.
const LONGEST: usize = 1024;

/// The record: after a create or an update, before a delete.
pub(crate) const RECORD: &str = "record";
/// Of an update: what its changed fields were before.
pub(crate) const OLD: &str = "old";
/// Fields whose values were left out.
pub(crate) const LEFT_OUT: &str = "left_out";

/// Appends the log rows of the whole transaction.
pub(super) fn write(tx: &mut Tx<'_>) -> Result<()> {
    let kept = std::mem::take(&mut tx.state.kept);
    for (key, kept) in kept.changed() {
        write_one(tx, key, kept)?;
    }
    Ok(())
}

fn write_one(tx: &mut Tx<'_>, (collection, id): Key, kept: &Kept) -> Result<()> {
    let schema = tx.schema();
    let collection = schema.collection(collection);
    let Some((op, data)) = row(&schema, collection, kept) else { return Ok(()) };
    let last = kept.now.as_ref().or(kept.before.as_ref());
    let actor = kept.actor.as_ref().map(|actor| actor.id).filter(|id| *id != Uuid::NIL);
    let request = tx.state.request.clone();
    let change = NewChange {
        transaction: tx.state.run.number,
        at: tx.now(),
        collection: &collection.name,
        record: id,
        op,
        version: last.map_or(0, |image| image.version()),
        actor,
        request: request.as_deref(),
        event: kept.event,
        data: data.as_deref().filter(|_| !kept.silent),
        touched: &[],
    };
    append(tx.statements, &change)
}

/// What is said of a record; nothing when it was made and deleted here, or ended as it began.
fn row(schema: &Schema, collection: &Collection, kept: &Kept) -> Option<(Op, Option<String>)> {
    let mut saying = Saying { schema, collection, left_out: Vec::new() };
    match (&kept.before, &kept.now) {
        (None, None) => None,
        (None, Some(_)) if collection.append_only => Some((Op::Create, None)),
        (None, Some(now)) => Some((Op::Create, Some(saying.data(now, None)))),
        (Some(before), None) => Some((Op::Delete, Some(saying.data(before, None)))),
        (Some(before), Some(now)) if before == now && kept.event.is_none() => None,
        (Some(before), Some(now)) => Some((Op::Update, Some(saying.data(now, Some(before))))),
    }
}

struct Saying<'s> {
    schema: &'s Schema,
    collection: &'s Collection,
    left_out: Vec<Json>,
}

impl<'s> Saying<'s> {
    fn data(&mut self, record: &Image, before: Option<&Image>) -> String {
        let stored = self.collection.fields.iter().filter(|field| field.is_stored());
        let set: Vec<&Field> = stored.filter(|field| !record.value(field.id).is_null()).collect();
        let mut data = Map::new();
        data.insert(RECORD.to_owned(), self.object(&set, record));
        if let Some(before) = before {
            let changed: Vec<&Field> = changed(self.collection, before, record).collect();
            data.insert(OLD.to_owned(), self.object(&changed, before));
        }
        if !self.left_out.is_empty() {
            data.insert(LEFT_OUT.to_owned(), Json::Array(std::mem::take(&mut self.left_out)));
        }
        Json::Object(data).to_string()
    }

    fn object(&mut self, fields: &[&'s Field], image: &Image) -> Json {
        let mut object = Map::new();
        for field in fields {
            let value = image.value(field.id);
            if size(value) > LONGEST && !is_named_by_read(self.collection, field) {
                let name = Json::String(field.name.clone());
                if !self.left_out.contains(&name) {
                    self.left_out.push(name);
                }
            } else {
                object.insert(field.name.clone(), to_json(field, self.schema, value));
            }
        }
        Json::Object(object)
    }
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
