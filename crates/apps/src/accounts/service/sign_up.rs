//! Signing up, and proving the address.
//!
//! Always true, where addresses are verified first: an address is nobody's until it is proven. A sign-up is the record
//! of a guest that claims an address, so with a known address and with an unknown one it writes the same, answers the
//! same and asks for the same letter. What differs is in that letter. Everywhere: the password that came with a
//! sign-up counts in the browser that sent it; who proves the address in another one chooses a password there, and all
//! that others may hold of the account ends.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::write::{Changes, New, Tx};
use mains_server::commands::{Answer, Invocation};
use mains_server::sessions::mark;

use super::super::model::{self, Account, Fields, Purpose, Status, Verify};
use super::super::passwords::Password;
use super::super::store::{self, Prepared};
use super::super::{mailbox, token, weak};
use super::mail::{Letter, enqueue, enqueue_for};
use super::{Accounts, enter, find, get};

/// What somebody signs up with, besides the password and the fields that a site added.
#[derive(Clone, Debug)]
pub(crate) struct SignUp {
    /// The address, which will name the account.
    pub(crate) email: String,
    /// What people call them.
    pub(crate) name: Option<String>,
}

/// Makes an account, or, for an address that has one, only a letter that says so.
pub(crate) async fn sign_up(
    app: &Accounts,
    call: Arc<Invocation>,
    new: SignUp,
    password: Password,
) -> Result<Answer> {
    call.expect_allowed().await?;
    if !app.settings.sign_up {
        return Err(model::closed());
    }
    let new = SignUp { email: mailbox::of(&new.email)?, ..new };
    let words = [new.email.as_str(), new.name.as_deref().unwrap_or_default()];
    weak::expect_strong(weak::weakness(&password, &words))?;
    let hash = app.hash(&call, password).await?;
    let verify = app.settings.verify;
    call.write(&[], move |tx, call, _| match verify {
        Verify::Required => claim(tx, call, (&new, &hash)),
        Verify::Later => begin(tx, call, (&new, &hash)),
    })
    .await
}

/// A record that claims the address, and a letter to it. Nothing here looks whether the address is known.
fn claim(tx: &mut Tx<'_>, call: &Invocation, (new, hash): (&SignUp, &str)) -> Result<Answer> {
    let mark = mark::draw(tx)?;
    let id = record(tx, call, new)?;
    let prepared = Prepared { password: hash, claim: Some(&new.email), mark: mark::hashed(&mark) };
    store::put_prepared(tx, id, &prepared)?;
    enqueue_for(tx, Letter::SignUp, (&new.email, id))?;
    Ok(Answer::later().marked(mark))
}

/// An account that is used at once; whose address is known is told so.
fn begin(tx: &mut Tx<'_>, call: &Invocation, (new, hash): (&SignUp, &str)) -> Result<Answer> {
    let fields = Fields::of(&tx.schema())?;
    let mark = mark::draw(tx)?;
    let id = record(tx, call, new)?;
    let person = [
        (fields.kind, "person".into()),
        (fields.email, new.email.as_str().into()),
        (fields.has_password, true.into()),
    ];
    tx.update(fields.collection, id, &Changes::of(person).on_unique("email_unique", model::taken))?;
    tx.flush()?;
    store::put_prepared(tx, id, &Prepared { password: hash, claim: None, mark: mark::hashed(&mark) })?;
    enter::end_all(tx, id)?;
    enqueue(tx, Letter::SignUp, &new.email)?;
    let account = get(tx, id)?;
    Ok(enter::enter(tx, &account, call)?.with(Answer::later()).marked(mark))
}

/// The record without its address, with all that the site asks of it. A guest keeps its own, with all that points at it.
fn record(tx: &mut Tx<'_>, call: &Invocation, new: &SignUp) -> Result<Uuid> {
    let fields = Fields::of(&tx.schema())?;
    let name = Value::from(new.name.clone());
    let id = if let Some(guest) = enter::guest_of(tx, call)? {
        tx.update(fields.collection, guest, &Changes::of([(fields.name, name)]))?;
        guest
    } else {
        let guest = New::of([(fields.kind, "guest".into()), (fields.name, name)]);
        tx.insert(fields.collection, &guest)?.id()
    };
    // The site's rules judge its fields with the new account as `auth`.
    call.take(tx, &Caller::account(id), id)?;
    tx.flush()?;
    Ok(id)
}

