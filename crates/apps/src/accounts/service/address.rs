//! A change of address: asked for by who is signed in, confirmed by who reads the new address, told to
//! the old one, from where there is a way back.

use std::sync::Arc;

use mains_base::Result;
use mains_database::write::{Changes, Tx};
use mains_server::commands::{Answer, Invocation};

use super::super::mailbox;
use super::super::model::{self, Account, Purpose, Status};
use super::super::passwords::Password;
use super::super::store::{self, Taken};
use super::super::token;
use super::mail::{Letter, enqueue, enqueue_for};
use super::{Accounts, enter, get, load, password};

/// Sends a link to the new address and a word to the old one. Whether the new one is known is told by mail alone.
pub(crate) async fn change_email(
    app: &Accounts,
    call: Arc<Invocation>,
    email: String,
    current: Password,
) -> Result<Answer> {
    let proof = app.proof(&call, current).await?;
    call.write(&[], move |tx, call, _| {
        proof.check()?;
        let email = mailbox::of(&email)?;
        let account = get(tx, call.caller().id)?;
        if let Some(old) = &account.email {
            enqueue(tx, Letter::EmailAsked, old)?;
        }
        enqueue_for(tx, Letter::ChangeEmail, (&email, account.id))?;
        Ok(Answer::later())
    })
    .await
}

/// The link in the new address: it is the account's from now on, and every other session and link ends. Whoever reads a
/// mistyped address opens nothing by it: a session begins only where one of the account was.
pub(crate) async fn confirm_email(call: Arc<Invocation>, link: &str) -> Result<Answer> {
    let hash = token::hash(link);
    call.write(&[], move |tx, call, _| {
        let taken = store::take_token(tx, hash, Purpose::ChangeEmail)?.ok_or_else(model::dead_link)?;
        let (old, account) = put_email(tx, taken)?;
        if let Some(old) = &old {
            enqueue_for(tx, Letter::EmailChanged, (old, account.id))?;
        }
        if call.caller().id != account.id {
            return Ok(Answer::nothing());
        }
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}

/// The way back: the account has the address again from which it was taken, with a new password and nobody else in it.
pub(crate) async fn restore_email(
    app: &Accounts,
    call: Arc<Invocation>,
    (link, email): (&str, &str),
    password: Password,
) -> Result<Answer> {
    let email = email.to_owned();
    let (hash, stored) = password::behind_link(app, &call, (link, Purpose::RestoreEmail), password).await?;
    call.write(&[], move |tx, call, _| {
        let taken = store::take_back(tx, hash)?.ok_or_else(model::dead_link)?;
        taken.expect_to(&email)?;
        let (_, account) = put_email(tx, taken)?;
        password::replace(tx, &account, &stored)?;
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}

/// Gives an account another address, and ends all its sessions and links; answers the address so far and the account.
fn put_email(tx: &mut Tx<'_>, taken: Taken) -> Result<(Option<String>, Account)> {
    let (fields, account) = load(tx, taken.account)?;
    if account.status != Status::Active {
        return Err(model::dead_link());
    }
    let values = [(fields.email, taken.email.as_str().into()), (fields.verified, true.into())];
    let changes = Changes::of(values).on_unique("email_unique", model::dead_link);
    tx.update(fields.collection, account.id, &changes)?;
    tx.flush()?;
    store::raise_generation(tx, account.id)?;
    enter::end_all(tx, account.id)?;
    let old = account.email.clone();
    Ok((old, Account { email: Some(taken.email), verified: true, ..account }))
}
