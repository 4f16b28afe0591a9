//! The world of an expression in memory: the images of the record, and what the transaction loads when it is followed.

use std::cell::RefCell;
use std::sync::Arc;

use mains_base::{Caller, Error, Result, Time, Value};
use mains_language::expression::{Cell, Handle, ListKind, Tree, World};
use mains_language::schema::FieldId;

use super::ask::About;
use super::load::CHUNK;
use super::{Image, Tx};

/// Evaluates in memory. What it follows is read in the same transaction, record by record, so this is for what no
/// database can do, and for what needs no other record.
pub(super) fn evaluate(tx: &mut Tx<'_>, tree: &Tree, caller: &Caller, about: About<'_>) -> Result<Value> {
    let now = tx.now();
    let sight = Sight { tx: RefCell::new(tx), caller, now, about, failure: RefCell::default() };
    let cell = mains_language::expression::evaluate(tree, &sight);
    match sight.failure.into_inner() {
        Some(error) => Err(error),
        None => Ok(cell.into_value()),
    }
}

struct Sight<'a, 't, 's> {
    tx: RefCell<&'t mut Tx<'s>>,
    caller: &'a Caller,
    now: Time,
    about: About<'a>,
    failure: RefCell<Option<Error>>,
}

impl Sight<'_, '_, '_> {
    fn image(&self, record: Handle) -> Option<Arc<Image>> {
        let Handle::Stored(collection, id) = record else { return None };
        let found = self.tx.borrow_mut().find(collection, id);
        found.unwrap_or_else(|error| self.fail(error))
    }

    fn fail<T>(&self, error: Error) -> Option<T> {
        self.failure.borrow_mut().get_or_insert(error);
        None
    }

    fn value(&self, record: Handle, field: FieldId) -> Option<Value> {
        match record {
            Handle::Record => Some(self.about.record.value(field).clone()),
            Handle::Old => self.about.old.map(|old| old.value(field).clone()),
            Handle::Stored(..) => self.image(record).map(|image| image.value(field).clone()),
        }
    }

    fn inverse(&self, record: Handle, kind: &ListKind) -> Option<Vec<Value>> {
        let &ListKind::Inverse { from, field, .. } = kind else { return None };
        let id = self.value(record, FieldId::ID)?.as_id()?;
        let found = self.tx.borrow_mut().pointing(from, field, &[id], CHUNK);
        let images = found.map_or_else(|error| self.fail(error), Some)?;
        // What does not fit is unknown, so that it fails closed.
        (images.len() < CHUNK).then(|| images.iter().map(|image| image.id().into()).collect())
    }
}

impl World for Sight<'_, '_, '_> {
    fn caller(&self) -> &Caller {
        self.caller
    }

    fn now(&self) -> Time {
        self.now
    }

    fn is_present(&self, record: Handle) -> bool {
        match record {
            Handle::Record => true,
            Handle::Old => self.about.old.is_some(),
            Handle::Stored(..) => self.image(record).is_some(),
        }
    }

    fn field(&self, record: Handle, field: FieldId) -> Cell {
        self.value(record, field).map_or(Cell::Unknown, Cell::Known)
    }

    fn list(&self, record: Handle, kind: &ListKind) -> Option<Vec<Value>> {
        match kind {
            ListKind::Field(field) => self.value(record, *field)?.as_list().map(<[Value]>::to_vec),
            ListKind::Inverse { .. } => self.inverse(record, kind),
            ListKind::Auth(_) => None,
        }
    }

    fn draw(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            match self.tx.borrow_mut().token() {
                Ok(token) => chunk.iter_mut().zip(token).for_each(|(byte, drawn)| *byte = drawn),
                Err(error) => _ = self.fail::<()>(error),
            }
        }
    }
}
