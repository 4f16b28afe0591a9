//! Work that can wait: letters, erasing what an account left, and moving what a guest left, and letting
//! go of sign-ups that nobody proved.

use mains_base::{Error, Result, Uuid};
use mains_database::jobs::{Cron, Handler, JobContext, Jobs, Schedule};
use mains_server::mail::MailTemplate;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::service::{self, Letter, Recipient, Settings};

/// Writes a letter.
pub(super) const LETTER: &str = "account.letter";
/// Erases what an account left.
pub(super) const ERASE: &str = "account.erase";

/// Moves the rest of what a guest left to the account that it became.
pub(super) const MERGE: &str = "account.merge";
/// Lets go of sign-ups that nobody proved, every hour.
const LAPSE: &str = "account.lapse";
/// Forgets links, sessions and guests that are over, every night.
const SWEEP: &str = "account.sweep";

/// What does the jobs of this app, and when.
pub(super) fn add(jobs: Jobs, settings: Settings) -> Jobs {
    let erasing = Handler::new(ERASE, |context| async move { erase(&context).await });
    let jobs = jobs
        .with(Handler::new(LETTER, |context| async move { write_letter(context).await }))
        .with(erasing.together(1).limit(std::time::Duration::from_hours(1)))
        .with(Handler::new(MERGE, |context| async move { merge(&context).await }))
        .with(lapsing(settings))
        .with(sweeping(settings));
    [(LAPSE, "17 * * * *"), (SWEEP, "43 3 * * *")].into_iter().fold(jobs, |jobs, (name, cron)| {
        // The expressions are ours, and right.
        match Cron::parse(cron, "UTC") {
            Ok(slots) => jobs.every(Schedule::new(name, slots)),
            Err(_) => jobs,
        }
    })
}

fn lapsing(settings: Settings) -> Handler {
    let lapse =
        move |context: JobContext| async move { service::lapse(&context.db, settings.unproven_days).await };
    Handler::new(LAPSE, lapse).together(1)
}

fn sweeping(settings: Settings) -> Handler {
    let sweep =
        move |context: JobContext| async move { service::sweep(&context.db, settings.guest_days).await };
    Handler::new(SWEEP, sweep).together(1).limit(std::time::Duration::from_hours(1))
}

async fn write_letter(context: JobContext) -> Result<()> {
    let letter: Letter = read(context.payload.get("letter"))?;
    let to: Recipient = read(context.secret.as_ref())?;
    service::write_letter(context, letter, to).await
}

async fn erase(context: &JobContext) -> Result<()> {
    service::erase_rest(&context.db, account(context, "account")?).await
}

async fn merge(context: &JobContext) -> Result<()> {
    let (guest, person) = (account(context, "guest")?, account(context, "person")?);
    service::merge_rest(&context.db, guest, person).await
}

fn account(context: &JobContext, name: &str) -> Result<Uuid> {
    let text: String = read(context.payload.get(name))?;
    let id = text.rsplit('_').next().and_then(|suffix| Uuid::from_suffix(suffix).ok());
    id.ok_or_else(|| JobContext::give_up("the job names no account"))
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
