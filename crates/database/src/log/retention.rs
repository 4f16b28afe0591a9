//! How long the log is kept.

use std::sync::Arc;

use mains_base::{Duration, Error, Result, Value};

use super::size::{self, Size};
use super::{Position, last, one_int};
use crate::dialect::Dialect;
use crate::engine::{Answer, Engine, ReadQuery, Route, Statements};

/// Rows removed in one transaction.
const BITE: i64 = 1_000;
/// Between two looks at the log.
const EVERY: std::time::Duration = std::time::Duration::from_mins(1);

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Changes younger than this stay, unless they take too much room.
    pub age: Duration,
    /// At most about this many bytes stay.
    pub bytes: i64,
}

/// How the log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Changes that are kept.
    pub rows: i64,
    /// Bytes that they take, about.
    pub bytes: i64,
    /// Who reads it by name, by name.
    pub followers: Vec<Waiting>,
    /// It takes more than it may, because this follower has not read the oldest part yet.
    pub held_by: Option<String>,
}

/// How far a named follower is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub name: String,
    /// Changes that it has yet to read.
    pub behind: i64,
}

impl Retention {
    /// So many days, or so many megabytes (of 2²⁰ bytes).
    pub fn of(days: u32, megabytes: u32) -> Self {
        let days = Duration::from_micros(i64::from(days) * 86_400 * 1_000_000);
        Self { age: days.unwrap_or(Duration::MAX), bytes: i64::from(megabytes) << 20 }
    }

    /// Seven days, or a gigabyte.
    pub fn usual() -> Self {
        Self::of(7, 1024)
    }
}

/// Removes what need not be kept, but nothing that a named follower has yet to read. Gives the number of rows removed.
///
/// Segments go whole, so up to a segment more than needed. The newest row always stays, so that positions go on where
/// they were.
pub async fn trim(engine: &Engine, retention: Retention) -> Result<i64> {
    let last = last(engine).await?;
    let surplus = size::measure(engine).await?.surplus(retention.bytes);
    let wanted = old(engine, retention).await?.max(surplus);
    let until = Position(wanted.min(last.0 - 1));
    let mut removed = 0;
    loop {
        let bite = bite(engine, until).await?;
        removed += bite;
        if bite < BITE {
            return Ok(removed);
        }
    }
}

/// Trims the log every minute until `stop` is done. A failure is logged, and tried again a minute later.
pub async fn keep_trimmed(engine: Engine, retention: Retention, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    while tokio::time::timeout(EVERY, stop.as_mut()).await.is_err() {
        match trim(&engine, retention).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "the log was trimmed"),
            Err(error) => tracing::warn!(?error, "the log could not be trimmed"),
        }
    }
}

/// How much the log holds, who still has to read it, and who keeps it from being trimmed. Changes nothing.
pub async fn standing(engine: &Engine, retention: Retention) -> Result<Standing> {
    let last = last(engine).await?.0;
    let rows = super::first(engine).await?.map_or(0, |first| last - first + 1);
    let size = size::known(engine).await?;
    let followers = followers(engine, last).await?;
    let held_by = holding(&size, retention, last, &followers);
    Ok(Standing { rows, bytes: size.bytes, followers, held_by })
}

/// The last of those that keep the log longer than it may be.
fn holding(size: &Size, retention: Retention, last: i64, followers: &[Waiting]) -> Option<String> {
    let slowest = followers.iter().max_by_key(|follower| follower.behind)?;
    let is_held = last - slowest.behind < size.surplus(retention.bytes);
    is_held.then(|| slowest.name.clone())
}

async fn followers(engine: &Engine, last: i64) -> Result<Vec<Waiting>> {
    let text = "SELECT name, position FROM mains_followers ORDER BY name";
    let query = ReadQuery { text: text.into(), parameters: Vec::new(), route: Route::Pool };
    let read = engine.read(query, move |rows| {
        let mut followers = Vec::new();
        while let Some(row) = rows.next()? {
            let behind = last - row.int(1)?.unwrap_or_default();
            followers
                .push(Waiting { name: row.text(0)?.unwrap_or_default().to_owned(), behind: behind.max(0) });
        }
        Ok(followers)
    });
    read.await
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
        // Asked each time: somebody may have begun to follow since the last bite.
        let read = statements.query("SELECT min(position) FROM mains_followers", &[])?;
        let read = read.0.first().map_or(Ok(None), |row| row.int(0))?;
        let until = Position(until.0.min(read.unwrap_or(i64::MAX)));
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
        if removed < BITE.unsigned_abs() {
            size::forget(statements, until.0)?;
        }
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
