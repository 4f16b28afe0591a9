//! One connection that a thread of its own drives: statements are sent together and their answers checked one by one.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use mains_base::{Error, Result, Value};
use tokio::runtime::Runtime;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls, Row, SimpleQueryMessage, Socket, Statement};

use super::failure::Failure;
use super::values::Bound;
use crate::engine::text;

/// Prepared statements kept per connection; when there are more, all are prepared anew.
const PREPARED: usize = 512;

/// A connection and what is prepared on it.
pub(super) struct Link {
    client: Client,
    connection: Connection<Socket, NoTlsStream>,
    prepared: HashMap<Box<str>, Statement>,
    /// On which timeline of the server; after a failover transaction ids mean something else.
    pub(super) timeline: String,
    /// Since when the server has counted. It counts anew after a crash, when transaction ids that were not yet on the
    /// disk are given a second time.
    pub(super) counting: String,
    timeout: Duration,
}

/// One thing to send.
pub(super) enum Step {
    /// Text without parameters, by the simple protocol.
    Plain(&'static str),
    /// Several commands in one text, of which only the count of the last matters.
    Script(String),
    /// A prepared statement of which only the count of rows is wanted.
    Execute(Statement, Vec<Value>),
    /// A prepared statement with rows.
    Query(Statement, Vec<Value>),
}

/// What came back.
pub(super) enum Done {
    Count(u64),
    Rows(Vec<Row>),
}

impl Done {
    pub(super) fn rows(self) -> Vec<Row> {
        if let Self::Rows(rows) = self { rows } else { Vec::new() }
    }

    pub(super) fn count(&self) -> u64 {
        if let Self::Count(count) = self { *count } else { 0 }
    }
}

type Pending<'c> = Pin<Box<dyn Future<Output = Result<Done, Failure>> + 'c>>;

impl Link {
    /// Connects and sends `settings`.
    pub(super) fn connect(
        runtime: &Runtime,
        config: &Config,
        settings: &str,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let connecting = async {
            let (client, connection) = config.connect(NoTls).await?;
            Ok::<_, Failure>((client, connection))
        };
        let (client, connection) = runtime
            .block_on(async { tokio::time::timeout(timeout, connecting).await })
            .unwrap_or_else(|_| Err(Failure::lost(&"connecting took too long")))?;
        let mut link = Self {
            client,
            connection,
            prepared: HashMap::new(),
            timeline: String::new(),
            counting: String::new(),
            timeout,
        };
        link.send(runtime, vec![Step::Script(settings.to_owned())])
            .map(drop)
            .map_err(|(_, failure)| failure)?;
        link.read_life(runtime)?;
        Ok(link)
    }

    /// Learns which life of the server this connection belongs to.
    fn read_life(&mut self, runtime: &Runtime) -> Result<(), Failure> {
        let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, \
            (SELECT stats_reset::text FROM pg_stat_wal)";
        let statement = self.prepare(runtime, sql)?;
        let done =
            self.send(runtime, vec![Step::Query(statement, Vec::new())]).map_err(|(_, failure)| failure)?;
        let rows = done.into_iter().next().map(Done::rows).unwrap_or_default();
        let text = |column| rows.first().and_then(|row| row.try_get(column).ok()).unwrap_or_default();
        (self.timeline, self.counting) = (text(0), text(1));
        Ok(())
    }

    /// The statement of this text, prepared now or before.
    pub(super) fn prepare(&mut self, runtime: &Runtime, sql: &str) -> Result<Statement, Failure> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
        }
        let text = text::for_postgres(sql);
        let Self { client, connection, timeout, .. } = self;
        let statement = drive(runtime, connection, *timeout, client.prepare(&text))??;
        self.prepared.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Forgets what is prepared.
    pub(super) fn forget(&mut self) {
        self.prepared.clear();
    }

    /// Sends all steps at once and waits for the answer of each. The first that failed is told with its place.
    pub(super) fn send(
        &mut self,
        runtime: &Runtime,
        steps: Vec<Step>,
    ) -> Result<Vec<Done>, (usize, Failure)> {
        let mut done = Vec::with_capacity(steps.len());
        match self.send_into(runtime, steps, &mut done) {
            Ok(()) => Ok(done),
            Err(failure) => Err((done.len(), failure)),
        }
    }

