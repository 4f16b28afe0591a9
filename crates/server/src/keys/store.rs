//! Every statement on the table of keys.

use std::sync::Arc;

use mains_base::{Error, Kind, Result, Time, Value};
use mains_database::engine::{Answer, Engine, Row, Statements};

use super::{Hashed, Key, MOST};

const INSERT: &str =
    "INSERT INTO mains_keys (hash, public_id, note, roles, made, expires) VALUES ($1, $2, $3, $4, $5, $6)";
const COUNT: &str = "SELECT count(*) FROM mains_keys";
const LOAD: &str = "SELECT hash, public_id, note, roles, made, expires, revoked FROM mains_keys ORDER BY made DESC, public_id LIMIT $1";
const REVOKE: &str = "UPDATE mains_keys SET revoked = $2 WHERE public_id = $1 AND revoked IS NULL";
const EXISTS: &str = "SELECT 1 FROM mains_keys WHERE public_id = $1";

pub(super) async fn insert(engine: &Engine, hashed: &Hashed) -> Result<()> {
    let Hashed { hash, key } = hashed;
    let roles = serde_json::to_string(&key.roles).map_err(Error::internal)?;
    let parameters = [
        Value::Bytes(hash.to_vec()),
        Value::from(key.id.as_str()),
        Value::from(key.note.clone()),
        Value::from(roles),
        Value::from(key.made.micros()),
        Value::from(key.expires.map(Time::micros)),
    ];
    write(engine, move |tx| {
        let count = tx.query(COUNT, &[])?.0.first().map_or(Ok(None), |row| row.int(0))?;
        if count.is_some_and(|count| count >= MOST as i64) {
            return Err(too_many());
        }
        tx.execute_later(INSERT, &parameters, None)
    })
    .await
}

/// Whether there is such a key.
pub(super) async fn revoke(engine: &Engine, id: &str, now: Time) -> Result<bool> {
    let id = id.to_owned();
    write(engine, move |tx| {
        let parameters = [Value::from(id.as_str()), Value::from(now.micros())];
        if tx.execute(REVOKE, &parameters, None)? == 1 {
            return Ok(true);
        }
        Ok(!tx.query(EXISTS, &[Value::from(id.as_str())])?.0.is_empty())
    })
    .await
}

pub(super) async fn load(engine: &Engine) -> Result<Vec<Hashed>> {
    engine
        .snapshot(|tx| {
            let rows = tx.query(LOAD, &[Value::from(MOST as i64)])?;
            rows.0.iter().map(hashed).collect()
        })
        .await
}

fn hashed(row: &Row) -> Result<Hashed> {
    let hash = row.bytes(0)?.and_then(|bytes| bytes.try_into().ok());
    let (Some(hash), Some(id), Some(roles), Some(made)) = (hash, row.text(1)?, row.text(3)?, row.int(4)?)
    else {
        return Err(Error::internal("a stored key is not whole"));
    };
    let key = Key {
        id: id.to_owned(),
        note: row.text(2)?.map(str::to_owned),
        roles: serde_json::from_str(roles).map_err(Error::internal)?,
        made: Time::from_micros(made),
        expires: row.int(5)?.map(Time::from_micros),
        revoked: row.int(6)?.map(Time::from_micros),
    };
    Ok(Hashed { hash, key })
}

fn too_many() -> Error {
    let detail = format!("There are {MOST} keys already; let callers that do the same share one.");
    Error::new(Kind::Conflict, "keys.too_many", detail)
}

/// Runs a write and gives its answer its type back.
async fn write<T: Send + 'static>(
    engine: &Engine,
    work: impl Fn(&mut dyn Statements) -> Result<T> + Send + Sync + 'static,
) -> Result<T> {
    let job = Arc::new(move |tx: &mut dyn Statements| work(tx).map(|answer| Box::new(answer) as Answer));
    let answer = engine.run(&[], job).await?;
    answer.downcast().map(|answer| *answer).map_err(|_| Error::internal("a write gave another type"))
}
