//! The write threads: each takes a closure, runs it SERIALIZABLE, and runs it again while others are in its way.
//!
//! Invariants: a closure is never run again once its COMMIT may have been done; the first two attempts run beside
//! others, from the third on closures hold the gate alone, so that each ends. Closures that wait in one lane, for the
//! gate, or for a thread, share a transaction as long as all goes well; when it does not, each is run by itself, as if
//! they never had.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use mains_base::Result;

use super::attempt::{Attempt, Joined, Member, Outcome, attempt, outcome};
use super::session::{Session, told};
use super::statements::PostgresStatements;
use super::wire::Plain;
use crate::engine::commits::Commits;
use crate::engine::failure;
use crate::engine::job::{Alteration, Answer, Lane, Task, Work};
use crate::engine::queue::Queue;

const ATTEMPTS: u32 = 10;
/// Attempts that run beside others.
const TOGETHER: u32 = 2;
/// For so long nobody races after most of the threads were beaten: closures share transactions behind the gate.
const CROWDED: Duration = Duration::from_millis(50);
/// For so long closures without a lane have transactions of their own after some that shared one had to part.
const PARTED: Duration = Duration::from_millis(50);
/// One at a time may change the schema, on all nodes; number chosen once and for all.
const BEGIN_ALTER: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_xact_lock(7236539012)";

/// What all write threads share.
pub(super) struct Shared {
    pub(super) queue: Arc<Queue>,
    pub(super) gate: RwLock<()>,
    pub(super) beaten: Mutex<Beaten>,
    pub(super) commits: Arc<Commits>,
    pub(super) retry_for: Duration,
    /// How many write threads there are.
    pub(super) threads: usize,
    /// How often the schema was changed here.
    pub(super) altered: Arc<AtomicU64>,
}

/// Closures that others were in the way of twice, waiting for the gate.
#[derive(Default)]
pub(super) struct Beaten {
    waiting: VecDeque<Member>,
    /// When most of the threads had been beaten.
    crowded: Option<Instant>,
    /// When closures that only wanted a thread shared a transaction in vain.
    parted: Option<Instant>,
}

