//! Every statement on the tables of sessions and of revocations.

use mains_base::{Error, Result, Time, Uuid, Value};
use mains_database::engine::{Engine, Row};
use mains_database::write::Tx;

use super::{Facts, Hashed, MOST, Origin, Revoked, Session};
use crate::keys::Hash;

const COLUMNS: &str = "hash, public_id, account, kind, verified, staff, roles, rights, level, proven_at, created, expires, seen, agent, network";
const DELETE: &str = "DELETE FROM mains_sessions WHERE account = $1 AND public_id = $2 RETURNING public_id";
const DELETE_OF: &str =
    "DELETE FROM mains_sessions WHERE account = $1 AND public_id <> $2 RETURNING public_id";
const MAKE_ROOM: &str = "DELETE FROM mains_sessions WHERE hash IN (SELECT hash FROM mains_sessions WHERE account = $1 ORDER BY seen DESC, hash LIMIT 1000 OFFSET $2) RETURNING public_id";
const REWRITE: &str = "UPDATE mains_sessions SET kind = $2, verified = $3, staff = $4, roles = $5, rights = $6 WHERE account = $1";
const PROVE: &str =
    "UPDATE mains_sessions SET level = $3, proven_at = $4 WHERE account = $1 AND public_id = $2";
const REPOINT: &str = "UPDATE mains_sessions SET account = $2 WHERE account = $1";
const TOUCH: &str = "UPDATE mains_sessions SET seen = $2, expires = $3 WHERE hash = $1 AND seen < $2";
const PURGE: &str = "DELETE FROM mains_sessions WHERE hash IN (SELECT hash FROM mains_sessions WHERE expires < $1 LIMIT 1000)";
const REVOKED: &str = "INSERT INTO mains_revocations (id, account, session, at) VALUES ($1, $2, $3, $4)";
const GONE: &str =
    "SELECT id, account, session FROM mains_revocations WHERE at > $1 ORDER BY at DESC LIMIT 10000";
const FORGET: &str =
    "DELETE FROM mains_revocations WHERE id IN (SELECT id FROM mains_revocations WHERE at < $1 LIMIT 10000)";

/// A revocation that another node may have written: its id and what it says.
pub(crate) type Gone = (Vec<u8>, Revoked);

