//! `Idempotency-Key`: the same POST sent twice is done once and answered twice.
//!
//! Invariants: the key is a row in the transaction of the effect, so either both are there or neither; a key belongs to
//! its caller, of visitors to their network, so nobody is given the answer of another; a request that failed leaves no
//! key.

mod store;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use mains_base::{Error, Kind, Result, Time, Uuid};
use mains_database::Db;
use mains_database::write::Tx;
use sha2::{Digest, Sha256};

pub(crate) use store::{forget_record, purge};

use crate::callers::{Asker, By};
use crate::keys::Hash;
use crate::listener::Network;
use crate::router::Call;

const HEADER: &str = "idempotency-key";
/// How long a key is kept.
const KEPT: i64 = 24 * 3_600 * 1_000_000;
/// The longest answer that is kept as it is; of a longer one the record is read again.
const BODY: usize = 65_536;
/// Requests with a key that are being answered at the same time.
const RUNNING: usize = 10_000;

/// The keys of requests that are being answered here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(Arc<Mutex<HashSet<Hash>>>);

/// One request with a key.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    key: Hash,
    /// As it was sent.
    text: String,
    account: Option<Uuid>,
    payload: Hash,
}

/// A request with a key while it is being answered.
#[derive(Debug)]
pub(crate) struct Running {
    keys: Keys,
    key: Hash,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    /// The record that it shows: the collection's name, its id, its version.
    pub(crate) record: Option<(String, Uuid, i64)>,
    /// Its JSON, where it was known in time.
    pub(crate) body: Option<String>,
}

/// Whether a request names a key.
pub(crate) fn is_named(head: &Parts) -> bool {
    head.headers.contains_key(HEADER)
}

impl Keyed {
    /// The key of a request, with what was sent.
    pub(crate) fn read(call: &Call<'_>, asker: &Asker, body: &[u8]) -> Result<Self> {
        let head = call.head;
        let mut said = head.headers.get_all(HEADER).iter();
        let text = said.next().and_then(|value| value.to_str().ok()).filter(|_| said.next().is_none());
        let text = text.map(|text| text.trim().trim_matches('"'));
        let text = text.filter(|text| !text.is_empty() && text.len() <= 255).ok_or_else(unreadable)?;
        let key = match &asker.by {
            By::Nothing => hashed(b"visitor", Network::of_one(call.client).bytes(), text),
            By::Key(hash) => hashed(b"key", hash, text),
            By::Session(seat) => hashed(b"account", &seat.account.0, text),
        };
        let mut payload = Sha256::new();
        let address = head.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let media = head.headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], |media| media.as_bytes());
        for part in [head.method.as_str().as_bytes(), address.as_bytes(), media] {
            payload.update(part.len().to_be_bytes());
            payload.update(part);
        }
        payload.update(body);
        let account = if let By::Session(seat) = &asker.by { Some(seat.account) } else { None };
        Ok(Self { key, text: text.to_owned(), account, payload: payload.finalize().into() })
    }

    /// The same request, sent by the guest that its visitor became.
    pub(crate) fn of_guest(&self, guest: Uuid) -> Self {
        Self { key: hashed(b"account", &guest.0, &self.text), account: Some(guest), ..self.clone() }
    }

    /// What was answered before. 422 when it was another request.
    pub(crate) async fn find(&self, db: &Db) -> Result<Option<Kept>> {
        let since = Time::from_micros(db.clock().now().micros() - KEPT);
        let Some((payload, kept)) = store::find(db.engine(), &self.key, since).await? else {
            return Ok(None);
        };
        if payload == self.payload { Ok(Some(kept)) } else { Err(other_payload()) }
    }

    /// Keeps the answer in the transaction of its effect; [`is_met`] tells that somebody else was first.
    pub(crate) fn keep(&self, tx: &mut Tx<'_>, mut kept: Kept) -> Result<()> {
        kept.body = kept.body.filter(|body| body.len() <= BODY);
        let since = Time::from_micros(tx.now().micros() - KEPT);
        if store::insert(tx, self, &kept, since)? { Ok(()) } else { Err(met()) }
    }
}

/// A key in the name of its caller.
fn hashed(sort: &[u8], who: &[u8], text: &str) -> Hash {
    let mut key = Sha256::new();
    for part in [sort, who, &[0], text.as_bytes()] {
        key.update(part);
    }
    key.finalize().into()
}

impl Keys {
    /// Begins to answer a request. 409 while the same one is being answered.
    pub(crate) fn begin(&self, keyed: &Keyed) -> Result<Running> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.len() >= RUNNING || !running.insert(keyed.key) {
            return Err(still_running());
        }
        Ok(Running { keys: self.clone(), key: keyed.key })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Forgets a part of what was kept for an account, and the answers of these collections as they were given: what is
/// personal in them may be the account's. Whether more is there. A key whose answer is forgotten still counts.
pub fn forget(tx: &mut Tx<'_>, account: Uuid, collections: &[String]) -> Result<bool> {
    let mut more = store::forget_account(tx, account)?;
    for collection in collections {
        more |= store::forget_bodies(tx, collection)?;
    }
    Ok(more)
}

const MET: &str = "idempotency.met";

/// Whether a write failed because another one with this key was first.
pub(crate) fn is_met(error: &Error) -> bool {
    error.code() == MET
}

fn met() -> Error {
    Error::new(Kind::Conflict, MET, "A request with this Idempotency-Key was first.")
}

fn still_running() -> Error {
    let detail =
        "The first request with this Idempotency-Key is still being answered; try again in a second.";
    Error::conflict("idempotency.running", detail).retry_after(std::time::Duration::from_secs(1))
}

fn other_payload() -> Error {
    let detail = "This Idempotency-Key was used for another request; send a new key.";
    Error::new(Kind::Invalid, "idempotency.other_payload", detail)
}

fn unreadable() -> Error {
    let detail = "An Idempotency-Key is one text of up to 255 characters, such as a UUID.";
    Error::new(Kind::Malformed, "idempotency.key", detail)
}

/// 400 where a command must not be done twice by accident.
pub(crate) fn required() -> Error {
    let detail =
        "This needs an Idempotency-Key, so that it is not done twice; send a UUID that you made for it.";
    Error::new(Kind::Malformed, "idempotency.required", detail)
}