/// One write thread.
pub(super) struct Writer {
    pub(super) session: Session,
    pub(super) shared: Arc<Shared>,
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
            match work {
                Work::Alter(body) => {
                    let answer = self.alter(body).map(|()| Box::new(()) as Answer);
                    shared.queue.done(&lanes);
                    reply.finish(answer);
                }
                Work::Shared(job) if lanes.is_empty() => self.race(Member::new(job, reply)),
                Work::Shared(job) => self.keep_lane(Member::new(job, reply), &lanes),
                Work::Alone(job) => self.keep_apart(Member::new(job, reply), &lanes),
                Work::ReadCommitted(job) => {
                    self.keep_apart(Member::new(job, reply).begun_by(Plain::ReadCommitted), &lanes);
                }
            }
        }
    }

    /// Runs a closure without a lane. After two conflicts it waits for the gate, together with others of its kind.
    fn race(&mut self, mut member: Member) {
        let (is_crowded, is_parted) = self.shared.beaten().mood();
        if is_crowded {
            return self.wait_for_gate(member);
        }
        let guests = if is_parted { 0 } else { self.shared.queue.len() / self.shared.threads };
        if guests > 0 {
            return self.race_together(member, guests);
        }
        match self.beside(&mut member) {
            Attempt::Settled => member.finish(),
            _ => self.race_again(member),
        }
    }

    /// The same with so many of those that wait for a thread. Each thread takes its share of them, so that none is idle.
    fn race_together(&mut self, mut first: Member, mut guests: usize) {
        let shared = Arc::clone(&self.shared);
        let mut more = || {
            guests = guests.checked_sub(1)?;
            next_free(&shared.queue)
        };
        let mut joined = Joined::from(&mut more);
        let settled = {
            let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.share(&mut first, &mut joined)
        };
        let members = joined.members;
        if !settled && !members.is_empty() {
            shared.beaten().parted = Some(Instant::now());
        }
        for member in std::iter::once(first).chain(members) {
            if settled { member.finish() } else { self.race_again(member) }
        }
    }

    /// The second attempt of a closure that raced in vain.
    fn race_again(&mut self, mut member: Member) {
        // Somebody waits for the gate already: beside others it would only be beaten again.
        let waits = !self.shared.beaten().waiting.is_empty();
        if !waits && let Attempt::Settled = self.beside(&mut member) {
            return member.finish();
        }
        self.wait_for_gate(member);
    }

    fn wait_for_gate(&mut self, member: Member) {
        let shared = Arc::clone(&self.shared);
        let is_first = {
            let mut beaten = shared.beaten();
            beaten.waiting.push_back(member);
            beaten.waiting.len() == 1
        };
        // Whoever came first waits for the gate and takes all who came after.
        if is_first {
            let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.run_beaten();
        }
    }

    /// Runs all who wait for the gate, which is held.
    fn run_beaten(&mut self) {
        let shared = Arc::clone(&self.shared);
        let crowded = shared.beaten().look_around(shared.threads);
        while let Some(mut first) = shared.next_beaten() {
            let free = || if crowded { next_free(&shared.queue) } else { None };
            let mut more = || shared.next_beaten().or_else(free);
            let mut joined = Joined::from(&mut more);
            let settled = self.share(&mut first, &mut joined);
            for mut member in std::iter::once(first).chain(joined.members) {
                if !settled {
                    // What it shared was one of its attempts.
                    self.repeat(&mut member, TOGETHER + 2, |writer, _, member| writer.by_itself(member));
                }
                member.finish();
            }
        }
    }

    /// Runs a closure with those that wait behind it in its lanes.
    fn keep_lane(&mut self, mut first: Member, lanes: &[Lane]) {
        let shared = Arc::clone(&self.shared);
        let mut more = || behind(&shared.queue, lanes);
        let mut joined = Joined::from(&mut more);
        let settled = {
            let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.share(&mut first, &mut joined)
        };
        let mut members = joined.members;
        if !settled {
            // What they shared was one of their attempts.
            std::iter::once(&mut first).chain(&mut members).for_each(|member| self.persist(member, 2));
        }
        shared.queue.done(lanes);
        std::iter::once(first).chain(members).for_each(Member::finish);
    }

    /// Runs a closure that shares its transaction with nobody.
    fn keep_apart(&mut self, mut member: Member, lanes: &[Lane]) {
        self.persist(&mut member, 1);
        self.shared.queue.done(lanes);
        member.finish();
    }

    /// One transaction of a closure and of those who join it. False when each is to be run by itself.
    fn share(&mut self, first: &mut Member, joined: &mut Joined<'_>) -> bool {
        self.session.reconnect().is_ok() && matches!(self.attempt(first, joined), Attempt::Settled)
    }

    /// Runs a closure until it is settled, from its `first` attempt on.
    fn persist(&mut self, member: &mut Member, first: u32) {
        let shared = Arc::clone(&self.shared);
        self.repeat(member, first, |writer, attempt, member| {
            if attempt <= TOGETHER {
                return writer.beside(member);
            }
            let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
            writer.by_itself(member)
        });
    }

    fn repeat(
        &mut self,
        member: &mut Member,
        first: u32,
        mut run: impl FnMut(&mut Self, u32, &mut Member) -> Attempt,
    ) {
        let mut last = failure::busy();
        for attempt in first..=ATTEMPTS {
            match run(self, attempt, member) {
                Attempt::Settled => return,
                Attempt::Again(trouble) => last = trouble.meaning(),
                Attempt::Broken => {}
            }
            if member.is_older_than(self.shared.retry_for) {
                break;
            }
        }
        member.settle(Err(last));
    }

    /// One attempt beside others.
    fn beside(&mut self, member: &mut Member) -> Attempt {
        let shared = Arc::clone(&self.shared);
        let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.by_itself(member)
    }

    /// One attempt in a transaction of its own.
    fn by_itself(&mut self, member: &mut Member) -> Attempt {
        if let Err(failure) = self.session.reconnect() {
            member.settle(Err(told(failure)));
            return Attempt::Settled;
        }
        self.attempt(member, &mut Joined::from(&mut || None))
    }

    /// One transaction, and news of it to those who follow commits.
    fn attempt(&mut self, first: &mut Member, joined: &mut Joined<'_>) -> Attempt {
        let ended = attempt(&mut self.session, self.shared.retry_for, first, joined);
        if let Attempt::Settled = ended {
            self.shared.commits.rise();
        }
        ended
    }

    fn alter(&mut self, body: Alteration) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.begin_alter()?;
        let mut statements =
            PostgresStatements::new(&mut self.session, Plain::Serializable).with_scripts().begun();
        let ran = catch_unwind(AssertUnwindSafe(|| body(&mut statements)))
            .unwrap_or_else(|payload| Err(failure::panicked(&*payload)));
        let end = statements.end(ran);
        // A connection that is gone is opened with the usual patience.
        drop(self.session.be_patient(false));
        let outcome = outcome(&mut self.session, shared.retry_for, end);
        // Before anybody else writes: every connection prepares its statements for what is there now.
        shared.altered.fetch_add(1, Ordering::Release);
        shared.commits.rise();
        match outcome {
            Outcome::Stored => Ok(()),
            Outcome::Failed(error) => Err(error),
            Outcome::Again(trouble) => Err(trouble.meaning()),
            Outcome::Unknown(cause) => Err(failure::outcome_unknown(cause)),
        }
    }

    /// Opens the transaction at once, so that a connection that died while idle is noticed before the body runs.
    fn begin_alter(&mut self) -> Result<()> {
        for _ in 0..TOGETHER {
            self.session.reconnect().map_err(told)?;
            let begun = self.session.be_patient(true).and_then(|()| self.session.script(BEGIN_ALTER));
            match begun {
                Ok(_) => return Ok(()),
                Err(failure) if failure.is_of_connection() => {}
                Err(failure) => {
                    self.session.roll_back();
                    drop(self.session.be_patient(false));
                    return Err(told(failure));
                }
            }
        }
        Err(failure::unavailable("the connection was lost twice"))
    }
}

