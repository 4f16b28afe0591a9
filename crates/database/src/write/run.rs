//! What one write keeps over its runs: the epoch, the time, and everything that was drawn.
//!
//! Invariant: the second run of a closure draws what the first one drew, in the same order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mains_base::{Result, Time, Uuid};

use super::order::{Entropy, Ticket, random_bytes};
use super::within::Within;
use super::{Counter, Numbers, Order};
use crate::Epoch;
use crate::dialect::Dialect;
use crate::jobs::Seal;

/// One write, over all its runs.
pub(crate) struct Run {
    pub(super) epoch: Arc<Epoch>,
    pub(super) now: Time,
    pub(super) numbers: Arc<Numbers>,
    /// The same on every log row of the transaction: random, and JSON carries it exactly.
    pub(super) number: i64,
    ticket: Ticket,
    drawn: Mutex<Drawn>,
    /// A constraint was met that a look beforehand could have told better.
    met: AtomicBool,
    look_first: AtomicBool,
    /// Another writer made meanwhile what this one looked for.
    raced: AtomicBool,
    lacking: Mutex<Option<Counter>>,
    /// What seals the secrets of jobs, where a key is known.
    pub(super) seal: Option<Arc<Seal>>,
    /// What apps do in the transaction of others' changes.
    pub(super) within: Arc<Vec<Within>>,
    has_jobs: AtomicBool,
}

struct Drawn {
    entropy: Entropy,
    ids: Vec<Uuid>,
    tokens: Vec<[u8; 32]>,
    numbers: Vec<i64>,
}

/// How many of each the present run has drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    id: usize,
    token: usize,
    number: usize,
}

impl Run {
    /// A write that begins now.
    pub(crate) fn new(
        epoch: Arc<Epoch>,
        now: Time,
        (numbers, order): (Arc<Numbers>, &Order),
    ) -> Result<Self> {
        let mut entropy = Entropy::new()?;
        let ticket = order.next(now, u16::from_be_bytes(entropy.take()?));
        let number = i64::from_be_bytes(entropy.take()?) & ((1 << 53) - 1);
        let drawn = Drawn { entropy, ids: Vec::new(), tokens: Vec::new(), numbers: Vec::new() };
        // On SQLite a look costs microseconds; on PostgreSQL a round trip, so there the constraint speaks first.
        let look_first = AtomicBool::new(epoch.dialect == Dialect::Sqlite);
        Ok(Self {
            epoch,
            now,
            numbers,
            number,
            ticket,
            drawn: Mutex::new(drawn),
            met: AtomicBool::new(false),
            look_first,
            raced: AtomicBool::new(false),
            lacking: Mutex::default(),
            seal: None,
            within: Arc::default(),
            has_jobs: AtomicBool::new(false),
        })
    }

    /// The same, with what seals the secrets of jobs.
    pub(crate) fn sealing(self, seal: Option<Arc<Seal>>) -> Self {
        Self { seal, ..self }
    }

    /// The same, with what apps do in the transaction of others' changes.
    pub(crate) fn telling(self, within: Arc<Vec<Within>>) -> Self {
        Self { within, ..self }
    }

    /// Remembers that there is something to do once this is committed.
    pub(super) fn wake_jobs(&self) {
        self.has_jobs.store(true, Ordering::SeqCst);
    }

    /// Whether there is.
    pub(crate) fn has_jobs(&self) -> bool {
        self.has_jobs.load(Ordering::SeqCst)
    }

    /// Whether to look before a statement whose violation would say less than a look.
    pub(super) fn looks_first(&self) -> bool {
        self.look_first.load(Ordering::SeqCst)
    }

    /// Remembers that a constraint was met.
    pub(super) fn meet(&self) {
        self.met.store(true, Ordering::SeqCst);
    }

    /// Remembers that what was looked for came into being after the look.
    pub(super) fn race(&self) {
        self.raced.store(true, Ordering::SeqCst);
    }

    /// After a failure: whether another run, which looks first, may end better.
    pub(crate) fn may_end_better(&self) -> bool {
        let raced = self.raced.swap(false, Ordering::SeqCst);
        let met = self.met.swap(false, Ordering::SeqCst);
        let looks = met && !self.look_first.swap(true, Ordering::SeqCst);
        raced || looks
    }

    /// Remembers a counter of which no number is left in memory.
    pub(super) fn lack(&self, counter: Counter) {
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner) = Some(counter);
    }

    /// The counter that the last run lacked a number of.
    pub(crate) fn take_lacking(&self) -> Option<Counter> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn id(&self, places: &mut Places, random: bool) -> Result<Uuid> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        places.id += 1;
        if let Some(&id) = drawn.ids.get(places.id - 1) {
            return Ok(id);
        }
        let id = if random {
            Uuid::v4(random_bytes()?)
        } else {
            self.ticket.id(places.id - 1, drawn.entropy.take()?)
        };
        drawn.ids.push(id);
        Ok(id)
    }

    pub(super) fn token(&self, places: &mut Places) -> Result<[u8; 32]> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        places.token += 1;
        if let Some(&token) = drawn.tokens.get(places.token - 1) {
            return Ok(token);
        }
        let token = random_bytes()?;
        drawn.tokens.push(token);
        Ok(token)
    }

    /// A number of a counter that may skip some; `None` when memory has none left.
    pub(super) fn number(&self, places: &mut Places, counter: &Counter) -> Option<i64> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = drawn.numbers.get(places.number) {
            places.number += 1;
            return Some(number);
        }
        let number = self.numbers.take(counter)?;
        places.number += 1;
        drawn.numbers.push(number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let epoch = Arc::new(Epoch::new(1, Arc::default(), Dialect::Postgres));
        let now = Time::from_micros(1_800_000_000_000_000);
        Run::new(epoch, now, (Arc::default(), &Order::default())).unwrap()
    }

    #[test]
    fn a_second_run_draws_the_same_in_the_same_order() {
        let run = run();
        let draw = || {
            let mut places = Places::default();
            let ids = [run.id(&mut places, false).unwrap(), run.id(&mut places, true).unwrap()];
            (ids, run.token(&mut places).unwrap())
        };
        let first = draw();
        assert_eq!(first, draw());
        assert!(first.0[0].is_v7());
        assert_eq!(first.0[1].version(), 4);
    }

    #[test]
    fn a_met_constraint_asks_for_one_more_run() {
        let run = run();
        assert!(!run.may_end_better());
        run.meet();
        assert!(run.may_end_better());
        run.meet();
        assert!(!run.may_end_better());
        run.race();
        assert!(run.may_end_better());
    }
}
