//! Numbers of sequences with `gaps = true`: drawn in blocks outside of the writes that use them.
//!
//! Invariant: a number is handed out once. What a process has not used when it ends is a gap.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use mains_base::{Error, Result, Uuid, Value};

use super::gate;
use crate::dialect::quote;
use crate::engine::{Job, Statements};
use crate::schema::names;

/// How many numbers are drawn at once.
pub(super) const BLOCK: i64 = 64;

/// Scopes whose numbers are kept in memory; beyond, some are dropped, which only makes gaps.
const SCOPES: usize = 10_000;

/// A counter: a hidden column of its scope's record, or a row of the table of counters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    /// Of one record.
    Scoped {
        /// The scope's table.
        table: String,
        /// The hidden column.
        column: String,
        /// The record.
        record: Uuid,
    },
    /// Of a whole collection.
    Whole(String),
}

/// Numbers drawn and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Mutex<HashMap<Counter, Range<i64>>>);

impl Numbers {
    /// The next number, if one is left.
    pub(super) fn take(&self, counter: &Counter) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(counter)?.next()
    }

    /// Adds the block that begins at `first`.
    pub(crate) fn add_block(&self, counter: &Counter, first: i64) {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.len() >= SCOPES {
            blocks.retain(|_, left| !left.is_empty());
            if blocks.len() >= SCOPES {
                blocks.clear();
            }
        }
        blocks.insert(counter.clone(), first..first + BLOCK);
    }
}

impl Counter {
    /// Moves the counter on and gives the first of the numbers passed; `None` when the scope is not there.
    pub(super) fn draw(&self, statements: &mut dyn Statements, count: i64) -> Result<Option<i64>> {
        let (text, mut parameters) = match self {
            Self::Scoped { table, column, record } => {
                let (table, column) = (quote(table), quote(column));
                let text = format!(
                    "UPDATE {table} SET {column} = COALESCE({column}, 1) + $2 WHERE \"id\" = $1 \
                     RETURNING {column} - $2"
                );
                (text, vec![Value::Id(*record)])
            }
            Self::Whole(name) => {
                let table = quote(names::SEQUENCES);
                let text = format!(
                    "INSERT INTO {table} (\"name\", \"next\") VALUES ($1, 1 + $2) ON CONFLICT (\"name\") \
                     DO UPDATE SET \"next\" = {table}.\"next\" + $2 RETURNING \"next\" - $2"
                );
                (text, vec![Value::Text(name.clone())])
            }
        };
        parameters.push(Value::Int(count));
        let rows = gate::query(statements, &text, &parameters)?;
        rows.0.first().map_or(Ok(None), |row| row.int(0))
    }

    /// Moves the counter beyond a number that was given from outside.
    pub(super) fn pass(&self, statements: &mut dyn Statements, number: i64) -> Result<()> {
        let (text, mut parameters) = match self {
            Self::Scoped { table, column, record } => {
                let (table, column) = (quote(table), quote(column));
                let text = format!(
                    "UPDATE {table} SET {column} = $2 WHERE \"id\" = $1 AND COALESCE({column}, 1) < $2"
                );
                (text, vec![Value::Id(*record)])
            }
            Self::Whole(name) => {
                let table = quote(names::SEQUENCES);
                let text = format!(
                    "INSERT INTO {table} (\"name\", \"next\") VALUES ($1, $2) ON CONFLICT (\"name\") \
                     DO UPDATE SET \"next\" = $2 WHERE {table}.\"next\" < $2"
                );
                (text, vec![Value::Text(name.clone())])
            }
        };
        parameters.push(Value::Int(number.saturating_add(1)));
        gate::execute_later(statements, &text, &parameters, None)
    }
}

/// The write that draws one block: it gives the first number.
pub(crate) fn block_job(counter: Counter) -> Job {
    Arc::new(move |statements| {
        let first = counter.draw(statements, BLOCK)?;
        first.map_or_else(|| Err(Error::not_found()), |first| Ok(Box::new(first) as _))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_handed_out_number_by_number() {
        let numbers = Numbers::default();
        let counter = Counter::Whole("invoices__number".into());
        assert_eq!(numbers.take(&counter), None);
        numbers.add_block(&counter, 5);
        let taken: Vec<i64> = std::iter::from_fn(|| numbers.take(&counter)).collect();
        assert_eq!(taken, (5..5 + BLOCK).collect::<Vec<_>>());
    }
}