/// Sends the link again, if there is something to verify.
pub(crate) async fn resend(call: Arc<Invocation>, email: String) -> Result<Answer> {
    call.write(&[], move |tx, _, _| {
        enqueue(tx, Letter::Resend, &mailbox::of(&email)?)?;
        Ok(Answer::later())
    })
    .await
}

/// The mailed link: the address is proven and a session begins.
pub(crate) async fn verify(call: Arc<Invocation>, link: &str, email: &str) -> Result<Answer> {
    let (hash, email) = (token::hash(link), email.to_owned());
    call.write(&[], move |tx, call, _| {
        let taken = store::take_token(tx, hash, Purpose::Verify)?.ok_or_else(model::dead_link)?;
        taken.expect_to(&email)?;
        let account = match find(tx, &taken.email)? {
            None => settle(tx, call, (&taken.email, taken.account))?,
            Some(known) if known.id == taken.account && known.status == Status::Active => {
                let here = is_here(tx, call, known.id)?;
                prove(tx, known, here)?
            }
            // Of several who claim an address one proves it.
            Some(_) => return Err(model::dead_link()),
        };
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}

/// Gives the address to one of those who claim it: to who signed up in this very browser, whichever letter was opened;
/// else to whose letter it is, without the password that nobody here is known to have chosen. Where several claim it
/// and none of them is known here, to none: nobody becomes what a stranger wrote of themselves.
fn settle(tx: &mut Tx<'_>, call: &Invocation, (email, asked): (&str, Uuid)) -> Result<Account> {
    let own = call.mark.map(|mark| store::claim_of(tx, email, mark)).transpose()?.flatten();
    let id = match own {
        Some(own) => own,
        None if !is_here(tx, call, asked)? && store::is_disputed(tx, email)? => anew(tx)?,
        None => asked,
    };
    let account = get(tx, id)?;
    if !account.is_guest || account.status != Status::Active {
        return Err(model::dead_link());
    }
    let fields = Fields::of(&tx.schema())?;
    let person = [(fields.kind, Value::from("person")), (fields.email, email.into())];
    let here = own.is_some() || is_here(tx, call, id)?;
    tx.update(fields.collection, id, &Changes::of(person).on_unique("email_unique", model::dead_link))?;
    tx.flush()?;
    // Whatever the guest's sessions were good for, none of them becomes one of the person.
    enter::end_all(tx, id)?;
    prove(tx, Account { is_guest: false, email: Some(email.to_owned()), ..account }, here)
}

/// A record that says nothing of anybody yet.
fn anew(tx: &mut Tx<'_>) -> Result<Uuid> {
    let fields = Fields::of(&tx.schema())?;
    Ok(tx.insert(fields.collection, &New::of([(fields.kind, "guest".into())]))?.id())
}

/// Whether this is the browser in which the account was made, or one that is signed in to it.
fn is_here(tx: &mut Tx<'_>, call: &Invocation, id: Uuid) -> Result<bool> {
    if call.caller().id == id && call.asker.session_id().is_some() {
        return Ok(true);
    }
    Ok(call.mark.is_some() && store::mark(tx, id)? == call.mark)
}

/// Uses up a link and gives the account that it opens.
pub(super) fn open(tx: &mut Tx<'_>, hash: [u8; 32], (purpose, email): (Purpose, &str)) -> Result<Account> {
    let taken = store::take_token(tx, hash, purpose)?.ok_or_else(model::dead_link)?;
    taken.expect_to(email)?;
    let account = get(tx, taken.account)?;
    let same = account.email.as_deref().is_some_and(|email| mailbox::are_one(email, &taken.email));
    let alive = account.status == Status::Active && same;
    if alive { Ok(account) } else { Err(model::dead_link()) }
}

/// The address is proven: every other link dies. Where it is proven by who made the account, its password and its
/// sessions stay; else they go.
pub(super) fn prove(tx: &mut Tx<'_>, account: Account, here: bool) -> Result<Account> {
    let fields = Fields::of(&tx.schema())?;
    let has_password = here && store::password(tx, account.id)?.is_some();
    let proven = [(fields.verified, true.into()), (fields.has_password, has_password.into())];
    tx.update(fields.collection, account.id, &Changes::of(proven))?;
    store::settle(tx, account.id, has_password)?;
    let account = Account { verified: true, has_password, ..account };
    if here {
        enter::rewrite(tx, &account)?;
    } else {
        enter::end_all(tx, account.id)?;
    }
    Ok(account)
}
