//! Copying the database of a site while it is served: begun, looked at, and done in the background.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mains_base::{Error, Kind, Result};
use mains_database::backup::{self, Progress};
use mains_database::dialect::Dialect;
use mains_database::{Db, log};
use mains_server::tasks;
use serde_json::{Value, json};

use super::store;
use crate::archive::{self, DATABASE, Manifest};
use crate::site::Site;

/// The backup that is being made, or was made last.
#[derive(Debug, Default)]
pub(crate) struct Backups(Mutex<Option<Arc<Making>>>);

#[derive(Debug, Default)]
struct Making {
    progress: Arc<Progress>,
    ended: Mutex<Option<Result<Value>>>,
}

/// Begins a backup into a new file; as rows also where the database is one file. One at a time.
pub(super) fn begin(site: &Arc<Site>, to: PathBuf, rows: bool) -> Result<Value> {
    if to.exists() {
        let detail = format!("{} is there already. Name another file, or remove it first.", to.display());
        return Err(Error::new(Kind::Conflict, "backup.exists", detail));
    }
    let making = Arc::new(Making::default());
    {
        let mut current = site.backups.0.lock().unwrap_or_else(PoisonError::into_inner);
        let busy =
            current.as_ref().is_some_and(|making| making.lock().is_none() && Arc::strong_count(making) > 1);
        if busy {
            let detail = "Another backup of this site is being made. Wait until it is done.";
            return Err(Error::new(Kind::Conflict, "backup.running", detail));
        }
        *current = Some(Arc::clone(&making));
    }
    let db = site.db().clone();
    tasks::spawn("backup", async move {
        let made = make(&db, &to, rows, &making.progress).await;
        *making.lock() = Some(made);
    });
    Ok(Value::Null)
}

impl Making {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<Value>>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers `{done, total, made}`; `made` is null until it is, then `{bytes, position, …}`.
pub(super) fn look(site: &Site) -> Result<Value> {
    let current = site.backups.0.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(making) = current.as_ref() else { return Err(Error::internal("no backup was begun")) };
    let (done, total) = making.progress.now();
    let made = making.lock().take().transpose()?;
    if made.is_none() && Arc::strong_count(making) == 1 {
        return Err(Error::internal("a backup ended without an answer"));
    }
    Ok(json!({"done": done, "total": total, "made": made}))
}

/// Answers what PostgreSQL itself is set to, for advice; null on SQLite.
pub(super) async fn postgres(site: &Site) -> Result<Value> {
    if site.db().engine().dialect() == Dialect::Sqlite {
        return Ok(Value::Null);
    }
    let (version, archive) = store::postgres(site.db().engine()).await?;
    Ok(json!({"version": version, "archive_mode": archive}))
}

async fn make(db: &Db, to: &Path, rows: bool, progress: &Arc<Progress>) -> Result<Value> {
    let partial = partial(to)?;
    let content = partial.join("content");
    std::fs::create_dir_all(&content)?;
    let made = fill(db, (&content, &partial.join("whole.tar")), rows, progress).await;
    let made = made.and_then(|manifest| name(&partial.join("whole.tar"), to).map(|bytes| (manifest, bytes)));
    let cleared = std::fs::remove_dir_all(&partial);
    let (manifest, bytes) = made?;
    cleared?;
    let count: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    Ok(json!({"bytes": bytes, "position": manifest.position, "tables": manifest.tables.len(), "rows": count}))
}

/// The folder in which a backup is made; one that a kill left behind is removed.
fn partial(to: &Path) -> Result<PathBuf> {
    let name = to.file_name().ok_or_else(|| {
        Error::new(Kind::Invalid, "backup.exists", format!("{} is no name for a file.", to.display()))
    })?;
    let partial = to.with_file_name(format!(".{}.partial", name.to_string_lossy()));
    match std::fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(partial),
    }
}

async fn fill(
    db: &Db,
    (content, tar): (&Path, &Path),
    rows: bool,
    progress: &Arc<Progress>,
) -> Result<Manifest> {
    let engine = db.engine();
    let timeline = archive::hexadecimal(&log::timeline(engine).await?.0);
    let is_file = engine.dialect() == Dialect::Sqlite && !rows;
    let (tables, position) = if is_file {
        let path = content.join(DATABASE);
        backup::copy_file(engine, &path).await?;
        (Vec::new(), blocking(move || backup::prove_file(&path)).await?)
    } else {
        let position = log::last(engine).await?.0;
        (backup::save(engine, content, progress).await?, position)
    };
    let manifest = Manifest {
        format: backup::FORMAT,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        made: db.clock().now().to_string(),
        database: if engine.dialect() == Dialect::Sqlite { "sqlite" } else { "postgres" }.to_owned(),
        position,
        timeline,
        tables,
        files: Vec::new(),
    };
    let (content, tar) = (content.to_owned(), tar.to_owned());
    blocking(move || archive::pack(&tar, &content, manifest)).await
}

/// Gives a complete backup its name, for good; its length.
fn name(from: &Path, to: &Path) -> Result<u64> {
    let bytes = std::fs::metadata(from)?.len();
    std::fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()?;
    Ok(bytes)
}

/// Runs work that keeps its thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::internal(error)))
}
