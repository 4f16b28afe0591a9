//! One transaction: a closure, or several that share it, and how it ended.
//!
//! Invariants: nobody is answered before it ended. A closure that failed leaves nothing in it: what it had queued is
//! forgotten, and where something of it was sent, the whole transaction is given up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mains_base::{Result, Value};

use super::failure::{Failure, Trouble};
use super::session::{Life, Session};
use super::statements::{End, PostgresStatements};
use super::wire::Plain;
use crate::engine::failure;
use crate::engine::job::{Answer, Job, Reply, Task, Work};

/// A transaction takes no more closures after this time, or after so many.
const LONG: Duration = Duration::from_millis(5);
const MANY: usize = 64;
/// Between two questions about a transaction that has not ended.
const STEP: Duration = Duration::from_millis(50);

/// A closure and whoever waits for it.
pub(super) struct Member {
    job: Job,
    begin: Plain,
    reply: Reply,
    started: Instant,
    answer: Option<Result<Answer>>,
}

/// Closures that come into the transaction of another.
pub(super) struct Joined<'m> {
    pub(super) members: Vec<Member>,
    more: &'m mut dyn FnMut() -> Option<Member>,
}

/// How an attempt ended.
pub(super) enum Attempt {
    /// Every member has its answer.
    Settled,
    /// Nothing is stored: run it again.
    Again(Trouble),
    /// Nothing is stored, as one of several failed; the others are innocent.
    Broken,
}

/// How a transaction ended, after looking it up where that was needed.
pub(super) enum Outcome {
    Stored,
    Failed(mains_base::Error),
    Again(Trouble),
    Unknown(String),
}

/// Runs a closure and those that join it in one transaction. The session is connected.
pub(super) fn attempt(
    session: &mut Session,
    patience: Duration,
    first: &mut Member,
    joined: &mut Joined<'_>,
) -> Attempt {
    let begun = Instant::now();
    let mut statements = PostgresStatements::new(session, first.begin);
    let mut ran = first.run_in(&mut statements);
    while ran.is_ok() && joined.members.len() + 1 < MANY && begun.elapsed() < LONG {
        let Some(mut member) = (joined.more)() else { break };
        if joined.members.is_empty() {
            statements.hurry();
        }
        ran = member.run_in(&mut statements);
        joined.members.push(member);
    }
    let end = statements.end(ran);
    match outcome(session, patience, end) {
        Outcome::Stored => Attempt::Settled,
        Outcome::Again(trouble) => Attempt::Again(trouble),
        Outcome::Failed(error) if joined.members.is_empty() => {
            first.answer = Some(Err(error));
            Attempt::Settled
        }
        Outcome::Failed(_) => Attempt::Broken,
        Outcome::Unknown(cause) => {
            for member in std::iter::once(first).chain(&mut joined.members) {
                member.answer = Some(Err(failure::outcome_unknown(cause.clone())));
            }
            Attempt::Settled
        }
    }
}

/// Finds out how a transaction ended.
pub(super) fn outcome(session: &mut Session, patience: Duration, end: End) -> Outcome {
    match end {
        End::Settled(Ok(())) => Outcome::Stored,
        End::Settled(Err(error)) => Outcome::Failed(error),
        End::Again(trouble) => Outcome::Again(trouble),
        End::Unknown { id, life, cause } => match look_up(session, patience, id.as_deref(), &life) {
            Some(true) => Outcome::Stored,
            Some(false) => Outcome::Again(Trouble::Lost(cause)),
            None => Outcome::Unknown(cause),
        },
    }
}

/// Whether the transaction was committed; `None` when nobody can say. An id means something only on the timeline that
/// gave it: after a failover another transaction may have it. After a crash too: an id that never came to the disk is
/// given again, so that "committed" may be said of another; "aborted" holds for both.
fn look_up(session: &mut Session, patience: Duration, id: Option<&str>, life: &Life) -> Option<bool> {
    let id = Value::from(id?);
    let started = Instant::now();
    while started.elapsed() < patience {
        let status = session.read("SELECT pg_xact_status($1::text::xid8)", std::slice::from_ref(&id));
        let now = session.life().unwrap_or_default();
        let same = now.timeline == life.timeline && !now.timeline.is_empty();
        match status {
            Ok(found) if same => match found.text(0).ok()?? {
                "committed" => return (now.counting == life.counting).then_some(true),
                "aborted" => return Some(false),
                _ => {}
            },
            Ok(_) | Err(Failure::Statement(_) | Failure::Refused(_)) => return None,
            Err(Failure::Trouble(_)) => {}
        }
        std::thread::sleep(STEP);
    }
    None
}

impl Member {
    pub(super) fn new(job: Job, reply: Reply) -> Self {
        Self { job, begin: Plain::Serializable, reply, started: Instant::now(), answer: None }
    }

    /// In a transaction of another sort.
    pub(super) fn begun_by(self, begin: Plain) -> Self {
        Self { begin, ..self }
    }

    /// Of a task that may share its transaction.
    pub(super) fn of(task: Task) -> Option<Self> {
        if let Work::Shared(job) = task.work { Some(Self::new(job, task.reply)) } else { None }
    }

    /// Runs the closure, and keeps its answer. An error gives the transaction up.
    fn run_in(&mut self, statements: &mut PostgresStatements<'_>) -> Result<()> {
        let before = statements.moment();
        let answer = catch_unwind(AssertUnwindSafe(|| (self.job)(statements)))
            .unwrap_or_else(|payload| Err(failure::panicked(&*payload)));
        match answer {
            Err(error) if !statements.forget(before) => Err(error),
            answer => {
                self.answer = Some(answer);
                Ok(())
            }
        }
    }

    /// Answers without having run, or with something else than what was found.
    pub(super) fn settle(&mut self, answer: Result<Answer>) {
        self.answer = Some(answer);
    }

    pub(super) fn is_older_than(&self, time: Duration) -> bool {
        self.started.elapsed() > time
    }

    /// Whether somebody still waits.
    pub(super) fn is_awaited(&self) -> bool {
        !self.reply.is_abandoned()
    }

    /// Hands the answer over.
    pub(super) fn finish(self) {
        self.reply.finish(self.answer.unwrap_or_else(|| Err(failure::busy())));
    }
}

impl<'m> Joined<'m> {
    pub(super) fn from(more: &'m mut dyn FnMut() -> Option<Member>) -> Self {
        Self { members: Vec::new(), more }
    }
}
