//! A site with its database open: what commands and the server work on.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mains_base::{Clock, Error, Kind, Result, SystemClock};
use mains_database::Db;
use mains_database::engine::{Durability, EngineSettings, Target};
use mains_database::schema::{self, SchemaPlan};
use mains_language::schema::Schema;
use mains_language::site::{self, Diagnostic};
use mains_server::{App, Records, Stop, tasks};
use tokio::sync::watch;

use crate::apps;
use crate::files;
use crate::operations::backup::Backups;
use crate::operations::seeds;
use crate::settings::{self, Settings};

/// A site in a folder, with its database.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) settings: Settings,
    /// The apps that it enabled when it was opened.
    pub(crate) apps: Vec<App>,
    pub(crate) records: Records,
    /// Ends what runs beside requests.
    pub(crate) stop: Stop,
    /// The backup that is being made.
    pub(crate) backups: Backups,
}

/// What stands in the way of a site.
pub(crate) enum Trouble {
    /// Something that one sentence says.
    Failed(Error),
    /// Mistakes in files, each with its place.
    Written(Vec<Diagnostic>),
    /// A mistake in the settings.
    Settings(settings::Problem),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The schema that a folder declares.
pub(crate) fn declared(folder: &Path) -> Result<Schema, Trouble> {
    site::load(&files::layers(folder)?).map_err(Trouble::Written)
}

/// Whether the plan may be applied without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applies {
    /// `dev`: whatever only adds.
    Additions,
    /// `serve` and commands: only into an empty database.
    Beginning,
}

impl Site {
    /// Opens the database of the site in `folder` and brings it to what is declared, as far as `applies` lets it.
    pub(crate) async fn open(
        folder: &Path,
        settings: Settings,
        applies: Applies,
    ) -> Result<Arc<Self>, Trouble> {
        let declared = Arc::new(declared(folder)?);
        let db = open_database(folder, &settings).await?;
        let plan = schema::plan(db.engine(), &declared).await?;
        let may = plan.is_fresh() || applies == Applies::Additions;
        if !(plan.is_empty() || may && plan.only_adds()) {
            return Err(differs(&plan).into());
        }
        let seeds = if may { Some(seeds::read(&declared, folder)?) } else { None };
        schema::apply(db.engine(), &declared, &plan).await?;
        db.install(declared);
        if let Some(seeds) = seeds {
            seeds.put(&db).await?;
        }
        let apps = apps::enabled(&settings)?;
        let records = Records::open(db).await?.with_limit(settings.records.limit).with_apps(&apps)?;
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            settings,
            apps,
            records,
            stop: Stop::new(),
            backups: Backups::default(),
        }))
    }

    /// Where it is reached, without a slash at its end: as the settings say, else where it listens.
    pub(crate) fn address(&self) -> String {
        let url = self.settings.site.url.trim_end_matches('/');
        if url.is_empty() { format!("http://{}", self.settings.server.listen) } else { url.to_owned() }
    }

    /// Its database.
    pub(crate) fn db(&self) -> &Db {
        self.records.db()
    }

    /// Ends serving by signals: the first begins the drain, the second ends it.
    pub(crate) fn stop_by(&self, mut signals: watch::Receiver<usize>) {
        let stop = self.stop.clone();
        tasks::spawn("stop", async move {
            while signals.changed().await.is_ok() {
                if stop.is_asked() { stop.cut() } else { stop.ask() }
            }
        });
    }

    /// Ends the database in order.
    pub(crate) async fn close(self: Arc<Self>) {
        self.stop.ask();
        self.db().engine().close().await;
    }
}

/// Opens the database and creates in it what Mains itself needs.
pub(crate) async fn open_database(folder: &Path, settings: &Settings) -> Result<Db> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let db = Db::open(&engine_settings(folder, settings)?, clock).await?;
    schema::bootstrap(db.engine()).await?;
    Ok(db)
}

impl Trouble {
    /// As one error, for where it crosses the control socket.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Settings(problem) => Error::new(Kind::Invalid, "cli.settings", problem.message),
            Self::Written(found) => {
                let shown: Vec<String> =
                    found.iter().map(|diagnostic| site::render(diagnostic, false)).collect();
                let detail = format!("The site's files have mistakes.\n\n{}", shown.join("\n"));
                Error::new(Kind::Invalid, "cli.mistakes", detail)
            }
        }
    }
}

fn differs(plan: &SchemaPlan) -> Error {
    let detail = format!(
        "The database differs from what the files declare:\n\n{plan}\nRun `mains migrate` (with --plan to see it only), then start again."
    );
    Error::new(Kind::Conflict, "schema.differs", detail)
}

/// Where the database is, and how it is used.
fn engine_settings(folder: &Path, settings: &Settings) -> Result<EngineSettings> {
    let data = folder.join("data");
    make_private(&data)?;
    let target = if settings.database.url.is_empty() {
        Target::Sqlite { path: data.join("site.db") }
    } else {
        Target::Postgres { url: settings.database.url.clone() }
    };
    let mut engine = EngineSettings::new(target);
    engine.queue = settings.database.queue;
    engine.write_threads = settings.database.writers;
    if settings.database.sync == "normal" {
        engine.durability = Durability::Normal;
    }
    Ok(engine)
}

/// Makes the `data` folder, for the user who serves alone; closes one that was made by others' habits.
fn make_private(data: &Path) -> Result<()> {
    let mode = std::fs::metadata(data).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        if let Err(error) = std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)) {
            // Another user owns it, as some containers have it: their decision.
            tracing::warn!(%error, "data/ is open to other users of this machine and cannot be closed");
        }
        return Ok(());
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|error| {
        Error::new(Kind::Internal, "cli.no_data", format!("{} cannot be made: {error}.", data.display()))
    })
}
