//! Numbers of sequences: the next free one of the scope's record, or of the collection.

use std::sync::Arc;

use mains_base::{Error, Kind, Result, Value};
use mains_language::expression::Tree;
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
        // Stands here until all is judged that can be judged without it; never stored.
        Ok(Some(1))
    }

    /// Fails where a number is only made up: it is drawn for a write that nothing else stands in the way of.
    pub(super) fn owe_numbers(&self) -> Result<()> {
        if !self.state.run.owes_numbers() {
            return Ok(());
        }
        // Never seen by anybody: the write runs again once the numbers are drawn.
        Err(Error::new(
            Kind::Unavailable,
            "database.busy",
            "The numbers here ran out for a moment. Try again.",
        ))
    }

    /// The same before these are asked, where one of them is about a number that is made up.
    pub(super) fn owe_numbers_to(&self, collection: &Collection, trees: &[Arc<Tree>]) -> Result<()> {
        if !self.state.run.lacks_numbers() {
            return Ok(());
        }
        let counts = |field: &Field| matches!(field.kind, FieldKind::Integer { sequence: Some(_), .. });
        let counted: Vec<_> = declared_fields(collection).filter(|field| counts(field)).collect();
        let is_asked = trees
            .iter()
            .any(|tree| counted.iter().any(|field| tree.names().contains(&(collection.id, field.id))));
        if is_asked { self.owe_numbers() } else { Ok(()) }
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
