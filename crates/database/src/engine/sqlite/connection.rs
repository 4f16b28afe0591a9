//! How every connection to the file opens.
//!
//! Invariant: no memory mapping (an I/O error would become SIGBUS), no automatic checkpoint (a thread of its own does
//! it), 256 prepared statements, foreign keys on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mains_base::Result;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::values::meaning;
use crate::engine::settings::{Durability, EngineSettings};

/// One process owns the file, so locks and the index of the log are kept in its memory: no system call per read.
const VFS: &str = "unix-excl";
const PREPARED: usize = 256;
/// Steps of the virtual machine between two looks at the budget.
const STRIDE: u16 = 1000;

/// Opens connections to one file.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    path: PathBuf,
    durability: Durability,
    max_pages: Option<u32>,
}

/// The budget of the statement that runs on a reading connection.
#[derive(Debug, Default)]
pub(super) struct Budget {
    left: AtomicU64,
}

impl Opener {
    pub(super) fn new(path: &Path, settings: &EngineSettings) -> Self {
        Self { path: path.to_owned(), durability: settings.durability, max_pages: settings.max_pages }
    }

    /// A connection that writes. It has no progress handler: interrupting an INSERT inside a savepoint would roll back
    /// the whole transaction.
    pub(super) fn writer(&self) -> Result<Connection> {
        self.write_connection().map_err(|cause| meaning(cause, None))
    }

    fn write_connection(&self) -> Result<Connection, rusqlite::Error> {
        let connection = self.open()?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match self.durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "cache_size", -64_000)?;
        if let Some(pages) = self.max_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(connection)
    }

    /// A connection that only reads, with the budget that its statements take from.
    pub(super) fn reader(&self) -> Result<(Connection, Arc<Budget>)> {
        self.read_connection().map_err(|cause| meaning(cause, None))
    }

    fn read_connection(&self) -> Result<(Connection, Arc<Budget>), rusqlite::Error> {
        let mut connection = self.open()?;
        connection.pragma_update(None, "cache_size", -8_000)?;
        connection.pragma_update(None, "query_only", true)?;
        let budget = Arc::new(Budget::default());
        let seen = Arc::clone(&budget);
        connection.progress_handler(i32::from(STRIDE), Some(move || seen.spend()))?;
        Ok((connection, budget))
    }

    /// Copies one state into a new file, compacted, and brings it to the disk.
    pub(super) fn copy(&self, to: &Path) -> Result<()> {
        let copied = self.open().and_then(|connection| {
            let to = to.to_string_lossy();
            connection.execute("VACUUM INTO ?1", [&*to]).map(drop)
        });
        copied.map_err(|cause| meaning(cause, None))?;
        // It is not synced by itself (sqlite.org/lang_vacuum.html).
        Ok(std::fs::File::open(to)?.sync_all()?)
    }

    fn open(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags_and_vfs(&self.path, flags, VFS)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        // One plan for each statement: else a statement is prepared again whenever the value of a condition changes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        crate::sql::functions::register(&connection)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    }
}

impl Budget {
    /// Gives the next statement this many steps.
    pub(super) fn fill(&self, steps: u64) {
        self.left.store((steps / u64::from(STRIDE)).max(1), Ordering::Relaxed);
    }

    /// Leaves nothing.
    pub(super) fn empty(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    /// Whether the last statement ran out.
    pub(super) fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Takes one stride; true stops the statement.
    fn spend(&self) -> bool {
        let left = self.left.load(Ordering::Relaxed).saturating_sub(1);
        self.left.store(left, Ordering::Relaxed);
        left == 0
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    fn opener() -> (tempfile::TempDir, Opener) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mains.db");
        let settings = EngineSettings::sqlite(&path);
        (folder, Opener::new(&path, &settings))
    }

    fn pragma(connection: &Connection, name: &str) -> String {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        match value.unwrap() {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn every_connection_is_set_as_its_work_needs() {
        let (_folder, opener) = opener();
        let writer = opener.writer().unwrap();
        let (reader, _) = opener.reader().unwrap();
        // No memory mapping, no checkpoint inside a commit, keys that bind at once, sorting in memory.
        for connection in [&writer, &reader] {
            for (name, value) in [
                ("mmap_size", "0"),
                ("wal_autocheckpoint", "0"),
                ("foreign_keys", "1"),
                ("defer_foreign_keys", "0"),
                ("temp_store", "2"),
                ("journal_mode", "wal"),
                ("busy_timeout", "5000"),
            ] {
                assert_eq!(pragma(connection, name), value, "{name}");
            }
            assert!(connection.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap());
        }
        let own = |connection, names: [&str; 3]| names.map(|name| pragma(connection, name));
        assert_eq!(own(&writer, ["synchronous", "cache_size", "query_only"]), ["2", "-64000", "0"]);
        assert_eq!(own(&reader, ["synchronous", "cache_size", "query_only"]), ["2", "-8000", "1"]);
    }

    #[test]
    fn statements_stay_prepared_until_there_are_more_than_256() {
        let (_folder, opener) = opener();
        let connection = opener.writer().unwrap();
        let runs = |number: usize| {
            let mut statement = connection.prepare_cached(&format!("SELECT {number}")).unwrap();
            statement.query_row([], |_| Ok(())).unwrap();
            statement.get_status(StatementStatus::Run)
        };
        for number in 0..PREPARED {
            assert_eq!(runs(number), 1);
        }
        assert_eq!(runs(0), 2);
        assert_eq!(runs(PREPARED), 1);
        // The one that was used the longest ago had to go.
        assert_eq!(runs(1), 1);
    }

    /// As many steps as no read may take, and nothing that could interrupt them.
    #[test]
    fn nothing_stops_a_long_write_and_a_budget_stops_a_long_read() {
        let (_folder, opener) = opener();
        let (writer, (reader, budget)) = (opener.writer().unwrap(), opener.reader().unwrap());
        writer.execute_batch("CREATE TABLE n (i INTEGER)").unwrap();
        let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n";
        budget.fill(u64::from(STRIDE));
        assert_eq!(writer.execute(&format!("INSERT INTO n {count}"), []).unwrap(), 100_000);
        let stopped = reader.query_row(&format!("SELECT count(*) FROM ({count})"), [], |_| Ok(()));
        assert_eq!(stopped.unwrap_err().sqlite_error_code(), Some(rusqlite::ErrorCode::OperationInterrupted));
        assert!(budget.is_spent());
    }
}
