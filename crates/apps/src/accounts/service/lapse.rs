//! Sign-ups that nobody proved: what they claimed and took is free again after a week.

use mains_base::{Kind, Result, Time, Uuid};
use mains_database::Db;
use mains_database::write::Tx;
use mains_server::sessions;

use super::super::model::Fields;
use super::super::store;
use super::get;

/// For how long a sign-up waits to be proven: longer than its link works, so that who comes late has another one sent.
const WAITS: i64 = 7 * 86_400 * 1_000_000;
/// Sign-ups of one transaction.
const BATCH: i64 = 100;

/// Ends every claim that is too old. Known addresses and unknown ones are let go alike, so nothing tells which are
/// which.
pub(crate) async fn lapse(db: &Db) -> Result<()> {
    while db.write(&[], lapse_some).await? {}
    Ok(())
}

fn lapse_some(tx: &mut Tx<'_>) -> Result<bool> {
    let before = Time::from_micros(tx.now().micros().saturating_sub(WAITS));
    let lapsed = store::lapsed(tx, before, BATCH)?;
    for id in &lapsed {
        store::drop_secrets(tx, *id)?;
        drop_record(tx, *id)?;
    }
    Ok(i64::try_from(lapsed.len()).unwrap_or(BATCH) == BATCH)
}

/// The record of a sign-up goes; that of a guest who is still around stays theirs.
fn drop_record(tx: &mut Tx<'_>, id: Uuid) -> Result<()> {
    let fields = Fields::of(&tx.schema())?;
    if !get(tx, id)?.is_guest || !sessions::list(tx, id)?.is_empty() {
        return Ok(());
    }
    match tx.savepoint(|tx| tx.delete(fields.collection, id)) {
        // Something that stays points at it.
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Invalid) => Ok(()),
        done => done,
    }
}
