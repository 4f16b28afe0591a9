//! Moving what points at one record to another: a guest who signs in to an account that is there.
//!
//! Invariants: relations move whether they are immutable or not; where two records would then break a unique index,
//! the one of the record that is left goes; whatever else stands in the way leaves that one record as it was.

use std::sync::Arc;

use mains_base::{Error, Kind, Result, Uuid, Value};
use mains_language::schema::{CollectionId, FieldId, Inverse};

use super::input::{Authority, Input, Sent};
use super::save::items;
use super::{Image, Tx, refusal};

/// Records that one transaction moves.
const MOST: usize = 10_000;

/// A relation that points at the record, and the records that hold it.
type Pointing = (FieldId, Vec<Arc<Image>>);

impl Tx<'_> {
    /// Moves every relation to `from`, in all collections but those of `except`, to `to`. Private tables are their
    /// owner's to move.
    pub fn repoint(
        &mut self,
        collection: CollectionId,
        (from, to): (Uuid, Uuid),
        except: &[CollectionId],
    ) -> Result<()> {
        let schema = self.schema();
        let mut count = 0;
        for inverse in &schema.collection(collection).inverses {
            if schema.collection(inverse.from).is_table() || except.contains(&inverse.from) {
                continue;
            }
            let (field, images) = self.holders(inverse, from)?;
            count += images.len();
            if count > MOST {
                return Err(refusal::too_many(MOST));
            }
            for image in images {
                self.move_one(&image, field, (from, to))?;
            }
        }
        Ok(())
    }

    fn holders(&mut self, inverse: &Inverse, target: Uuid) -> Result<Pointing> {
        Ok((inverse.field, self.pointing(inverse.from, inverse.field, &[target], MOST + 1)?))
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
