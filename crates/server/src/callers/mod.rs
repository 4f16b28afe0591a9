//! Who asks: one function finds the caller of a request, whatever door it came through.
//!
//! Invariant: a key or session that was revoked on this node is refused from the moment its revocation is committed; on
//! other nodes a second later.

mod ring;
mod seats;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;
use mains_base::{Caller, Error, Kind, Result, Time};
use mains_database::Db;
use mains_database::dialect::Dialect;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use crate::idempotency;
use crate::keys::{self, Hash, Hashed, Key, NewKey, Secret};
use crate::listener::Stop;
use crate::sessions::{self, Gone, Revoked, cookie};
use crate::settings::Settings;
use crate::tasks;
use ring::Ring;
pub(crate) use seats::Seat;
use seats::Seats;

/// How often what another node changed is read.
const AGAIN: Duration = Duration::from_secs(1);
/// Revocations are told of for so long, and then removed after twice that.
const TOLD: i64 = 5 * 60 * 1_000_000;
/// How often what has expired is removed, in steps of [`AGAIN`].
const PURGE: u64 = 600;
/// Revocations that one who hears them may be behind; one who is further behind starts over.
const BEHIND: usize = 1_024;

/// Knows every caller.
pub struct Callers {
    db: Db,
    visitor: Arc<Caller>,
    ring: Ring,
    seats: Seats,
    revoked: broadcast::Sender<Revoked>,
    /// Revocations of other nodes that were heard of already.
    told: Mutex<HashSet<Vec<u8>>>,
}

/// Who asks, and by what they are known.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The caller.
    pub caller: Arc<Caller>,
    pub(crate) by: By,
}

/// What a caller is known by.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// Nothing: a visitor.
    Nothing,
    /// A key, by its hash.
    Key(Hash),
    /// A session.
    Session(Arc<Seat>),
}

impl Callers {
    /// Reads the keys there are.
    pub async fn open(db: &Db) -> Result<Arc<Self>> {
        let callers = Arc::new(Self {
            db: db.clone(),
            visitor: Arc::new(Caller::visitor()),
            ring: Ring::default(),
            seats: Seats::default(),
            revoked: broadcast::Sender::new(BEHIND),
            told: Mutex::default(),
        });
        let hearing = Arc::downgrade(&callers);
        db.listen(move |notice| {
            if let (Some(callers), Some(revoked)) = (hearing.upgrade(), Revoked::read(notice)) {
                callers.forget(revoked);
            }
        });
        callers.read_keys().await?;
        Ok(callers)
    }

    /// The caller of a request. 401 when it names somebody that is not known: never a visitor by mistake. A cookie of
    /// a session that ended is no name: browsers send it on their own.
    pub async fn find(&self, head: &Parts, settings: &Settings) -> Result<Arc<Caller>> {
        self.ask(head, settings).await.map(|asker| asker.caller)
    }

    /// The same, with what the caller is known by.
    pub async fn ask(&self, head: &Parts, settings: &Settings) -> Result<Asker> {
        let mut said = head.headers.get_all(AUTHORIZATION).iter();
        let Some(first) = said.next() else {
            let Some(token) = cookie::token(head, settings) else { return Ok(self.visitor()) };
            let seat = self.by_session(&keys::hash(token)).await?;
            return Ok(seat.map_or_else(|| self.visitor(), Asker::session));
        };
        let token = first.to_str().ok().and_then(bearer).filter(|_| said.next().is_none());
        let token = token.ok_or_else(unknown_scheme)?;
        let hash = keys::hash(token);
        if token.starts_with(keys::PREFIX) {
            let caller = self.ring.find(&hash, self.now()).ok_or_else(unknown_key)?;
            return Ok(Asker { caller, by: By::Key(hash) });
        }
        if token.starts_with(sessions::PREFIX) {
            return self.by_session(&hash).await?.map(Asker::session).ok_or_else(ended);
        }
        Err(unknown_scheme())
    }

    /// Hears of sessions that end or change from now on.
    pub fn revoked(&self) -> broadcast::Receiver<Revoked> {
        self.revoked.subscribe()
    }

    /// The same caller as it is now, for what outlives a request; `None`: it may not go on. A key's caller is asked
    /// for again by its own hash.
    pub async fn again(&self, asker: &Asker) -> Result<Option<Asker>> {
        match &asker.by {
            By::Nothing => Ok(Some(self.visitor())),
            By::Key(hash) => {
                let found = self.ring.find(hash, self.now());
                Ok(found.map(|caller| Asker { caller, by: By::Key(*hash) }))
            }
            By::Session(seat) => Ok(self.by_session(seat.hash()).await?.map(Asker::session)),
        }
    }

    fn visitor(&self) -> Asker {
        Asker { caller: Arc::clone(&self.visitor), by: By::Nothing }
    }

    fn now(&self) -> Time {
        self.db.clock().now()
    }

