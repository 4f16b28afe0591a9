//! The statements of one closure on PostgreSQL: lazy, queued, pipelined.
//!
//! Invariants: BEGIN travels with the first flush and COMMIT with the last, so insert and log are one round trip, and
//! load, update and log two. Every answer of a pipeline is checked: COMMIT behind a failed INSERT says OK and was a
//! rollback. After a failure nothing is sent until its savepoint is undone.

use mains_base::{Error, Result, Value};
use tokio_postgres::Statement;

use super::failure::{Failure, Trouble};
use super::link::{Done, Step};
use super::session::{Life, Session};
use super::values;
use crate::dialect::Dialect;
use crate::engine::{OnViolation, Row, Rows, Statements, failure};

/// Statements that wait at most; one more sends them.
const QUEUE: usize = 128;

/// One transaction, open or still lazy.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that happened to the transaction")]
pub(super) struct PostgresStatements<'s> {
    session: &'s mut Session,
    begin: &'static str,
    /// DDL: texts without parameters are sent as they are.
    scripts: bool,
    queued: Vec<Queued>,
    sent: usize,
    begun: bool,
    wrote: bool,
    failed: bool,
    trouble: Option<Trouble>,
    /// The transaction's id, once a statement told it.
    id: Option<String>,
}

struct Queued {
    step: Step,
    tells_id: bool,
    on_violation: Option<OnViolation>,
}

/// What a statement ends with that tells the transaction's id along the way, as the log's does; without one, the id
/// takes a statement of its own before COMMIT.
const TELLS_ID: &str = " RETURNING pg_current_xact_id()::text";

/// How a transaction ended.
pub(super) enum End {
    /// Stored, or rolled back because the closure said so.
    Settled(Result<()>),
    /// Nothing is stored: run it again.
    Again(Trouble),
    /// COMMIT was sent and nobody knows. The transaction's id, if it came back, and the life of the server it belongs to.
    Unknown { id: Option<String>, life: Life, cause: String },
}

