//! Passwords forgotten, reset and changed.
//!
//! Always true: with a new password every session and every link of the account ends but the one that set it.

use mains_base::{Result, Uuid};
use mains_server::sessions::Token;

use super::super::model::{self, Purpose};
use super::super::passwords::Password;
use super::super::{store, token};
use super::mail::{Letter, enqueue};
use super::{Accounts, Visit, enter, load, sign_up};

/// Asks for a link by mail. Nothing is looked up here, so nothing can tell whether the address is known.
pub(crate) async fn forgot(app: &Accounts, email: String) -> Result<()> {
    app.db.write(&[], move |tx| enqueue(tx, Letter::Forgot, &email)).await
}

/// The mailed link and a new password: who reads the address gets the account back, and nobody else keeps it.
pub(crate) async fn reset(
    app: &Accounts,
    visit: Visit,
    link: Password,
    password: Password,
) -> Result<(Uuid, Token)> {
    model::check_password(&password, &[])?;
    let hash = token::hash(&link);
    let stored = app.passwords.hash(password).await?;
    app.db
        .write(&[], move |tx| {
            tx.act_as(&visit.caller);
            let account = sign_up::open(tx, hash, Purpose::Reset)?;
            let account = sign_up::prove(tx, account)?;
            store::put_password(tx, account.id, Some(&stored))?;
            enter::end_all(tx, account.id)?;
            if let Some(email) = &account.email {
                enqueue(tx, Letter::PasswordChanged, email)?;
            }
            Ok((account.id, enter::enter(tx, &account, &visit)?))
        })
        .await
}

/// Changes the password of who is signed in.
pub(crate) async fn change_password(
    app: &Accounts,
    visit: Visit,
    current: Option<Password>,
    password: Password,
) -> Result<Token> {
    app.expect_proof(&visit.caller, current).await?;
    model::check_password(&password, &[])?;
    let stored = app.passwords.hash(password).await?;
    app.db
        .write(&[], move |tx| {
            tx.act_as(&visit.caller);
            let (_, account) = load(tx, visit.caller.id)?;
            store::put_password(tx, account.id, Some(&stored))?;
            enter::end_all(tx, account.id)?;
            if let Some(email) = &account.email {
                enqueue(tx, Letter::PasswordChanged, email)?;
            }
            enter::enter(tx, &account, &visit)
        })
        .await
}
