//! Every statement on the table of idempotency keys.

use mains_base::{Error, Result, Time, Uuid, Value};
use mains_database::engine::{Engine, Row};
use mains_database::write::Tx;

use super::{KEPT, Kept, Keyed};
use crate::keys::Hash;

const FIND: &str = "SELECT payload, status, collection, record, version, body FROM mains_idempotency WHERE key = $1 AND at > $2";
const INSERT: &str = "INSERT INTO mains_idempotency (key, payload, at, status, collection, record, version, body, account) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
    ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, at = excluded.at, status = excluded.status, collection = excluded.collection, \
    record = excluded.record, version = excluded.version, body = excluded.body, account = excluded.account WHERE mains_idempotency.at <= $10 RETURNING status";
const PURGE: &str = "DELETE FROM mains_idempotency WHERE key IN (SELECT key FROM mains_idempotency WHERE at <= $1 LIMIT 10000)";
const FORGET_RECORD: &str =
    "UPDATE mains_idempotency SET body = NULL WHERE collection = $1 AND record = $2 AND body IS NOT NULL";
const FORGET_ACCOUNT: &str = "DELETE FROM mains_idempotency WHERE key IN (SELECT key FROM mains_idempotency WHERE account = $1 LIMIT 1000) RETURNING status";
const FORGET_BODIES: &str = "UPDATE mains_idempotency SET body = NULL WHERE key IN \
    (SELECT key FROM mains_idempotency WHERE collection = $1 AND body IS NOT NULL LIMIT 1000) RETURNING status";

/// What was kept for a key since then, with the payload that it was kept for.
pub(super) async fn find(engine: &Engine, key: &Hash, since: Time) -> Result<Option<(Hash, Kept)>> {
    let parameters = [Value::Bytes(key.to_vec()), Value::from(since.micros())];
    engine.snapshot(move |tx| tx.query(FIND, &parameters)?.0.first().map(kept).transpose()).await
}

/// Keeps an answer, unless one is there that is newer than `since`; whether it did.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    Keyed { key, account, payload, .. }: &Keyed,
    kept: &Kept,
    since: Time,
) -> Result<bool> {
    let (collection, record, version) = match &kept.record {
        Some((collection, record, version)) => {
            (Value::from(collection.as_str()), Value::Bytes(record.0.to_vec()), Value::from(*version))
        }
        None => (Value::Null, Value::Null, Value::Null),
    };
    let parameters = [
        Value::Bytes(key.to_vec()),
        Value::Bytes(payload.to_vec()),
        Value::from(tx.now().micros()),
        Value::from(i64::from(kept.status)),
        collection,
        record,
        version,
        Value::from(kept.body.clone()),
        account.map_or(Value::Null, |account| Value::Bytes(account.0.to_vec())),
        Value::from(since.micros()),
    ];
    Ok(!tx.query(INSERT, &parameters)?.0.is_empty())
}

/// Forgets answers with a record that is deleted; their keys still count.
pub(crate) fn forget_record(tx: &mut Tx<'_>, collection: &str, record: Uuid) -> Result<()> {
    tx.execute_later(FORGET_RECORD, &[Value::from(collection), Value::Bytes(record.0.to_vec())])
}

/// Forgets some of what an account sent; whether there was any.
pub(super) fn forget_account(tx: &mut Tx<'_>, account: Uuid) -> Result<bool> {
    Ok(!tx.query(FORGET_ACCOUNT, &[Value::Bytes(account.0.to_vec())])?.0.is_empty())
}

/// Forgets some answers about records of a collection; whether there were any.
pub(super) fn forget_bodies(tx: &mut Tx<'_>, collection: &str) -> Result<bool> {
    Ok(!tx.query(FORGET_BODIES, &[Value::from(collection)])?.0.is_empty())
}

/// Removes keys that are older than they are kept.
pub(crate) fn purge(tx: &mut Tx<'_>) -> Result<()> {
    let since = tx.now().micros() - KEPT;
    tx.execute_later(PURGE, &[Value::from(since)])
}

fn kept(row: &Row) -> Result<(Hash, Kept)> {
    let broken = || Error::internal("a stored answer is not whole");
    let payload = row.bytes(0)?.and_then(|bytes| bytes.try_into().ok()).ok_or_else(broken)?;
    let status = row.int(1)?.and_then(|status| u16::try_from(status).ok()).ok_or_else(broken)?;
    let id = row.bytes(3)?.and_then(|bytes| bytes.try_into().ok()).map(Uuid);
    let record = match (row.text(2)?, id, row.int(4)?) {
        (Some(collection), Some(id), Some(version)) => Some((collection.to_owned(), id, version)),
        _ => None,
    };
    Ok((payload, Kept { status, record, body: row.text(5)?.map(str::to_owned) }))
}