    async fn by_session(&self, hash: &Hash) -> Result<Option<Arc<Seat>>> {
        let now = self.now();
        let seat = match self.seats.find(hash, now) {
            Some(seat) => Some(seat),
            // Boxed, so that a look into the database does not make the future of every request larger.
            None => Box::pin(self.look(hash, now)).await?,
        };
        if let Some(renewed) = seat.as_ref().and_then(|seat| seat.renew(now)) {
            self.touch(renewed, now);
        }
        Ok(seat)
    }

    async fn look(&self, hash: &Hash, now: Time) -> Result<Option<Arc<Seat>>> {
        let revision = self.seats.revision();
        let found = sessions::find(self.db.engine(), hash).await?;
        let seat = found.map(|hashed| Arc::new(Seat::new(hashed))).filter(|seat| seat.lasts(now));
        if let Some(seat) = &seat {
            self.seats.keep(seat, revision);
        }
        Ok(seat)
    }

    /// Notes beside the request that a session is in use; it does not wait for it.
    fn touch(&self, (hash, expires): (Hash, Time), now: Time) {
        let db = self.db.clone();
        tasks::spawn("session", async move {
            let noted = db.write(&[], move |tx| sessions::touch(tx, &hash, now, expires)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "that a session is in use could not be noted");
            }
        });
    }

    fn forget(&self, revoked: Revoked) {
        self.seats.forget(&revoked);
        // Nobody may be listening.
        drop(self.revoked.send(revoked));
    }

    /// Makes a key that is accepted at once.
    pub async fn create_key(&self, new: NewKey) -> Result<(Key, Secret)> {
        let (key, secret) = keys::create(self.db.engine(), &**self.db.clock(), new).await?;
        self.ring.accept(Hashed { hash: keys::hash(secret.expose()), key: key.clone() });
        Ok((key, secret))
    }

    /// Revokes a key, which is refused as soon as this answers.
    pub async fn revoke_key(&self, id: &str) -> Result<()> {
        keys::revoke(self.db.engine(), &**self.db.clock(), id).await?;
        self.ring.forget(id);
        Ok(())
    }

    /// Reads again what other nodes may have changed: keys, and the sessions that they revoked.
    pub async fn refresh(&self) -> Result<()> {
        self.read_keys().await?;
        let since = Time::from_micros(self.now().micros() - TOLD);
        let gone = sessions::gone_since(self.db.engine(), since).await?;
        for revoked in self.untold(gone) {
            self.forget(revoked);
        }
        Ok(())
    }

    async fn read_keys(&self) -> Result<()> {
        let ticket = self.ring.ticket();
        self.ring.load(ticket, keys::load(self.db.engine()).await?);
        Ok(())
    }

    /// Those of the revocations that were not met the last time.
    fn untold(&self, gone: Vec<Gone>) -> Vec<Revoked> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = std::mem::take(&mut *told);
        let fresh = gone.into_iter().filter_map(|(id, revoked)| {
            let is_known = known.contains(&id);
            told.insert(id);
            (!is_known).then_some(revoked)
        });
        fresh.collect()
    }

    /// Reads keys and revocations every second until `stop`: what another node revokes is refused here a second
    /// later. One process owns a database of SQLite, so there is nobody else to hear of.
    pub fn keep_fresh(self: &Arc<Self>, stop: Stop) {
        let callers = Arc::clone(self);
        tasks::spawn("callers", async move {
            let mut ticks = interval(AGAIN);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for tick in 0_u64.. {
                tokio::select! {
                    () = stop.asked() => return,
                    _ = ticks.tick() => {}
                }
                if let Err(error) = callers.freshen(tick % PURGE == 1).await {
                    tracing::warn!(%error, "keys and sessions could not be read");
                }
            }
        });
    }

    async fn freshen(&self, purges: bool) -> Result<()> {
        match self.db.engine().dialect() {
            Dialect::Sqlite => self.read_keys().await?,
            Dialect::Postgres => self.refresh().await?,
        }
        if purges {
            let before = Time::from_micros(self.now().micros() - 2 * TOLD);
            self.db
                .write_alone(&[], move |tx| {
                    idempotency::purge(tx)?;
                    sessions::purge(tx, before)
                })
                .await?;
        }
        Ok(())
    }
}

impl Asker {
    fn session(seat: Arc<Seat>) -> Self {
        Self { caller: Arc::clone(&seat.caller), by: By::Session(seat) }
    }

    /// The public id of the session that the caller is known by, if it is one.
    pub fn session_id(&self) -> Option<&str> {
        if let By::Session(seat) = &self.by { Some(&seat.id) } else { None }
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

fn ended() -> Error {
    let detail = "This session has ended; sign in again.";
    Error::new(Kind::Unauthenticated, "callers.session_ended", detail)
}

fn unknown_scheme() -> Error {
    let detail = "The Authorization header must be one `Bearer mains_key_…` or `Bearer mains_session_…`; leave it out to ask as a visitor.";
    Error::new(Kind::Unauthenticated, "callers.unknown_token", detail)
}