pub(super) fn insert(tx: &mut Tx<'_>, hash: &Hash, session: &Session) -> Result<()> {
    let Session { id, account, facts, origin, created, expires, seen } = session;
    let sql = format!(
        "INSERT INTO mains_sessions ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    let mut parameters = vec![Value::Bytes(hash.to_vec()), Value::from(id.as_str()), of(*account)];
    parameters.extend(copied(facts)?);
    parameters.extend([
        Value::from(facts.level),
        Value::from(facts.proven_at.map(Time::micros)),
        Value::from(created.micros()),
        Value::from(expires.micros()),
        Value::from(seen.micros()),
        Value::from(origin.agent.clone()),
        Value::from(origin.network.clone()),
    ]);
    tx.execute_later(&sql, &parameters)
}

/// What [`rewrite`] writes, in order.
fn copied(facts: &Facts) -> Result<[Value; 5]> {
    let json = |names: &[String]| serde_json::to_string(names).map(Value::from).map_err(Error::internal);
    let kind = if facts.guest { "guest" } else { "account" };
    Ok([
        Value::from(kind),
        Value::from(facts.verified),
        Value::from(facts.staff),
        json(&facts.roles)?,
        json(&facts.rights)?,
    ])
}

/// Ends the least recently used of more than an account may have, and names them.
pub(super) fn make_room(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<String>> {
    let rows = tx.query(MAKE_ROOM, &[of(account), Value::from(MOST)])?;
    rows.0.iter().map(|row| Ok(row.text(0)?.ok_or_else(broken)?.to_owned())).collect()
}

pub(super) fn delete(tx: &mut Tx<'_>, account: Uuid, id: &str) -> Result<bool> {
    Ok(!tx.query(DELETE, &[of(account), Value::from(id)])?.0.is_empty())
}

pub(super) fn delete_of(tx: &mut Tx<'_>, account: Uuid, except: Option<&str>) -> Result<usize> {
    Ok(tx.query(DELETE_OF, &[of(account), Value::from(except.unwrap_or(""))])?.0.len())
}

pub(super) fn rewrite(tx: &mut Tx<'_>, account: Uuid, facts: &Facts) -> Result<()> {
    let mut parameters = vec![of(account)];
    parameters.extend(copied(facts)?);
    tx.execute_later(REWRITE, &parameters)
}

pub(super) fn prove(tx: &mut Tx<'_>, account: Uuid, id: &str, level: i64) -> Result<()> {
    let now = tx.now().micros();
    tx.execute_later(PROVE, &[of(account), Value::from(id), Value::from(level), Value::from(now)])
}

pub(super) fn repoint(tx: &mut Tx<'_>, from: Uuid, to: Uuid) -> Result<()> {
    tx.execute_later(REPOINT, &[of(from), of(to)])
}

pub(super) fn list(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Session>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM mains_sessions WHERE account = $1 AND expires > $2 ORDER BY seen DESC, created DESC, hash LIMIT $3"
    );
    let now = tx.now().micros();
    let rows = tx.query(&sql, &[of(account), Value::from(now), Value::from(MOST)])?;
    rows.0.iter().map(|row| Ok(hashed(row)?.session)).collect()
}

/// The session of this hash, expired or not.
pub(crate) async fn find(engine: &Engine, hash: &Hash) -> Result<Option<Hashed>> {
    let parameters = [Value::Bytes(hash.to_vec())];
    let sql = format!("SELECT {COLUMNS} FROM mains_sessions WHERE hash = $1");
    engine.snapshot(move |tx| tx.query(&sql, &parameters)?.0.first().map(hashed).transpose()).await
}

/// Notes that a session is in use.
pub(crate) fn touch(tx: &mut Tx<'_>, hash: &Hash, seen: Time, expires: Time) -> Result<()> {
    let parameters = [Value::Bytes(hash.to_vec()), Value::from(seen.micros()), Value::from(expires.micros())];
    tx.execute_later(TOUCH, &parameters)
}

pub(super) fn insert_revoked(tx: &mut Tx<'_>, revoked: &Revoked) -> Result<()> {
    let id = Value::Bytes(tx.token()?.to_vec());
    let now = tx.now().micros();
    let session = Value::from(revoked.session.clone());
    tx.execute_later(REVOKED, &[id, of(revoked.account), session, Value::from(now)])
}

/// What was revoked since then.
pub(crate) async fn gone_since(engine: &Engine, since: Time) -> Result<Vec<Gone>> {
    engine
        .snapshot(move |tx| tx.query(GONE, &[Value::from(since.micros())])?.0.iter().map(gone).collect())
        .await
}

/// Removes what has expired, and revocations that every node has seen.
pub(crate) fn purge(tx: &mut Tx<'_>, told_before: Time) -> Result<()> {
    let now = tx.now().micros();
    tx.execute_later(PURGE, &[Value::from(now)])?;
    tx.execute_later(FORGET, &[Value::from(told_before.micros())])
}

fn of(account: Uuid) -> Value {
    Value::Bytes(account.0.to_vec())
}

fn account(row: &Row, column: usize) -> Result<Uuid> {
    let bytes = row.bytes(column)?.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Uuid).ok_or_else(broken)
}

fn gone(row: &Row) -> Result<Gone> {
    let revoked = Revoked { account: account(row, 1)?, session: row.text(2)?.map(str::to_owned) };
    Ok((row.bytes(0)?.ok_or_else(broken)?.to_vec(), revoked))
}

fn hashed(row: &Row) -> Result<Hashed> {
    let text = |column: usize| row.text(column)?.ok_or_else(broken);
    let time = |column: usize| row.int(column)?.map(Time::from_micros).ok_or_else(broken);
    let names = |column: usize| serde_json::from_str(text(column)?).map_err(Error::internal);
    let facts = Facts {
        guest: text(3)? == "guest",
        verified: row.bool(4)? == Some(true),
        staff: row.bool(5)? == Some(true),
        roles: names(6)?,
        rights: names(7)?,
        level: row.int(8)?.ok_or_else(broken)?,
        proven_at: row.int(9)?.map(Time::from_micros),
    };
    let session = Session {
        id: text(1)?.to_owned(),
        account: account(row, 2)?,
        facts,
        origin: Origin { agent: row.text(13)?.map(str::to_owned), network: row.text(14)?.map(str::to_owned) },
        created: time(10)?,
        expires: time(11)?,
        seen: time(12)?,
    };
    let hash = row.bytes(0)?.and_then(|bytes| bytes.try_into().ok()).ok_or_else(broken)?;
    Ok(Hashed { hash, session })
}

fn broken() -> Error {
    Error::internal("a stored session is not whole")
}
