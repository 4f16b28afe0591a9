//! How long the log is kept.

use std::sync::Arc;

use mains_base::{Duration, Error, Result, Value};

use super::{Position, last, one_int};
use crate::dialect::Dialect;
use crate::engine::{Answer, Engine, Statements};

/// Rows removed in one transaction.
const BITE: i64 = 1_000;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Rows younger than this stay, unless there are too many.
    pub age: Duration,
    /// At most this many stay.
    pub rows: i64,
}

impl Retention {
    /// Seven days, or a million rows.
    pub fn usual() -> Self {
        let week = Duration::from_micros(7 * 86_400 * 1_000_000);
        Self { age: week.unwrap_or(Duration::MAX), rows: 1_000_000 }
    }
}

/// Removes what need not be kept, but nothing that a named follower has yet to read. Gives the number of rows removed.
///
/// The newest row always stays, so that positions go on where they were.
pub async fn trim(engine: &Engine, retention: Retention) -> Result<i64> {
    let last = last(engine).await?;
    let read = one_int(engine, "SELECT min(position) FROM mains_followers", Vec::new()).await?;
    let old = old(engine, retention).await?.max(last.0 - retention.rows);
    let until = Position(old.min(last.0 - 1).min(read.unwrap_or(i64::MAX)));
    let mut removed = 0;
    loop {
        let bite = bite(engine, until).await?;
        removed += bite;
        if bite < BITE {
            return Ok(removed);
        }
    }
}

/// The last position of those that are too old. Positions follow the clock but for moments, so the first young row
/// ends the search.
async fn old(engine: &Engine, retention: Retention) -> Result<i64> {
    let text = match engine.dialect() {
        Dialect::Sqlite => "SELECT position FROM mains_changes WHERE at >= $1 ORDER BY position LIMIT 1",
        Dialect::Postgres => {
            "SELECT position FROM mains_changes_positions JOIN mains_changes USING (seq) WHERE at >= $1 \
             ORDER BY position LIMIT 1"
        }
    };
    let since = engine.clock().now().micros().saturating_sub(retention.age.micros());
    let young = one_int(engine, text, vec![Value::Int(since)]).await?;
    Ok(young.map_or(i64::MAX, |young| young - 1))
}

async fn bite(engine: &Engine, until: Position) -> Result<i64> {
    let job = move |statements: &mut dyn Statements| {
        let parameters = [Value::Int(until.0), Value::Int(BITE)];
        let removed = match statements.dialect() {
            Dialect::Sqlite => statements.execute(
                "DELETE FROM mains_changes WHERE position IN (SELECT position FROM mains_changes WHERE position <= $1 \
                 ORDER BY position LIMIT $2)",
                &parameters,
                None,
            )?,
            Dialect::Postgres => statements.execute(
                "WITH gone AS (DELETE FROM mains_changes_positions WHERE position IN (SELECT position FROM \
                 mains_changes_positions WHERE position <= $1 ORDER BY position LIMIT $2) RETURNING seq) \
                 DELETE FROM mains_changes USING gone WHERE mains_changes.seq = gone.seq",
                &parameters,
                None,
            )?,
        };
        Ok(Box::new(removed) as Answer)
    };
    let removed = engine.run_alone(&[], Arc::new(job)).await?;
    let removed = removed.downcast::<u64>().map_err(|_| Error::internal("no number of rows"))?;
    Ok(i64::try_from(*removed).unwrap_or(BITE))
}

/// Forgets a follower that nobody runs any more and that keeps the log from being trimmed. False if there is none.
pub async fn drop_follower(engine: &Engine, name: &str) -> Result<bool> {
    let name = Value::from(name);
    let job = move |statements: &mut dyn Statements| {
        let sql = "DELETE FROM mains_followers WHERE name = $1";
        let dropped = statements.execute(sql, std::slice::from_ref(&name), None)?;
        Ok(Box::new(dropped == 1) as Answer)
    };
    let dropped = engine.run(&[], Arc::new(job)).await?;
    dropped.downcast::<bool>().map(|dropped| *dropped).map_err(|_| Error::internal("no answer"))
}
