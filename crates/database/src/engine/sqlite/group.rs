//! The writer: one thread, one durable transaction for all closures that wait.
//!
//! Invariant: an answer goes out after the commit that holds it, and never before the commit counter has risen.
//! A closure's failure or panic is its own: one that fails has usually written nothing; where it has, the group runs
//! again with a savepoint each, as do the next ones. When the transaction itself is lost (SQLite may roll all of it
//! back on an interrupt, a full disk or an I/O error), the group runs again, one transaction each. A connection on which
//! a page could not be read or written is given up before its COMMIT: nothing of the group is stored then, which is
//! known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mains_base::{Error, Kind, Result};
use rusqlite::{Connection, ErrorCode};

use super::authorizer::{Authorizer, Protected};
use super::checkpoint::Checkpoints;
use super::connection::Opener;
use super::statements::SqliteStatements;
use super::values::meaning;
use crate::engine::commits::Commits;
use crate::engine::job::{Alteration, Answer, Job, Reply, Task, Work};
use crate::engine::queue::Queue;
use crate::engine::{Statements as _, failure};

/// Closures in one group at most.
const GROUP: usize = 64;
/// After this long a group takes no more.
const GROUP_TIME: Duration = Duration::from_millis(2);

/// Groups that run with savepoints after one that had to be undone, so that who fails on purpose costs others little.
const CAUTIOUS: u32 = 1_000;

/// The writer's thread.
pub(super) struct Writer {
    pub(super) opener: Opener,
    /// `None` after a failed commit or an error of the disk, until it could be opened again.
    pub(super) connection: Option<Connection>,
    /// Of the connection; in debug builds alone.
    pub(super) authorizer: Option<Authorizer>,
    pub(super) protected: Arc<Protected>,
    pub(super) queue: Arc<Queue>,
    pub(super) commits: Arc<Commits>,
    pub(super) checkpoints: Arc<Checkpoints>,
    /// Groups that are still to run with savepoints.
    pub(super) cautious: u32,
}

struct Pending {
    job: Job,
    reply: Reply,
}

/// How one closure of a group ended.
enum Ran {
    /// With an answer; a failed one left nothing behind.
    Whole(Result<Answer>),
    /// It failed and left something behind.
    Stained,
    /// It took the whole transaction with it.
    Lost,
}

