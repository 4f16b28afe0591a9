//! A thread's session: its connection (opened when needed), its settings, and what waits to be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mains_base::{Error, Result, Value};

use super::address::Address;
use super::connecting;
use super::done::Done;
use super::failure::{Failure, Trouble};
use super::link::Link;
use super::wire::{Batch, Found, Plain, Prepared};

/// After a failed attempt to connect, nobody tries again for this long: callers get their 503 at once.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the first failure to connect is tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts.
const STEP: Duration = Duration::from_millis(20);
/// How long one change of the schema may be silent.
const CHANGE: Duration = Duration::from_hours(6);

/// What a thread needs to talk to the server.
pub(super) struct Session {
    address: Address,
    settings: String,
    timeout: Duration,
    link: Option<Link>,
    refused: Option<Instant>,
    /// How often the schema was changed by this process, and how often it was when statements were prepared.
    altered: Arc<AtomicU64>,
    heeded: u64,
    /// What the next [`Session::send`] sends.
    pub(super) batch: Batch,
}

/// What a transaction's id belongs to: on another timeline it is another transaction's, and after a crash it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Life {
    /// Empty where it cannot be told.
    pub(super) timeline: String,
    /// Since when the server has counted. It counts anew after a crash, when transaction ids that were not yet on the
    /// disk are given a second time.
    pub(super) counting: String,
}

impl Session {
    pub(super) fn new(address: Address, settings: String, timeout: Duration) -> Self {
        Self {
            address,
            settings,
            timeout,
            link: None,
            refused: None,
            altered: Arc::default(),
            heeded: 0,
            batch: Batch::default(),
        }
    }

    /// Prepares its statements anew whenever this number rises.
    pub(super) fn heeding(self, altered: &Arc<AtomicU64>) -> Self {
        Self { altered: Arc::clone(altered), ..self }
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
            match connecting::connect(&self.address, &self.settings, self.timeout) {
                Ok(link) => {
                    self.link = Some(link);
                    self.refused = None;
                    return Ok(());
                }
                Err(failure) if started.elapsed() >= patience => {
                    self.refused = Some(Instant::now());
                    return Err(failure);
                }
                Err(_) => std::thread::sleep(STEP),
            }
        }
    }

    /// The same where a connection that died while nobody used it may be replaced unnoticed.
    pub(super) fn reconnect(&mut self) -> Result<(), Failure> {
        if self.link.as_mut().is_some_and(Link::is_dead) {
            self.link = None;
        }
        self.connect()
    }

    /// Whether a text is prepared already.
    pub(super) fn knows(&self, sql: &str) -> bool {
        self.link.as_ref().is_some_and(|link| link.knows(sql))
    }

    /// The statement of this text.
    fn prepare(&mut self, sql: &str) -> Result<Arc<Prepared>, Failure> {
        let altered = self.altered.load(Ordering::Acquire);
        if altered != self.heeded {
            self.heeded = altered;
            self.forget();
        }
        self.with(|link, _| link.prepare(sql))
    }

    /// Queues a statement. Where its parameters do not fit it is prepared anew and looked at once more: another node may
    /// have given a column another type.
    pub(super) fn queue(&mut self, sql: &str, parameters: &[Value], rows: bool) -> Result<(), Failure> {
        let statement = self.prepare(sql)?;
        let Err(misfit) = self.batch.push(&statement, parameters, rows) else { return Ok(()) };
        let anew = self.with(|link, _| link.prepare_anew(sql))?;
        if anew.parameters == statement.parameters {
            return Err(Failure::Refused(misfit));
        }
        self.batch.push(&anew, parameters, rows).map_err(Failure::Refused)
    }

    /// Sends the batch; answers that came before a failure are in `done`.
    pub(super) fn send(&mut self, done: &mut Vec<Done>) -> Result<(), Failure> {
        let outcome = self.with(|link, batch| link.send(batch, done));
        self.batch.clear();
        outcome
    }

    /// Runs commands of one text, and counts the rows of the last.
    pub(super) fn script(&mut self, text: &str) -> Result<u64, Failure> {
        self.with(|link, _| link.script(text))
    }

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Link, &mut Batch) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(link) = &mut self.link else { return Err(Failure::lost(&"not connected")) };
        let outcome = work(link, &mut self.batch);
        match &outcome {
            Err(failure) if failure.is_of_connection() || link.is_broken() => self.link = None,
            Err(Failure::Trouble(Trouble::StalePlan)) => link.forget(),
            _ => {}
        }
        outcome
    }

    /// Forgets what is prepared, after the schema changed.
    fn forget(&mut self) {
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
    pub(super) fn life(&self) -> Option<Arc<Life>> {
        self.link.as_ref().map(|link| Arc::clone(&link.life))
    }

    /// Sends one statement and waits.
    pub(super) fn plain(&mut self, plain: Plain) -> Result<(), Failure> {
        self.batch.clear();
        self.batch.plain(plain);
        self.send(&mut Vec::new())
    }

    /// Ends what transaction the server may have open. A failure closes the connection, which ends it as well.
    pub(super) fn roll_back(&mut self) {
        if self.link.as_ref().is_some_and(|link| link.in_transaction) && self.plain(Plain::RollBack).is_err()
        {
            self.link = None;
        }
    }

    /// Lets the server be silent for as long as a change of the schema may take; or no longer.
    pub(super) fn be_patient(&mut self, patient: bool) -> Result<(), Failure> {
        let timeout = if patient { CHANGE } else { self.timeout };
        self.with(|link, _| link.set_timeout(timeout))
    }

    /// Runs one statement by itself, once: the connection may hold a lock that must not be lost unnoticed.
    pub(super) fn ask(&mut self, sql: &str, parameters: &[Value]) -> Result<Found, Failure> {
        self.connect()?;
        self.read_once(sql, parameters)
    }

    /// Runs a read by itself; connects again once, if the connection turns out to be dead.
    pub(super) fn read(&mut self, sql: &str, parameters: &[Value]) -> Result<Found, Failure> {
        let mut again = true;
        loop {
            self.connect()?;
            match self.read_once(sql, parameters) {
                Err(Failure::Trouble(_)) if again => again = false,
                outcome => return outcome,
            }
        }
    }

    fn read_once(&mut self, sql: &str, parameters: &[Value]) -> Result<Found, Failure> {
        self.batch.clear();
        self.queue(sql, parameters, true)?;
        let mut done = Vec::new();
        self.send(&mut done)?;
        match done.pop() {
            Some(Done::Rows(found)) => Ok(found),
            _ => Err(Failure::Refused(Error::internal("an answer without rows"))),
        }
    }

    /// The plan of a statement, whatever its parameters are, when no table may be scanned where an index would do.
    pub(super) fn explain(&mut self, sql: &str) -> Result<Vec<String>, Failure> {
        let text = crate::engine::text::for_postgres(sql);
        let nulls = vec!["NULL"; parameters(&text)].join(", ");
        let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        self.connect()?;
        let prepare = format!(
            "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; PREPARE mains_explain AS {text}"
        );
        self.script(&prepare)?;
        let plan = self.read(&format!("EXPLAIN EXECUTE mains_explain{arguments}"), &[]);
        self.script("DEALLOCATE mains_explain; RESET enable_seqscan; RESET plan_cache_mode")?;
        let plan = plan?;
        let lines =
            (0..plan.len()).filter_map(|row| plan.cell(row, 0).and_then(|cell| cell.text()).transpose());
        lines.map(|line| line.map(str::to_owned)).collect::<Result<_>>().map_err(Failure::Refused)
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
