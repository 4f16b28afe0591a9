//! The log rows of a transaction: one for each record it changed.
//!
//! Invariants: a create carries the record (of an append-only collection nothing: readers fetch it), an update the
//! record and the old values of the fields that changed, a delete the record before; what erases says no value.
//! Private tables, where secrets are, have none.

use bytes::{BufMut, BytesMut};
use mains_base::{Error, Result, Time, Uuid, Value};
use mains_language::schema::{Collection, Field, FieldKind, Schema};
use mains_language::values::to_json;

use super::kept::{Kept, Key};
use super::save::changed;
use super::{Image, Tx};
use crate::log::{NewChange, Op, append};
use crate::records::json;

/// Values that are longer than this many bytes are left out and named.
const LONGEST: usize = 1024;
/// Bytes that most rows need.
const ONE: usize = 1024;

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
    let Some((op, data)) = row(&schema, collection, kept)? else { return Ok(()) };
    let data = data.as_deref().map(std::str::from_utf8).transpose().map_err(Error::internal)?;
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
        data: data.filter(|_| !kept.silent),
        touched: &[],
        mark: tx.epoch().standing.mark(),
    };
    append(tx.statements, &change)
}

/// What is said of a record; nothing when it was made and deleted here, or ended as it began.
fn row(schema: &Schema, collection: &Collection, kept: &Kept) -> Result<Option<(Op, Option<BytesMut>)>> {
    let mut saying = Saying { schema, collection, left_out: Vec::new() };
    Ok(match (&kept.before, &kept.now) {
        (None, None) => None,
        (None, Some(_)) if collection.append_only => Some((Op::Create, None)),
        (None, Some(now)) => Some((Op::Create, Some(saying.data(now, None)?))),
        (Some(before), None) => Some((Op::Delete, Some(saying.data(before, None)?))),
        (Some(before), Some(now)) if before == now && kept.event.is_none() => None,
        (Some(before), Some(now)) => Some((Op::Update, Some(saying.data(now, Some(before))?))),
    })
}

struct Saying<'s> {
    schema: &'s Schema,
    collection: &'s Collection,
    left_out: Vec<&'s str>,
}

impl<'s> Saying<'s> {
    /// Written straight into bytes: a tree of values would cost more than the statement that stores it.
    fn data(&mut self, record: &Image, before: Option<&Image>) -> Result<BytesMut> {
        let mut out = BytesMut::with_capacity(ONE);
        let stored = self.collection.fields.iter().filter(|field| field.is_stored());
        member(&mut out, b'{', RECORD);
        self.object(&mut out, stored.filter(|field| !record.value(field.id).is_null()), record)?;
        if let Some(before) = before {
            member(&mut out, b',', OLD);
            self.object(&mut out, changed(self.collection, before, record), before)?;
        }
        if !self.left_out.is_empty() {
            member(&mut out, b',', LEFT_OUT);
            let names = std::mem::take(&mut self.left_out);
            serde_json::to_writer((&mut out).writer(), &names).map_err(Error::internal)?;
        }
        out.put_u8(b'}');
        Ok(out)
    }

    fn object(
        &mut self,
        out: &mut BytesMut,
        fields: impl Iterator<Item = &'s Field>,
        image: &Image,
    ) -> Result<()> {
        let mut mark = b'{';
        for field in fields {
            let value = image.value(field.id);
            if size(value) > LONGEST && !is_named_by_read(self.collection, field) {
                if !self.left_out.contains(&field.name.as_str()) {
                    self.left_out.push(&field.name);
                }
                continue;
            }
            member(out, mark, &field.name);
            mark = b',';
            self.value(out, field, value)?;
        }
        if mark == b'{' {
            out.put_u8(mark);
        }
        out.put_u8(b'}');
        Ok(())
    }

    /// The same bytes as the JSON of the language's values.
    fn value(&self, out: &mut BytesMut, field: &Field, value: &Value) -> Result<()> {
        match (value, &field.kind) {
            (Value::Text(text), FieldKind::Text { .. } | FieldKind::Enum { .. }) => json::text(out, text),
            (Value::Int(number), FieldKind::Integer { .. }) => json::int(out, *number),
            (Value::Int(micros), FieldKind::Datetime { .. }) => json::time(out, Time::from_micros(*micros)),
            (Value::Bool(truth), FieldKind::Bool) => json::truth(out, *truth),
            (Value::Id(id), FieldKind::Id | FieldKind::Relation { .. }) => {
                let of = field.relation().map_or(self.collection, |to| self.schema.collection(to));
                match &of.prefix {
                    Some(prefix) => json::id(out, prefix, *id),
                    None => json::text(out, &String::from_utf8_lossy(&id.suffix())),
                }
            }
            _ => {
                let tree = to_json(field, self.schema, value);
                serde_json::to_writer(out.writer(), &tree).map_err(Error::internal)?;
            }
        }
        Ok(())
    }
}

/// Begins a member of an object.
fn member(out: &mut BytesMut, mark: u8, name: &str) {
    out.put_u8(mark);
    json::text(out, name);
    out.put_u8(b':');
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
