//! Mail: enqueued in the transaction of what it tells, rendered and sent by a job.
//!
//! Invariants: a mail exists exactly when its transaction was committed; its address and what it tells (links with
//! tokens) are stored sealed and are gone once it is sent; the site's address in it is a setting, never a header of a
//! request.

mod address;
mod kept;
mod message;
mod page;
mod send;
mod store;
mod templates;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use mains_base::{Error, Kind, Result};
use mains_database::jobs::{Backoff, Handler, Job, JobContext};
use mains_database::write::Tx;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use kept::{Kept, find, forget, list};
pub use page::door;
pub use templates::{MailTemplate, Templates};

use message::Rendered;
use send::Smtp;

/// The name of the jobs that send.
pub const JOB: &str = "mail.send";

/// A mail that is to be sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Which template tells it: `verify` is `templates/mail/verify.txt` and `verify.html` of the site, or the one
    /// that an app brings.
    pub template: String,
    /// Whom it goes to.
    pub to: String,
    /// What the template may say, beside `site.name` and `site.url`.
    pub context: Json,
    /// What it is about: a second mail of this key is the same one.
    pub key: String,
}

/// Writes a mail that is sent once this transaction is committed.
pub fn enqueue(tx: &mut Tx<'_>, mail: Mail) -> Result<()> {
    let Mail { template, to, context, key } = mail;
    let secret = serde_json::to_value(Secret { to, context }).map_err(Error::internal)?;
    tx.enqueue(Job::new(JOB, key).payload(json!({"template": template})).secret(secret))
}

/// What only the handler sees of a mail.
#[derive(Debug, Serialize, Deserialize)]
struct Secret {
    to: String,
    context: Json,
}

/// How mails leave.
#[derive(Clone, Debug, Default)]
pub struct MailSettings {
    /// `smtp://user:password@host:587` or `smtps://…`; empty: they are kept here, to be looked at.
    pub url: String,
    /// Who they come from.
    pub from: String,
    /// A file of certificates that are trusted besides those of the web.
    pub ca: Option<PathBuf>,
    /// The site's name.
    pub site_name: String,
    /// The site's public address, without a slash at its end.
    pub site_url: String,
}

/// Sends mails, or keeps them.
pub struct Mailer {
    way: Way,
    from: Mailbox,
    templates: Templates,
    site: Json,
}

enum Way {
    Smtp(Smtp),
    Keep,
}

impl Mailer {
    /// What these settings say. The error is a sentence about a setting.
    pub fn open(settings: &MailSettings, templates: Templates) -> Result<Self> {
        let from = settings.from.parse().map_err(|_| {
            let detail = format!(
                "[mail] from is {:?}; write an address such as \"Shop <shop@example.com>\".",
                settings.from
            );
            Error::new(Kind::Invalid, "mails.settings", detail)
        })?;
        let way = if settings.url.is_empty() {
            Way::Keep
        } else {
            Way::Smtp(Smtp::open(&settings.url, settings.ca.as_deref())?)
        };
        let url = settings.site_url.trim_end_matches('/');
        let site = json!({"name": settings.site_name, "url": url});
        Ok(Self { way, from, templates, site })
    }

    /// The handler of mails. A server that is down is asked again for a day; what it refuses for good is given up.
    pub fn handler(self) -> Handler {
        let mailer = Arc::new(self);
        let handler = Handler::new(JOB, move |context| {
            let mailer = Arc::clone(&mailer);
            async move { mailer.deliver(context).await }
        });
        let backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_hours(1) };
        handler.together(4).attempts(36).limit(Duration::from_mins(2)).backoff(backoff)
    }

    async fn deliver(&self, context: JobContext) -> Result<()> {
        let template = context.payload.get("template").and_then(Json::as_str).unwrap_or_default();
        let secret = context.secret.clone().ok_or_else(|| Error::internal("a mail without its address"))?;
        let Secret { to, context: values } = serde_json::from_value(secret).map_err(Error::internal)?;
        let rendered = self.templates.render(template, &self.site, values)?;
        match &self.way {
            Way::Smtp(smtp) => {
                let host = self.from.email.domain();
                let message = message::build(&self.from, &to, &rendered, (context.key(), host))?;
                smtp.send(message).await
            }
            Way::Keep => keep(context.clone(), template.to_owned(), to, rendered).await,
        }
    }
}

async fn keep(context: JobContext, template: String, to: String, rendered: Rendered) -> Result<()> {
    let db = context.db.clone();
    db.write(&[], move |tx| {
        store::insert(tx, &template, &to, &rendered)?;
        context.finish(tx)
    })
    .await
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}
