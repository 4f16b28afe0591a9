//! Whether the database still holds what a process serves, where others may change the schema.
//!
//! Each change of the schema draws another mark, before its commit and while it holds the lock of all changes. A write
//! says with its log rows, thus behind all that it read and wrote, for which mark it was made. Invariant: what is written
//! for a schema that another process has changed is refused, however the two overlap: either the change waits for
//! the locks of the write, or the write comes behind the change and sees its mark.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mains_base::{Error, Kind, Result};
use mains_language::schema::Schema;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::catalogue;
use super::declared;
use super::shape::{FieldShape, KindShape, TableShape};
use crate::dialect::Dialect;
use crate::engine::{Answer, Engine, Job, ReadQuery, Route, Statements, busy};

/// Draws another mark and tells everybody, in the transaction that changes the schema. Random, so that two servers
/// of which one has lost its last transactions never say the same of two schemas.
pub(super) const ANOTHER: &str =
    "SELECT setval('mains_schema_mark', 1 + floor(random() * 9e15)::bigint), pg_notify('mains_altered', '')";
const MARK: &str = "SELECT coalesce(pg_sequence_last_value('mains_schema_mark'), 0)";
/// Nobody changes the schema from here to the end of the transaction. The number is that of changes.
const HOLD: &str = "SELECT pg_try_advisory_xact_lock_shared(7236539012)";

/// How often, and after which waits, a schema is looked at that somebody is changing.
const LOOKS: usize = 20;
const STEP: Duration = Duration::from_millis(25);

const UNKNOWN: i64 = -1;
const DIFFERS: i64 = -2;

/// What one epoch knows: the mark under which the database was seen to hold it.
#[derive(Debug)]
pub(crate) struct Standing(AtomicI64);

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All that is declared is there, under this mark.
    Fits(i64),
    /// This is not as it is declared.
    Differs(String),
}

/// The looks of a process.
#[derive(Debug)]
pub(crate) struct Look {
    outdated: AtomicBool,
    turn: Semaphore,
    /// How often somebody had a turn.
    turns: AtomicU64,
}

impl Standing {
    /// A file belongs to one process, which knows what it holds.
    pub(crate) fn of(dialect: Dialect) -> Self {
        Self(AtomicI64::new(if dialect == Dialect::Sqlite { 0 } else { UNKNOWN }))
    }

