//! Passwords forgotten, reset and changed.
//!
//! Always true: with a new password every session and every link of the account ends but the one that set it.

use std::sync::Arc;

use mains_base::{Result, Uuid};
use mains_database::write::{Changes, Tx};
use mains_server::commands::{Answer, Invocation};

use super::super::model::{self, Account, Fields, Purpose};
use super::super::passwords::Password;
use super::super::{mailbox, store, token, weak};
use super::mail::{Letter, enqueue};
use super::{Accounts, enter, get, sign_up};

/// Asks for a link by mail. Nothing is looked up here, so nothing can tell whether the address is known.
pub(crate) async fn forgot(call: Arc<Invocation>, email: String) -> Result<Answer> {
    call.write(&[], move |tx, _, _| {
        enqueue(tx, Letter::Forgot, &mailbox::of(&email)?)?;
        Ok(Answer::later())
    })
    .await
}

/// The mailed link, with the address that the page named, and a new password: who reads the address gets the account
/// back, and nobody else keeps it.
pub(crate) async fn reset(
    app: &Accounts,
    call: Arc<Invocation>,
    (link, email): (&str, &str),
    password: Password,
) -> Result<Answer> {
    let (hash, stored) = behind_link(app, &call, (link, Purpose::Reset), password).await?;
    let email = email.to_owned();
    call.write(&[], move |tx, call, _| {
        let account = sign_up::open(tx, hash, (Purpose::Reset, &email))?;
        let account = sign_up::prove(tx, account, false)?;
        replace(tx, &account, &stored)?;
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}

/// The hash of a mailed link for this purpose, and of the new password that came with it. What is refused anyway, a dead
/// link or a weak password, is refused before the work of hashing.
pub(super) async fn behind_link(
    app: &Accounts,
    call: &Arc<Invocation>,
    (link, purpose): (&str, Purpose),
    password: Password,
) -> Result<([u8; 32], String)> {
    let hash = token::hash(link);
    let whose = store::whose_link(call.db().engine(), (hash, purpose), call.now()).await?;
    expect_strong(call, whose.ok_or_else(model::dead_link)?, &password).await?;
    let stored = app.hash(call, password).await?;
    Ok((hash, stored))
}

/// Changes the password of who is signed in.
pub(crate) async fn change_password(
    app: &Accounts,
    call: Arc<Invocation>,
    current: Password,
    password: Password,
) -> Result<Answer> {
    app.proof(&call, current).await?.check()?;
    expect_strong(&call, call.caller().id, &password).await?;
    let stored = app.hash(&call, password).await?;
    call.write(&[], move |tx, call, _| {
        let account = get(tx, call.caller().id)?;
        replace(tx, &account, &stored)?;
        Ok(enter::enter(tx, &account, call)?.with(Answer::nothing()))
    })
    .await
}

/// Refuses a password that is easily guessed by who knows the account's address and name.
async fn expect_strong(call: &Invocation, account: Uuid, password: &Password) -> Result<()> {
    let names = store::names_of(call.db().engine(), account).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    weak::expect_strong(weak::weakness(password, &names))
}

/// A new password: whoever is signed in is out, links are dead, the owner is told.
pub(super) fn replace(tx: &mut Tx<'_>, account: &Account, stored: &str) -> Result<()> {
    put(tx, account.id, stored)?;
    enter::end_all(tx, account.id)?;
    account.email.as_deref().map_or(Ok(()), |email| enqueue(tx, Letter::PasswordChanged, email))
}

/// Stores a password; links that are on their way die.
pub(super) fn put(tx: &mut Tx<'_>, account: Uuid, stored: &str) -> Result<()> {
    tell(tx, account)?;
    store::put_password(tx, account, stored)
}

/// Has the record say that there is a password.
pub(super) fn tell(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    let fields = Fields::of(&tx.schema())?;
    tx.update(fields.collection, account, &Changes::of([(fields.has_password, true.into())])).map(drop)
}
