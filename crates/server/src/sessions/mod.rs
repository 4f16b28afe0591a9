//! Sessions: who is signed in where, and what is known of them.
//!
//! Invariants: a token exists only in the answer that it was made for; stored and compared is its SHA-256, which needs
//! no salt, because a token is 256 random bits. A session that is deleted here is refused from the moment its
//! transaction is committed, on other nodes a second later. What `auth` says of an account is a copy that the app which
//! owns the accounts rewrites ([`rewrite`]) in the transaction of each change.

pub mod cookie;
pub mod mark;
mod revoked;
mod store;

use mains_base::{Caller, CallerKind, Result, Time, Uuid};
use mains_database::write::Tx;

pub use revoked::Revoked;
pub(crate) use store::{Gone, find, gone_since, purge, touch};

use crate::keys::{Hash, Secret, hash};

/// What every session token begins with, so that scanners for leaked secrets recognize it.
pub(crate) const PREFIX: &str = "mains_session_";
/// A session that is not used for so long ends.
pub(crate) const IDLE_DAYS: i64 = 30;
/// However it is used, it ends after so long.
pub(crate) const LIFE_DAYS: i64 = 365;
/// Sessions of one account; the least recently used make room.
pub const MOST: i64 = 100;

/// The private table of sessions; without its rows nobody is signed in.
pub const TABLE: &str = "mains_sessions";

const DAY: i64 = 86_400 * 1_000_000;

/// The token of a session: what the browser keeps.
pub type Token = Secret;

/// What the accounts say of somebody: `auth`, but for what is the session's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// A guest, or an account.
    pub guest: bool,
    /// The address is verified.
    pub verified: bool,
    /// Every right.
    pub staff: bool,
    /// Roles given by the owner.
    pub roles: Vec<String>,
    /// Areas where the account is staff.
    pub rights: Vec<String>,
    /// How strongly this session proved who it is.
    pub level: i64,
    /// When it last did.
    pub proven_at: Option<Time>,
}

/// From where a session was begun, as its owner is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The `User-Agent`, cut.
    pub agent: Option<String>,
    /// The address.
    pub network: Option<String>,
}

/// A session as its owner may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `session_…`: names it, opens nothing.
    pub id: String,
    /// Whose it is.
    pub account: Uuid,
    /// What is known of them.
    pub facts: Facts,
    /// From where it was begun.
    pub origin: Origin,
    /// When it was begun.
    pub created: Time,
    /// From when on it is not accepted.
    pub expires: Time,
    /// When it was last used, to the day.
    pub seen: Time,
}

impl Facts {
    /// A guest: nothing is known.
    pub fn guest() -> Self {
        Self { guest: true, level: 0, ..Self::account() }
    }

    /// An account that has just given its password.
    pub fn account() -> Self {
        Self {
            guest: false,
            verified: false,
            staff: false,
            roles: Vec::new(),
            rights: Vec::new(),
            level: 1,
            proven_at: None,
        }
    }

    /// The caller that this makes of an account.
    pub fn caller(&self, account: Uuid) -> Caller {
        Caller {
            kind: if self.guest { CallerKind::Guest } else { CallerKind::Account },
            id: account,
            verified: self.verified,
            staff: self.staff,
            roles: self.roles.clone(),
            scopes: Vec::new(),
            rights: self.rights.clone(),
            level: self.level,
            proven_at: self.proven_at,
        }
    }
}

/// Begins a session of an account and gives its token, which exists nowhere else.
pub fn insert(tx: &mut Tx<'_>, account: Uuid, facts: &Facts, origin: &Origin) -> Result<Token> {
    let token = Secret::written(PREFIX, tx.token()?);
    let named = tx.token()?;
    let halves = named.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]);
    let id: String = halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect();
    let now = tx.now();
    let session = Session {
        id: format!("session_{id}"),
        account,
        facts: facts.clone(),
        origin: Origin {
            agent: origin.agent.as_deref().map(|agent| cut(agent, 200)),
            network: origin.network.as_deref().map(|network| cut(network, 64)),
        },
        created: now,
        expires: after(now, IDLE_DAYS),
        seen: now,
    };
    store::insert(tx, &hash(token.expose()), &session)?;
    for ended in store::make_room(tx, account)? {
        revoked::tell(tx, &Revoked { account, session: Some(ended) })?;
    }
    Ok(token)
}

/// The id of the record by which an app lists a session for its owner: the name of the session, as an id.
pub fn listed(id: &str) -> Option<Uuid> {
    let digits = id.strip_prefix("session_").filter(|digits| digits.len() == 32)?;
    let bytes = u128::from_str_radix(digits, 16).ok()?;
    Some(Uuid::v4(bytes.to_be_bytes()))
}

/// Ends one session of an account; whether there was one.
pub fn delete(tx: &mut Tx<'_>, account: Uuid, id: &str) -> Result<bool> {
    let found = store::delete(tx, account, id)?;
    if found {
        revoked::tell(tx, &Revoked { account, session: Some(id.to_owned()) })?;
    }
    Ok(found)
}

/// Ends all sessions of an account, but the one of this id; how many.
pub fn delete_of(tx: &mut Tx<'_>, account: Uuid, except: Option<&str>) -> Result<usize> {
    let ended = store::delete_of(tx, account, except)?;
    // Told of the account: the one that stays is only read again.
    revoked::tell(tx, &Revoked { account, session: None })?;
    Ok(ended)
}

/// Writes what the accounts now say of somebody into all of their sessions: everything but `level` and `proven_at`,
/// which each session has of its own.
pub fn rewrite(tx: &mut Tx<'_>, account: Uuid, facts: &Facts) -> Result<()> {
    store::rewrite(tx, account, facts)?;
    revoked::tell(tx, &Revoked { account, session: None })
}

/// Notes that one session proved again who it is. A step up in `level` should begin a new session instead, so that a
/// token that was seen before is worth no more than before.
pub fn prove(tx: &mut Tx<'_>, account: Uuid, id: &str, level: i64) -> Result<()> {
    store::prove(tx, account, id, level)?;
    revoked::tell(tx, &Revoked { account, session: Some(id.to_owned()) })
}

/// Moves the sessions of a guest to the account that it turned out to be: nothing but the id changes hands; call
/// [`rewrite`] besides.
pub fn repoint(tx: &mut Tx<'_>, from: Uuid, to: Uuid) -> Result<()> {
    store::repoint(tx, from, to)?;
    revoked::tell(tx, &Revoked { account: from, session: None })
}

/// The sessions of an account that are still accepted, the last used first.
pub fn list(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Session>> {
    store::list(tx, account)
}

/// A session with its hash, as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) hash: Hash,
    pub(crate) session: Session,
}

/// When a session used now ends, if nobody uses it again.
pub(crate) fn renewed(created: Time, now: Time) -> Time {
    after(now, IDLE_DAYS).min(after(created, LIFE_DAYS))
}

fn after(time: Time, days: i64) -> Time {
    Time::from_micros(time.micros().saturating_add(days * DAY))
}

/// Whether it was last seen so long ago that it is worth a write.
pub(crate) fn is_stale(seen: Time, now: Time) -> bool {
    now.micros().saturating_sub(seen.micros()) > DAY
}

fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(most).collect()
}
