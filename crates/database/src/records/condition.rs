//! A condition as a caller wrote it, asked again in the transaction that changes what it named.
//!
//! Invariant: it sees what a list with the same `where.` and `filter=` would see, in the state and at the moment of the
//! transaction.

use mains_base::{Caller, Result, Uuid, Value};

use super::Source;
use super::list::Asking;
use super::plans::Plans;
use super::request::ListRequest;
use crate::engine::Reading;
use crate::sql::{Environment, Statement};
use crate::write::Tx;

/// `where.` and `filter=` of one caller, compiled.
#[derive(Clone, Debug)]
pub struct Condition {
    /// `None`: it holds for nothing that the caller may read.
    statement: Option<Statement>,
    /// What `where.` compares with.
    compared: Vec<Value>,
}

impl Condition {
    /// Compiles what a list asks for.
    pub(super) fn of(
        source: &Source<'_, impl Reading>,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Self> {
        let asking = Asking::of(source, &source.epoch.part::<Plans>(), caller, request)?;
        let draft = asking.draft()?;
        Ok(Self { statement: draft.holding()?, compared: asking.compared(&draft.paths)? })
    }

    /// Whether it holds for every one of these records, as this transaction sees them.
    pub fn holds(&self, tx: &mut Tx<'_>, caller: &Caller, ids: &[Uuid]) -> Result<bool> {
        if ids.is_empty() {
            return Ok(true);
        }
        let Some(statement) = &self.statement else { return Ok(false) };
        let mut slots = self.compared.clone();
        slots.push(Value::List(ids.iter().copied().map(Value::Id).collect()));
        let environment = Environment { caller, now: tx.now() };
        let rows = tx.query(&statement.text, &statement.parameters(&environment, &slots)?)?;
        let count = rows.0.first().and_then(|row| row.0.first()).and_then(Value::as_int);
        Ok(count.and_then(|count| usize::try_from(count).ok()) == Some(ids.len()))
    }
}