    /// The mark to write for.
    pub(crate) fn mark(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// What is known, if anything is.
    pub(crate) fn known(&self) -> Option<Result<()>> {
        match self.mark() {
            UNKNOWN => None,
            DIFFERS => Some(Err(changed())),
            _ => Some(Ok(())),
        }
    }

    /// Has it judged anew, unless somebody did so since it was `mark`.
    pub(crate) fn doubt(&self, mark: i64) {
        // Then another mark stands there already.
        let _ = self.0.compare_exchange(mark, UNKNOWN, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Keeps what was found, and says it.
    pub(crate) fn keep(&self, found: &Found) -> Result<()> {
        match found {
            Found::Fits(mark) => {
                self.0.store(*mark, Ordering::Release);
                Ok(())
            }
            Found::Differs(what) => {
                if self.0.swap(DIFFERS, Ordering::AcqRel) != DIFFERS {
                    tracing::warn!(what, "the database no longer holds what is served here");
                }
                Err(changed())
            }
        }
    }
}

impl Default for Look {
    fn default() -> Self {
        Self { outdated: AtomicBool::new(false), turn: Semaphore::new(1), turns: AtomicU64::new(0) }
    }
}

impl Look {
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// What was found of the schema that is served now.
    pub(crate) fn found(&self, fits: bool) {
        self.outdated.store(!fits, Ordering::Relaxed);
    }

    /// The right to look; none when another has looked meanwhile.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let before = self.turns.load(Ordering::Acquire);
        let turn = self.turn.acquire().await.ok()?;
        let alone = self.turns.fetch_add(1, Ordering::AcqRel) == before;
        alone.then_some(turn)
    }
}

/// 503: the database holds another schema than the one that is served.
pub(crate) fn changed() -> Error {
    Error::new(
        Kind::Unavailable,
        "schema.changed",
        "The database was changed by another version of this site. Start this node again with the version that the \
         database holds now.",
    )
    .retry_after(Duration::from_secs(5))
}

/// Whether it is that.
pub(crate) fn is_changed(error: &Error) -> bool {
    error.code() == "schema.changed"
}

/// The mark of the schema that the database holds now.
pub(crate) async fn mark(engine: &Engine) -> Result<i64> {
    let query = ReadQuery { text: MARK.into(), parameters: Vec::new(), route: Route::Inline };
    engine.read(query, |rows| rows.next()?.map_or(Ok(0), |row| Ok(row.int(0)?.unwrap_or_default()))).await
}

/// Compares what is declared with what the database holds, while nobody changes it.
pub(crate) async fn judge(engine: &Engine, schema: &Schema) -> Result<Found> {
    let declared = Arc::new(declared::shapes(engine.dialect(), schema)?);
    for _ in 0..LOOKS {
        let declared = Arc::clone(&declared);
        let job: Job = Arc::new(move |statements| Ok(Box::new(look(statements, &declared)?) as Answer));
        let found = engine.run_read_committed(job).await?;
        let found =
            found.downcast::<Option<Found>>().map_err(|_| Error::internal("a look gave another type"))?;
        if let Some(found) = *found {
            return Ok(found);
        }
        tokio::time::sleep(STEP).await;
    }
    Err(busy())
}

fn look(statements: &mut dyn Statements, declared: &[TableShape]) -> Result<Option<Found>> {
    let held = statements.query(HOLD, &[])?;
    if held.0.first().map(|row| row.bool(0)).transpose()?.flatten() != Some(true) {
        return Ok(None);
    }
    let mark = statements.query(MARK, &[])?;
    let mark = mark.0.first().map(|row| row.int(0)).transpose()?.flatten().unwrap_or_default();
    let stored = catalogue::read(statements)?;
    Ok(Some(misfit(declared, &stored)?.map_or(Found::Fits(mark), Found::Differs)))
}

/// The first thing that is not as it is declared. What is there besides is no matter, as long as whoever does not know
/// of it can leave it out.
fn misfit(declared: &[TableShape], stored: &[TableShape]) -> Result<Option<String>> {
    for table in declared {
        let Some(found) = stored.iter().find(|found| found.name == table.name) else {
            return Ok(Some(format!("{} {}", table.noun(), table.name)));
        };
        if catalogue::json(table)? != catalogue::json(found)? {
            return Ok(Some(format!("{} {}", table.noun(), table.name)));
        }
        if let Some(part) = part(table, found)? {
            return Ok(Some(format!("{}: {part}", table.name)));
        }
    }
    Ok(None)
}

fn part(table: &TableShape, found: &TableShape) -> Result<Option<String>> {
    for field in &table.fields {
        if !found.field(&field.name).is_some_and(|held| is_held(field, held)) {
            return Ok(Some(format!("field {}", field.name)));
        }
    }
    let is_known = |field: &&FieldShape| table.field(&field.name).is_some();
    if let Some(field) = found.fields.iter().filter(|field| !is_known(field)).find(|field| is_needed(field)) {
        return Ok(Some(format!("field {}", field.name)));
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        let held = found.indexes.iter().find(|held| held.name == index.name);
        if held.map(catalogue::json).transpose()? != Some(catalogue::json(index)?) {
            return Ok(Some(format!("index {}", index.name)));
        }
    }
    let texts = |checks: &TableShape| {
        let text = |check: &super::shape::CheckShape| Ok((check.name.clone(), catalogue::json(check)?));
        let mut texts = checks.checks.iter().map(text).collect::<Result<Vec<_>>>()?;
        texts.sort();
        Ok::<_, Error>(texts)
    };
    Ok((texts(table)? != texts(found)?).then(|| "its checks".to_owned()))
}

/// Whether a stored field takes all that a declared one may hold. An enum may have further values.
fn is_held(declared: &FieldShape, stored: &FieldShape) -> bool {
    let kind = match (&declared.kind, &stored.kind) {
        (KindShape::Enum { values }, KindShape::Enum { values: held }) => {
            values.iter().all(|value| held.contains(value))
        }
        (declared, stored) => declared == stored,
    };
    kind && declared.many == stored.many && declared.required == stored.required
}

/// Whether a record cannot do without a field: one of `bool` is false by itself.
fn is_needed(field: &FieldShape) -> bool {
    let is_numbered = field.kind.sequence().is_some() || matches!(field.kind, KindShape::Slug { .. });
    is_numbered || (field.required && !matches!(field.kind, KindShape::Bool {}))
}
