//! Reads outside a write: one query whose rows are visited where they are.

use std::sync::Arc;

use mains_base::{Result, Value};

use super::RowView;

/// Where a read runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Small and indexed: on the async worker's own connection.
    Inline,
    /// Anything else: on the bounded pool.
    Pool,
}

/// One query.
#[derive(Clone, Debug)]
pub struct ReadQuery {
    /// SQL with `$1`.
    pub text: Arc<str>,
    /// Its parameters, by number.
    pub parameters: Vec<Value>,
    /// Where it runs; an inline read that overruns its budget is run again on the pool.
    pub route: Route,
}

/// Rows as they come.
pub trait RowStream {
    /// The next row.
    fn next(&mut self) -> Result<Option<&dyn RowView>>;
}
