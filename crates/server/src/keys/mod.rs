//! API keys: made, listed, revoked. A key has roles, and `staff` among them is every right.
//!
//! Invariant: the secret exists only in what [`create`] gives back; stored and compared is its SHA-256. A hash without
//! salt is enough, because a key is 256 random bits and nothing a person chose.

mod secret;
mod store;

use mains_base::{Clock, Error, FieldError, Kind, Result, Time, Uuid};
use mains_database::engine::Engine;

pub use secret::Secret;
pub(crate) use secret::{Hash, PREFIX, hash};

use crate::request::random;

/// How many keys a site may have, so that all of them can be kept in memory.
pub const MOST: usize = 10_000;

/// What is known of a key but its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `key_…`: names it, opens nothing.
    pub id: String,
    /// What it is for.
    pub note: Option<String>,
    /// What its caller may do.
    pub roles: Vec<String>,
    /// When it was made.
    pub made: Time,
    /// From when on it is not accepted.
    pub expires: Option<Time>,
    /// Since when it is not accepted.
    pub revoked: Option<Time>,
}

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What its caller may do; `staff` is every right.
    pub roles: Vec<String>,
    /// What it is for.
    pub note: Option<String>,
    /// From when on it is not accepted.
    pub expires: Option<Time>,
}

/// A key with its hash, as the callers' ring holds it.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) hash: Hash,
    pub(crate) key: Key,
}

/// Makes a key. Its secret is in the answer and nowhere else.
pub async fn create(engine: &Engine, clock: &dyn Clock, new: NewKey) -> Result<(Key, Secret)> {
    let (hashed, secret) = make(clock, new)?;
    store::insert(engine, &hashed).await?;
    Ok((hashed.key, secret))
}

/// All keys, revoked ones too, the newest first.
pub async fn list(engine: &Engine) -> Result<Vec<Key>> {
    Ok(store::load(engine).await?.into_iter().map(|hashed| hashed.key).collect())
}

/// Revokes a key; revoking it again changes nothing. A running server also forgets it: see `Callers::revoke`.
pub async fn revoke(engine: &Engine, clock: &dyn Clock, id: &str) -> Result<()> {
    if store::revoke(engine, id, clock.now()).await? {
        return Ok(());
    }
    let detail = format!("There is no key {id}; `mains keys list` shows them.");
    Err(Error::new(Kind::NotFound, "keys.unknown", detail))
}

/// Every key that may still be accepted.
pub(crate) async fn load(engine: &Engine) -> Result<Vec<Hashed>> {
    let all = store::load(engine).await?;
    Ok(all.into_iter().filter(|hashed| hashed.key.revoked.is_none()).collect())
}

fn make(clock: &dyn Clock, new: NewKey) -> Result<(Hashed, Secret)> {
    check_roles(&new.roles)?;
    let secret = Secret::new(random()?);
    let id: String = Uuid(random()?).suffix().iter().map(|&byte| char::from(byte)).collect();
    let NewKey { roles, note, expires } = new;
    let note = note.filter(|note| !note.is_empty());
    let key = Key { id: format!("key_{id}"), note, roles, made: clock.now(), expires, revoked: None };
    Ok((Hashed { hash: hash(secret.expose()), key }, secret))
}

/// Roles are names as the rules of a site write them.
fn check_roles(roles: &[String]) -> Result<()> {
    let plain = |role: &str| {
        role.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let good = |role: &&String| !role.is_empty() && role.len() <= 40 && plain(role);
    if roles.len() <= 20 && roles.iter().all(|role| good(&role)) {
        return Ok(());
    }
    let detail = "Roles are at most 20 names of a-z, 0-9 and _, such as staff.";
    Err(Error::invalid(vec![FieldError::new("roles", "pattern", detail)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mains_base::ManualClock;

    #[test]
    fn a_key_is_its_hash_and_its_secret_is_shown_once() {
        let clock = ManualClock::new(Time::from_micros(0));
        let new = NewKey { roles: vec!["staff".into()], ..NewKey::default() };
        let (hashed, secret) = make(&clock, new).unwrap();
        assert!(secret.expose().starts_with(PREFIX) && secret.expose().len() == 62);
        assert_eq!(hash(secret.expose()), hashed.hash);
        assert!(!format!("{hashed:?}{secret:?}").contains(secret.expose()));
    }

    #[test]
    fn roles_are_plain_names() {
        let check = |role: &str| check_roles(&[role.to_owned()]).is_ok();
        assert!(check("staff") && check("editor_2"));
        assert!(!check("") && !check("Staff") && !check("a b") && !check(&"x".repeat(41)));
    }
}
