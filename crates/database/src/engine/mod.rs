//! Running statements: durable group commits on SQLite, serializable retries on PostgreSQL, reads on both.

mod rows;
mod statements;

pub use rows::{Row, RowView, Rows};
pub use statements::{OnViolation, Statements, Violation, ViolationKind};
