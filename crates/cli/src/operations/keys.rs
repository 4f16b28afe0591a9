//! API keys, through the callers of the server so that a running one knows at once.

use mains_base::Result;
use mains_server::keys::NewKey;
use serde_json::{Value, json};

use crate::site::Site;

/// Makes a key; answers `{id, secret}`.
pub(super) async fn create(site: &Site, roles: Vec<String>, note: String) -> Result<Value> {
    let note = (!note.is_empty()).then_some(note);
    let (key, secret) = site.records.callers().create_key(NewKey { roles, note, expires: None }).await?;
    Ok(json!({"id": key.id, "secret": secret.expose()}))
}

/// Answers a list of `{id, roles, note, made, revoked}`.
pub(super) async fn list(site: &Site) -> Result<Value> {
    let keys = mains_server::keys::list(site.db().engine()).await?;
    let shown = keys.into_iter().map(|key| {
        let revoked = key.revoked.map(|at| at.to_string());
        json!({"id": key.id, "roles": key.roles, "note": key.note, "made": key.made.to_string(), "revoked": revoked})
    });
    Ok(shown.collect())
}

/// Revokes a key by its id.
pub(super) async fn revoke(site: &Site, id: &str) -> Result<Value> {
    site.records.callers().revoke_key(id).await?;
    Ok(Value::Null)
}
