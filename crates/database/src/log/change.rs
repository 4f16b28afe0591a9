//! A row of the log, as it is written and as it is read.

use mains_base::{Error, Result, Time, Uuid, Value};

use crate::engine::RowView;

/// A place in the log: 1, 2, 3 … without a gap, in the order in which readers see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// It came into being.
    Create,
    /// It changed.
    Update,
    /// It is gone.
    Delete,
}

/// A change to be written, in the transaction of the change itself.
#[derive(Clone, Debug)]
pub struct NewChange<'c> {
    /// The same number for all rows of one transaction, drawn at random.
    pub transaction: i64,
    /// When.
    pub at: Time,
    /// The collection's name.
    pub collection: &'c str,
    /// The record.
    pub record: Uuid,
    /// What happened.
    pub op: Op,
    /// The record's version after it.
    pub version: i64,
    /// The account that did it, if it was one.
    pub actor: Option<Uuid>,
    /// The id of the request that did it.
    pub request: Option<&'c str>,
    /// A domain event, such as `orders.paid`.
    pub event: Option<&'c str>,
    /// JSON: create, the record; update, the record and the old values of changed fields; delete, the record before.
    pub data: Option<&'c str>,
    /// Records of which only stored fields changed with it.
    pub touched: &'c [(&'c str, Uuid)],
    /// PostgreSQL: the mark of the schema that it is written for; under another one it is refused.
    pub mark: i64,
}

/// A change as readers get it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where it stands.
    pub position: Position,
    /// The same number for all rows of one transaction.
    pub transaction: i64,
    /// When.
    pub at: Time,
    /// The collection's name.
    pub collection: String,
    /// The record.
    pub record: Uuid,
    /// What happened.
    pub op: Op,
    /// The record's version after it.
    pub version: i64,
    /// The account that did it, if it was one.
    pub actor: Option<Uuid>,
    /// The id of the request that did it.
    pub request: Option<String>,
    /// A domain event.
    pub event: Option<String>,
    /// JSON, see [`NewChange::data`]; erased with the account it was about.
    pub data: Option<String>,
    /// Records of which only stored fields changed with it.
    pub touched: Vec<(String, Uuid)>,
}

impl Op {
    fn number(self) -> i64 {
        match self {
            Self::Create => 1,
            Self::Update => 2,
            Self::Delete => 3,
        }
    }

    fn of(number: i64) -> Result<Self> {
        match number {
            1 => Ok(Self::Create),
            2 => Ok(Self::Update),
            3 => Ok(Self::Delete),
            _ => Err(Error::internal(format!("the log holds an operation {number}"))),
        }
    }
}

/// Columns of the log, in the order of [`NewChange::values`] and [`Change::of`].
pub(super) const COLUMNS: &str =
    "tx, at, collection, record, op, version, actor, request, event, data, touched";

impl NewChange<'_> {
    pub(super) fn values(&self) -> Vec<Value> {
        vec![
            Value::Int(self.transaction),
            Value::Int(self.at.micros()),
            Value::from(self.collection),
            Value::Id(self.record),
            Value::Int(self.op.number()),
            Value::Int(self.version),
            self.actor.into(),
            self.request.into(),
            self.event.into(),
            self.data.into(),
            touched_text(self.touched).into(),
        ]
    }
}

impl Change {
    /// Reads a row of `position` and [`COLUMNS`].
    pub(super) fn of(row: &dyn RowView) -> Result<Self> {
        Ok(Self {
            position: Position(int(row, 0)?),
            transaction: int(row, 1)?,
            at: Time::from_micros(int(row, 2)?),
            collection: text(row, 3)?.unwrap_or_default(),
            record: row.id(4)?.unwrap_or(Uuid::NIL),
            op: Op::of(int(row, 5)?)?,
            version: int(row, 6)?,
            actor: row.id(7)?,
            request: text(row, 8)?,
            event: text(row, 9)?,
            data: text(row, 10)?,
            touched: touched_of(row.text(11)?.unwrap_or_default())?,
        })
    }
}

fn int(row: &dyn RowView, column: usize) -> Result<i64> {
    row.int(column)?.ok_or_else(|| Error::internal("a row of the log lacks a number"))
}

fn text(row: &dyn RowView, column: usize) -> Result<Option<String>> {
    Ok(row.text(column)?.map(str::to_owned))
}

/// `orders:01j… lines:01j…`.
fn touched_text(touched: &[(&str, Uuid)]) -> Option<String> {
    let words = touched.iter().map(|(collection, id)| {
        let suffix = id.suffix();
        format!("{collection}:{}", String::from_utf8_lossy(&suffix))
    });
    let text = words.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn touched_of(text: &str) -> Result<Vec<(String, Uuid)>> {
    let one = |word: &str| {
        let (collection, suffix) = word.split_once(':')?;
        Some((collection.to_owned(), Uuid::from_suffix(suffix).ok()?))
    };
    text.split_whitespace()
        .map(|word| one(word).ok_or_else(|| Error::internal("the log names a record that is none")))
        .collect()
}
