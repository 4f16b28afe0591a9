//! What staff does: accounts made by hand, roles and rights, and accounts that are closed for a while.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::Db;
use mains_database::write::{Changes, New, Tx};
use mains_server::commands::{Answer, Invocation};

use super::super::model::{self, Account, Fields, STAFF, Status};
use super::super::passwords::Password;
use super::super::store;
use super::{Accounts, areas, enter, get, load, password};

/// An account that staff makes.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    /// Its address, which staff vouches for.
    pub(crate) email: String,
    /// Its roles.
    pub(crate) roles: Vec<String>,
}

/// Makes an account with this password.
pub(crate) async fn create(app: &Accounts, db: &Db, new: NewAccount, password: Password) -> Result<Uuid> {
    let hash = app.passwords.hash(None, password).await?;
    db.write(&[], move |tx| make(tx, &new, &hash)).await
}

/// Makes the first account that may do everything, unless there is one; answers whether it was made.
pub(crate) async fn first_owner(app: &Accounts, db: &Db, email: &str, password: Password) -> Result<bool> {
    if db.write(&[], |tx| store::has_other_owner(tx, Uuid::NIL)).await? {
        return Ok(false);
    }
    let hash = app.passwords.hash(None, password).await?;
    let new = NewAccount { email: email.to_owned(), roles: vec![STAFF.to_owned()] };
    db.write(&[], move |tx| {
        // Another node may have been quicker.
        if store::has_other_owner(tx, Uuid::NIL)? {
            return Ok(false);
        }
        make(tx, &new, &hash).map(|_| true)
    })
    .await
}

fn make(tx: &mut Tx<'_>, new: &NewAccount, hash: &str) -> Result<Uuid> {
    let fields = Fields::of(&tx.schema())?;
    let values = [
        (fields.email, Value::from(new.email.as_str())),
        (fields.verified, true.into()),
        (fields.roles, list(&new.roles)),
    ];
    let person = New::of(values).on_unique("email_unique", model::taken);
    let id = tx.insert(fields.collection, &person)?.id();
    tx.flush()?;
    password::put(tx, id, hash)?;
    Ok(id)
}

/// Sets the roles and rights that were sent.
pub(crate) async fn set_roles(
    call: Arc<Invocation>,
    roles: Option<Vec<String>>,
    rights: Option<Vec<String>>,
) -> Result<Answer> {
    call.write(&[], move |tx, call, entered| {
        let id = entered.target()?.id();
        let account = get(tx, id)?;
        let roles = roles.as_ref().unwrap_or(&account.roles);
        let rights = rights.as_ref().unwrap_or(&account.rights);
        put_roles(tx, call.caller(), id, (roles, rights))?;
        Ok(Answer::record(id))
    })
    .await
}

/// Closes an account, or opens it again.
pub(crate) async fn set_active(call: Arc<Invocation>, active: bool) -> Result<Answer> {
    call.write(&[], move |tx, call, entered| {
        let id = entered.target()?.id();
        put_active(tx, call.caller(), id, active)?;
        Ok(Answer::record(id))
    })
    .await
}

/// Sets the roles and rights of an account. Where it becomes staff, of
/// everything or of an area, that begins with a new sign-in; roles of the site and whatever falls count at once.
pub(super) fn put_roles(
    tx: &mut Tx<'_>,
    staff: &Caller,
    id: Uuid,
    (roles, rights): (&[String], &[String]),
) -> Result<()> {
    tx.act_as(staff);
    let (fields, account) = load(tx, id)?;
    expect_person(&account)?;
    model::check_grant(staff, &account, (roles, rights), &areas(tx))?;
    let owner = |roles: &[String]| roles.iter().any(|role| role == STAFF);
    if owner(&account.roles) && !owner(roles) && !store::has_other_owner(tx, id)? {
        return Err(model::last_owner());
    }
    let changes = Changes::of([(fields.roles, list(roles)), (fields.rights, list(rights))]);
    tx.update(fields.collection, id, &changes)?;
    let rises =
        owner(roles) && !owner(&account.roles) || rights.iter().any(|right| !account.rights.contains(right));
    if rises && staff.id != id {
        return enter::end_all(tx, id);
    }
    enter::rewrite(tx, &Account { roles: roles.to_vec(), rights: rights.to_vec(), ..account })
}

/// Closes an account, or opens it again. Its sessions and links end with it.
pub(super) fn put_active(tx: &mut Tx<'_>, staff: &Caller, id: Uuid, active: bool) -> Result<()> {
    tx.act_as(staff);
    let (fields, account) = load(tx, id)?;
    expect_person(&account)?;
    model::check_above(staff, &account)?;
    let status = account.status.changed(active)?;
    if !active && account.roles.iter().any(|role| role == STAFF) && !store::has_other_owner(tx, id)? {
        return Err(model::last_owner());
    }
    tx.update(fields.collection, id, &Changes::of([(fields.status, status.as_str().into())]))?;
    if status == Status::Deactivated {
        enter::end_all(tx, id)?;
        store::raise_generation(tx, id)?;
    }
    Ok(())
}

fn expect_person(account: &Account) -> Result<()> {
    let stands = matches!(account.status, Status::Active | Status::Deactivated) && !account.is_guest;
    if stands { Ok(()) } else { Err(model::gone()) }
}

fn list(words: &[String]) -> Value {
    Value::List(words.iter().map(|word| word.as_str().into()).collect())
}
