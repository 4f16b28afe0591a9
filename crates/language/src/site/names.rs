//! Which names collections and fields may have.

/// Addresses and names of Mains that no collection may take.
const TAKEN_COLLECTIONS: [&str; 3] = ["batch", "changes", "docs"];
/// Words of expressions and of answers.
const TAKEN_FIELDS: [&str; 9] = ["auth", "old", "now", "each", "expand", "true", "false", "null", "in"];
/// What every record has.
const SYSTEM_FIELDS: [&str; 4] = ["id", "created", "updated", "version"];

/// Columns that every table of PostgreSQL has by itself.
const TAKEN_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
/// How the databases name tables of their own: SQLite refuses the first, PostgreSQL finds its own before ours.
const TAKEN_PREFIXES: [&str; 2] = ["sqlite_", "pg_"];
/// How PostgreSQL names the index of a table's key, which stands among the names of tables.
const TAKEN_SUFFIX: &str = "_pkey";
/// A function of SQLite that stands where a table could, and that queries here call.
const TAKEN_TABLE: &str = "rarray";

/// Both names of a join table and what stands behind them fit into PostgreSQL's 63 bytes.
const MAX_TOGETHER: usize = 50;

/// Why a collection or table cannot be called so.
pub(super) fn collection(name: &str, is_own: bool) -> Option<String> {
    if let Some(problem) = shape(name, 40) {
        return Some(problem);
    }
    if TAKEN_COLLECTIONS.contains(&name) {
        return Some(format!("`{name}` is an address of Mains itself; choose another name."));
    }
    let theirs = TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if theirs || name.ends_with(TAKEN_SUFFIX) || name == TAKEN_TABLE {
        return Some(format!("The databases have `{name}` for themselves; choose another name."));
    }
    if name.starts_with("mains_") && !is_own {
        return Some("Names that begin with `mains_` belong to Mains itself; choose another.".to_owned());
    }
    None
}

/// Why a field of this collection cannot be called so.
pub(super) fn field(name: &str, collection: &str, has_system: bool) -> Option<String> {
    if let Some(problem) = shape(name, 40) {
        return Some(problem);
    }
    if TAKEN_FIELDS.contains(&name) {
        return Some(format!("`{name}` is a word of the expression language; choose another name."));
    }
    if TAKEN_COLUMNS.contains(&name) {
        return Some(format!("PostgreSQL has `{name}` in every table by itself; choose another name."));
    }
    if has_system && SYSTEM_FIELDS.contains(&name) {
        return Some(format!("Every record has `{name}` already; choose another name."));
    }
    if collection.len() + name.len() > MAX_TOGETHER {
        return Some(format!(
            "The names of the collection and of the field together have more than {MAX_TOGETHER} letters; shorten one."
        ));
    }
    None
}

/// Why a command cannot be called so: `taken` are words of addresses.
pub(super) fn command(name: &str, taken: &[&str]) -> Option<String> {
    if taken.contains(&name) {
        return Some(format!("`{name}` is an address of every collection; choose another name."));
    }
    shape(name, 40)
}

fn shape(name: &str, max: usize) -> Option<String> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let good = letters && name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('_');
    if !good {
        return Some(format!(
            "`{name}` is no name: use small letters, digits and single `_`, beginning with a letter."
        ));
    }
    if name.contains("__") {
        return Some(format!("`{name}` has two `_` in a row, which Mains keeps for itself; leave one out."));
    }
    (name.len() > max).then(|| format!("`{name}` is too long; {max} letters are the most."))
}

/// A short stable name of a text (FNV-1a).
pub(super) fn fingerprint(text: &str) -> String {
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}
