//! A change of address: asked for by who is signed in, confirmed by who reads the new address, told to the old one.

use std::sync::Arc;

use mains_base::Result;
use mains_database::write::Changes;
use mains_server::commands::{Answer, Invocation};

use super::super::model::{self, Account, Purpose, Status};
use super::super::passwords::Password;
use super::super::{store, token};
use super::mail::{Letter, enqueue, enqueue_for};
use super::{Accounts, enter, get, load};

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
        let account = get(tx, call.caller().id)?;
        if let Some(old) = &account.email {
            enqueue(tx, Letter::EmailAsked, old)?;
        }
        enqueue_for(tx, Letter::ChangeEmail, (&email, account.id))?;
        Ok(Answer::later())
    })
    .await
}

/// The link in the new address: it is the account's from now on, and every other session and link ends.
pub(crate) async fn confirm_email(call: Arc<Invocation>, link: &str) -> Result<Answer> {
    let hash = token::hash(link);
    call.write(&[], move |tx, call, _| {
        let taken = store::take_token(tx, hash, Purpose::ChangeEmail)?.ok_or_else(model::dead_link)?;
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
        if let Some(old) = &account.email {
            enqueue(tx, Letter::EmailChanged, old)?;
        }
        let account = Account { email: Some(taken.email), verified: true, ..account };
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}
