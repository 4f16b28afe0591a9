//! Sessions that were asked for a while ago, so that a signed-in request costs no query.
//!
//! Invariants: a session that is forgotten here because it was revoked cannot be brought back by a look into the
//! database that began before; and the memory is bounded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mains_base::{Caller, Time, Uuid};
use subtle::ConstantTimeEq;

use crate::keys::Hash;
use crate::sessions::{Hashed, Revoked, is_stale, renewed};

/// Sessions in memory; each takes about half a kilobyte.
const MOST: usize = 100_000;

/// The sessions in memory.
#[derive(Default)]
pub(super) struct Seats {
    held: RwLock<HashMap<Hash, Arc<Seat>>>,
    /// Rises with everything that is forgotten.
    revision: AtomicU64,
}

/// One session, as a request finds it.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Its public id.
    pub(crate) id: String,
    pub(crate) account: Uuid,
    pub(crate) caller: Arc<Caller>,
    hash: Hash,
    created: Time,
    expires: AtomicI64,
    seen: AtomicI64,
}

impl Seats {
    /// The session of this hash, if it is in memory and lasts.
    pub(super) fn find(&self, hash: &Hash, now: Time) -> Option<Arc<Seat>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let seat = held.get(hash).filter(|seat| bool::from(seat.hash.ct_eq(hash)))?;
        seat.lasts(now).then(|| Arc::clone(seat))
    }

    /// To be taken before the database is asked.
    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// Keeps what the database said, unless something was forgotten since the question.
    pub(super) fn keep(&self, seat: &Arc<Seat>, revision: u64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if self.revision() != revision {
            return;
        }
        if held.len() >= MOST {
            // Any half: who comes again is asked for again.
            let mut keep = false;
            held.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        held.insert(seat.hash, Arc::clone(seat));
    }

    /// Forgets what was revoked or changed.
    pub(super) fn forget(&self, revoked: &Revoked) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        self.revision.fetch_add(1, Ordering::SeqCst);
        held.retain(|_, seat| !revoked.is_about(seat.account, &seat.id));
    }
}

impl Seat {
    pub(super) fn new(hashed: Hashed) -> Self {
        let Hashed { hash, session } = hashed;
        Self {
            caller: Arc::new(session.facts.caller(session.account)),
            id: session.id,
            account: session.account,
            hash,
            created: session.created,
            expires: AtomicI64::new(session.expires.micros()),
            seen: AtomicI64::new(session.seen.micros()),
        }
    }

    pub(super) fn hash(&self) -> &Hash {
        &self.hash
    }

    pub(super) fn lasts(&self, now: Time) -> bool {
        now.micros() < self.expires.load(Ordering::Relaxed)
    }

    /// When it ends now that it is used, if that is worth a write; said to one request alone.
    pub(super) fn renew(&self, now: Time) -> Option<(Hash, Time)> {
        let seen = self.seen.load(Ordering::Relaxed);
        if !is_stale(Time::from_micros(seen), now) {
            return None;
        }
        self.seen.compare_exchange(seen, now.micros(), Ordering::Relaxed, Ordering::Relaxed).ok()?;
        let expires = renewed(self.created, now);
        self.expires.store(expires.micros(), Ordering::Relaxed);
        Some((self.hash, expires))
    }
}
