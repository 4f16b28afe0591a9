//! The keys that are accepted, all of them in memory.
//!
//! Invariant: a load that began before a revocation on this node cannot bring the key back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mains_base::{Caller, CallerKind, Time};
use subtle::ConstantTimeEq;

use crate::keys::{Hash, Hashed};

/// The role that is every right.
const STAFF: &str = "staff";

/// The keys that are accepted.
#[derive(Default)]
pub(super) struct Ring {
    held: RwLock<Held>,
    tickets: AtomicU64,
}

#[derive(Default)]
struct Held {
    /// The ticket of the load or change that made it what it is.
    revision: u64,
    keys: HashMap<Hash, Accepted>,
}

struct Accepted {
    id: String,
    hash: Hash,
    expires: Option<Time>,
    caller: Arc<Caller>,
}

impl Ring {
    /// Whose key this is, if it is accepted now.
    pub(super) fn find(&self, hash: &Hash, now: Time) -> Option<Arc<Caller>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let accepted = held.keys.get(hash)?;
        let same = bool::from(accepted.hash.ct_eq(hash));
        let lasts = accepted.expires.is_none_or(|expires| now < expires);
        (same && lasts).then(|| Arc::clone(&accepted.caller))
    }

    /// To be taken before keys are loaded.
    pub(super) fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Takes what a load gave, unless something newer is known.
    pub(super) fn load(&self, ticket: u64, all: Vec<Hashed>) {
        let mut fresh = Held { revision: ticket, keys: HashMap::new() };
        for hashed in all {
            fresh.accept(hashed);
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.revision < ticket {
            *held = fresh;
        }
    }

    /// Takes a key that is committed.
    pub(super) fn accept(&self, hashed: Hashed) {
        self.change(|held| held.accept(hashed));
    }

    /// Forgets a key whose revocation is committed.
    pub(super) fn forget(&self, id: &str) {
        self.change(|held| held.keys.retain(|_, accepted| accepted.id != id));
    }

    /// Loads that are under way know a change less well and are dropped.
    fn change(&self, change: impl FnOnce(&mut Held)) {
        let ticket = self.ticket();
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.revision = held.revision.max(ticket);
        change(&mut held);
    }
}

impl Held {
    fn accept(&mut self, hashed: Hashed) {
        let Hashed { hash, key } = hashed;
        let staff = key.roles.iter().any(|role| role == STAFF);
        let caller = Caller { kind: CallerKind::Key, staff, roles: key.roles, level: 1, ..Caller::visitor() };
        let accepted = Accepted { id: key.id, hash, expires: key.expires, caller: Arc::new(caller) };
        self.keys.insert(hash, accepted);
    }
}
