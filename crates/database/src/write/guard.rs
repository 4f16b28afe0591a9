//! Keeps statements of services out of collections: their rows change through insert, update and delete alone.

use mains_base::{Error, Result};
use mains_language::schema::Schema;

/// Refuses a statement that begins by writing to a collection or one of its lists.
pub(super) fn check(schema: &Schema, sql: &str) -> Result<()> {
    let Some(table) = written(sql) else { return Ok(()) };
    let owner = table.split_once("__").map_or(table, |(collection, _)| collection);
    if schema.find(owner).is_some_and(|collection| !collection.is_table()) {
        return Err(Error::internal(format!("{table} was about to be changed past the choke point")));
    }
    Ok(())
}

/// The table that a statement writes to.
fn written(sql: &str) -> Option<&str> {
    let mut words = sql.split_ascii_whitespace();
    let first = words.next()?;
    let table = match first.to_ascii_uppercase().as_str() {
        "UPDATE" => words.next(),
        "INSERT" | "DELETE" => words.nth(1),
        _ => None,
    }?;
    let end = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    table.trim_start_matches('"').split(end).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_write_is_seen() {
        assert_eq!(written("UPDATE \"posts\" SET a = 1"), Some("posts"));
        assert_eq!(written("  insert into posts__tags(record) VALUES ($1)"), Some("posts__tags"));
        assert_eq!(written("DELETE FROM secrets WHERE key = $1"), Some("secrets"));
        assert_eq!(written("SELECT * FROM posts"), None);
    }
}
