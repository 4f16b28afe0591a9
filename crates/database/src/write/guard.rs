//! Keeps statements of services out of collections: their rows change through insert, update and delete alone.

use mains_base::{Error, Result};
use mains_language::schema::Schema;

/// Refuses a statement that writes to a collection or one of its lists, wherever in the statement that stands.
pub(super) fn check(schema: &Schema, sql: &str) -> Result<()> {
    for table in written(sql) {
        // Both databases take `Posts` for `posts`; what is declared is in small letters.
        let name = table.to_ascii_lowercase();
        let owner = name.split_once("__").map_or(&*name, |(collection, _)| collection);
        if schema.find(owner).is_some_and(|collection| !collection.is_table()) {
            return Err(Error::internal(format!("{table} was about to be changed past the choke point")));
        }
    }
    Ok(())
}

/// The tables that a statement writes to, those of its `WITH` parts too.
fn written(sql: &str) -> Vec<String> {
    let words = words(sql);
    let is =
        |place: usize, word: &str| words.get(place).is_some_and(|other| other.eq_ignore_ascii_case(word));
    let mut tables = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let mut next = match word.to_ascii_uppercase().as_str() {
            // `UPDATE OR IGNORE t` of SQLite.
            "UPDATE" if is(place + 1, "OR") => place + 3,
            "UPDATE" | "INTO" | "TRUNCATE" => place + 1,
            "DELETE" if is(place + 1, "FROM") => place + 2,
            _ => continue,
        };
        while is(next, "ONLY") || is(next, "TABLE") {
            next += 1;
        }
        // `public.posts` is three words.
        while is(next + 1, ".") {
            next += 2;
        }
        tables.extend(words.get(next).cloned());
    }
    tables
}

/// Names, quoted or not, and dots; without texts, comments and everything else.
fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let inside = rest.get(first.len_utf8()..).unwrap_or_default();
        let end = match first {
            '\'' | '"' | '`' => inside.find(first).map(|end| end + 2),
            '[' => rest.find(']').map(|end| end + 1),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2),
            letter if is_of_name(letter) => rest.find(|letter| !is_of_name(letter)),
            letter => Some(letter.len_utf8()),
        };
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if is_of_name(first) || first == '.' {
            words.push(word.to_owned());
        } else if matches!(first, '"' | '`' | '[') {
            words.push(word.trim_matches(['"', '`', '[', ']']).to_owned());
        }
        rest = behind;
    }
    words
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_write_is_seen_wherever_it_stands() {
        for (sql, tables) in [
            ("UPDATE \"posts\" SET a = 1", &["posts"][..]),
            ("  insert into posts__tags(record) VALUES ($1)", &["posts__tags"]),
            ("DELETE FROM secrets WHERE key = $1", &["secrets"]),
            ("WITH gone AS (DELETE FROM posts RETURNING id) SELECT * FROM gone", &["posts"]),
            ("WITH a AS (SELECT 1)\nUPDATE\tposts SET b = 2", &["posts"]),
            ("/* a */ DELETE -- b\n FROM ONLY public.\"posts\"", &["posts"]),
            ("UPDATE OR IGNORE main.posts SET a = 1", &["posts"]),
            ("REPLACE INTO [posts] VALUES (1)", &["posts"]),
            ("TRUNCATE TABLE posts", &["posts"]),
            ("MERGE INTO posts USING b ON true", &["posts"]),
            ("INSERT INTO keys VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", &["keys", "SET"]),
            ("SELECT 'delete from posts', \"update\" FROM posts -- delete from posts", &["FROM"]),
            ("UPDATE Posts SET a = 1", &["Posts"]),
            ("SELECT * FROM posts", &[]),
        ] {
            assert_eq!(written(sql), tables, "{sql}");
        }
    }
}
