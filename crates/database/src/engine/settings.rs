//! What the engine is told when it opens. Every limit has a name and a default here.

use std::path::PathBuf;
use std::time::Duration;

/// Which database, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file; its folder also gets a lock file, so that one process owns it.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A server.
    Postgres {
        /// `postgres://user:password@host:port/database`.
        url: String,
    },
}

/// What a commit promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// An acknowledged write survives a power cut.
    Full,
    /// A power cut may take the last writes; never a torn one. For tests and imports.
    Normal,
}

/// How an engine opens.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Which database.
    pub target: Target,
    /// What a commit promises.
    pub durability: Durability,
    /// PostgreSQL: write threads, each with a connection of its own. 16 is right where a commit takes less than 1 ms.
    pub write_threads: usize,
    /// Writes that may wait; one more is answered with 503.
    pub queue: usize,
    /// Threads for reads that are not small, each with a connection of its own.
    pub pool_readers: usize,
    /// Reads that may wait for those threads; one more is answered with 503.
    pub pool_queue: usize,
    /// SQLite: steps of its virtual machine that a read may take on the async worker before it moves to the pool.
    pub inline_steps: u64,
    /// SQLite: steps that a read may take on the pool before it is refused.
    pub pool_steps: u64,
    /// PostgreSQL: how long a read may take before it is refused.
    pub read_timeout: Duration,
    /// PostgreSQL: how long a write waits for a lock.
    pub lock_timeout: Duration,
    /// PostgreSQL: how long one statement of a write may take, and how long the server waits for its next one.
    pub statement_timeout: Duration,
    /// How long a write is run again before it gives up.
    pub retry_for: Duration,
    /// SQLite: the largest size of the file in pages of 4 kB; none but the disk's by default.
    pub max_pages: Option<u32>,
}

impl EngineSettings {
    /// Defaults for this target.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            durability: Durability::Full,
            write_threads: 16,
            queue: 1024,
            pool_readers: 2,
            pool_queue: 4096,
            inline_steps: 200_000,
            pool_steps: 50_000_000,
            read_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
            retry_for: Duration::from_secs(5),
            max_pages: None,
        }
    }

    /// Defaults for a file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::new(Target::Sqlite { path: path.into() })
    }

    /// Defaults for a server.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::new(Target::Postgres { url: url.into() })
    }
}
