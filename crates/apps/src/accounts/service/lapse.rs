//! Sign-ups that nobody proved: what they claimed and took is free again after a while.
//!
//! Always true: what somebody proved, or somebody else put there (an import, staff), is never touched; of an account that
//! is used before its address is proven nothing goes while anybody is signed in to it or anything of it is kept.

use mains_base::{Kind, Result, Time, Uuid};
use mains_database::Db;
use mains_database::write::Tx;
use mains_server::sessions;

use super::super::model::{Account, Fields, Status};
use super::super::store;
use super::{enter, get};

const DAY: i64 = 86_400 * 1_000_000;
/// Sign-ups of one transaction.
const BATCH: i64 = 100;

/// Ends every sign-up that is older than so many days. Known addresses and unknown ones are let go alike, so nothing
/// tells which are which.
pub(crate) async fn lapse(db: &Db, days: u32) -> Result<()> {
    while db.write(&[], move |tx| lapse_some(tx, i64::from(days) * DAY)).await? {}
    Ok(())
}

fn lapse_some(tx: &mut Tx<'_>, waits: i64) -> Result<bool> {
    let before = Time::from_micros(tx.now().micros().saturating_sub(waits));
    let lapsed = store::lapsed(tx, before, BATCH)?;
    for id in &lapsed {
        let account = get(tx, *id)?;
        if account.is_guest {
            store::drop_secrets(tx, *id)?;
            drop_claim(tx, *id)?;
        } else {
            drop_unproven(tx, &account)?;
        }
    }
    Ok(i64::try_from(lapsed.len()).unwrap_or(BATCH) == BATCH)
}

/// The record of a sign-up goes; that of a guest who is still around stays theirs.
fn drop_claim(tx: &mut Tx<'_>, id: Uuid) -> Result<()> {
    if sessions::list(tx, id)?.is_empty() { drop_record(tx, id).map(drop) } else { Ok(()) }
}

/// An account that was used at once and is not any more goes; any other is looked at again after as long.
fn drop_unproven(tx: &mut Tx<'_>, account: &Account) -> Result<()> {
    if account.verified {
        return store::wait(tx, account.id, None);
    }
    let plain = account.status == Status::Active && account.roles.is_empty() && account.rights.is_empty();
    if plain && sessions::list(tx, account.id)?.is_empty() {
        // Sessions that ran out may still stand in its list.
        enter::tell(tx, account.id)?;
        let accounts = Fields::of(&tx.schema())?.collection;
        if !tx.is_pointed_at(accounts, account.id)? && drop_record(tx, account.id)? {
            return Ok(());
        }
    }
    let now = tx.now();
    store::wait(tx, account.id, Some(now))
}

/// Deletes a record with its secrets; whether it went, since something that stays may point at it.
fn drop_record(tx: &mut Tx<'_>, id: Uuid) -> Result<bool> {
    let accounts = Fields::of(&tx.schema())?.collection;
    let gone = tx.savepoint(|tx| {
        store::drop_secrets(tx, id)?;
        tx.delete(accounts, id)
    });
    match gone {
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Invalid) => Ok(false),
        done => done.map(|()| true),
    }
}
