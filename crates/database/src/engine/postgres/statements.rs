//! The statements of one transaction on PostgreSQL: lazy, queued, pipelined.
//!
//! Invariants: BEGIN travels with the first flush and COMMIT with the last, so insert and log are one round trip, and
//! load, update and log two. The server runs nothing behind a failed statement, COMMIT included. After a failure nothing
//! is sent until its savepoint is undone.

use std::sync::Arc;

use mains_base::{Error, Result, Value};

use super::done::Done;
use super::failure::{Failure, Trouble};
use super::session::{Life, Session};
use super::wire::{Found, Mark, Plain};
use crate::dialect::Dialect;
use crate::engine::{OnViolation, Rows, Statements, failure};

/// Statements that wait at most; one more sends them.
const QUEUE: usize = 128;

/// One transaction, open or still lazy.
pub(super) struct PostgresStatements<'s> {
    session: &'s mut Session,
    begin: Plain,
    /// DDL: texts without parameters are sent as they are.
    scripts: bool,
    /// What is known of each statement in the session's batch.
    queued: Vec<Queued>,
    /// How often something was sent.
    sent: usize,
    begun: bool,
    /// How many statements wrote, or may have.
    writes: usize,
    failed: bool,
    trouble: Option<Trouble>,
    /// The transaction's id, once a statement told it.
    id: Option<String>,
}

#[derive(Default)]
struct Queued {
    tells_id: bool,
    on_violation: Option<OnViolation>,
}

/// A moment of a transaction.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    sent: usize,
    batch: Mark,
    writes: usize,
}

/// What a statement ends with that tells the transaction's id along the way, as the log's does; without one, the id
/// takes a statement of its own before COMMIT.
const TELLS_ID: &str = " RETURNING pg_current_xact_id()::text";
const ASKS_ID: &str = "SELECT pg_current_xact_id_if_assigned()::text";

/// How a transaction ended.
pub(super) enum End {
    /// Stored, or rolled back because the closure said so.
    Settled(Result<()>),
    /// Nothing is stored: run it again.
    Again(Trouble),
    /// COMMIT was sent and nobody knows. The transaction's id, if it came back, and the life of the server it belongs to.
    Unknown { id: Option<String>, life: Arc<Life>, cause: String },
}

impl<'s> PostgresStatements<'s> {
    pub(super) fn new(session: &'s mut Session, begin: Plain) -> Self {
        session.batch.clear();
        Self {
            session,
            begin,
            scripts: false,
            queued: Vec::new(),
            sent: 0,
            begun: false,
            writes: 0,
            failed: false,
            trouble: None,
            id: None,
        }
    }

    /// For changes of the schema: texts without parameters are sent as they are, `$$` and all.
    pub(super) fn with_scripts(mut self) -> Self {
        self.scripts = true;
        self
    }

    /// The transaction is open already.
    pub(super) fn begun(mut self) -> Self {
        self.begun = true;
        self
    }

    fn ready(&self) -> Result<()> {
        if self.failed { Err(failure::went_on()) } else { Ok(()) }
    }

    /// Notes what a failure means for the transaction and tells the closure about it.
    fn fail(&mut self, failure: Failure, on_violation: Option<&OnViolation>) -> Error {
        self.failed = true;
        if let Failure::Trouble(trouble) = failure {
            let told = failure::busy();
            self.trouble.get_or_insert(trouble);
            return told;
        }
        if self.begin == Plain::Snapshot && failure.is_timeout() {
            return failure::needs_index();
        }
        failure.meaning(on_violation)
    }

    /// Runs a query and gives its rows as they came.
    pub(super) fn rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Found> {
        self.ready()?;
        self.queue((sql, parameters), true, Queued::default())?;
        self.writes += usize::from(!sql.trim_start().starts_with("SELECT"));
        match self.send()? {
            Some(Done::Rows(found)) => Ok(found),
            _ => Err(Error::internal("an answer without rows")),
        }
    }

    /// Queues a statement, behind BEGIN if it is the first.
    fn queue(&mut self, (sql, parameters): (&str, &[Value]), rows: bool, queued: Queued) -> Result<()> {
        if self.scripts && !self.session.knows(sql) {
            // What is queued may make the table that this text names.
            self.flush()?;
        }
        self.open();
        self.session.queue(sql, parameters, rows).map_err(|failure| self.fail(failure, None))?;
        self.queued.push(queued);
        Ok(())
    }

    fn queue_plain(&mut self, plain: Plain) {
        self.open();
        self.session.batch.plain(plain);
        self.queued.push(Queued::default());
    }

    fn open(&mut self) {
        if !self.begun && self.session.batch.is_empty() {
            self.session.batch.plain(self.begin);
            self.queued.push(Queued::default());
        }
    }

    /// Runs a text as it is.
    fn script(&mut self, sql: &str, on_violation: Option<&OnViolation>) -> Result<u64> {
        self.flush()?;
        self.writes += 1;
        self.sent += 1;
        self.session.script(sql).map_err(|failure| self.fail(failure, on_violation))
    }

    /// Sends all that is queued, and gives the answer of the last.
    fn send(&mut self) -> Result<Option<Done>> {
        let mut done = Vec::with_capacity(self.queued.len());
        match self.send_into(&mut done) {
            Ok(()) => Ok(done.pop()),
            Err((failure, on_violation)) => Err(self.fail(failure, on_violation.as_ref())),
        }
    }