/// How a group, or one closure in its own transaction, ended.
enum End {
    Committed,
    /// Nothing of it is stored.
    Undone(rusqlite::Error),
    /// Nobody knows.
    Unknown(rusqlite::Error),
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn work(mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(Task { work, lanes, reply }) = queue.take() {
            if reply.is_abandoned() {
                queue.done(&lanes);
                continue;
            }
            let mut held = lanes;
            match work {
                Work::Alter(body) => self.alter(body, reply),
                Work::Alone(job) | Work::ReadCommitted(job) => self.each(vec![Pending { job, reply }]),
                Work::Shared(job) => self.group(Pending { job, reply }, &mut held),
            }
            queue.done(&held);
        }
        // Connections that close at the same time leave the log for the next start; this one empties it first.
        self.checkpoints.settle();
        if let Some(connection) = &self.connection {
            drop(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        }
    }

    /// The connection, opened again if the last one was given up.
    pub(super) fn connected(&mut self) -> Result<()> {
        if self.connection.is_none() {
            let mut connection = self.opener.writer()?;
            self.checkpoints.watch(&mut connection).map_err(Error::internal)?;
            self.authorizer = Authorizer::watch(&mut connection, &self.protected).map_err(Error::internal)?;
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// Writes a page as it is. While the write-ahead log is empty, every read asks the system how long the file is; from
    /// the first commit on the log knows. One that was left long, through which each read would look, is moved now.
    pub(super) fn begin_log(&self) {
        let Some(connection) = &self.connection else { return };
        let begun = connection
            .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
            .and_then(|version| connection.pragma_update(None, "user_version", version));
        if let Err(cause) = begun {
            tracing::debug!(%cause, "the write-ahead log stays empty");
        }
        self.checkpoints.after_commit();
    }

    fn command(&self, sql: &str) -> Result<(), rusqlite::Error> {
        let Some(connection) = &self.connection else { return Err(rusqlite::Error::InvalidQuery) };
        connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn is_lost(&self) -> bool {
        self.connection.as_ref().is_none_or(Connection::is_autocommit)
    }

    /// Opens a transaction, or says why it cannot.
    fn begin(&mut self) -> Result<()> {
        self.connected()?;
        if !self.is_lost() && self.command("ROLLBACK").is_err() {
            self.give_up();
            self.connected()?;
        }
        self.command("BEGIN IMMEDIATE").map_err(|cause| {
            let error = meaning(cause, None);
            self.connection = None;
            error
        })
    }

    fn group(&mut self, first: Pending, held: &mut Vec<crate::engine::Lane>) {
        if let Err(error) = self.begin() {
            return first.reply.finish(Err(error));
        }
        let started = Instant::now();
        let careful = self.cautious > 0;
        self.cautious = self.cautious.saturating_sub(1);
        let mut done = Vec::with_capacity(GROUP);
        let mut next = Some(first);
        while let Some(pending) = next {
            let ran = if careful { self.in_savepoint(&pending.job) } else { self.bare(&pending.job) };
            match ran {
                Ran::Whole(outcome) => done.push((pending, outcome)),
                ran => {
                    let group = done.into_iter().map(|(pending, _)| pending).chain([pending]).collect();
                    return if matches!(ran, Ran::Lost) { self.each(group) } else { self.again(group) };
                }
            }
            let open = done.len() < GROUP && started.elapsed() < GROUP_TIME;
            next = if open { self.next_shared(held) } else { None };
        }
        self.conclude_group(done);
    }

    /// Runs a group anew, with a savepoint each.
    fn again(&mut self, group: Vec<Pending>) {
        self.cautious = CAUTIOUS;
        if self.begin().is_err() {
            return self.each(group);
        }
        let mut done = Vec::with_capacity(group.len());
        let mut rest = group.into_iter();
        while let Some(pending) = rest.next() {
            match self.in_savepoint(&pending.job) {
                Ran::Whole(outcome) => done.push((pending, outcome)),
                Ran::Stained | Ran::Lost => {
                    let all = done.into_iter().map(|(pending, _)| pending).chain([pending]).chain(rest);
                    return self.each(all.collect());
                }
            }
        }
        self.conclude_group(done);
    }

    fn conclude_group(&mut self, done: Vec<(Pending, Result<Answer>)>) {
        match self.commit() {
            End::Committed => done.into_iter().for_each(|(pending, outcome)| pending.reply.finish(outcome)),
            End::Undone(_) => self.each(done.into_iter().map(|(pending, _)| pending).collect()),
            End::Unknown(cause) => {
                let cause = cause.to_string();
                for (pending, _) in done {
                    pending.reply.finish(Err(failure::outcome_unknown(cause.clone())));
                }
            }
        }
    }

    fn next_shared(&self, held: &mut Vec<crate::engine::Lane>) -> Option<Pending> {
        loop {
            let task = self.queue.take_if(|task| matches!(task.work, Work::Shared(_)))?;
            held.extend(&task.lanes);
            if let Work::Shared(job) = task.work
                && !task.reply.is_abandoned()
            {
                return Some(Pending { job, reply: task.reply });
            }
        }
    }

    /// Runs one closure of a group as it is.
    fn bare(&mut self, job: &Job) -> Ran {
        let (outcome, wrote) = self.call(job);
        match outcome {
            _ if self.is_lost() => Ran::Lost,
            Err(_) if wrote => Ran::Stained,
            outcome => Ran::Whole(outcome),
        }
    }

    /// The same, undone where it fails.
    fn in_savepoint(&mut self, job: &Job) -> Ran {
        if self.command("SAVEPOINT closure").is_err() {
            return Ran::Lost;
        }
        let (outcome, wrote) = self.call(job);
        if self.is_lost() {
            return Ran::Lost;
        }
        let undone = outcome.is_ok() || !wrote || self.command("ROLLBACK TO closure").is_ok();
        if undone && self.command("RELEASE closure").is_ok() { Ran::Whole(outcome) } else { Ran::Lost }
    }

    /// Also whether anything may be written.
    fn call(&mut self, job: &Job) -> (Result<Answer>, bool) {
        let Some(connection) = &self.connection else {
            return (Err(failure::unavailable("no connection")), false);
        };
        let mut statements = SqliteStatements::watched(connection, self.authorizer.as_ref());
        let outcome = catch_unwind(AssertUnwindSafe(|| job(&mut statements)));
        let outcome = match outcome {
            Err(payload) => Err(failure::panicked(&*payload)),
            Ok(Ok(_)) if statements.has_failed() => Err(failure::went_on()),
            Ok(outcome) => outcome,
        };
        let wrote = statements.has_written();
        if statements.is_broken() {
            self.give_up();
        }
        (outcome, wrote)
    }

    /// Rolls back what is open by closing the connection; the next transaction opens another one.
    fn give_up(&mut self) {
        tracing::error!("the disk failed in the middle of a write; the database is opened again");
        self.connection = None;
    }

    /// Runs closures one by one, a transaction each.
    fn each(&mut self, tasks: Vec<Pending>) {
        for Pending { job, reply } in tasks {
            let mut answer = self.alone(&job);
            if answer.as_ref().is_err_and(|error| error.kind() == Kind::OutOfSpace) {
                // What the log holds may fit into the file, and the log then be written anew without growing.
                self.restart_log();
                answer = self.alone(&job);
            }
            reply.finish(answer);
        }
    }

    fn alone(&mut self, job: &Job) -> Result<Answer> {
        self.begin()?;
        let (outcome, _) = self.call(job);
        self.conclude(outcome)
    }

    fn conclude<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if self.is_lost() {
            return Err(outcome
                .err()
                .unwrap_or_else(|| failure::unavailable("the transaction was rolled back")));
        }
        if outcome.is_err() {
            if self.command("ROLLBACK").is_err() {
                self.connection = None;
            }
            return outcome;
        }
        match self.commit() {
            End::Committed => outcome,
            End::Undone(cause) => Err(meaning(cause, None)),
            End::Unknown(cause) => Err(failure::outcome_unknown(cause)),
        }
    }

    /// COMMIT. A constraint that was left until now, and a disk that is full, leave nothing behind: the frame that
    /// would make the transaction valid is the last one written. Any other failure leaves the outcome unknown, and
    /// the connection is given up: a failed fsync must not be asked again.
    fn commit(&mut self) -> End {
        let Err(cause) = self.command("COMMIT") else {
            self.commits.rise();
            if self.checkpoints.after_commit() {
                self.restart_log();
            }
            return End::Committed;
        };
        let known =
            matches!(cause.sqlite_error_code(), Some(ErrorCode::ConstraintViolation | ErrorCode::DiskFull));
        let undone = known && (self.is_lost() || self.command("ROLLBACK").is_ok());
        if undone {
            return End::Undone(cause);
        }
        tracing::error!(%cause, "a commit failed; the database is opened again");
        self.connection = None;
        End::Unknown(cause)
    }

    /// The write-ahead log grew although the checkpoints ran: waits a moment for readers and begins it anew.
    fn restart_log(&self) {
        let Some(connection) = &self.connection else { return };
        let restarted = connection
            .busy_timeout(Duration::from_millis(20))
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())))
            .and_then(|()| connection.busy_timeout(Duration::from_secs(5)));
        if let Err(cause) = restarted {
            tracing::warn!(%cause, "the write-ahead log could not be begun anew");
        }
    }

