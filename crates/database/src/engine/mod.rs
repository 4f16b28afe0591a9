//! Running statements: durable group commits on SQLite, serializable retries on PostgreSQL, reads on both.
//!
//! Invariants: an acknowledged write is durable; a closure runs alone as far as it can see; nothing waits without a
//! bound. A write is a plain closure over [`Statements`] that may be run again.

mod commits;
mod failure;
mod job;
mod postgres;
mod queue;
mod read;
mod rows;
mod settings;
mod sqlite;
mod statements;
mod text;
mod view;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mains_base::{Clock, Error, Result};
use tokio::sync::watch;

pub(crate) use self::failure::{busy, is_outcome_unknown, unavailable};
pub use self::job::{Answer, Job, Lane};
pub use self::read::{ReadQuery, Route, RowStream};
pub use self::rows::{Row, RowView, Rows};
pub use self::settings::{Durability, EngineSettings, Target};
pub(crate) use self::sqlite::{Lone, lock};
pub use self::statements::{OnViolation, Statements, Violation, ViolationKind};
pub(crate) use self::text::kept as kept_text;
pub use self::view::{Reading, View};

use self::commits::Commits;
use self::job::{Task, Work};
use self::postgres::Postgres;
use self::queue::Queue;
use self::sqlite::Sqlite;
use crate::dialect::Dialect;

/// Commits that are measured.
const COMMITS: usize = 15;

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    commits: Arc<Commits>,
    clock: Arc<dyn Clock>,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

