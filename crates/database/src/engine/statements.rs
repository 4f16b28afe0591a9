//! What runs inside one transaction. One text of SQL serves both databases: parameters are `$1`, used by number.

use mains_base::{Error, Result, Value};

use super::Rows;
use crate::dialect::Dialect;

/// A constraint that a statement broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which sort.
    pub kind: ViolationKind,
    /// PostgreSQL: the constraint or index. SQLite: the index where it is named, else `table.column, table.column`.
    pub name: String,
}

/// Sorts of constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViolationKind {
    /// A unique index or primary key.
    Unique,
    /// A foreign key.
    ForeignKey,
    /// A CHECK.
    Check,
    /// NOT NULL.
    NotNull,
}

/// Gives a broken constraint its meaning. Attached to the statement, because PostgreSQL tells only at the flush.
pub type OnViolation = Box<dyn Fn(&Violation) -> Error + Send>;

/// The statements of one open transaction.
///
/// A failed statement ends the transaction unless it ran inside [`Statements::savepoint`].
pub trait Statements {
    /// Which database it is.
    fn dialect(&self) -> Dialect;

    /// Runs a query and gives all its rows. Sends what was queued first.
    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows>;

    /// Runs a statement and counts the rows it touched: a round trip on PostgreSQL.
    fn execute(&mut self, sql: &str, parameters: &[Value], on_violation: Option<OnViolation>) -> Result<u64>;

    /// Queues a statement (SQLite: runs it now). Its failure shows here or at the next flush.
    fn execute_later(
        &mut self,
        sql: &str,
        parameters: &[Value],
        on_violation: Option<OnViolation>,
    ) -> Result<()>;

    /// Sends what is queued and reports its failures.
    fn flush(&mut self) -> Result<()>;

    /// Opens or closes the gate to the rows of collections, which the choke point alone does. Behind a closed one debug
    /// builds on SQLite refuse to write to them; nothing else looks.
    fn set_gate(&mut self, _is_open: bool) {}

    /// Opens a savepoint around `body`: its failure undoes what it did and the transaction lives on.
    /// The only way to survive a failed statement, on both databases.
    fn savepoint(&mut self, body: &mut dyn FnMut(&mut dyn Statements) -> Result<()>) -> Result<()>;
}
