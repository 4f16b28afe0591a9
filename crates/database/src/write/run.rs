//! What one write keeps over its runs: the epoch, the time, and everything that was drawn.
//!
//! Invariant: the second run of a closure draws what the first one drew, in the same order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mains_base::{Result, Time, Uuid};

use super::order::{Entropy, Ticket, random_bytes};
use super::within::Within;
use super::{Counter, Numbers, Order};
use crate::Epoch;
use crate::dialect::Dialect;
use crate::jobs::Seal;

/// One write, over all its runs.
pub(crate) struct Run {
    pub(crate) epoch: Arc<Epoch>,
    pub(super) now: Time,
    pub(super) numbers: Arc<Numbers>,
    /// The same on every log row of the transaction: random, and JSON carries it exactly.
    pub(super) number: i64,
    ticket: Ticket,
    drawn: Mutex<Drawn>,
    /// A constraint was met that a look beforehand could have told better.
    met: AtomicBool,
    look_first: AtomicBool,
    /// A unique index was met that may be one of several.
    met_unique: AtomicBool,
    ask_uniques: AtomicBool,
    /// Another writer made meanwhile what this one looked for.
    raced: AtomicBool,
    lacking: Mutex<Lacking>,
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
    /// Each with its counter: another run may ask others.
    numbers: Vec<(Counter, i64)>,
}

/// Counters of which no number is left in memory.
#[derive(Default)]
struct Lacking {
    counters: Vec<Counter>,
    /// Whether all was judged that can be judged without the numbers, so that they are to be drawn.
    are_due: bool,
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
            met_unique: AtomicBool::new(false),
            ask_uniques: AtomicBool::new(false),
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

    /// Before each attempt: forgets what an earlier one met, which may have been another closure's fault.
    pub(crate) fn begin(&self) {
        self.met.store(false, Ordering::SeqCst);
        self.met_unique.store(false, Ordering::SeqCst);
        self.raced.store(false, Ordering::SeqCst);
        *self.lacking() = Lacking::default();
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

    /// Remembers that a unique index was met. Several may be, and each database has an order of its own for them.
    pub(super) fn meet_unique(&self) {
        self.met_unique.store(true, Ordering::SeqCst);
    }

    /// Whether to ask for the first unique index, as declared, that another record stands in.
    pub(super) fn asks_uniques(&self) -> bool {
        self.ask_uniques.load(Ordering::SeqCst)
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
        let met_unique = self.met_unique.swap(false, Ordering::SeqCst);
        let asks = met_unique && !self.ask_uniques.swap(true, Ordering::SeqCst);
        raced || looks || asks
    }

    /// Remembers a counter of which no number is left in memory.
    pub(super) fn lack(&self, counter: Counter) {
        self.lacking().counters.push(counter);
    }

    /// Whether this run lacks a number, so that it can only end in being run again. From now on the number is due.
    pub(super) fn owes_numbers(&self) -> bool {
        let mut lacking = self.lacking();
        lacking.are_due = !lacking.counters.is_empty();
        lacking.are_due
    }

    /// Whether this run lacks a number.
    pub(super) fn lacks_numbers(&self) -> bool {
        !self.lacking().counters.is_empty()
    }

    /// The counters that the last run failed for.
    pub(crate) fn take_lacking(&self) -> Vec<Counter> {
        let Lacking { counters, are_due } = std::mem::take(&mut *self.lacking());
        if are_due { counters } else { Vec::new() }
    }

    fn lacking(&self) -> MutexGuard<'_, Lacking> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
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
        let place = places.number.min(drawn.numbers.len());
        let mut left = drawn.numbers.iter().skip(place);
        if let Some(offset) = left.position(|(of, _)| of == counter) {
            let drawn_before = drawn.numbers.remove(place + offset);
            drawn.numbers.insert(place, drawn_before);
        } else {
            let number = self.numbers.take(counter)?;
            drawn.numbers.insert(place, (counter.clone(), number));
        }
        places.number = place + 1;
        drawn.numbers.get(place).map(|(_, number)| *number)
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
    fn a_number_is_of_the_counter_that_is_asked_even_where_another_run_asked_others() {
        let run = run();
        let [one, two, three] = ["one", "two", "three"].map(|name| Counter::Whole(name.to_owned()));
        for (counter, first) in [(&one, 100), (&two, 200), (&three, 300)] {
            run.numbers.add_block(counter, first);
        }
        let draw = |counters: &[&Counter]| {
            let mut places = Places::default();
            counters.iter().map(|counter| run.number(&mut places, counter).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(&[&one, &one, &two]), [100, 101, 200]);
        assert_eq!(draw(&[&one, &one, &two]), [100, 101, 200]);
        // The record has moved to another scope meanwhile.
        assert_eq!(draw(&[&two, &three, &one]), [200, 300, 100]);
        assert_eq!(draw(&[&one, &one, &two, &two]), [100, 101, 200, 201]);
    }

    #[test]
    fn numbers_are_drawn_when_they_are_due_and_forgotten_by_the_next_attempt() {
        let run = run();
        let counter = Counter::Whole("one".to_owned());
        run.lack(counter.clone());
        assert!(run.lacks_numbers());
        assert_eq!(run.take_lacking(), []);
        run.lack(counter.clone());
        assert!(run.owes_numbers());
        run.begin();
        assert_eq!((run.owes_numbers(), run.take_lacking()), (false, vec![]));
        run.lack(counter.clone());
        assert!(run.owes_numbers());
        assert_eq!(run.take_lacking(), [counter]);
    }

    #[test]
    fn what_an_earlier_attempt_met_asks_for_nothing() {
        let run = run();
        run.meet();
        run.race();
        run.begin();
        assert!(!run.may_end_better());
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
