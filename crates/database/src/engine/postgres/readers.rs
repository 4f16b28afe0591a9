//! Reads: small ones beside each other, a small pool of threads for long ones and for snapshots.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mains_base::{Clock, Result};

use super::address::Address;
use super::failure::Failure;
use super::session::{Session, told};
use super::small::Small;
use super::statements::{End, PostgresStatements};
use super::wire::Plain;
use crate::engine::read::{ReadQuery, RowStream};
use crate::engine::view::{View, Visits};
use crate::engine::{Statements, failure};

/// Threads for small reads, each with a connection of its own.
const CONNECTIONS: usize = 2;

type Work = Box<dyn FnOnce(&mut Session) + Send>;

/// All reading connections of an engine.
pub(super) struct Readers {
    pub(super) small: Arc<Small>,
    pool: Mutex<Option<SyncSender<Work>>>,
}

impl Readers {
    pub(super) fn open(
        address: &Address,
        settings: &str,
        (limits, altered): (&super::EngineSettings, &Arc<AtomicU64>),
    ) -> Result<(Self, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = sync_channel::<Work>(limits.pool_queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let timeout = limits.read_timeout + Duration::from_secs(1);
        let mut threads = Vec::new();
        for number in 0..limits.pool_readers.max(1) {
            let session = Session::new(address.clone(), settings.to_owned(), timeout).heeding(altered);
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name(format!("mains-read-{number}"));
            threads.push(thread.spawn(move || serve(session, &receiver))?);
        }
        let small = Arc::new(Small::default());
        for number in 0..CONNECTIONS {
            let session = Session::new(address.clone(), settings.to_owned(), timeout).heeding(altered);
            let small = Arc::clone(&small);
            let thread = std::thread::Builder::new().name(format!("mains-small-{number}"));
            threads.push(thread.spawn(move || small.serve(session, timeout))?);
        }
        Ok((Self { small, pool: Mutex::new(Some(sender)) }, threads))
    }

    /// Hands work to the pool.
    pub(super) fn pool(&self, work: Work) -> Result<()> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = pool.as_ref() else { return Err(failure::unavailable("the database is closed")) };
        sender.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => failure::busy(),
            TrySendError::Disconnected(_) => failure::unavailable("the readers have ended"),
        })
    }

    /// Ends the pool and the small reads.
    pub(super) fn close(&self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.small.close();
    }
}

fn serve(mut session: Session, receiver: &Mutex<Receiver<Work>>) {
    loop {
        let work = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = work else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| work(&mut session))) {
            tracing::error!(error = ?failure::panicked(&*payload), "a read panicked");
            session.reset();
        }
    }
}

/// Runs several queries that see one state.
pub(super) fn snapshot<T>(
    session: &mut Session,
    body: impl FnOnce(&mut dyn Statements) -> Result<T>,
) -> Result<T> {
    held(session, |statements| body(statements))
}

/// The same, with rows as reads see them.
pub(super) fn view<T>(
    session: &mut Session,
    clock: &Arc<dyn Clock>,
    body: impl FnOnce(&View<'_>) -> Result<T>,
) -> Result<T> {
    held(session, |statements| body(&View::new(statements, clock)))
}

fn held<T>(session: &mut Session, body: impl FnOnce(&mut PostgresStatements<'_>) -> Result<T>) -> Result<T> {
    // At once, not with the first query: a connection that died while idle is noticed before the body runs.
    session.reconnect().map_err(told)?;
    if let Err(failure) = session.plain(Plain::Snapshot) {
        if session.is_connected() {
            return Err(told(failure));
        }
        session.connect().map_err(told)?;
        session.plain(Plain::Snapshot).map_err(told)?;
    }
    let mut statements = PostgresStatements::new(session, Plain::Snapshot).begun();
    let outcome = body(&mut statements);
    let (answer, outcome) = match outcome {
        Ok(answer) => (Some(answer), Ok(())),
        Err(error) => (None, Err(error)),
    };
    match statements.end(outcome) {
        End::Settled(Ok(())) => answer.ok_or_else(failure::went_on),
        End::Settled(Err(error)) => Err(error),
        End::Again(trouble) => Err(trouble.meaning()),
        // Nothing was written, so what was read stands.
        End::Unknown { cause, .. } => answer.ok_or_else(|| failure::unavailable(cause)),
    }
}

impl Visits for PostgresStatements<'_> {
    fn visit(
        &mut self,
        query: &ReadQuery,
        visit: &mut dyn FnMut(&mut dyn RowStream) -> Result<()>,
    ) -> Result<()> {
        visit(&mut self.rows(&query.text, &query.parameters)?.walk())
    }
}

/// What a read that failed means to whoever asked.
pub(super) fn meaning(failure: Failure) -> mains_base::Error {
    if failure.is_timeout() { failure::needs_index() } else { told(failure) }
}
