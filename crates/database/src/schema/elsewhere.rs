//! What the plan takes from its neighbors.

use crate::dialect::Dialect;

pub(super) fn log_tables(_dialect: Dialect) -> Vec<String> {
    Vec::new()
}
