//! The order of this node's transactions, which the ids that they draw keep (RFC 9562, section 6.2).
//!
//! Invariant: a later ticket is a greater one, also within a millisecond. Ids drawn with it, one after the other, are
//! in order too, and stand between those of the transactions before and after.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use mains_base::{Error, Result, Time, Uuid};

/// Bits behind the milliseconds: the whole of `rand_a`.
const PLACE: u32 = 12;
/// Bits of `rand_b` that are random; the 16 before them count.
const RANDOM: u32 = 46;
/// Random bytes that a write begins with.
const TAKEN: usize = 32;
/// Random bytes that a thread fetches at once.
const POOLED: usize = 64 * TAKEN;
/// A clock that was set back by more than this (10 s) is followed; by less it is waited for.
const AHEAD: u64 = 10_000 << PLACE;

/// Hands out tickets.
#[derive(Debug, Default)]
pub(crate) struct Order(AtomicU64);

/// The place of one transaction: milliseconds and a counter behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl Order {
    /// The next ticket. Each millisecond begins somewhere in the lower half of the counter, so that nodes differ.
    pub(crate) fn next(&self, now: Time, random: u16) -> Ticket {
        let millis = u64::try_from(now.unix_millis()).unwrap_or(0);
        let first = (millis << PLACE) | u64::from(random & 0x07ff);
        // A random beginning later in the same millisecond would use up its counter.
        let is_new = |last: u64| last >> PLACE < millis || last > first + AHEAD;
        let after = |last: u64| if is_new(last) { first } else { last + 1 };
        let last = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(after(last)));
        Ticket(after(last.unwrap_or_default()))
    }
}

impl Ticket {
    /// The id in this place of the transaction.
    pub(super) fn id(self, place: usize, random: [u8; 8]) -> Uuid {
        let count = u64::from(u16::try_from(place).unwrap_or(u16::MAX));
        let rest = (count << RANDOM) | (u64::from_be_bytes(random) & ((1 << RANDOM) - 1));
        let whole = (u128::from(self.0 & ((1 << PLACE) - 1)) << 64) | u128::from(rest);
        let mut tail = [0; 10];
        tail.iter_mut().zip(whole.to_be_bytes().into_iter().skip(6)).for_each(|(place, byte)| *place = byte);
        let millis = i64::try_from(self.0 >> PLACE).unwrap_or(0);
        Uuid::v7(Time::from_micros(millis.saturating_mul(1000)), tail)
    }
}

/// Random bytes, fetched for many ids at once.
#[derive(Debug)]
pub(super) struct Entropy {
    bytes: [u8; TAKEN],
    used: usize,
}

thread_local! {
    /// What the system gave and nobody took yet: a system call for each write would cost a good part of a read.
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOLED], used: POOLED }) };
}

struct Pool {
    bytes: [u8; POOLED],
    used: usize,
}

impl Pool {
    /// Bytes that nobody else gets; they do not stay here.
    fn take(&mut self) -> Result<[u8; TAKEN]> {
        if self.used + TAKEN > POOLED {
            (self.bytes, self.used) = (random_bytes()?, 0);
        }
        let from = self.used;
        self.used += TAKEN;
        let taken = self.bytes.get_mut(from..self.used).and_then(|bytes| bytes.first_chunk_mut());
        taken.map(std::mem::take).ok_or_else(|| Error::internal("a pool of random bytes of another size"))
    }
}

impl Entropy {
    pub(super) fn new() -> Result<Self> {
        let bytes = POOL.with(|pool| pool.borrow_mut().take())?;
        Ok(Self { bytes, used: 0 })
    }

    /// Bytes that nobody else gets.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        if self.used + N > self.bytes.len() {
            *self = Self::new()?;
        }
        let taken = self.bytes.get(self.used..self.used + N).and_then(|bytes| bytes.try_into().ok());
        self.used += N;
        taken.ok_or_else(|| Error::internal("more random bytes at once than there are"))
    }
}

/// Bytes fresh from the system, for secrets.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000_000;

    fn at(micros: i64) -> Time {
        Time::from_micros(NOW + micros)
    }

    #[test]
    fn ids_of_one_millisecond_are_in_order() {
        let order = Order::default();
        let mut ids = Vec::new();
        for transaction in 0..3000_u16 {
            let ticket = order.next(at(0), transaction.wrapping_mul(31));
            // Whatever is drawn at random: the last bits never decide.
            ids.extend([ticket.id(0, [0xff; 8]), ticket.id(1, [0; 8]), ticket.id(70_000, [0; 8])]);
        }
        assert!(ids.is_sorted());
        ids.dedup();
        assert_eq!(ids.len(), 9000);
        assert!(ids.iter().all(|id| id.is_v7()));
        assert!(ids[0] > Uuid::v7(at(-1000), [0xff; 10]));
        assert!(ids[8999] < Uuid::v7(at(1000), [0; 10]));
    }

    #[test]
    fn a_clock_that_was_set_back_is_waited_for_unless_it_is_far() {
        let order = Order::default();
        let first = order.next(at(0), 7);
        assert!(order.next(at(-5_000_000), 7) > first);
        let far = order.next(at(-60_000_000), 7);
        assert!(far < first);
        assert!(order.next(at(-60_000_000), 7) > far);
    }

    #[test]
    fn entropy_is_never_given_twice() {
        let mut entropy = Entropy::new().unwrap();
        let mut taken: Vec<[u8; 8]> = (0..100).map(|_| entropy.take().unwrap()).collect();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 100);
    }
}
