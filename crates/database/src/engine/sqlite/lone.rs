//! A file of SQLite that no engine has open: a copy that is looked at, or made ready.

use std::path::Path;

use mains_base::Result;
use rusqlite::{Connection, OpenFlags};

use super::values::meaning;

/// An open copy, in this process alone.
pub(crate) struct Lone(Connection);

impl Lone {
    /// Opens a file that is there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::opened(path).map_err(|cause| meaning(cause, None))
    }

    fn opened(path: &Path) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        crate::sql::functions::register(&connection)?;
        Ok(Self(connection))
    }

    /// The first column of all rows, as text.
    pub(crate) fn texts(&self, sql: &str) -> Result<Vec<String>> {
        let rows = self.0.prepare(sql).and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect()
        });
        rows.map_err(|cause| meaning(cause, None))
    }

    /// Runs a statement without parameters.
    pub(crate) fn run(&self, sql: &str) -> Result<()> {
        self.0.execute(sql, []).map(drop).map_err(|cause| meaning(cause, None))
    }

    /// Runs a statement with one parameter.
    pub(crate) fn set_bytes(&self, sql: &str, bytes: &[u8]) -> Result<()> {
        self.0.execute(sql, [bytes]).map(drop).map_err(|cause| meaning(cause, None))
    }
}
