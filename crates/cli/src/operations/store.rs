//! SQL on `mains_imports`: how far imports are.

use mains_base::{Result, Value};
use mains_database::engine::{Engine, Rows};
use mains_database::write::Tx;

use super::import::Progress;

const NOTED: &str = r#"SELECT "line", "hash" FROM "mains_imports" WHERE "collection" = $1"#;

/// How far an import into this collection came.
pub(super) async fn progress(engine: &Engine, collection: &str) -> Result<Option<Progress>> {
    let key = Value::from(collection);
    found(&engine.snapshot(move |statements| statements.query(NOTED, &[key])).await?)
}

/// The same within a transaction.
pub(super) fn noted(tx: &mut Tx<'_>, collection: &str) -> Result<Option<Progress>> {
    found(&tx.query(NOTED, &[collection.into()])?)
}

fn found(rows: &Rows) -> Result<Option<Progress>> {
    let Some(row) = rows.0.first() else { return Ok(None) };
    let line = row.int(0)?.and_then(|line| u64::try_from(line).ok()).unwrap_or_default();
    Ok(Some(Progress { line, hash: row.text(1)?.unwrap_or_default().to_owned() }))
}

/// The version of PostgreSQL, and whether its log is archived.
pub(super) async fn postgres(engine: &Engine) -> Result<(String, String)> {
    let sql = "SELECT current_setting('server_version'), current_setting('archive_mode')";
    let rows = engine.snapshot(move |statements| statements.query(sql, &[])).await?;
    let text = |place| {
        let found = rows.0.first().and_then(|row| row.text(place).ok().flatten());
        found.unwrap_or_default().to_owned()
    };
    Ok((text(0), text(1)))
}

/// Notes how far it is.
pub(super) fn note(tx: &mut Tx<'_>, collection: &str, progress: &Progress) -> Result<()> {
    let sql = r#"INSERT INTO "mains_imports" ("collection", "line", "hash") VALUES ($1, $2, $3)
        ON CONFLICT ("collection") DO UPDATE SET "line" = excluded."line", "hash" = excluded."hash""#;
    let line = i64::try_from(progress.line).unwrap_or(i64::MAX);
    tx.execute_later(sql, &[collection.into(), line.into(), progress.hash.as_str().into()])
}

/// Forgets it.
pub(super) fn forget(tx: &mut Tx<'_>, collection: &str) -> Result<()> {
    tx.execute_later(r#"DELETE FROM "mains_imports" WHERE "collection" = $1"#, &[collection.into()])
}