/// The next closure of these lanes that somebody waits for.
fn behind(queue: &Queue, lanes: &[Lane]) -> Option<Member> {
    loop {
        let member = Member::of(queue.take_behind(lanes)?)?;
        if member.is_awaited() {
            return Some(member);
        }
    }
}

/// The next closure without a lane that somebody waits for, if one is ready now.
fn next_free(queue: &Queue) -> Option<Member> {
    loop {
        let task = queue.take_if(|task| task.lanes.is_empty() && matches!(task.work, Work::Shared(_)))?;
        let member = Member::of(task)?;
        if member.is_awaited() {
            return Some(member);
        }
    }
}

impl Shared {
    fn beaten(&self) -> MutexGuard<'_, Beaten> {
        self.beaten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_beaten(&self) -> Option<Member> {
        self.beaten().waiting.pop_front()
    }
}

impl Beaten {
    /// Whether whoever comes now would only be beaten, too.
    fn is_crowded(&self) -> bool {
        self.crowded.is_some_and(|since| since.elapsed() < CROWDED)
    }

    /// Whether whoever comes now would only be beaten, and whether it had better share with nobody.
    fn mood(&self) -> (bool, bool) {
        (self.is_crowded(), self.parted.is_some_and(|since| since.elapsed() < PARTED))
    }

    /// The same, after a look at how many of so many threads were beaten in a race.
    fn look_around(&mut self, threads: usize) -> bool {
        if !self.is_crowded() {
            self.crowded = (self.waiting.len() * 2 >= threads).then(Instant::now);
        }
        self.is_crowded()
    }
}
