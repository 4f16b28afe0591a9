//! Signing in and out, and typing the password once more.

use std::sync::Arc;

use mains_base::Result;
use mains_server::commands::{Answer, Invocation};

use super::super::mailbox;
use super::super::model;
use super::super::passwords::Password;
use super::super::store;
use super::{Accounts, enter, get, password};

/// A password opens an account. Everything that may be wrong is one answer, after the same work.
pub(crate) async fn sign_in(
    app: &Accounts,
    call: Arc<Invocation>,
    email: &str,
    typed: Password,
) -> Result<Answer> {
    call.expect_allowed().await?;
    let known = store::of_address(call.db().engine(), &mailbox::of(email)?).await?;
    let stored = known.as_ref().and_then(|known| known.password.clone());
    let same = app.matches(&call, typed.clone(), stored.clone()).await?;
    let verify = app.settings.verify;
    // Whoever knows the password of an account that does not open learns as little as who does not.
    let opens = known.filter(|known| same && known.opens(verify)).map(|known| known.account);
    let dated = |stored: &&str| opens.is_some() && app.passwords.is_dated(stored);
    let renewed = match stored.as_deref().filter(dated) {
        Some(_) => Some(app.hash(&call, typed).await?),
        None => None,
    };
    call.write(&[], move |tx, call, _| {
        let account = get(tx, opens.ok_or_else(model::mismatch)?)?;
        // A password that was replaced while this one was compared opens nothing.
        if store::password(tx, account.id)? != stored || !account.opens(verify) {
            return Err(model::mismatch());
        }
        if let (Some(old), Some(new)) = (&stored, &renewed) {
            store::put_same(tx, account.id, (old, new))?;
        }
        // What came from elsewhere may not say so.
        if !account.has_password {
            password::tell(tx, account.id)?;
        }
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}

/// Ends the session that asks; without one there is nothing to do.
pub(crate) async fn sign_out(call: Arc<Invocation>) -> Result<Answer> {
    call.write(&[], |tx, call, _| {
        enter::leave(tx, call)?;
        Ok(Answer::nothing().signed_out())
    })
    .await
}

/// The password once more: the session begins anew, proven now.
pub(crate) async fn prove(app: &Accounts, call: Arc<Invocation>, password: Password) -> Result<Answer> {
    call.expect_allowed().await?;
    let stored = store::of_account(call.db().engine(), call.caller().id).await?;
    let is_missing = stored.is_none();
    let same = app.matches(&call, password, stored.clone()).await?;
    call.write(&[], move |tx, call, _| {
        let account = get(tx, call.caller().id)?;
        if is_missing {
            return Err(model::passwordless());
        }
        if !same || store::password(tx, account.id)? != stored {
            return Err(model::wrong_password("password"));
        }
        Ok(enter::enter(tx, &account, call)?.with(Answer::nothing()))
    })
    .await
}
