//! Signing in and out, and typing the password once more.

use mains_base::{Result, Uuid};
use mains_server::sessions::Token;

use super::super::model;
use super::super::passwords::Password;
use super::super::store;
use super::{Accounts, Visit, enter, load};

/// A password opens an account. Everything that may be wrong is one answer, after the same work.
pub(crate) async fn sign_in(
    app: &Accounts,
    visit: Visit,
    email: &str,
    password: Password,
) -> Result<(Uuid, Token)> {
    let known = store::of_address(app.db.engine(), email).await?;
    let stored = known.as_ref().and_then(|known| known.password.clone());
    let same = app.passwords.matches(password, stored.clone()).await?;
    let verify = app.settings.verify;
    // Whoever knows the password of an account that does not open learns as little as who does not.
    let opens = known.filter(|known| same && known.opens(verify));
    let Some(known) = opens else { return Err(model::mismatch()) };
    let write = app.db.write(&[], move |tx| {
        tx.act_as(&visit.caller);
        let (_, account) = load(tx, known.account)?;
        // A password that was replaced while this one was compared opens nothing.
        if store::password(tx, account.id)? != stored || !account.opens(verify) {
            return Err(model::mismatch());
        }
        Ok((account.id, enter::enter(tx, &account, &visit)?))
    });
    write.await
}

/// Ends the session that asks; without one there is nothing to do.
pub(crate) async fn sign_out(app: &Accounts, visit: Visit) -> Result<()> {
    app.db
        .write(&[], move |tx| {
            tx.act_as(&visit.caller);
            enter::leave(tx, &visit)
        })
        .await
}

/// The password once more: the session begins anew, proven now.
pub(crate) async fn prove(app: &Accounts, visit: Visit, password: Password) -> Result<Token> {
    let stored = store::of_account(app.db.engine(), visit.caller.id).await?;
    if !app.passwords.matches(password, stored.clone()).await? {
        return Err(model::wrong_password("password"));
    }
    let write = app.db.write(&[], move |tx| {
        tx.act_as(&visit.caller);
        let (_, account) = load(tx, visit.caller.id)?;
        if store::password(tx, account.id)? != stored {
            return Err(model::wrong_password("password"));
        }
        enter::enter(tx, &account, &visit)
    });
    write.await
}
