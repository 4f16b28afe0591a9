//! Numbers of sequences: the next free one of the scope's record, or of the collection.

use mains_base::{Error, Kind, Result, Value};
use mains_language::schema::{Collection, Field, FieldKind, Sequence};

use super::draft::declared_fields;
use super::input::Authority;
use super::numbers::Counter;
use super::{Image, Tx};
use crate::schema::names;

impl Tx<'_> {
    /// Gives numbers to the fields that count: to a new record, and again when its scope changed.
    pub(super) fn make_numbers(
        &mut self,
        collection: &Collection,
        authority: &Authority,
        before: Option<&Image>,
        image: &mut Image,
    ) -> Result<()> {
        for field in declared_fields(collection) {
            let FieldKind::Integer { sequence: Some(sequence), .. } = field.kind else { continue };
            let moved = before.is_none_or(|before| {
                sequence.scope.is_some_and(|scope| before.value(scope) != image.value(scope))
            });
            let stands = before.map_or(&Value::Null, |before| before.value(field.id));
            let given = authority.sets && image.value(field.id) != stands;
            let Some(counter) = self.counter(collection, field, sequence, image) else { continue };
            if let (true, Some(number)) = (given, image.value(field.id).as_int()) {
                counter.pass(self.statements, number)?;
            } else if moved {
                let number = self.next_number(&counter, sequence)?;
                image.set(field.id, number.into());
            }
        }
        Ok(())
    }

    fn next_number(&mut self, counter: &Counter, sequence: Sequence) -> Result<Option<i64>> {
        if !sequence.gaps {
            return counter.draw(self.statements, 1);
        }
        let run = &self.state.run;
        if let Some(number) = run.number(&mut self.state.places, counter) {
            return Ok(Some(number));
        }
        run.lack(counter.clone());
        // Never seen by anybody: the write runs again once the numbers are drawn.
        Err(Error::new(
            Kind::Unavailable,
            "database.busy",
            "The numbers here ran out for a moment. Try again.",
        ))
    }

    fn counter(
        &self,
        collection: &Collection,
        field: &Field,
        sequence: Sequence,
        image: &Image,
    ) -> Option<Counter> {
        let Some(scope) = sequence.scope else {
            return Some(Counter::Whole(names::counter_row(&collection.name, &field.name)));
        };
        let target = collection.field(scope).relation()?;
        Some(Counter::Scoped {
            table: self.epoch().schema.collection(target).name.clone(),
            column: names::counter_column(&collection.name, &field.name),
            record: image.value(scope).as_id()?,
        })
    }
}
