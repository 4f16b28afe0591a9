//! Moving what points at one record to another: a guest who signs in to an account that is there.
//!
//! Invariants: relations move whether they are immutable or not; where two records would then break a unique index,
//! the one of the record that is left goes; whatever else stands in the way leaves that one record as it was. However many
//! there are, each transaction moves a bounded part of them.

use std::sync::Arc;

use mains_base::{Error, Kind, Result, Uuid, Value};
use mains_language::schema::{Collection, CollectionId, FieldId, Inverse};

use super::input::{Authority, Input, Sent};
use super::save::items;
use super::{Image, Tx};
use crate::dialect::quote;
use crate::schema::names;

/// Records that one transaction moves.
const BATCH: usize = 1_000;

/// How far a move has come; the default is its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which of the relations that point at the collection.
    relation: usize,
    /// The record that was looked at last.
    after: Uuid,
}

impl Default for Reached {
    fn default() -> Self {
        Self { relation: 0, after: Uuid::NIL }
    }
}

impl Tx<'_> {
    /// Moves relations to `from`, in all collections but `collection` itself, to `to`: those behind `reached`, up to
    /// some hundred. Answers how far it came, `None` when all were looked at. Private tables are their owner's to move.
    pub fn repoint(
        &mut self,
        collection: CollectionId,
        (from, to): (Uuid, Uuid),
        reached: Reached,
    ) -> Result<Option<Reached>> {
        let schema = self.schema();
        let mut left = BATCH;
        let inverses = schema.collection(collection).inverses.iter().enumerate();
        for (relation, inverse) in inverses.skip(reached.relation) {
            if schema.collection(inverse.from).is_table() || inverse.from == collection {
                continue;
            }
            let after = if relation == reached.relation { reached.after } else { Uuid::NIL };
            let images = self.pointing_after(inverse, (from, after), left)?;
            for image in &images {
                self.move_one(image, inverse.field, (from, to))?;
            }
            left = left.saturating_sub(images.len());
            if let Some(last) = images.last().filter(|_| left == 0) {
                return Ok(Some(Reached { relation, after: last.id() }));
            }
        }
        Ok(None)
    }

    /// The next records that hold the relation, in the order of ids.
    fn pointing_after(
        &mut self,
        inverse: &Inverse,
        (target, after): (Uuid, Uuid),
        limit: usize,
    ) -> Result<Vec<Arc<Image>>> {
        let declared = self.of(inverse.from)?;
        let condition = names_target(declared.collection(), inverse.field);
        let tail = format!("WHERE {condition} AND r.\"id\" > $2 ORDER BY r.\"id\" LIMIT {limit}");
        self.images(inverse.from, &tail, &[target.into(), after.into()])
    }

    fn move_one(&mut self, image: &Arc<Image>, field: FieldId, (from, to): (Uuid, Uuid)) -> Result<()> {
        let value = moved(image.value(field), from, to);
        let input = Input { values: vec![(field, Sent::Set(value))], ..Input::default() };
        let attempt = self.savepoint(|tx| {
            let authority = Authority { forces: true, ..Authority::own(tx.caller()) };
            tx.change(&authority, image, (&input, &[])).map(drop)
        });
        match attempt {
            Err(error) if is_doubled(&error) => self.delete_all(std::slice::from_ref(image)),
            // An invariant of the site: better a record left behind than somebody who cannot sign in.
            Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Forbidden) => Ok(()),
            other => other,
        }
    }
}

/// Whether a record's relation names, or contains, `$1`.
fn names_target(collection: &Collection, field: FieldId) -> String {
    let field = collection.field(field);
    if field.many.is_some() {
        let table = quote(&names::join_table(&collection.name, &field.name));
        return format!("r.\"id\" IN (SELECT \"record\" FROM {table} WHERE \"target\" = $1)");
    }
    format!("r.{} = $1", quote(&field.name))
}

fn is_doubled(error: &Error) -> bool {
    error.code() == "records.not_unique"
}

/// The relation's value with the one record in place of the other.
fn moved(value: &Value, from: Uuid, to: Uuid) -> Value {
    if value.as_list().is_none() {
        return Value::Id(to);
    }
    let mut list: Vec<Value> = Vec::new();
    for item in items(value) {
        let item = if item.as_id() == Some(from) { Value::Id(to) } else { item.clone() };
        if !list.contains(&item) {
            list.push(item);
        }
    }
    Value::List(list)
}
