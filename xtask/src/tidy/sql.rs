//! SQL stands in `crates/database`, in `store.rs` files and in tests; nowhere else in the product.
//!
//! `bench`, `torture` and `xtask` are no product: they ask the databases past it, to hold it against them.

use crate::tree::File;

const STATEMENTS: [&str; 9] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE \\\"",
    "DELETE FROM ",
    "CREATE TABLE",
    "CREATE INDEX",
    "ALTER TABLE",
    "DROP TABLE",
    "PRAGMA ",
];

/// Lines of Rust that begin a statement in a string outside the rooms of SQL.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| is_watched(file)).flat_map(statements).collect()
}

fn is_watched(file: &File) -> bool {
    let path = file.path.as_str();
    let product = path.starts_with("crates/") && file.has_ending("rs");
    let allowed = path.starts_with("crates/database/")
        || path.starts_with("crates/testkit/")
        || path.contains("/tests/")
        || path.ends_with("/store.rs")
        || path.ends_with("/tests.rs");
    product && !allowed
}

fn statements(file: &File) -> Vec<String> {
    let product = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product.lines().enumerate();
    let begins = |line: &str| STATEMENTS.iter().any(|word| line.contains(&format!("\"{word}")));
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//") && begins(line))
        .map(|(number, _)| {
            format!("{}:{}: SQL belongs into a store.rs or into database", file.path, number + 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_is_seen_outside_its_rooms_only() {
        let file = |path: &str| File { path: path.to_owned(), text: "let a = \"SELECT 1\";\n".to_owned() };
        assert_eq!(check(&[file("crates/server/src/keys/http.rs")]).len(), 1);
        assert!(
            check(&[file("crates/server/src/keys/store.rs"), file("crates/database/src/x.rs")]).is_empty()
        );
    }
}
