//! Mails that were kept instead of sent.

use mains_base::Result;
use mains_server::mail::{self, Kept};
use serde_json::{Value, json};

use crate::site::Site;

/// Answers a list of `{id, at, to, template, subject, text, html}`.
pub(super) async fn list(site: &Site) -> Result<Value> {
    Ok(mail::list(site.db().engine()).await?.into_iter().map(shown).collect())
}

/// Answers one of them.
pub(super) async fn find(site: &Site, id: &str) -> Result<Value> {
    Ok(shown(mail::find(site.db().engine(), id).await?))
}

fn shown(mail: Kept) -> Value {
    let Kept { id, at, to, template, subject, text, html } = mail;
    json!({"id": id, "at": at.to_string(), "to": to, "template": template, "subject": subject, "text": text, "html": html})
}
