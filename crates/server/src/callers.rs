//! Who asks: one function finds the caller of a request, whatever door it came through.
//!
//! Invariant: a key that was revoked on this node is refused from the moment its revocation is committed; a load that
//! began before it cannot bring the key back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;
use mains_base::{Caller, CallerKind, Clock, Error, Kind, Result, Time};
use mains_database::engine::Engine;
use subtle::ConstantTimeEq;
use tokio::time::{MissedTickBehavior, interval};

use crate::keys::{self, Hash, Hashed, Key, NewKey, Secret};
use crate::listener::Stop;
use crate::tasks;

/// How often keys are read again, for those that another node made or revoked.
const AGAIN: Duration = Duration::from_secs(1);
/// The role that is every right.
const STAFF: &str = "staff";

/// Knows every caller.
pub struct Callers {
    engine: Engine,
    clock: Arc<dyn Clock>,
    visitor: Arc<Caller>,
    ring: RwLock<Ring>,
    tickets: AtomicU64,
}

/// The keys that are accepted.
#[derive(Default)]
struct Ring {
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

impl Callers {
    /// Reads the keys there are.
    pub async fn open(engine: Engine, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let callers = Arc::new(Self {
            engine,
            clock,
            visitor: Arc::new(Caller::visitor()),
            ring: RwLock::default(),
            tickets: AtomicU64::new(0),
        });
        callers.refresh().await?;
        Ok(callers)
    }

    /// The caller of a request. 401 when it names somebody that is not known: never a visitor by mistake.
    pub fn find(&self, head: &Parts) -> Result<Arc<Caller>> {
        let mut said = head.headers.get_all(AUTHORIZATION).iter();
        let Some(first) = said.next() else { return Ok(Arc::clone(&self.visitor)) };
        let token = first.to_str().ok().and_then(bearer).filter(|_| said.next().is_none());
        let token = token.filter(|token| token.starts_with(keys::PREFIX)).ok_or_else(unknown_scheme)?;
        self.by_key(&keys::hash(token)).ok_or_else(unknown_key)
    }

    fn by_key(&self, hash: &Hash) -> Option<Arc<Caller>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let accepted = ring.keys.get(hash)?;
        let same = bool::from(accepted.hash.ct_eq(hash));
        let lasts = accepted.expires.is_none_or(|expires| self.clock.now() < expires);
        (same && lasts).then(|| Arc::clone(&accepted.caller))
    }

    /// Makes a key that is accepted at once.
    pub async fn create_key(&self, new: NewKey) -> Result<(Key, Secret)> {
        let (key, secret) = keys::create(&self.engine, &*self.clock, new).await?;
        let hashed = Hashed { hash: keys::hash(secret.expose()), key: key.clone() };
        self.change(|ring| ring.accept(hashed));
        Ok((key, secret))
    }

    /// Revokes a key, which is refused as soon as this answers.
    pub async fn revoke_key(&self, id: &str) -> Result<()> {
        keys::revoke(&self.engine, &*self.clock, id).await?;
        self.change(|ring| ring.keys.retain(|_, accepted| accepted.id != id));
        Ok(())
    }

    /// Reads the keys again.
    pub async fn refresh(&self) -> Result<()> {
        let ticket = self.ticket();
        let mut ring = Ring { revision: ticket, keys: HashMap::new() };
        keys::load(&self.engine).await?.into_iter().for_each(|hashed| ring.accept(hashed));
        let mut held = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        if held.revision < ticket {
            *held = ring;
        }
        Ok(())
    }

    /// Reads the keys every second until `stop`: what another node revokes is refused here a second later.
    pub fn keep_fresh(self: &Arc<Self>, stop: Stop) {
        let callers = Arc::clone(self);
        tasks::spawn("keys", async move {
            let mut ticks = interval(AGAIN);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.asked() => return,
                    _ = ticks.tick() => {}
                }
                if let Err(error) = callers.refresh().await {
                    tracing::warn!(%error, "the keys could not be read");
                }
            }
        });
    }

    /// Changes the ring for what is committed; loads that are under way know it less well and are dropped.
    fn change(&self, change: impl FnOnce(&mut Ring)) {
        let ticket = self.ticket();
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.revision = ring.revision.max(ticket);
        change(&mut ring);
    }

    fn ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Ring {
    fn accept(&mut self, hashed: Hashed) {
        let Hashed { hash, key } = hashed;
        let staff = key.roles.iter().any(|role| role == STAFF);
        let caller = Caller { kind: CallerKind::Key, staff, roles: key.roles, level: 1, ..Caller::visitor() };
        let accepted = Accepted { id: key.id, hash, expires: key.expires, caller: Arc::new(caller) };
        self.keys.insert(hash, accepted);
    }
}

impl std::fmt::Debug for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callers").finish_non_exhaustive()
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750); the scheme ignores case.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn unknown_key() -> Error {
    let detail = "This key is unknown, revoked or expired; ask the owner of the site for a new one.";
    Error::new(Kind::Unauthenticated, "callers.unknown_key", detail)
}

fn unknown_scheme() -> Error {
    let detail =
        "The Authorization header must be one `Bearer mains_key_…`; leave it out to ask as a visitor.";
    Error::new(Kind::Unauthenticated, "callers.unknown_token", detail)
}
