//! A thread's session: its runtime, its connection (opened when needed), its settings.

use std::time::{Duration, Instant};

use mains_base::{Error, Result};
use tokio::runtime::Runtime;
use tokio_postgres::{Config, Statement};

use super::failure::{Failure, Trouble};
use super::link::{Done, Link, Step};

/// After a failed attempt to connect, nobody tries again for this long: callers get their 503 at once.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the first failure to connect is tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts.
const STEP: Duration = Duration::from_millis(20);

/// What a thread needs to talk to the server.
pub(super) struct Session {
    runtime: Runtime,
    config: Config,
    settings: String,
    timeout: Duration,
    link: Option<Link>,
    refused: Option<Instant>,
}

/// What a transaction's id belongs to: on another timeline it is another transaction's, and after a crash it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Life {
    /// Empty where it cannot be told.
    pub(super) timeline: String,
    /// Since when the server has counted.
    pub(super) counting: String,
}

impl Session {
    pub(super) fn new(config: Config, settings: String, timeout: Duration) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, config, settings, timeout, link: None, refused: None })
    }

    /// Connects, if it is not connected. The first failure is given [`PATIENCE`], so that a server that restarts or a
    /// connection that dies while it opens is hardly noticed; after that callers get their 503 at once.
    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        if self.link.is_some() {
            return Ok(());
        }
        if self.refused.is_some_and(|refused| refused.elapsed() < PAUSE) {
            return Err(Failure::lost(&"the database could not be reached a moment ago"));
        }
        let patience = if self.refused.is_none() { PATIENCE } else { Duration::ZERO };
        let started = Instant::now();
        loop {
            match Link::connect(&self.runtime, &self.config, &self.settings, self.timeout) {
                Ok(link) => {
                    self.link = Some(link);
                    self.refused = None;
                    return Ok(());
                }
                Err(failure) if started.elapsed() >= patience => {
                    self.refused = Some(Instant::now());
                    return Err(failure);
                }
                Err(_) => self.sleep(STEP),
            }
        }
    }

    /// The statement of this text.
    pub(super) fn prepare(&mut self, sql: &str) -> Result<Statement, Failure> {
        self.with(|runtime, link| link.prepare(runtime, sql))
    }

    /// Sends all steps at once; answers that came before a failure are in `done`.
    pub(super) fn send(&mut self, steps: Vec<Step>, done: &mut Vec<Done>) -> Result<(), Failure> {
        self.with(|runtime, link| link.send_into(runtime, steps, done))
    }

    fn with<T>(
        &mut self,
        work: impl FnOnce(&Runtime, &mut Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(link) = &mut self.link else { return Err(Failure::lost(&"not connected")) };
        let outcome = work(&self.runtime, link);
        match &outcome {
            Err(Failure::Trouble(Trouble::Lost(_) | Trouble::Ended(_))) => self.link = None,
            Err(Failure::Trouble(Trouble::StalePlan)) => link.forget(),
            _ => {}
        }
        outcome
    }

    /// Forgets what is prepared, after the schema changed.
    pub(super) fn forget(&mut self) {
        if let Some(link) = &mut self.link {
            link.forget();
        }
    }

    /// Gives the connection up, whatever state it is in.
    pub(super) fn reset(&mut self) {
        self.link = None;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// The life of the server, if it is connected.
    pub(super) fn life(&self) -> Option<Life> {
        let link = self.link.as_ref()?;
        Some(Life { timeline: link.timeline.clone(), counting: link.counting.clone() })
    }

    /// Sends one text and waits.
    pub(super) fn plain(&mut self, text: &'static str) -> Result<(), Failure> {
        self.send(vec![Step::Plain(text)], &mut Vec::new())
    }

    /// Lets this thread wait, with its timer.
    pub(super) fn sleep(&self, wait: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(wait).await });
    }

    /// Waits for news or until `wait` is over; true if there was news.
    pub(super) fn wait_for(&self, news: &mut tokio::sync::watch::Receiver<u64>, wait: Duration) -> bool {
        self.runtime.block_on(async { tokio::time::timeout(wait, news.changed()).await.is_ok() })
    }

    /// Runs one statement by itself, once: the connection may hold a lock that must not be lost unnoticed.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        parameters: &[mains_base::Value],
    ) -> Result<Vec<tokio_postgres::Row>, Failure> {
        self.connect()?;
        self.read_once(sql, parameters)
    }

    /// Runs a read by itself; connects again once, if the connection turns out to be dead.
    pub(super) fn read(
        &mut self,
        sql: &str,
        parameters: &[mains_base::Value],
    ) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let mut again = true;
        loop {
            self.connect()?;
            match self.read_once(sql, parameters) {
                Err(Failure::Trouble(_)) if again => again = false,
                outcome => return outcome,
            }
        }
    }

    fn read_once(
        &mut self,
        sql: &str,
        parameters: &[mains_base::Value],
    ) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let statement = self.prepare(sql)?;
        super::values::check(&statement, parameters).map_err(Failure::Refused)?;
        let mut done = Vec::new();
        self.send(vec![Step::Query(statement, parameters.to_vec())], &mut done)?;
        Ok(done.pop().map(Done::rows).unwrap_or_default())
    }
}

impl Session {
    /// The plan of a statement, whatever its parameters are, when no table may be scanned where an index would do.
    pub(super) fn explain(&mut self, sql: &str) -> Result<Vec<String>, Failure> {
        let text = crate::engine::text::for_postgres(sql);
        let nulls = vec!["NULL"; parameters(&text)].join(", ");
        let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        self.connect()?;
        let prepare = format!(
            "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; PREPARE mains_explain AS {text}"
        );
        self.send(vec![Step::Script(prepare)], &mut Vec::new())?;
        let plan = self.read(&format!("EXPLAIN EXECUTE mains_explain{arguments}"), &[]);
        let end = "DEALLOCATE mains_explain; RESET enable_seqscan; RESET plan_cache_mode";
        self.send(vec![Step::Plain(end)], &mut Vec::new())?;
        Ok(plan?.iter().filter_map(|row| row.try_get(0).ok()).collect())
    }
}

/// The highest `$number` in a text.
fn parameters(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

/// What a failure outside of any closure means.
pub(super) fn told(failure: Failure) -> Error {
    failure.meaning(None)
}
