//! The statements of one closure on SQLite: inside a savepoint of the writer, or inside a reader's snapshot.

use mains_base::{Error, Result, Value};
use rusqlite::Connection;

use super::authorizer::Authorizer;
use super::values;
use crate::dialect::Dialect;
use crate::engine::{OnViolation, Rows, Statements, failure};

/// Invariant: after a statement has failed, nothing runs until its savepoint is undone. PostgreSQL is like that by
/// nature, and one text of code must behave alike on both.
pub(super) struct SqliteStatements<'c> {
    connection: &'c Connection,
    authorizer: Option<&'c Authorizer>,
    is_open: bool,
    failed: bool,
    broken: bool,
    /// Statements that may have written and were not undone.
    writes: u32,
}

impl<'c> SqliteStatements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, authorizer: None, is_open: false, failed: false, broken: false, writes: 0 }
    }

    /// The same, and rows of collections may only be written while the gate is open.
    pub(super) fn watched(connection: &'c Connection, authorizer: Option<&'c Authorizer>) -> Self {
        Self { authorizer, ..Self::new(connection) }
    }

    /// Whether a statement failed and its failure was not undone.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether a page could not be read or written, even if a savepoint was put around it: SQLite then refuses every
    /// later write of the transaction and its COMMIT, which says "malformed" and stores nothing.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether anything may be written that was not undone. A statement that fails leaves nothing behind.
    pub(super) fn has_written(&self) -> bool {
        self.writes > 0
    }

    fn fail(&mut self, cause: &rusqlite::Error) {
        self.failed = true;
        self.broken |= values::breaks(cause);
    }

    fn run<T>(
        &mut self,
        sql: &str,
        on_violation: Option<&OnViolation>,
        statement: impl FnOnce(&Connection, &mut u32) -> Result<T, rusqlite::Error>,
    ) -> Result<T> {
        if self.failed {
            return Err(failure::went_on());
        }
        if let Some(authorizer) = self.authorizer.filter(|_| !self.is_open) {
            authorizer.check(self.connection, sql).inspect_err(|_| self.failed = true)?;
        }
        statement(self.connection, &mut self.writes).map_err(|cause| {
            self.fail(&cause);
            values::meaning(cause, on_violation)
        })
    }

    fn command(&mut self, sql: &str) -> Result<()> {
        let ran = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        ran.map(drop).map_err(|cause| {
            self.fail(&cause);
            Error::internal(cause)
        })
    }
}

impl Statements for SqliteStatements<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows> {
        self.run(sql, None, |connection, writes| {
            let mut statement = values::prepare(connection, sql, parameters)?;
            let columns = statement.column_count();
            // All of it is written before the first row comes, and stays should a later row be unreadable.
            *writes += u32::from(!statement.readonly());
            let mut rows = statement.raw_query();
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(values::owned(row, columns)?);
            }
            Ok(Rows(all))
        })
    }

    fn execute(&mut self, sql: &str, parameters: &[Value], on_violation: Option<OnViolation>) -> Result<u64> {
        self.run(sql, on_violation.as_ref(), |connection, writes| {
            let mut statement = values::prepare(connection, sql, parameters)?;
            let counts = u32::from(!statement.readonly());
            let mut count = 0;
            if statement.column_count() == 0 {
                count = statement.raw_execute()? as u64;
            } else {
                *writes += counts;
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {
                    count += 1;
                }
            }
            *writes += counts;
            Ok(count)
        })
    }

    fn execute_later(
        &mut self,
        sql: &str,
        parameters: &[Value],
        on_violation: Option<OnViolation>,
    ) -> Result<()> {
        self.execute(sql, parameters, on_violation).map(drop)
    }

    fn set_gate(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn savepoint(&mut self, body: &mut dyn FnMut(&mut dyn Statements) -> Result<()>) -> Result<()> {
        if self.failed {
            return Err(failure::went_on());
        }
        self.command("SAVEPOINT mains_inner")?;
        let writes = self.writes;
        let outcome = body(self);
        if outcome.is_ok() && !self.failed {
            return self.command("RELEASE mains_inner");
        }
        if self.connection.is_autocommit() {
            // The failure took the whole transaction with it; the writer sees to that.
            self.failed = true;
        } else {
            (self.failed, self.writes) = (false, writes);
            self.command("ROLLBACK TO mains_inner")?;
            self.command("RELEASE mains_inner")?;
        }
        Err(outcome.err().unwrap_or_else(failure::went_on))
    }
}
