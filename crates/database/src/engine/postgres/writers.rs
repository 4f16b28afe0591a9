//! The write threads: each takes a closure, runs it SERIALIZABLE, and runs it again while others are in its way.
//!
//! Invariants: a closure is never run again once its COMMIT may have been done; the first two attempts run beside
//! others, from the third on a closure holds the gate alone, so that each ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use mains_base::{Error, Result, Value};

use super::failure::{Failure, Trouble};
use super::session::{Life, Session, told};
use super::statements::{End, PostgresStatements};
use crate::engine::commits::Commits;
use crate::engine::failure;
use crate::engine::job::{Alteration, Answer, Job, Task, Work};
use crate::engine::queue::Queue;

const ATTEMPTS: u32 = 10;
/// Attempts that run beside others.
const TOGETHER: u32 = 2;
const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const BEGIN_READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// One at a time may change the schema, on all nodes; number chosen once and for all.
const BEGIN_ALTER: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_xact_lock(7236539012)";

/// What all write threads share.
pub(super) struct Shared {
    pub(super) queue: Arc<Queue>,
    pub(super) gate: RwLock<()>,
    pub(super) commits: Arc<Commits>,
    pub(super) retry_for: Duration,
}

/// One write thread.
pub(super) struct Writer {
    pub(super) session: Session,
    pub(super) shared: Arc<Shared>,
}

enum Attempt {
    Settled(Result<Answer>),
    Again(Trouble),
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some(Task { work, lanes, reply }) = shared.queue.take() {
            if reply.is_abandoned() {
                shared.queue.done(&lanes);
                continue;
            }
            let answer = match work {
                Work::Alter(body) => self.alter(body).map(|()| Box::new(()) as Answer),
                Work::Alone(job) | Work::Shared(job) => self.write(&job, BEGIN),
                Work::ReadCommitted(job) => self.write(&job, BEGIN_READ_COMMITTED),
            };
            shared.queue.done(&lanes);
            reply.finish(answer);
        }
    }

    fn write(&mut self, job: &Job, begin: &'static str) -> Result<Answer> {
        let started = Instant::now();
        let mut last = None;
        for attempt in 1..=ATTEMPTS {
            if attempt > 1 && started.elapsed() > self.shared.retry_for {
                break;
            }
            self.session.connect().map_err(told)?;
            match self.gated(attempt, job, begin) {
                Attempt::Settled(answer) => return answer,
                Attempt::Again(trouble) => last = Some(trouble),
            }
        }
        Err(last.map_or_else(failure::busy, Trouble::meaning))
    }

    fn gated(&mut self, attempt: u32, job: &Job, begin: &'static str) -> Attempt {
        let shared = Arc::clone(&self.shared);
        if attempt <= TOGETHER {
            let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.attempt(job, begin)
        } else {
            let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.attempt(job, begin)
        }
    }

    fn attempt(&mut self, job: &Job, begin: &'static str) -> Attempt {
        let mut statements = PostgresStatements::new(&mut self.session, begin);
        let outcome = catch_unwind(AssertUnwindSafe(|| job(&mut statements)))
            .unwrap_or_else(|payload| Err(failure::panicked(&*payload)));
        let (answer, outcome) = match outcome {
            Ok(answer) => (Some(answer), Ok(())),
            Err(error) => (None, Err(error)),
        };
        match statements.end(outcome) {
            End::Settled(outcome) => Attempt::Settled(outcome.and_then(|()| self.stored(answer))),
            End::Again(trouble) => Attempt::Again(trouble),
            End::Unknown { id, life, cause } => match self.ask(id.as_deref(), &life) {
                Some(true) => Attempt::Settled(self.stored(answer)),
                Some(false) => Attempt::Again(Trouble::Lost(cause)),
                None => Attempt::Settled(Err(failure::outcome_unknown(cause))),
            },
        }
    }

    fn stored(&self, answer: Option<Answer>) -> Result<Answer> {
        self.shared.commits.rise();
        answer.ok_or_else(|| Error::internal("a write ended without an answer"))
    }

    /// Whether the transaction was committed; `None` when nobody can say. An id means something only on the timeline
    /// that gave it: after a failover another transaction may have it. After a crash too: an id that never came to the
    /// disk is given again, so that "committed" may be said of another; "aborted" holds for both.
    fn ask(&mut self, id: Option<&str>, life: &Life) -> Option<bool> {
        let id = Value::from(id?);
        let started = Instant::now();
        while started.elapsed() < self.shared.retry_for {
            let status =
                self.session.read("SELECT pg_xact_status($1::text::xid8)", std::slice::from_ref(&id));
            let now = self.session.life().unwrap_or_default();
            let same = now.timeline == life.timeline && !now.timeline.is_empty();
            match status {
                Ok(rows) if same => match rows.first()?.try_get::<_, Option<String>>(0).ok()??.as_str() {
                    "committed" => return (now.counting == life.counting).then_some(true),
                    "aborted" => return Some(false),
                    _ => {}
                },
                Ok(_) | Err(Failure::Statement(_) | Failure::Refused(_)) => return None,
                Err(Failure::Trouble(_)) => {}
            }
            self.session.sleep(Duration::from_millis(50));
        }
        None
    }

    fn alter(&mut self, body: Alteration) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.begin_alter()?;
        let mut statements = PostgresStatements::new(&mut self.session, "").with_scripts().begun();
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&mut statements)))
            .unwrap_or_else(|payload| Err(failure::panicked(&*payload)));
        let end = statements.end(outcome);
        self.session.forget();
        match end {
            End::Settled(outcome) => {
                shared.commits.rise();
                outcome
            }
            End::Again(trouble) => Err(trouble.meaning()),
            End::Unknown { id, life, cause } => match self.ask(id.as_deref(), &life) {
                Some(true) => Ok(()),
                Some(false) => Err(failure::unavailable(cause)),
                None => Err(failure::outcome_unknown(cause)),
            },
        }
    }

    /// Opens the transaction at once, so that a connection that died while idle is noticed before the body runs.
    fn begin_alter(&mut self) -> Result<()> {
        for _ in 0..TOGETHER {
            self.session.connect().map_err(told)?;
            match self.session.plain(BEGIN_ALTER) {
                Ok(()) => return Ok(()),
                Err(Failure::Trouble(Trouble::Lost(_) | Trouble::Ended(_))) => {}
                Err(failure) => {
                    drop(self.session.plain("ROLLBACK"));
                    return Err(told(failure));
                }
            }
        }
        Err(failure::unavailable("the connection was lost twice"))
    }
}
