//! Reads: two shared pipelined connections for small ones, a small pool of threads for long ones and for snapshots.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use mains_base::{Clock, Result};
use tokio::runtime::Handle;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::failure::{Failure, Trouble};
use super::session::{Session, told};
use super::statements::{End, PostgresStatements};
use super::values::{Bound, check};
use super::wire::{Found, Plain};
use crate::engine::read::{ReadQuery, RowStream};
use crate::engine::view::{View, Visits};
use crate::engine::{RowView, Statements, failure, text};

const CONNECTIONS: usize = 2;
const PREPARED: usize = 512;

type Work = Box<dyn FnOnce(&mut Session) + Send>;

/// All reading connections of an engine.
pub(super) struct Readers {
    shared: [SharedConnection; CONNECTIONS],
    turn: AtomicUsize,
    pool: Mutex<Option<SyncSender<Work>>>,
}

/// A connection that many callers use at once.
struct SharedConnection {
    config: Config,
    settings: String,
    timeout: Duration,
    runtime: Handle,
    current: Mutex<Option<Arc<Open>>>,
    connecting: tokio::sync::Mutex<()>,
}

struct Open {
    client: Client,
    prepared: Mutex<HashMap<Arc<str>, Statement>>,
}

impl Readers {
    pub(super) fn open(
        config: &Config,
        settings: &str,
        limits: &super::EngineSettings,
    ) -> Result<(Self, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = sync_channel::<Work>(limits.pool_queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let timeout = limits.read_timeout + Duration::from_secs(1);
        let mut threads = Vec::new();
        for number in 0..limits.pool_readers.max(1) {
            let session = Session::new(config.clone(), settings.to_owned(), timeout);
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name(format!("mains-read-{number}"));
            threads.push(thread.spawn(move || serve(session, &receiver))?);
        }
        let shared = std::array::from_fn(|_| SharedConnection {
            config: config.clone(),
            settings: settings.to_owned(),
            timeout,
            runtime: Handle::current(),
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        });
        Ok((Self { shared, turn: AtomicUsize::new(0), pool: Mutex::new(Some(sender)) }, threads))
    }

    /// Runs a small read beside others on one connection.
    pub(super) async fn shared(&self, query: &ReadQuery) -> Result<Vec<Row>, Failure> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let Some(connection) = self.shared.get(turn) else { return Err(Failure::lost(&"no connection")) };
        match connection.read(query).await {
            Err(Failure::Trouble(_)) => connection.read(query).await,
            outcome => outcome,
        }
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

    /// Ends the pool and the shared connections.
    pub(super) fn close(&self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        for connection in &self.shared {
            connection.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
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

impl SharedConnection {
    async fn read(&self, query: &ReadQuery) -> Result<Vec<Row>, Failure> {
        let open = self.connected().await?;
        let answer = tokio::time::timeout(self.timeout, open.read(query)).await;
        let outcome = answer.unwrap_or_else(|_| Err(Failure::lost(&"the database did not answer in time")));
        match &outcome {
            Err(failure) if failure.is_of_connection() => self.drop_if(&open),
            Err(Failure::Trouble(Trouble::StalePlan)) => {
                open.prepared.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
            _ => {}
        }
        outcome
    }

    fn current(&self) -> Option<Arc<Open>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn drop_if(&self, open: &Arc<Open>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, open)) {
            *current = None;
        }
    }

    async fn connected(&self) -> Result<Arc<Open>, Failure> {
        if let Some(open) = self.current() {
            return Ok(open);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(open) = self.current() {
            return Ok(open);
        }
        let open = tokio::time::timeout(self.timeout, self.connect())
            .await
            .unwrap_or_else(|_| Err(Failure::lost(&"connecting took too long")))?;
        let open = Arc::new(open);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        Ok(open)
    }

    async fn connect(&self) -> Result<Open, Failure> {
        let (client, connection) = self.config.connect(NoTls).await?;
        self.runtime.spawn(async move {
            if let Err(cause) = connection.await {
                tracing::warn!(%cause, "a reading connection was lost");
            }
        });
        client.batch_execute(&self.settings).await?;
        Ok(Open { client, prepared: Mutex::default() })
    }
}

impl Open {
    async fn read(&self, query: &ReadQuery) -> Result<Vec<Row>, Failure> {
        let statement = self.statement(&query.text).await?;
        check(statement.params(), &query.parameters).map_err(Failure::Refused)?;
        let rows = self.client.query_raw(&statement, query.parameters.iter().map(Bound)).await?;
        Ok(rows.try_collect().await?)
    }

    async fn statement(&self, sql: &Arc<str>) -> Result<Statement, Failure> {
        if let Some(statement) = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&text::for_postgres(sql)).await?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if prepared.len() >= PREPARED {
            prepared.clear();
        }
        prepared.insert(Arc::clone(sql), statement.clone());
        Ok(statement)
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

/// Rows that are all here.
pub(super) enum Rows {
    /// Of a shared connection.
    Shared(Vec<Row>),
    /// Of the pool.
    Pooled(Found),
}

impl Rows {
    /// Shows them one by one.
    pub(super) fn show<T>(self, visit: impl FnOnce(&mut dyn RowStream) -> Result<T>) -> Result<T> {
        match self {
            Self::Shared(rows) => visit(&mut Collected { rows: rows.into_iter(), current: None }),
            Self::Pooled(found) => visit(&mut found.walk()),
        }
    }
}

struct Collected {
    rows: std::vec::IntoIter<Row>,
    current: Option<Row>,
}

impl RowStream for Collected {
    fn next(&mut self) -> Result<Option<&dyn RowView>> {
        self.current = self.rows.next();
        Ok(self.current.as_ref().map(|row| row as &dyn RowView))
    }
}
