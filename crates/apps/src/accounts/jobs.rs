//! Work that can wait: letters, and erasing what an account left.

use mains_base::{Error, Result, Uuid};
use mains_database::jobs::{Handler, JobContext};
use mains_server::mail::MailTemplate;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::service::{self, Letter, Recipient};

/// Writes a letter.
pub(super) const LETTER: &str = "account.letter";
/// Erases what an account left.
pub(super) const ERASE: &str = "account.erase";

/// What does the jobs of this app.
pub(super) fn handlers() -> [Handler; 2] {
    let erasing = Handler::new(ERASE, |context| async move { erase(&context).await });
    [
        Handler::new(LETTER, |context| async move { write_letter(context).await }),
        erasing.together(1).limit(std::time::Duration::from_hours(1)),
    ]
}

async fn write_letter(context: JobContext) -> Result<()> {
    let letter: Letter = read(context.payload.get("letter"))?;
    let to: Recipient = read(context.secret.as_ref())?;
    service::write_letter(context, letter, to).await
}

async fn erase(context: &JobContext) -> Result<()> {
    let text: String = read(context.payload.get("account"))?;
    let id = text.rsplit('_').next().and_then(|suffix| Uuid::from_suffix(suffix).ok());
    let id = id.ok_or_else(|| JobContext::give_up("the job names no account"))?;
    service::erase_rest(&context.db, id).await
}

fn read<T: DeserializeOwned>(value: Option<&Json>) -> Result<T> {
    serde_json::from_value(value.cloned().unwrap_or_default()).map_err(Error::internal)
}

const fn letter(name: &'static str, text: &'static str, html: &'static str) -> MailTemplate {
    MailTemplate { name, text, html }
}

/// The letters, which a site may replace by its own of the same name.
pub(super) const MAILS: [MailTemplate; 8] = [
    letter("verify", include_str!("mails/verify.txt"), include_str!("mails/verify.html")),
    letter("already", include_str!("mails/already.txt"), include_str!("mails/already.html")),
    letter("reset", include_str!("mails/reset.txt"), include_str!("mails/reset.html")),
    letter("change_email", include_str!("mails/change_email.txt"), include_str!("mails/change_email.html")),
    letter("email_asked", include_str!("mails/email_asked.txt"), include_str!("mails/email_asked.html")),
    letter(
        "email_changed",
        include_str!("mails/email_changed.txt"),
        include_str!("mails/email_changed.html"),
    ),
    letter(
        "password_changed",
        include_str!("mails/password_changed.txt"),
        include_str!("mails/password_changed.html"),
    ),
    letter("erased", include_str!("mails/erased.txt"), include_str!("mails/erased.html")),
];