impl<'s> PostgresStatements<'s> {
    pub(super) fn new(session: &'s mut Session, begin: &'static str) -> Self {
        let queued = Vec::new();
        Self {
            session,
            begin,
            scripts: false,
            queued,
            sent: 0,
            begun: false,
            wrote: false,
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
        failure.meaning(on_violation)
    }

    fn step(&mut self, sql: &str, parameters: &[Value], rows: bool) -> Result<Step> {
        if self.scripts && parameters.is_empty() && !rows {
            return Ok(Step::Script(sql.to_owned()));
        }
        let statement = self.prepare(sql)?;
        if let Err(error) = values::check(&statement, parameters) {
            self.failed = true;
            return Err(error);
        }
        let parameters = parameters.to_vec();
        Ok(if rows { Step::Query(statement, parameters) } else { Step::Execute(statement, parameters) })
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement> {
        if self.scripts {
            // What is queued may make the table that this text names.
            self.flush()?;
        }
        self.session.prepare(sql).map_err(|failure| self.fail(failure, None))
    }

    /// Runs a query and gives its rows as they came.
    pub(super) fn rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<tokio_postgres::Row>> {
        self.ready()?;
        let step = self.step(sql, parameters, true)?;
        self.wrote |= !sql.trim_start().starts_with("SELECT");
        self.queue(step, None);
        Ok(self.send()?.map(Done::rows).unwrap_or_default())
    }

    fn queue(&mut self, step: Step, on_violation: Option<OnViolation>) {
        self.queued.push(Queued { step, tells_id: false, on_violation });
    }

    /// Sends all that is queued, and gives the answer of the last.
    fn send(&mut self) -> Result<Option<Done>> {
        let teller = self.queued.iter().position(|queued| queued.tells_id);
        let (mut steps, meanings) = self.take_queued();
        let lead = usize::from(!self.begun);
        if !self.begun {
            steps.insert(0, Step::Plain(self.begin));
        }
        self.sent += meanings.len();
        self.begun = true;
        let mut done = Vec::with_capacity(steps.len());
        match self.session.send(steps, &mut done) {
            Ok(()) => {
                let told = teller.and_then(|place| done.get(place + lead)).and_then(first_text);
                self.id = self.id.take().or(told);
                Ok(done.pop())
            }
            Err(failure) => {
                let meaning = done.len().checked_sub(lead).and_then(|place| meanings.get(place));
                Err(self.fail(failure, meaning.and_then(Option::as_ref)))
            }
        }
    }

    fn take_queued(&mut self) -> (Vec<Step>, Vec<Option<OnViolation>>) {
        std::mem::take(&mut self.queued).into_iter().map(|queued| (queued.step, queued.on_violation)).unzip()
    }

    /// Ends the transaction as the closure's outcome says.
    pub(super) fn end(mut self, outcome: Result<()>) -> End {
        if let Some(trouble) = self.trouble.take() {
            self.roll_back();
            return End::Again(trouble);
        }
        let outcome = if self.failed && outcome.is_ok() { Err(failure::went_on()) } else { outcome };
        if outcome.is_err() {
            self.roll_back();
            return End::Settled(outcome);
        }
        if !self.begun && self.queued.is_empty() {
            return End::Settled(Ok(()));
        }
        self.commit()
    }

    fn roll_back(&mut self) {
        if self.begun && self.session.is_connected() {
            // A failure here closes the connection, which rolls back as well.
            drop(self.session.plain("ROLLBACK"));
        }
    }

    /// Sends what is queued, and COMMIT behind it: one round trip.
    fn commit(mut self) -> End {
        let asked = match self.ask_id() {
            Ok(asked) => asked,
            Err(Failure::Trouble(trouble)) => return End::Again(trouble),
            Err(failure) => return End::Settled(Err(failure.meaning(None))),
        };
        let life = self.session.life().unwrap_or_default();
        let begin = (!self.begun).then_some(Step::Plain(self.begin));
        let lead = usize::from(begin.is_some());
        let teller = self.queued.iter().position(|queued| queued.tells_id);
        let (queued, meanings) = self.take_queued();
        let teller = teller.or(asked.as_ref().map(|_| queued.len()));
        let steps: Vec<_> =
            begin.into_iter().chain(queued).chain(asked).chain([Step::Plain("COMMIT")]).collect();
        let last = steps.len() - 1;
        let mut done = Vec::with_capacity(steps.len());
        let Err(failure) = self.session.send(steps, &mut done) else { return End::Settled(Ok(())) };
        let at = done.len();
        match failure {
            Failure::Trouble(Trouble::Ended(cause)) if at < last => End::Again(Trouble::Ended(cause)),
            Failure::Trouble(Trouble::Lost(cause) | Trouble::Ended(cause)) => {
                let told = teller.and_then(|place| done.get(place + lead)).and_then(first_text);
                let id = self.id.take().or(told);
                // All but COMMIT answered, and there is no id: nothing was written.
                let unwritten = !self.wrote || (at == last && id.is_none());
                if unwritten { End::Again(Trouble::Lost(cause)) } else { End::Unknown { id, life, cause } }
            }
            Failure::Trouble(trouble) => End::Again(trouble),
            failure => {
                let meaning = at.checked_sub(lead).and_then(|place| meanings.get(place));
                End::Settled(Err(failure.meaning(meaning.and_then(Option::as_ref))))
            }
        }
    }

    /// The question for the transaction's id, if it wrote anything and no other statement tells.
    fn ask_id(&mut self) -> Result<Option<Step>, Failure> {
        let told = self.id.is_some() || self.queued.iter().any(|queued| queued.tells_id);
        if !self.wrote || told {
            return Ok(None);
        }
        let statement = self.session.prepare("SELECT pg_current_xact_id_if_assigned()::text")?;
        Ok(Some(Step::Query(statement, Vec::new())))
    }
}

fn first_text(done: &Done) -> Option<String> {
    let Done::Rows(rows) = done else { return None };
    rows.first().and_then(|row| row.try_get(0).ok().flatten())
}

impl Statements for PostgresStatements<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows> {
        let rows = self.rows(sql, parameters)?;
        let rows: Result<Vec<Row>> = rows.iter().map(values::owned).collect();
        rows.map(Rows)
    }

    fn execute(&mut self, sql: &str, parameters: &[Value], on_violation: Option<OnViolation>) -> Result<u64> {
        self.ready()?;
        let step = self.step(sql, parameters, false)?;
        self.wrote = true;
        self.queue(step, on_violation);
        Ok(self.send()?.map(|done| done.count()).unwrap_or_default())
    }

    fn execute_later(
        &mut self,
        sql: &str,
        parameters: &[Value],
        on_violation: Option<OnViolation>,
    ) -> Result<()> {
        self.ready()?;
        let tells_id = sql.ends_with(TELLS_ID);
        let step = self.step(sql, parameters, tells_id)?;
        self.wrote = true;
        self.queued.push(Queued { step, tells_id, on_violation });
        if self.queued.len() >= QUEUE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.ready()?;
        if self.queued.is_empty() { Ok(()) } else { self.send().map(drop) }
    }

    fn savepoint(&mut self, body: &mut dyn FnMut(&mut dyn Statements) -> Result<()>) -> Result<()> {
        // What is queued belongs to the outside: its failure must not be taken for the inside's.
        self.flush()?;
        let place = self.sent;
        self.queue(Step::Plain("SAVEPOINT mains_inner"), None);
        let outcome = body(self).and_then(|()| self.flush());
        if outcome.is_ok() {
            self.queue(Step::Plain("RELEASE SAVEPOINT mains_inner"), None);
            return Ok(());
        }
        if self.trouble.is_some() {
            return outcome;
        }
        self.queued.clear();
        self.failed = false;
        if self.sent > place {
            self.queue(Step::Plain("ROLLBACK TO SAVEPOINT mains_inner"), None);
            self.queue(Step::Plain("RELEASE SAVEPOINT mains_inner"), None);
            // Sent at once: a statement that is prepared next would meet the failed transaction.
            self.flush()?;
        }
        outcome
    }
}
