//! A world in memory, seen from one of its records.

use mains_base::{Caller, Time, Value};
use mains_language::expression::{Cell, Handle, ListKind, World as Records};
use mains_language::schema::{CollectionId, FieldId};

use super::Record;

/// Records, seen from one of them.
pub struct View<'w> {
    /// All that are stored.
    pub records: &'w [Record],
    /// The one that the expression is about.
    pub record: &'w Record,
    /// The one that is `old`.
    pub old: Option<&'w Record>,
    /// Who asks.
    pub caller: &'w Caller,
    /// When.
    pub now: Time,
}

impl View<'_> {
    fn find(&self, handle: Handle) -> Option<&Record> {
        match handle {
            Handle::Record => Some(self.record),
            Handle::Old => self.old,
            Handle::Stored(of, id) => self.of(of).find(|record| record.id() == id),
        }
    }

    fn of(&self, collection: CollectionId) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.collection == collection)
    }
}

impl Records for View<'_> {
    fn caller(&self) -> &Caller {
        self.caller
    }

    fn now(&self) -> Time {
        self.now
    }

    fn is_present(&self, record: Handle) -> bool {
        self.find(record).is_some()
    }

    fn field(&self, record: Handle, field: FieldId) -> Cell {
        self.find(record).map_or(Cell::Unknown, |record| Cell::Known(record.value(field).clone()))
    }

    fn list(&self, record: Handle, kind: &ListKind) -> Option<Vec<Value>> {
        let record = self.find(record)?;
        match kind {
            ListKind::Field(field) => Some(record.value(*field).as_list()?.to_vec()),
            ListKind::Inverse { from, field, .. } => {
                let id = Value::Id(record.id());
                let points = |other: &&Record| match other.value(*field) {
                    Value::List(items) => items.contains(&id),
                    value => *value == id,
                };
                Some(self.of(*from).filter(points).map(|other| Value::Id(other.id())).collect())
            }
            ListKind::Auth(_) => None,
        }
    }

    fn draw(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
