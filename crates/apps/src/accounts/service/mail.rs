//! Letters: asked for within a transaction, written when they are sent.
//!
//! Always true: a letter is asked for by address alone, so asking tells nothing; what it says is decided when it is
//! written, by who reads that address. It goes to the address as the account has it or as it was claimed, never to
//! another spelling of it; a name stands in it only where that address is proven, since whoever signs up writes it. A
//! link is made then, and only its hash is stored.

use std::fmt::Write as _;

use mains_base::{Error, Result, Uuid};
use mains_database::jobs::{Job, JobContext};
use mains_database::write::Tx;
use mains_server::mail::{self, Mail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::jobs::LETTER;
use super::super::mailbox;
use super::super::model::{Account, Purpose, Status};
use super::super::passwords::Password;
use super::super::store::{self, NewToken};
use super::super::token;
use super::{find, load};

/// Within this time an address gets one link of a sort, in seconds.
const APART: i64 = 60;

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Letter {
    SignUp,
    Resend,
    Forgot,
    ChangeEmail,
    EmailAsked,
    EmailChanged,
    PasswordChanged,
    Erased,
}

impl Letter {
    /// Whether it brings a link, and not word of something that has happened.
    fn brings_link(self) -> bool {
        match self {
            Self::SignUp | Self::Resend | Self::Forgot | Self::ChangeEmail => true,
            Self::EmailAsked | Self::EmailChanged | Self::PasswordChanged | Self::Erased => false,
        }
    }
}

/// To whom: sealed in the job, since nobody who lists jobs needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recipient {
    /// The address.
    pub(crate) email: String,
    /// Whose wish it is, where the address is not the account's yet.
    pub(crate) account: Option<String>,
    /// Of that account, when it was asked: what ended its links since then ended this wish too.
    #[serde(default)]
    pub(crate) generation: Option<i64>,
}

/// A letter as it is to be sent.
#[derive(Clone, Debug)]
struct Written {
    template: &'static str,
    /// The address, spelled as it is stored.
    to: String,
    name: Option<String>,
    /// Where the link leads on the site, the link's text with it; absent: there is none.
    path: Option<Password>,
}

/// Asks for a letter to an address.
pub(super) fn enqueue(tx: &mut Tx<'_>, letter: Letter, email: &str) -> Result<()> {
    ask(tx, letter, Recipient { email: email.to_owned(), account: None, generation: None })
}

/// Asks for a letter to an address that is not the account's yet.
pub(super) fn enqueue_for(tx: &mut Tx<'_>, letter: Letter, (email, account): (&str, Uuid)) -> Result<()> {
    let generation = Some(store::generation(tx, account)?);
    let account = Some(String::from_utf8_lossy(&account.suffix()).into_owned());
    ask(tx, letter, Recipient { email: email.to_owned(), account, generation })
}

fn ask(tx: &mut Tx<'_>, letter: Letter, to: Recipient) -> Result<()> {
    let slot = tx.now().micros().div_euclid(APART * 1_000_000);
    // Of those who sign up with one address in the same minute one asks for the letter: it proves the address to all.
    let whose = to.account.as_deref().filter(|_| letter != Letter::SignUp);
    let about = format!("{letter:?} {} {whose:?} {slot}", mains_base::fold(&to.email));
    // A link that was asked for again is the same link. What has happened is told as often as it happens.
    let about: [u8; 32] =
        if letter.brings_link() { Sha256::digest(about.as_bytes()).into() } else { tx.token()? };
    let mut key = String::with_capacity(64);
    for byte in about {
        let _ = write!(key, "{byte:02x}");
    }
    let secret = serde_json::to_value(to).map_err(Error::internal)?;
    tx.enqueue(Job::new(LETTER, key).payload(json!({ "letter": letter })).secret(secret))
}

/// Decides what the letter says, makes its link and hands it to the mail; nothing, where there is nothing to say.
/// The job is done in the same transaction, so no letter is written twice.
pub(crate) async fn write_letter(context: JobContext, letter: Letter, to: Recipient) -> Result<()> {
    let db = context.db.clone();
    db.write(&[], move |tx| {
        if let Some(Written { template, to, name, path }) = write(tx, letter, &to)? {
            let path = path.as_ref().map(|path| path.as_str());
            let mail = Mail {
                template: template.to_owned(),
                to,
                context: json!({ "name": name, "path": path }),
                key: format!("{}-{}", context.name(), context.key()),
            };
            mail::enqueue(tx, mail)?;
        }
        context.finish(tx)
    })
    .await
}

