//! PostgreSQL: write threads with a connection each, two threads that send small reads together, a pool for the rest.

mod address;
mod attempt;
mod connecting;
mod connector;
mod done;
mod failure;
mod holes;
mod link;
mod news;
mod plans;
mod readers;
mod sequencer;
mod session;
mod small;
mod statements;
mod values;
mod wire;
mod writers;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use mains_base::{Clock, Error, Result};
use tokio::sync::{oneshot, watch};

use self::address::Address;
use self::news::{Channels, News};
use self::readers::Readers;
use self::sequencer::Sequencer;
use self::session::Session;
use self::wire::Found;
use self::writers::{Shared, Writer};
use super::Statements;
use super::commits::Commits;
use super::queue::Queue;
use super::read::{ReadQuery, Route, RowStream};
use super::settings::{Durability, EngineSettings};
use super::view::View;

/// The threads and connections of one database.
pub(super) struct Postgres {
    queue: Arc<Queue>,
    readers: Readers,
    threads: Mutex<Vec<JoinHandle<()>>>,
    commits: Arc<Commits>,
    advanced: Arc<watch::Sender<u64>>,
    closed: Arc<AtomicBool>,
    address: Address,
    channels: Arc<Channels>,
}

/// Settings of a connection that copies everything.
const COPYING: &str = "SET default_transaction_read_only = on; SET statement_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; SET jit = off; SET timezone = 'UTC'";
/// One page of a copy takes less than this, or the server says nothing at all.
const PATIENCE: Duration = Duration::from_mins(10);

impl Postgres {
    pub(super) async fn open(url: &str, settings: &EngineSettings, commits: Arc<Commits>) -> Result<Self> {
        let address = Address::read(url)?;
        address::try_out(&address).await?;
        let altered = Arc::new(AtomicU64::new(0));
        let (readers, mut threads) = Readers::open(&address, &reading(settings), (settings, &altered))?;
        let queue = Arc::new(Queue::new(settings.queue));
        let shared = Arc::new(Shared {
            queue: Arc::clone(&queue),
            gate: RwLock::new(()),
            beaten: Mutex::default(),
            commits: Arc::clone(&commits),
            retry_for: settings.retry_for,
            threads: settings.write_threads.max(1),
            altered: Arc::clone(&altered),
        });
        // The server tells a statement that it took too long; this is for a server that says nothing at all.
        let timeout = settings.statement_timeout + Duration::from_secs(1);
        for number in 0..settings.write_threads.max(1) {
            let session = Session::new(address.clone(), writing(settings), timeout).heeding(&altered);
            let writer = Writer { session, shared: Arc::clone(&shared) };
            let thread = std::thread::Builder::new().name(format!("mains-write-{number}"));
            threads.push(thread.spawn(move || writer.work())?);
        }
        let advanced = Arc::new(watch::Sender::new(0));
        let closed = Arc::new(AtomicBool::new(false));
        let channels = Arc::new(Channels::default());
        let told = Arc::clone(&channels);
        let news = News {
            address: address.clone(),
            commits: commits.subscribe(),
            channels: Arc::clone(&channels),
            advanced: Arc::clone(&advanced),
        };
        let thread = std::thread::Builder::new().name("mains-news".to_owned());
        threads.push(thread.spawn(move || news.work())?);
        let sequencer = Sequencer {
            session: Session::new(address.clone(), writing(settings), timeout),
            commits: commits.subscribe(),
            written: channels.written.subscribe(),
            channels,
            advanced: Arc::clone(&advanced),
            closed: Arc::clone(&closed),
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build()?,
        };
        let thread = std::thread::Builder::new().name("mains-log".to_owned());
        threads.push(thread.spawn(move || sequencer.work())?);
        let postgres = Self {
            queue,
            readers,
            threads: Mutex::new(threads),
            commits,
            advanced,
            closed,
            address,
            channels: told,
        };
        if let Err(error) = postgres.greet().await {
            // Nobody will close what was never handed out.
            postgres.abandon();
            return Err(error);
        }
        Ok(postgres)
    }

