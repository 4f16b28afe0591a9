//! The file of SQLite: copied while it is written, proved, and made ready to be another database.

use std::path::Path;

use mains_base::{Error, Result, Uuid};

use super::broken;
use crate::engine::{Engine, Lone};

/// Copies one state of the database into a new file, compacted, and brings it to the disk. Writers are not kept
/// waiting. An error on PostgreSQL, which has no file.
pub async fn copy_file(engine: &Engine, to: &Path) -> Result<()> {
    engine.copy_file(to).await
}

/// Looks through a copy: whole, and every reference leads to a record. Its newest position in the log.
pub fn prove_file(path: &Path) -> Result<i64> {
    let file = Lone::open(path)?;
    for (question, complaint) in [
        ("PRAGMA integrity_check(1)", "is damaged"),
        (
            "SELECT 'ok' UNION ALL SELECT \"table\" FROM pragma_foreign_key_check LIMIT 2",
            "has references to nothing",
        ),
    ] {
        if file.texts(question)? != ["ok"] {
            return Err(broken(format!("The database in the backup {complaint}.")));
        }
    }
    let position = file.texts("SELECT CAST(coalesce(max(position), 0) AS TEXT) FROM mains_changes")?;
    let position = position.first().and_then(|position| position.parse().ok());
    position.ok_or_else(|| broken("The database in the backup has no log."))
}

/// Begins a new timeline of the log, for a copy that goes on as a database of its own.
pub fn renew_timeline(path: &Path) -> Result<()> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|cause| Error::internal(cause.to_string()))?;
    Lone::open(path)?.set_bytes("UPDATE mains_log SET timeline = ?1", &Uuid::v4(random).0)
}
