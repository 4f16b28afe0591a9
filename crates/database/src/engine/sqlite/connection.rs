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
