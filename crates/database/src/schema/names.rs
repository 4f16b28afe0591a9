//! The names that things have in the database. Whoever writes SQL takes them from here.
//!
//! Invariant: no name is longer than 63 bytes, where PostgreSQL would cut it; declared names never hold `__`, so a
//! derived name meets no declared one.

/// The longest identifier of PostgreSQL.
const LONGEST: usize = 63;

/// The table of a list: `record`, `target`, `position`, and `target__folded` where elements fold case.
pub fn join_table(collection: &str, field: &str) -> String {
    format!("{collection}__{field}")
}

/// The twin of a column that folds case.
pub fn folded(column: &str) -> String {
    format!("{column}__folded")
}

/// The currency beside an amount whose values each say their own.
pub fn currency(field: &str) -> String {
    format!("{field}__currency")
}

/// The counter of a sequence: a hidden column of its scope's table, holding the next number.
pub fn counter_column(collection: &str, field: &str) -> String {
    format!("{collection}__{field}__next")
}

/// The counter of a sequence without scope: the key of its row in [`SEQUENCES`].
pub fn counter_row(collection: &str, field: &str) -> String {
    format!("{collection}__{field}")
}

/// The table of counters without scope: `name`, `next`.
pub const SEQUENCES: &str = "mains_sequences";

/// An index of a collection. PostgreSQL keeps tables and indexes in one space, so it differs from a list's table.
pub fn index(collection: &str, name: &str) -> String {
    bounded(format!("{collection}__{name}__index"))
}

/// An index that the engine makes by itself.
pub(super) fn automatic_index(collection: &str, field: &str) -> String {
    bounded(format!("{collection}__{field}__automatic"))
}

/// A CHECK. The names of CHECKs are the table's own on both databases, so that renaming a table keeps them.
pub fn check(name: &str) -> String {
    bounded(name.to_owned())
}

/// The index on the elements of a list, to find the records that hold one.
pub fn reverse_index(join_table: &str) -> String {
    bounded(format!("{join_table}__reverse"))
}

/// The name itself, or its beginning and a checksum where it is too long.
fn bounded(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    // FNV-1a, 32 bits: stable for ever, and enough to tell apart names that begin alike.
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let beginning: String = name.chars().take(LONGEST - 9).collect();
    format!("{beginning}_{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = "a".repeat(40);
        let one = index(&long, &format!("{long}_one"));
        let two = index(&long, &format!("{long}_two"));
        assert_eq!(one.len(), 63);
        assert_ne!(one, two);
        assert_eq!(index("posts", "title"), "posts__title__index");
    }
}