impl Engine {
    /// Opens the database. On SQLite it takes the lock file of the folder: one process owns it.
    pub async fn open(settings: &EngineSettings, clock: Arc<dyn Clock>) -> Result<Self> {
        let commits = Arc::new(Commits::new());
        let backend = match &settings.target {
            Target::Sqlite { path } => Backend::Sqlite(Sqlite::open(path, settings, Arc::clone(&commits))?),
            Target::Postgres { url } => {
                Backend::Postgres(Box::new(Postgres::open(url, settings, Arc::clone(&commits)).await?))
            }
        };
        Ok(Self { inner: Arc::new(Inner { backend, commits, clock }) })
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match &self.inner.backend {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The clock it was opened with.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Runs a write and answers once it is durable. 503 when the queue is full, or when nobody can say whether it
    /// was stored (`outcome_unknown`).
    pub async fn run(&self, lanes: &[Lane], job: Job) -> Result<Answer> {
        self.submit(Work::Shared(job), lanes).await
    }

    /// Runs a write of many rows (up to 1,000) in a transaction of its own, so that small ones do not share its wait.
    pub async fn run_alone(&self, lanes: &[Lane], job: Job) -> Result<Answer> {
        self.submit(Work::Alone(job), lanes).await
    }

    /// Runs a write that decides row by row: READ COMMITTED on PostgreSQL, so that `FOR UPDATE SKIP LOCKED` passes over
    /// what others hold.
    pub async fn run_read_committed(&self, job: Job) -> Result<Answer> {
        let work = match self.dialect() {
            Dialect::Sqlite => Work::Shared(job),
            Dialect::Postgres => Work::ReadCommitted(job),
        };
        self.submit(work, &[]).await
    }

    /// Changes the schema: one transaction while nothing else writes. References are checked at its end.
    pub async fn alter(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.submit(Work::Alter(Box::new(body)), &[]).await.map(drop)
    }

    async fn submit(&self, work: Work, lanes: &[Lane]) -> Result<Answer> {
        // The one writer of SQLite runs all closures one after the other anyway, and many in one commit.
        let lanes = if self.dialect() == Dialect::Sqlite { &[] } else { lanes };
        let (task, answer) = Task::new(work, lanes);
        self.queue().push(task).map_err(|_| busy())?;
        answer.await.unwrap_or_else(|_| Err(failure::outcome_unknown("the write thread ended")))
    }

    fn queue(&self) -> &Queue {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.queue(),
            Backend::Postgres(postgres) => postgres.queue(),
        }
    }

    /// Runs one query. `visit` may be called a second time, from the first row on: an inline read that overruns its
    /// budget moves to the pool. 422 `query.needs_index` when it is too much for the pool, too.
    pub async fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.read(query, visit).await,
            Backend::Postgres(postgres) => postgres.read(query, visit).await,
        }
    }

    /// Runs several queries that see one and the same state. Nothing can be written in it.
    pub async fn snapshot<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.snapshot(body).await,
            Backend::Postgres(postgres) => postgres.snapshot(body).await,
        }
    }

    /// Runs several small reads that see one and the same state: on the async worker while they keep within a budget,
    /// else from their beginning on the pool. 422 `query.needs_index` when they are too much for the pool, too.
    pub async fn view<T: Send + 'static>(
        &self,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let clock = Arc::clone(&self.inner.clock);
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.view(clock, body).await,
            Backend::Postgres(postgres) => postgres.view(clock, body).await,
        }
    }

    /// Lets rows of these collections be written through an open gate alone ([`Statements::set_gate`]). Debug builds on
    /// SQLite see to it; it costs nothing elsewhere.
    pub(crate) fn protect(&self, collections: HashSet<String>) {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.protect(collections),
            Backend::Postgres(_) => {}
        }
    }

    /// The same for as long as it takes, on a connection of its own: for copies of everything.
    pub async fn long_snapshot<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.long_snapshot(body).await,
            Backend::Postgres(postgres) => postgres.long_snapshot(body).await,
        }
    }

    /// Copies one state of the file into a new one, without keeping writers waiting.
    pub(crate) async fn copy_file(&self, to: &Path) -> Result<()> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.copy(to).await,
            Backend::Postgres(_) => Err(Error::internal("PostgreSQL has no file to copy")),
        }
    }

    /// Where a query belongs by its plan: inline when every table is entered by an index and nothing is sorted. The
    /// caller sees to its limit (at most 100 rows inline).
    pub async fn explain(&self, text: &str) -> Result<Route> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.explain(text.to_owned()).await,
            Backend::Postgres(postgres) => postgres.explain(text.to_owned()).await,
        }
    }

    /// How long a commit takes on a server, its way there included: the middle of several that change nothing, but
    /// write and sync as others do. `None` on SQLite, where writes wait for one thread alone.
    pub async fn commit_time(&self) -> Result<Option<Duration>> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        let mut times = Vec::with_capacity(COMMITS);
        for _ in 0..COMMITS {
            let begun = Instant::now();
            let job: Job = Arc::new(|statements| {
                let emitted = "SELECT pg_logical_emit_message(true, 'mains', 'doctor')::text";
                statements.query(emitted, &[]).map(|_| Box::new(()) as Answer)
            });
            self.run(&[], job).await?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        Ok(times.get(COMMITS / 2).copied())
    }

    /// Rises after each commit of this process, before its answer goes out.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.inner.commits.subscribe()
    }

    /// Changes when there is something new to read in the log: by this process, or by another one on PostgreSQL.
    pub fn log_advanced(&self) -> watch::Receiver<u64> {
        match &self.inner.backend {
            Backend::Sqlite(_) => self.committed(),
            Backend::Postgres(postgres) => postgres.log_advanced(),
        }
    }

    /// Tells other processes on this database that there are jobs; a word that is lost is made good by their next beat.
    pub(crate) fn tell_jobs(&self) {
        if let Backend::Postgres(postgres) = &self.inner.backend {
            postgres.tell_jobs();
        }
    }

    /// Rises when another process has enqueued jobs; closed where there is none.
    pub(crate) fn jobs_elsewhere(&self) -> watch::Receiver<u64> {
        match &self.inner.backend {
            Backend::Sqlite(_) => watch::channel(0).1,
            Backend::Postgres(postgres) => postgres.jobs_elsewhere(),
        }
    }

    /// Rises when the schema was changed by any process, or may have been; closed where there is no other.
    pub(crate) fn altered(&self) -> watch::Receiver<u64> {
        match &self.inner.backend {
            Backend::Sqlite(_) => watch::channel(0).1,
            Backend::Postgres(postgres) => postgres.altered(),
        }
    }

    /// Finishes what is queued, ends the threads and lets go of the database. Later calls answer 503.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        let closed = tokio::task::spawn_blocking(move || match &inner.backend {
            Backend::Sqlite(sqlite) => sqlite.close(),
            Backend::Postgres(postgres) => postgres.close(),
        });
        drop(closed.await);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.abandon(),
            Backend::Postgres(postgres) => postgres.abandon(),
        }
    }
}
