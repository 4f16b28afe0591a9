//! The expression vectors: one small world, and some 600 expressions about it with what each of them gives.
//!
//! Memory, SQLite and PostgreSQL must all say the same about it.

mod read;
mod schema;
mod view;

use std::collections::BTreeMap;

use mains_base::{Caller, Time, Uuid, Value};
use mains_language::expression::Type;
use mains_language::schema::{CollectionId, FieldId, Schema};

pub use view::View;

const SOURCE: &str = include_str!("../../../language/tests/vectors/expressions.jsonl");

/// The world of the vectors.
pub struct World {
    /// Its collections.
    pub schema: Schema,
    /// All records, in the order of the file.
    pub records: Vec<Record>,
    /// `now`.
    pub now: Time,
    /// Callers by name; `visitor` is one.
    pub callers: BTreeMap<String, Caller>,
    /// What is said of it.
    pub cases: Vec<Case>,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Whose.
    pub collection: CollectionId,
    /// Its name in the file; `id` has its id.
    pub key: String,
    /// In order of the fields, `id` first.
    pub values: Vec<Value>,
}

/// One expression.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its number in the file.
    pub number: u64,
    /// The expression.
    pub source: String,
    /// About which records.
    pub collection: CollectionId,
    /// Who asks; a key of [`World::callers`].
    pub caller: String,
    /// The key of the record that is `old`; `None`: there is none.
    pub old: Option<String>,
    /// What it gives.
    pub expect: Expect,
    /// How far a double may be off, as a part of it.
    pub tolerance: f64,
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// The checker refuses it, for this reason.
    Refused(String),
    /// Its type, and its value for some records by key: `None` is unknown.
    Values(Type, Vec<(String, Option<Value>)>),
}

impl World {
    /// The world of the file.
    pub fn new() -> Self {
        read::world(SOURCE)
    }

    /// The record of this key.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::panic, reason = "a test that names a record it does not have is wrong")]
    pub fn record(&self, collection: CollectionId, key: &str) -> &Record {
        let mut of = self.records_of(collection);
        of.find(|record| record.key == key).unwrap_or_else(|| panic!("there is no record {key}"))
    }

    /// The records of a collection.
    pub fn records_of(&self, collection: CollectionId) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.collection == collection)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.values.first().and_then(Value::as_id).unwrap_or(Uuid::NIL)
    }

    /// The value of a field.
    pub fn value(&self, field: FieldId) -> &Value {
        self.values.get(usize::from(field.0)).unwrap_or(&Value::Null)
    }
}