    fn alter(&mut self, body: Alteration, reply: Reply) {
        let answer = self.begin_alter().and_then(|()| {
            let outcome = self.call_alter(body);
            self.conclude(outcome)
        });
        // Outside of a transaction again: the pragma would be ignored inside.
        if self.command("PRAGMA foreign_keys = ON").is_err() {
            self.connection = None;
        }
        reply.finish(answer.map(|()| Box::new(()) as Answer));
    }

    fn begin_alter(&mut self) -> Result<()> {
        self.connected()?;
        self.command("PRAGMA foreign_keys = OFF").map_err(Error::internal)?;
        self.begin()
    }

    fn call_alter(&mut self, body: Alteration) -> Result<()> {
        let Some(connection) = &self.connection else { return Err(failure::unavailable("no connection")) };
        let mut statements = SqliteStatements::new(connection);
        let outcome = match catch_unwind(AssertUnwindSafe(|| body(&mut statements))) {
            Err(payload) => Err(failure::panicked(&*payload)),
            Ok(Ok(())) if statements.has_failed() => Err(failure::went_on()),
            Ok(outcome) => outcome.and_then(|()| check_references(&mut statements)),
        };
        if statements.is_broken() {
            self.give_up();
        }
        outcome
    }
}

fn check_references(statements: &mut SqliteStatements<'_>) -> Result<()> {
    if statements.query("PRAGMA foreign_key_check", &[])?.0.is_empty() {
        return Ok(());
    }
    Err(Error::internal("the change of the schema leaves references to rows that are not there"))
}
