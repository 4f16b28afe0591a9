//! The log: every change of a collection is one row, written in the same transaction.
//!
//! Invariants: positions are 1, 2, 3 … without a gap; what a reader has seen up to a position never changes but by
//! erasure; nothing is removed before every named follower has read it.

mod change;
mod follow;
mod retention;
mod scrub;
mod size;
mod tables;

use mains_base::{Error, Kind, Result, Uuid, Value};

pub use self::change::{Change, NewChange, Op, Position};
pub use self::follow::{Batch, Follower, Start};
pub use self::retention::{Retention, Standing, Waiting, drop_follower, keep_trimmed, standing, trim};
pub use self::scrub::{Forget, scrub};
pub use self::tables::tables;

use self::change::COLUMNS;
use crate::dialect::Dialect;
use crate::engine::{Engine, ReadQuery, Route, RowStream, Statements, Violation, ViolationKind};
use crate::schema::standing;

/// The code of an error: changes after a place are no longer kept.
pub const TOO_OLD: &str = "log.too_old";

/// Rows that one call gives at most.
const MOST: usize = 1_000;

/// The number has to be drawn when the transaction has its id already: see the sequencer. It
/// is told back, so that the engine need not ask for it before COMMIT. Where the schema is another than the one written
/// for, there is no number, and the row is refused: see [`crate::schema::standing`].
const APPEND: &str = "INSERT INTO mains_changes (seq, tx, at, collection, record, op, version, actor, request, event, data, \
    touched) VALUES (CASE WHEN pg_current_xact_id() IS NOT NULL \
    AND coalesce(pg_sequence_last_value('mains_schema_mark'), 0) = $12 THEN nextval('mains_changes_seq') END, $1, $2, $3, \
    $4, $5, $6, $7, $8, $9, $10, $11) RETURNING pg_current_xact_id()::text";
const APPEND_SQLITE: &str = "INSERT INTO mains_changes (tx, at, collection, record, op, version, actor, request, event, data, \
    touched) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// Writes a change, within the transaction of the change itself.
pub fn append(statements: &mut dyn Statements, change: &NewChange<'_>) -> Result<()> {
    let mut values = change.values();
    match statements.dialect() {
        Dialect::Sqlite => statements.execute_later(APPEND_SQLITE, &values, None),
        Dialect::Postgres => {
            values.push(Value::Int(change.mark));
            statements.execute_later(APPEND, &values, Some(Box::new(refused)))
        }
    }
}

/// The only column that can lack a value is the number.
fn refused(violation: &Violation) -> Error {
    match violation.kind {
        ViolationKind::NotNull => standing::changed(),
        _ => Error::internal(format!("the log refuses a change: {violation:?}")),
    }
}

/// Up to `limit` (at most 1,000) changes after a position, in order. `log.too_old` when some of them are removed
/// already: take a snapshot, then go on from [`last`].
pub async fn read(engine: &Engine, after: Position, limit: usize) -> Result<Vec<Change>> {
    let from = match engine.dialect() {
        Dialect::Sqlite => "mains_changes",
        Dialect::Postgres => "mains_changes_positions JOIN mains_changes USING (seq)",
    };
    let limit = limit.min(MOST);
    let text =
        format!("SELECT position, {COLUMNS} FROM {from} WHERE position > $1 ORDER BY position LIMIT $2");
    let parameters = vec![Value::Int(after.0), Value::Int(limit as i64)];
    let query = ReadQuery { text: text.into(), parameters, route: Route::Inline };
    let changes = engine.read(query, collect).await?;
    match changes.first() {
        Some(first) if first.position.0 != after.0 + 1 => Err(too_old()),
        _ => Ok(changes),
    }
}

fn collect(rows: &mut dyn RowStream) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(Change::of(row)?);
    }
    Ok(changes)
}

fn too_old() -> Error {
    Error::new(
        Kind::Conflict,
        TOO_OLD,
        "The changes after this place are no longer kept. Load the records anew and go on from there.",
    )
}

/// The last position that readers can see; 0 of an empty log.
pub async fn last(engine: &Engine) -> Result<Position> {
    let text = last_of(engine.dialect());
    one_int(engine, text, Vec::new()).await.map(|position| Position(position.unwrap_or_default()))
}

fn last_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SELECT coalesce(max(position), 0) FROM mains_changes",
        Dialect::Postgres => "SELECT position FROM mains_log",
    }
}

/// The first position that is kept; `None` of an empty log.
async fn first(engine: &Engine) -> Result<Option<i64>> {
    one_int(engine, first_of(engine.dialect()), Vec::new()).await
}

fn first_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SELECT min(position) FROM mains_changes",
        Dialect::Postgres => "SELECT min(position) FROM mains_changes_positions",
    }
}

/// The timeline of this log. A restored database starts a new one, so that positions of the old are not taken for its.
pub async fn timeline(engine: &Engine) -> Result<Uuid> {
    let query = ReadQuery {
        text: "SELECT timeline FROM mains_log".into(),
        parameters: Vec::new(),
        route: Route::Inline,
    };
    let timeline = engine.read(query, |rows| rows.next()?.map_or(Ok(None), |row| row.id(0))).await?;
    timeline.ok_or_else(|| Error::internal("the log has no timeline"))
}

async fn one_int(engine: &Engine, text: &str, parameters: Vec<Value>) -> Result<Option<i64>> {
    let query = ReadQuery { text: text.into(), parameters, route: Route::Inline };
    engine.read(query, |rows| rows.next()?.map_or(Ok(None), |row| row.int(0))).await
}
