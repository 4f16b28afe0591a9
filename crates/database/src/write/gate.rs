//! The gate to the rows of collections: open for the statements of the choke point alone.

use mains_base::{Result, Value};

use crate::engine::{OnViolation, Rows, Statements};

/// Queues a statement that writes to a collection.
pub(super) fn execute_later(
    statements: &mut dyn Statements,
    sql: &str,
    parameters: &[Value],
    on_violation: Option<OnViolation>,
) -> Result<()> {
    statements.set_gate(true);
    let outcome = statements.execute_later(sql, parameters, on_violation);
    statements.set_gate(false);
    outcome
}

/// Runs one that gives rows.
pub(super) fn query(statements: &mut dyn Statements, sql: &str, parameters: &[Value]) -> Result<Rows> {
    statements.set_gate(true);
    let outcome = statements.query(sql, parameters);
    statements.set_gate(false);
    outcome
}
