//! `mains restore FILE`: a backup becomes the site's database, while nobody serves it.
//!
//! Invariants: the database is the old one or the restored one, whenever the program is killed; nobody is signed in, and no
//! mailed link opens anything, that did at the time of the backup and may have been ended since.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mains_apps::accounts;
use mains_base::{Error, Kind, Result};
use mains_database::Db;
use mains_database::backup::{self, Progress};
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, EngineSettings};

use crate::archive::{self, DATABASE, Manifest};
use crate::arguments;
use crate::backend;
use crate::control::Client;
use crate::operations::backup::blocking;
use crate::settings::Settings;
use crate::site::{self, Trouble};
use crate::talk::Talk;

/// Restores it, and says what came back.
pub(crate) fn run(
    folder: &Path,
    settings: &Settings,
    arguments: &arguments::Restore,
    talk: Talk,
) -> Result<(), Trouble> {
    let data = folder.join("data");
    if Client::find(&data)?.is_some() {
        let detail = "The site is being served. Stop that first: a restore takes the place of its database.";
        return Err(Error::new(Kind::Conflict, "cli.served", detail).into());
    }
    let runtime = backend::runtime()?;
    runtime.block_on(async {
        let db = site::open_database(folder, settings).await?;
        let outcome = restore((folder, settings), &db, arguments).await;
        if outcome.is_err() {
            // What was unpacked holds secrets of the site.
            clear(&data)?;
        }
        db.engine().close().await;
        let (manifest, swap) = outcome?;
        if let Some(from) = swap {
            // Whoever came first since then has the database, and keeps it.
            let own = backup::Owned::take(&data.join(DATABASE))?;
            own.replace_by(&from)?;
            clear(&data)?;
        }
        talk.say(&format!("Restored what was backed up at {}.", manifest.made));
        talk.say("The log begins a new timeline; browsers that follow it load anew. Jobs that waited then wait again.");
        talk.say(ENDED);
        Ok(())
    })
}

const ENDED: &str = "Everybody is signed out, and links that were mailed open nothing. Passwords, roles and API keys are those of the \
    backup: look at `mains keys list` and `mains accounts list` for what was taken away since.";

/// The folder in which a backup is unpacked.
fn unpacked(data: &Path) -> PathBuf {
    data.join("restoring")
}

fn clear(data: &Path) -> Result<()> {
    match std::fs::remove_dir_all(unpacked(data)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Restores into an open database; or gives the file that is to take its place.
async fn restore(
    (folder, settings): (&Path, &Settings),
    db: &Db,
    arguments: &arguments::Restore,
) -> Result<(Manifest, Option<PathBuf>), Trouble> {
    let data = folder.join("data");
    if !arguments.replace && !backup::is_empty(db.engine()).await? {
        let detail =
            "This site has records already. Restore into an empty one, or say --replace to lose them.";
        return Err(Error::new(Kind::Conflict, "backup.not_empty", detail).into());
    }
    clear(&data)?;
    let into = unpacked(&data);
    std::fs::create_dir(&into).map_err(Error::from)?;
    let (from, content) = (arguments.file.clone(), into.clone());
    let mut manifest = blocking(move || archive::unpack(&from, &content)).await?;
    let ways_in = ways_in(settings);
    if !manifest.is_file() {
        manifest.tables.retain(|table| !ways_in.contains(&table.name.as_str()));
        fill(db, folder, (&into, &manifest)).await?;
        clear(&data)?;
        return Ok((manifest, None));
    }
    let file = into.join(DATABASE);
    let proved = file.clone();
    blocking(move || backup::prove_file(&proved).map(drop)).await?;
    if db.engine().dialect() == Dialect::Sqlite {
        let renewed = file.clone();
        blocking(move || {
            backup::empty(&renewed, &ways_in)?;
            backup::renew_timeline(&renewed)
        })
        .await?;
        return Ok((manifest, Some(file)));
    }
    let mut manifest = as_rows(&file, &into, manifest).await?;
    manifest.tables.retain(|table| !ways_in.contains(&table.name.as_str()));
    fill(db, folder, (&into, &manifest)).await?;
    clear(&data)?;
    Ok((manifest, None))
}

/// The tables of what opens an account without its password.
fn ways_in(settings: &Settings) -> Vec<&'static str> {
    let accounts = settings.apps.enabled.iter().any(|name| name == accounts::NAME);
    let of_accounts = accounts::WAYS_IN.into_iter().filter(|_| accounts);
    of_accounts.chain([mains_server::sessions::TABLE]).collect()
}

/// Fills an open database with rows.
async fn fill(db: &Db, folder: &Path, (rows, manifest): (&Path, &Manifest)) -> Result<(), Trouble> {
    let declared = Arc::new(site::declared(folder)?);
    let progress = Arc::new(Progress::default());
    Ok(backup::load(db.engine(), &declared, (rows, manifest.tables.clone()), &progress).await?)
}

/// The rows of a file of SQLite, for a database that is none.
async fn as_rows(file: &Path, into: &Path, manifest: Manifest) -> Result<Manifest> {
    let clock: Arc<dyn mains_base::Clock> = Arc::new(mains_base::SystemClock);
    let engine = Engine::open(&EngineSettings::sqlite(file), clock).await?;
    let saved = backup::save(&engine, into, &Arc::new(Progress::default())).await;
    engine.close().await;
    Ok(Manifest { tables: saved?, ..manifest })
}