    /// The same; a failure comes with the meaning of the statement that failed.
    fn send_into(&mut self, done: &mut Vec<Done>) -> Result<(), (Failure, Option<OnViolation>)> {
        let mut queued = std::mem::take(&mut self.queued);
        self.sent += 1;
        self.begun = true;
        let outcome = self.session.send(done);
        let teller = queued.iter().position(|queued| queued.tells_id);
        if let Some(Done::Rows(rows)) = teller.and_then(|place| done.get(place)) {
            self.id = self.id.take().or(rows.text(0).ok().flatten().map(str::to_owned));
        }
        outcome.map_err(|failure| {
            let failed = queued.get_mut(done.len());
            (failure, failed.and_then(|failed| failed.on_violation.take()))
        })
    }

    /// This moment of the transaction.
    pub(super) fn moment(&self) -> Moment {
        Moment { sent: self.sent, batch: self.session.batch.mark(), writes: self.writes }
    }

    /// Forgets what came after the moment, if nothing of it was sent but reads that went well.
    pub(super) fn forget(&mut self, since: Moment) -> bool {
        let unsent = self.sent == since.sent;
        if self.failed || (!unsent && self.writes != since.writes) {
            return false;
        }
        if unsent {
            self.session.batch.truncate(since.batch);
            self.queued.truncate(self.session.batch.len());
        }
        self.writes = since.writes;
        true
    }

    /// From now on waits for locks shortly, as a transaction of several closures must.
    pub(super) fn hurry(&mut self) {
        self.queue_plain(Plain::Hurry);
    }

    /// Ends the transaction as the closure's outcome says.
    pub(super) fn end(mut self, outcome: Result<()>) -> End {
        if let Some(trouble) = self.trouble.take() {
            self.session.roll_back();
            return End::Again(trouble);
        }
        let outcome = if self.failed && outcome.is_ok() { Err(failure::went_on()) } else { outcome };
        if outcome.is_err() {
            self.session.roll_back();
            return End::Settled(outcome);
        }
        if !self.begun && self.queued.is_empty() {
            return End::Settled(Ok(()));
        }
        let end = self.commit();
        if !matches!(end, End::Settled(Ok(()))) {
            self.session.roll_back();
        }
        end
    }

    /// Sends what is queued, and COMMIT behind it: one round trip.
    fn commit(&mut self) -> End {
        if let Err(error) = self.ask_id() {
            return self.trouble.take().map_or(End::Settled(Err(error)), End::Again);
        }
        let life = self.session.life().unwrap_or_default();
        if self.writes > 0 {
            // So that the id is here before anybody can be in doubt.
            self.session.batch.answer_so_far();
        }
        self.queue_plain(Plain::Commit);
        let last = self.queued.len() - 1;
        let mut done = Vec::with_capacity(self.queued.len());
        let Err((failure, on_violation)) = self.send_into(&mut done) else {
            let stored = !matches!(done.last(), Some(Done::RolledBack));
            return End::Settled(if stored { Ok(()) } else { Err(failure::went_on()) });
        };
        let at = done.len();
        match failure {
            Failure::Trouble(Trouble::Ended(cause)) if at < last => End::Again(Trouble::Ended(cause)),
            Failure::Trouble(Trouble::Lost(cause) | Trouble::Ended(cause)) => {
                let id = self.id.take();
                // All but COMMIT answered, and there is no id: nothing was written.
                let unwritten = self.writes == 0 || (at == last && id.is_none());
                if unwritten { End::Again(Trouble::Lost(cause)) } else { End::Unknown { id, life, cause } }
            }
            Failure::Trouble(trouble) => End::Again(trouble),
            failure => End::Settled(Err(failure.meaning(on_violation.as_ref()))),
        }
    }

    /// Queues the question for the transaction's id, if it wrote anything and no other statement tells.
    fn ask_id(&mut self) -> Result<()> {
        let told = self.id.is_some() || self.queued.iter().any(|queued| queued.tells_id);
        if self.writes == 0 || told {
            return Ok(());
        }
        self.queue((ASKS_ID, &[]), true, Queued { tells_id: true, on_violation: None })
    }
}

impl Statements for PostgresStatements<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows> {
        self.rows(sql, parameters)?.owned()
    }

    fn execute(&mut self, sql: &str, parameters: &[Value], on_violation: Option<OnViolation>) -> Result<u64> {
        self.ready()?;
        if self.scripts && parameters.is_empty() {
            return self.script(sql, on_violation.as_ref());
        }
        self.queue((sql, parameters), false, Queued { tells_id: false, on_violation })?;
        self.writes += 1;
        Ok(self.send()?.map(|done| done.count()).unwrap_or_default())
    }

    fn execute_later(
        &mut self,
        sql: &str,
        parameters: &[Value],
        on_violation: Option<OnViolation>,
    ) -> Result<()> {
        self.ready()?;
        if self.scripts && parameters.is_empty() {
            return self.script(sql, on_violation.as_ref()).map(drop);
        }
        let tells_id = sql.ends_with(TELLS_ID);
        self.queue((sql, parameters), tells_id, Queued { tells_id, on_violation })?;
        self.writes += 1;
        if self.queued.len() >= QUEUE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.ready()?;
        if self.queued.is_empty() { Ok(()) } else { self.send().map(drop) }
    }

    fn savepoint(&mut self, body: &mut dyn FnMut(&mut dyn Statements) -> Result<()>) -> Result<()> {
        // What is queued belongs to the outside: its failure must not be taken for the inside's.
        self.flush()?;
        let before = self.moment();
        self.queue_plain(Plain::Savepoint);
        let outcome = body(self).and_then(|()| self.flush());
        if outcome.is_ok() {
            self.queue_plain(Plain::Release);
            return Ok(());
        }
        if self.trouble.is_some() {
            return outcome;
        }
        self.queued.clear();
        self.session.batch.clear();
        self.failed = false;
        if self.sent > before.sent {
            self.queue_plain(Plain::Undo);
            self.queue_plain(Plain::Release);
            // Sent at once: a statement that is prepared next would meet the failed transaction.
            self.flush()?;
        }
        outcome
    }
}