    /// The same; what was answered before the failure is in `done`.
    pub(super) fn send_into(
        &mut self,
        runtime: &Runtime,
        steps: Vec<Step>,
        done: &mut Vec<Done>,
    ) -> Result<(), Failure> {
        let Self { client, connection, timeout, .. } = self;
        let client = &*client;
        let pending: Vec<_> =
            steps.into_iter().map(|step| Box::pin(run(client, step)) as Pending<'_>).collect();
        let mut first = None;
        let ended = drive(runtime, connection, *timeout, in_order(pending, done, &mut first));
        match (first, ended) {
            (Some(failure), _) => Err(failure),
            (None, ended) => ended,
        }
    }
}

async fn run(client: &Client, step: Step) -> Result<Done, Failure> {
    match step {
        Step::Plain(text) => client.batch_execute(text).await.map(|()| Done::Count(0)).map_err(Failure::from),
        Step::Script(text) => {
            let messages = client.simple_query(&text).await?;
            let count = messages.iter().rev().find_map(|message| match message {
                SimpleQueryMessage::CommandComplete(count) => Some(*count),
                _ => None,
            });
            Ok(Done::Count(count.unwrap_or_default()))
        }
        Step::Execute(statement, parameters) => {
            let count = client.execute_raw(&statement, parameters.iter().map(Bound)).await?;
            Ok(Done::Count(count))
        }
        Step::Query(statement, parameters) => {
            let rows = client.query_raw(&statement, parameters.iter().map(Bound)).await?;
            Ok(Done::Rows(rows.try_collect().await?))
        }
    }
}

/// Polls every step once, in order, which sends them; then takes the answers, which come in the same order. Every
/// answer is waited for, also behind a failure: the connection is clean only then.
async fn in_order(mut pending: Vec<Pending<'_>>, done: &mut Vec<Done>, first: &mut Option<Failure>) {
    let mut sent = false;
    let mut place = 0;
    let mut early: Vec<Option<Result<Done, Failure>>> = pending.iter().map(|_| None).collect();
    poll_fn(|context| {
        if !sent {
            sent = true;
            for (step, early) in pending.iter_mut().zip(&mut early) {
                if let Poll::Ready(outcome) = step.as_mut().poll(context) {
                    *early = Some(outcome);
                }
            }
        }
        while let (Some(step), Some(early)) = (pending.get_mut(place), early.get_mut(place)) {
            let outcome = match early.take() {
                Some(outcome) => outcome,
                None => match step.as_mut().poll(context) {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => return Poll::Pending,
                },
            };
            place += 1;
            match outcome {
                Ok(answer) if first.is_none() => done.push(answer),
                Ok(_) => {}
                Err(failure) => drop(first.get_or_insert(failure)),
            }
        }
        Poll::Ready(())
    })
    .await;
}

/// Runs `work` while the connection is driven beside it, on this thread.
fn drive<T>(
    runtime: &Runtime,
    connection: &mut Connection<Socket, NoTlsStream>,
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    let driven = poll_fn(|context| {
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(outcome));
        }
        let ended = Pin::new(&mut *connection).poll(context);
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(outcome));
        }
        match ended {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(Err(Failure::lost(&"the connection was closed"))),
            Poll::Ready(Err(cause)) => Poll::Ready(Err(Failure::lost(&cause))),
        }
    });
    runtime
        .block_on(async { tokio::time::timeout(timeout, driven).await })
        .unwrap_or_else(|_| Err(Failure::lost(&"the database did not answer in time")))
}

/// What a URL says, with our limits.
pub(super) fn config(url: &str) -> Result<Config> {
    let mut config: Config = url.parse().map_err(|cause: tokio_postgres::Error| {
        Error::new(
            mains_base::Kind::Internal,
            "database.url",
            "The address of the database cannot be read. It looks like postgres://user:password@host:5432/name.",
        )
        .because(cause)
    })?;
    config.application_name("mains");
    config.connect_timeout(Duration::from_secs(2));
    config.tcp_user_timeout(Duration::from_secs(10));
    config.keepalives_idle(Duration::from_secs(10));
    Ok(config)
}
