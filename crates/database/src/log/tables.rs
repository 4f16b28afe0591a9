//! The tables of the log.
//!
//! On PostgreSQL a sequence is not commit order: a reader could see n + 1 while n is still open. So a change gets a
//! `seq` when it is written, and its position from the sequencer once it is visible. `mains_schema_mark` is a sequence
//! because everybody sees its value at once, whatever their snapshots are: another one after each change of the schema.

use crate::dialect::Dialect;

/// Statements that make the tables where they are not there yet.
pub fn tables(dialect: Dialect) -> Vec<String> {
    match dialect {
        Dialect::Sqlite => SQLITE.iter().map(|text| (*text).to_owned()).collect(),
        Dialect::Postgres => POSTGRES.iter().map(|text| (*text).to_owned()).collect(),
    }
}

/// One writer: the key that SQLite gives is the position, dense and in commit order, since a rollback gives it back.
const SQLITE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS mains_changes (position INTEGER PRIMARY KEY, tx INTEGER NOT NULL, at INTEGER NOT NULL, \
     collection TEXT NOT NULL, record BLOB NOT NULL, op INTEGER NOT NULL, version INTEGER NOT NULL, actor BLOB, \
     request TEXT, event TEXT, data TEXT, touched TEXT) STRICT",
    "CREATE TABLE IF NOT EXISTS mains_followers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS mains_changes_sizes (segment INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS mains_log (one INTEGER PRIMARY KEY CHECK (one = 1), timeline BLOB NOT NULL) STRICT",
    "INSERT INTO mains_log VALUES (1, randomblob(16)) ON CONFLICT DO NOTHING",
];

const POSTGRES: &[&str] = &[
    "CREATE SEQUENCE IF NOT EXISTS mains_changes_seq",
    "CREATE SEQUENCE IF NOT EXISTS mains_schema_mark",
    "CREATE TABLE IF NOT EXISTS mains_changes (seq bigint PRIMARY KEY, tx bigint NOT NULL, at bigint NOT NULL, \
     collection text COLLATE \"C\" NOT NULL, record uuid NOT NULL, op bigint NOT NULL, version bigint NOT NULL, actor uuid, \
     request text COLLATE \"C\", event text COLLATE \"C\", data text COLLATE \"C\", touched text COLLATE \"C\")",
    "CREATE TABLE IF NOT EXISTS mains_changes_positions (position bigint PRIMARY KEY, seq bigint NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS mains_followers (name text COLLATE \"C\" PRIMARY KEY, position bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS mains_changes_sizes (segment bigint PRIMARY KEY, bytes bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS mains_log (one bigint PRIMARY KEY CHECK (one = 1), timeline uuid NOT NULL, \
     position bigint NOT NULL, low bigint NOT NULL)",
    "INSERT INTO mains_log VALUES (1, gen_random_uuid(), 0, 0) ON CONFLICT DO NOTHING",
];
