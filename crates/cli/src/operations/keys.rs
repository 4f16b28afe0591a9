//! API keys, through the callers of the server so that a running one knows at once.

use mains_base::{Date, Error, Kind, Result, Time};
use mains_server::keys::NewKey;
use serde_json::{Value, json};

use crate::site::Site;

/// Makes a key; answers `{id, secret}`.
pub(super) async fn create(
    site: &Site,
    roles: Vec<String>,
    note: String,
    expires: Option<String>,
) -> Result<Value> {
    let note = (!note.is_empty()).then_some(note);
    let expires = expires.map(|text| moment(&text, site.db().clock().now())).transpose()?;
    let (key, secret) = site.records.callers().create_key(NewKey { roles, note, expires }).await?;
    Ok(json!({"id": key.id, "secret": secret.expose()}))
}

/// A day or an instant that is still to come.
fn moment(text: &str, now: Time) -> Result<Time> {
    let day = || Date::parse(text).and_then(|_| Time::parse(&format!("{text}T00:00:00Z")));
    let Some(moment) = Time::parse(text).or_else(day) else {
        let detail = format!("{text:?} is no time; write 2027-01-31 or 2027-01-31T09:30:00Z.");
        return Err(Error::new(Kind::Invalid, "keys.expires", detail));
    };
    if moment <= now {
        let detail = format!("{moment} is over already; a key ends later than now.");
        return Err(Error::new(Kind::Invalid, "keys.expires", detail));
    }
    Ok(moment)
}

/// Answers a list of `{id, roles, note, made, expires, revoked}`.
pub(super) async fn list(site: &Site) -> Result<Value> {
    let keys = mains_server::keys::list(site.db().engine()).await?;
    let now = site.db().clock().now();
    let shown = keys.into_iter().map(|key| {
        let [expires, revoked] = [key.expires, key.revoked].map(|at| at.map(|at| at.to_string()));
        json!({
            "id": key.id, "roles": key.roles, "note": key.note, "made": key.made.to_string(),
            "expires": expires, "over": key.expires.is_some_and(|at| at <= now), "revoked": revoked,
        })
    });
    Ok(shown.collect())
}

/// Revokes a key by its id.
pub(super) async fn revoke(site: &Site, id: &str) -> Result<Value> {
    site.records.callers().revoke_key(id).await?;
    Ok(Value::Null)
}
