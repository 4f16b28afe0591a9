//! What is over is forgotten: links that nobody opened, sessions that ran out, guests who do not come back.
//!
//! Always true: each transaction is short, however much there is; a guest of whom anything is kept stays.

use mains_base::{Kind, Result, Time, Uuid};
use mains_database::Db;
use mains_database::write::Tx;
use mains_server::sessions;

use super::super::model::{Fields, Status};
use super::super::store;
use super::{enter, get};

const DAY: i64 = 86_400 * 1_000_000;
/// Guests that one transaction looks at.
const GUESTS: usize = 50;

/// Sweeps once; `guest_days` is how long a guest is waited for.
pub(crate) async fn sweep(db: &Db, guest_days: u32) -> Result<()> {
    while db.write(&[], store::sweep_tokens).await? {}
    while db.write(&[], enter::sweep).await? {}
    let before = Time::from_micros(db.clock().now().micros().saturating_sub(i64::from(guest_days) * DAY));
    let mut after = Some(Uuid::NIL);
    while let Some(from) = after {
        let part = store::guests(db.engine(), from, before).await?;
        for some in part.guests.chunks(GUESTS) {
            let some = some.to_vec();
            db.write(&[], move |tx| some.iter().try_for_each(|guest| forget(tx, *guest))).await?;
        }
        after = part.next;
    }
    Ok(())
}

/// Lets go of a guest whose session has ended and of whom nothing else is kept.
fn forget(tx: &mut Tx<'_>, id: Uuid) -> Result<()> {
    let fields = Fields::of(&tx.schema())?;
    if tx.find(fields.collection, id)?.is_none() {
        return Ok(());
    }
    let account = get(tx, id)?;
    let waits = account.is_guest && account.status == Status::Active;
    if !waits || !sessions::list(tx, id)?.is_empty() || tx.is_pointed_at(fields.collection, id)? {
        return Ok(());
    }
    // A sign-up that is not proven yet has its own end.
    if store::has_secrets(tx, id)? {
        return Ok(());
    }
    match tx.savepoint(|tx| tx.delete(fields.collection, id)) {
        // Something that stays points at it, after all.
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Invalid) => Ok(()),
        done => done,
    }
}
