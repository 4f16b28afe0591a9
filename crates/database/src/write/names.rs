//! Names of what stands beside a column.

/// The table of counters without scope: `name`, `next`.
pub(super) const SEQUENCES: &str = "mains_sequences";

pub(super) fn join_table(collection: &str, field: &str) -> String {
    format!("{collection}__{field}")
}

pub(super) fn folded(column: &str) -> String {
    format!("{column}__folded")
}

pub(super) fn currency(field: &str) -> String {
    format!("{field}__currency")
}

pub(super) fn counter_column(collection: &str, field: &str) -> String {
    format!("{collection}__{field}__next")
}

pub(super) fn counter_row(collection: &str, field: &str) -> String {
    format!("{collection}__{field}")
}

pub(super) fn index(collection: &str, name: &str) -> String {
    format!("{collection}__{name}")
}
