//! Taking values out of the log: the one change that readers may see happen to what they have read.
//!
//! Invariant: positions, records and operations stay, so nobody who follows the log misses a change by it.

use mains_base::{Result, Value};

use super::Position;
use crate::dialect::Dialect;
use crate::write::Tx;

/// Changes that one transaction looks at.
const CHUNK: i64 = 20_000;

/// What is to be forgotten of an account.
#[derive(Clone, Copy, Debug)]
pub struct Forget<'f> {
    /// The account as its id stands in JSON.
    pub account: &'f str,
    /// Names of the collections whose records may hold what is the account's.
    pub collections: &'f [String],
}

/// Forgets in a part of the log, from its beginning on: `after` is 0 at first, then what was answered; `None`: done.
/// A change is forgotten when it is of one of the collections and names the account, or is of the account itself.
pub fn scrub(tx: &mut Tx<'_>, forget: Forget<'_>, after: Position) -> Result<Option<Position>> {
    let key = match tx.epoch().dialect {
        Dialect::Sqlite => "position",
        Dialect::Postgres => "seq",
    };
    let last = tx.query(&format!("SELECT coalesce(max({key}), 0) FROM mains_changes"), &[])?;
    let last = last.0.first().map_or(Ok(None), |row| row.int(0))?.unwrap_or_default();
    let end = (after.0 + CHUNK).min(last);
    let collections = Value::List(forget.collections.iter().map(|name| name.as_str().into()).collect());
    let text = format!(
        "UPDATE mains_changes SET data = NULL WHERE {key} > $1 AND {key} <= $2 AND collection IN $3 AND data LIKE $4"
    );
    let pattern = format!("%\"{}\"%", forget.account.replace('_', "\\_"));
    let text = format!("{text} ESCAPE '\\'");
    tx.execute_later(&text, &[after.0.into(), end.into(), collections, pattern.into()])?;
    Ok((end < last).then_some(Position(end)))
}
