//! `mains check`: everything that can be wrong with a site's files, without starting it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mains_base::{Clock, Error, Result, SystemClock};
use mains_database::Db;
use mains_database::engine::EngineSettings;
use mains_database::schema as plans;
use mains_language::schema::Schema;
use mains_language::site::{self, Diagnostic};
use mains_server::{Assets, Pages, Records};

use crate::apps;
use crate::backend;
use crate::files;
use crate::operations::seeds;
use crate::pages::{self, Mode};
use crate::settings::Settings;
use crate::site::Trouble;
use crate::talk::Talk;

/// Says what is wrong and what is worth a second look.
pub(crate) fn run(folder: &Path, settings: &Settings, talk: Talk) -> Result<(), Trouble> {
    let layers = files::layers(folder)?;
    let schema = site::load(&layers).map_err(Trouble::Written)?;
    for warning in site::warnings(&layers, &schema) {
        talk.show(&warning);
    }
    let count = schema.collections.iter().filter(|collection| !collection.is_table()).count();
    let shown = files::pages(folder)?.len();
    for warning in &begin(folder, settings, schema)? {
        talk.show(warning);
    }
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let pages = if shown == 0 { String::new() } else { format!(" and {}", plural(shown, "page")) };
    talk.say(&format!("{}{pages}, nothing wrong.", plural(count, "collection")));
    Ok(())
}

/// Does what the first start does, in a database of its own: makes the tables, puts the seeds, fits the apps, and
/// compiles the pages, whose plans tell which queries need an index.
fn begin(folder: &Path, settings: &Settings, schema: Schema) -> Result<Vec<Diagnostic>, Trouble> {
    let place = Scratch::new()?;
    backend::runtime()?.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let db = Db::open(&EngineSettings::sqlite(place.0.join("check.db")), clock).await?;
        plans::bootstrap(db.engine()).await?;
        let schema = Arc::new(schema);
        let plan = plans::plan(db.engine(), &schema).await?;
        plans::apply(db.engine(), &schema, &plan).await?;
        db.install(Arc::clone(&schema));
        seeds::read(&schema, folder)?.put(&db).await?;
        let records = Records::open(db.clone()).await?.with_apps(&apps::enabled(settings)?)?;
        let found = if files::pages(folder)?.is_empty() {
            Vec::new()
        } else {
            check_pages(folder, settings, records).await?
        };
        db.engine().close().await;
        Ok(found)
    })
}

async fn check_pages(
    folder: &Path,
    settings: &Settings,
    records: Records,
) -> Result<Vec<Diagnostic>, Trouble> {
    let facts = pages::facts(settings, Assets::default(), Mode::Production);
    let pages = Pages::open(records, facts, &pages::layers(folder)?).map_err(Trouble::Written)?;
    let mut found = pages.warnings();
    found.extend(pages.slow().await);
    Ok(found)
}

/// A folder that is gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let place = std::env::temp_dir().join(format!("mains-check-{}", std::process::id()));
        std::fs::create_dir_all(&place).map_err(Error::internal)?;
        Ok(Self(place))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
