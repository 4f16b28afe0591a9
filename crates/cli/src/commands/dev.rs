//! `mains dev`: serves the site and follows every change of its files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mains_base::{Error, Result};
use mains_database::schema;
use mains_server::tasks;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::serve;
use crate::backend;
use crate::operations::seeds;
use crate::settings::Settings;
use crate::site::{self, Applies, Site, Trouble};
use crate::talk::Talk;

/// Changes that come within this time are one.
const QUIET: Duration = Duration::from_millis(80);

/// Serves and follows until it is told to stop.
pub(crate) fn run(folder: &Path, settings: Settings, talk: Talk) -> Result<(), Trouble> {
    let runtime = backend::runtime()?;
    runtime.block_on(async {
        let site = Site::open(folder, settings, Applies::Additions).await?;
        let served = serve::start(&site, talk).await?;
        say_how_to_go_on(&site, talk);
        let (changed, changes) = mpsc::channel(64);
        let watcher = watch(folder, changed)?;
        tasks::spawn("follow files", follow(site.clone(), changes, talk));
        served.await;
        drop(watcher);
        site.close().await;
        Ok(())
    })
}

fn say_how_to_go_on(site: &Site, talk: Talk) {
    let schema = &site.db().epoch().schema;
    for collection in schema.collections.iter().filter(|collection| !collection.is_table()) {
        talk.say(&format!("  /api/{}", collection.name));
    }
    talk.say("The files are being watched. A key that may do everything: mains keys create --role staff");
}

fn watch(folder: &Path, changed: mpsc::Sender<()>) -> Result<notify::RecommendedWatcher> {
    let noted = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel already says that something changed.
            let _ = changed.try_send(());
        }
    };
    let mut watcher = notify::recommended_watcher(noted).map_err(Error::internal)?;
    for name in ["collections", "seeds", crate::settings::FILE] {
        let path = folder.join(name);
        if path.exists() {
            watcher.watch(&path, RecursiveMode::NonRecursive).map_err(Error::internal)?;
        }
    }
    Ok(watcher)
}

async fn follow(site: Arc<Site>, mut changes: mpsc::Receiver<()>, talk: Talk) {
    while changes.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await {}
        match reload(&site).await {
            Ok(Some(done)) => talk.say(&done),
            Ok(None) => {}
            Err(trouble) => {
                talk.trouble(&trouble);
                talk.say("The site goes on as it was before this change.");
            }
        }
    }
}

/// Takes up what changed; a sentence when something did.
async fn reload(site: &Arc<Site>) -> Result<Option<String>, Trouble> {
    let declared = Arc::new(site::declared(&site.folder)?);
    let plan = schema::plan(site.db().engine(), &declared).await?;
    if !plan.only_adds() {
        let detail = format!("This change does more than add:\n\n{plan}\nRun `mains migrate` to apply it.");
        return Err(Error::conflict("schema.differs", detail).into());
    }
    schema::apply(site.db().engine(), &declared, &plan).await?;
    site.db().install(declared);
    seeds::put(site.db(), &site.folder).await?;
    Ok(Some(if plan.is_empty() { "Reloaded.".to_owned() } else { format!("Reloaded:\n{plan}") }))
}