    /// Sees that the server is there, and what it promises.
    async fn greet(&self) -> Result<()> {
        let query = ReadQuery {
            text: "SELECT current_setting('fsync'), current_setting('server_version_num')::int".into(),
            parameters: Vec::new(),
            route: Route::Inline,
        };
        let (fsync, version) = self
            .read(query, |rows| {
                let row = rows.next()?.ok_or_else(|| Error::internal("no settings"))?;
                Ok((row.text(0)?.unwrap_or_default().to_owned(), row.int(1)?.unwrap_or_default()))
            })
            .await?;
        if version < 150_000 {
            return Err(Error::new(
                mains_base::Kind::Internal,
                "database.version",
                "This PostgreSQL is older than 15. Use 15 or later.",
            ));
        }
        if fsync != "on" {
            tracing::warn!("the database runs with fsync = off: a power cut loses what was acknowledged");
        }
        Ok(())
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let found = if query.route == Route::Inline {
            match self.readers.small.read(query).await {
                Ok(found) => found,
                Err((failure, Some(query))) if failure.is_timeout() => self.pooled(query).await?,
                Err((failure, _)) => return Err(readers::meaning(failure)),
            }
        } else {
            self.pooled(query).await?
        };
        visit(&mut found.walk())
    }

    async fn pooled(&self, query: ReadQuery) -> Result<Found> {
        self.on_pool(move |session| session.read(&query.text, &query.parameters).map_err(readers::meaning))
            .await
    }

    pub(super) async fn snapshot<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_pool(move |session| readers::snapshot(session, body)).await
    }

    pub(super) async fn view<T: Send + 'static>(
        &self,
        clock: Arc<dyn Clock>,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_pool(move |session| readers::view(session, &clock, body)).await
    }

    pub(super) async fn long_snapshot<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut session = Session::new(self.address.clone(), COPYING.to_owned(), PATIENCE);
        let copying = tokio::task::spawn_blocking(move || readers::snapshot(&mut session, body));
        copying.await.unwrap_or_else(|error| Err(Error::internal(error)))
    }

    pub(super) async fn explain(&self, sql: String) -> Result<Route> {
        let lines = self.on_pool(move |session| session.explain(&sql).map_err(readers::meaning)).await?;
        let slow = lines.iter().any(|line| line.contains("Seq Scan") || line.contains("Sort"));
        Ok(if slow { Route::Pool } else { Route::Inline })
    }

    async fn on_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let work = move |session: &mut Session| {
            if !sender.is_closed() {
                drop(sender.send(work(session)));
            }
        };
        self.readers.pool(Box::new(work))?;
        receiver.await.unwrap_or_else(|_| Err(Error::internal("a read ended without an answer")))
    }

    /// Ends the threads once the queue is empty.
    pub(super) fn close(&self) {
        self.abandon();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            drop(thread.join());
        }
    }

    /// Tells other nodes that there are jobs.
    pub(super) fn tell_jobs(&self) {
        self.channels.enqueued.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Rises when another node has enqueued jobs.
    pub(super) fn jobs_elsewhere(&self) -> watch::Receiver<u64> {
        self.channels.enqueued_elsewhere.subscribe()
    }

    /// Rises when the schema was changed by any node, or may have been.
    pub(super) fn altered(&self) -> watch::Receiver<u64> {
        self.channels.altered.subscribe()
    }

    /// Rises when the log has new positions.
    pub(super) fn log_advanced(&self) -> watch::Receiver<u64> {
        self.advanced.subscribe()
    }

    /// Tells the threads to end, without waiting.
    pub(super) fn abandon(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.channels.closing.send_replace(true);
        // Wakes the sequencer.
        self.commits.rise();
        self.queue.close();
        self.readers.close();
    }
}

/// Settings of the write connections. Without sequential scans, since SERIALIZABLE locks a small table whole when it is
/// scanned; and without JIT, which their nominal cost would set off: compiling takes a second where running takes one
/// millisecond.
fn writing(settings: &EngineSettings) -> String {
    let synchronous = match settings.durability {
        Durability::Full => {
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        }
        Durability::Normal => "SET synchronous_commit = off",
    };
    format!(
        "SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
         SET enable_seqscan = off; SET jit = off; SET default_transaction_isolation = 'read committed'; \
         SET timezone = 'UTC'; {synchronous}",
        settings.lock_timeout.as_millis(),
        settings.statement_timeout.as_millis(),
        settings.statement_timeout.as_millis(),
    )
}

fn reading(settings: &EngineSettings) -> String {
    format!(
        "SET default_transaction_read_only = on; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; SET jit = off; SET timezone = 'UTC'",
        settings.read_timeout.as_millis(),
        settings.read_timeout.as_millis(),
    )
}
