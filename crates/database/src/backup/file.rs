//! The file of SQLite: copied while it is written, proved, and made ready to be another database.

use std::fs::File;
use std::path::{Path, PathBuf};

use mains_base::{Error, Kind, Result, Uuid};

use super::broken;
use crate::dialect::quote;
use crate::engine::{Engine, Lone, lock};

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

/// Empties these tables of a copy, where it has them.
pub fn empty(path: &Path, tables: &[&str]) -> Result<()> {
    let file = Lone::open(path)?;
    let there = file.texts("SELECT name FROM sqlite_master WHERE type = 'table'")?;
    let mut found = there.iter().filter(|name| tables.contains(&name.as_str()));
    found.try_for_each(|name| file.run(&format!("DELETE FROM {}", quote(name))))
}

/// A file of SQLite that nobody has open, and nobody opens as long as this is held.
#[derive(Debug)]
pub struct Owned {
    path: PathBuf,
    _lock: File,
}

impl Owned {
    /// Takes it; refused while somebody has it open.
    pub fn take(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), _lock: lock(path)? })
    }

    /// Puts a whole file in its place, for good. What its write-ahead log still holds would be taken for the new one's.
    pub fn replace_by(&self, from: &Path) -> Result<()> {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let detail = "The old database could not be closed in order. Move data/site.db and what begins with that \
                name away, then restore into the empty folder.";
            return Err(Error::new(Kind::Unavailable, "backup.not_closed", detail));
        }
        File::open(from)?.sync_all()?;
        std::fs::rename(from, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
    }
}