fn write(tx: &mut Tx<'_>, letter: Letter, to: &Recipient) -> Result<Option<Written>> {
    store::sweep_tokens(tx)?;
    let any = find(tx, &to.email)?;
    let known = any.as_ref().filter(|known| known.status == Status::Active);
    match (letter, known) {
        (Letter::SignUp | Letter::Resend, Some(known)) if !known.verified => {
            store::renew(tx, known.id)?;
            linked(tx, known, (Purpose::Verify, stored(known, to))).map(Some)
        }
        (Letter::Forgot, Some(known)) => linked(tx, known, (Purpose::Reset, stored(known, to))).map(Some),
        (Letter::SignUp | Letter::ChangeEmail, Some(known)) => Ok(Some(plain("already", to, Some(known)))),
        (Letter::ChangeEmail, None) => changing(tx, to),
        (Letter::SignUp | Letter::Resend | Letter::Forgot, _) => claimed(tx, (letter, to), any.is_some()),
        (Letter::EmailAsked, known) => Ok(Some(plain("email_asked", to, known))),
        (Letter::EmailChanged, _) => changed(tx, to),
        (Letter::PasswordChanged, known) => Ok(Some(plain("password_changed", to, known))),
        (Letter::Erased, known) => Ok(Some(plain("erased", to, known))),
    }
}

/// The link to a new address, unless what was asked for ended since.
fn changing(tx: &mut Tx<'_>, to: &Recipient) -> Result<Option<Written>> {
    let Some(id) = asking(to) else { return Ok(None) };
    let (_, account) = load(tx, id)?;
    if account.status != Status::Active || to.generation != Some(store::generation(tx, id)?) {
        return Ok(None);
    }
    linked(tx, &account, (Purpose::ChangeEmail, &to.email)).map(Some)
}

/// The word to the address so far, with the way back to it.
fn changed(tx: &mut Tx<'_>, to: &Recipient) -> Result<Option<Written>> {
    let Some(id) = asking(to) else { return Ok(None) };
    let (_, account) = load(tx, id)?;
    linked(tx, &account, (Purpose::RestoreEmail, &to.email)).map(Some)
}

/// The link to an address that somebody claims: for who signed up just now, or for who did last.
fn claimed(tx: &mut Tx<'_>, (letter, to): (Letter, &Recipient), is_taken: bool) -> Result<Option<Written>> {
    if letter != Letter::SignUp {
        store::renew_claims(tx, &to.email)?;
    }
    let last = store::last_claim(tx, &to.email)?.filter(|_| !is_taken);
    let Some(last) = last else { return Ok(None) };
    let id = match asking(to) {
        Some(id) if to.generation == Some(store::generation(tx, id)?) => id,
        _ => last,
    };
    let (_, account) = load(tx, id)?;
    let claim = store::claim(tx, id)?.unwrap_or_else(|| to.email.clone());
    linked(tx, &account, (Purpose::Verify, &claim)).map(Some)
}

/// The address as its account has it.
fn stored<'a>(known: &'a Account, to: &'a Recipient) -> &'a str {
    known.email.as_deref().unwrap_or(&to.email)
}

/// Who asked.
fn asking(to: &Recipient) -> Option<Uuid> {
    to.account.as_deref().and_then(|text| Uuid::from_suffix(text).ok())
}

fn linked(tx: &mut Tx<'_>, account: &Account, (purpose, email): (Purpose, &str)) -> Result<Written> {
    let link = token::draw(tx)?;
    let new = NewToken { hash: token::hash(&link), account: account.id, purpose, email };
    store::add_token(tx, &new)?;
    let (template, page) = match purpose {
        Purpose::Verify => ("verify", "/verify"),
        Purpose::Reset => ("reset", "/reset"),
        Purpose::ChangeEmail => ("change_email", "/account/email"),
        Purpose::RestoreEmail => ("email_changed", "/account/email-back"),
    };
    let path = Password::new(mailbox::link(page, link.as_str(), email));
    Ok(Written { template, to: email.to_owned(), name: named(account, email), path: Some(path) })
}

fn plain(template: &'static str, to: &Recipient, account: Option<&Account>) -> Written {
    let to = account.map_or(to.email.as_str(), |account| stored(account, to)).to_owned();
    let name = account.and_then(|account| named(account, &to));
    Written { template, to, name, path: None }
}

/// What people call who reads the address, where that is proven.
fn named(account: &Account, email: &str) -> Option<String> {
    let own = account.email.as_deref().is_some_and(|own| mailbox::are_one(own, email));
    account.name.clone().filter(|_| own && account.verified)
}
