//! `mains dev`: serves the site and follows every change of its files.
//!
//! Invariant: a change that cannot be taken up leaves the site as it was, and says so.

mod watch;

use std::path::Path;
use std::sync::Arc;

use mains_base::{Error, Result};
use mains_database::schema;
use mains_language::site as language;
use mains_server::{Assets, Pages, tasks};

use super::serve;
use crate::backend;
use crate::files;
use crate::operations::seeds::{self, Seeds};
use crate::pages::{self, Mode};
use crate::settings::{self, Settings};
use crate::site::{self, Applies, Site, Trouble};
use crate::talk::Talk;
use watch::{Changes, Contents};

/// Serves and follows until it is told to stop.
pub(crate) fn run(folder: &Path, settings: &Settings, talk: Talk) -> Result<(), Trouble> {
    let runtime = backend::runtime()?;
    runtime.block_on(async {
        serve::refuse_second(folder)?;
        let mut changes = Changes::watch(folder)?;
        let (site, contents) = open(folder, settings, &mut changes, talk).await?;
        warn(folder, talk);
        let assets = pages::assets(&site, Mode::Development)?;
        let (pages, contents) = open_pages(&site, &assets, (&mut changes, contents), talk).await?;
        warn_of_pages(&pages, talk).await;
        let served = serve::start(&site, Mode::Development, (pages.clone(), assets), talk).await?;
        say_how_to_go_on(&site, talk);
        tasks::spawn("follow files", follow((site.clone(), pages), changes, contents, talk));
        served.await;
        site.close().await;
        Ok(())
    })
}

/// Opens the site as soon as its files have no mistakes: each time that they change, it is tried again.
async fn open(
    folder: &Path,
    settings: &Settings,
    changes: &mut Changes,
    talk: Talk,
) -> Result<(Arc<Site>, Contents), Trouble> {
    loop {
        // Looked at before the site is opened, so that a change made meanwhile is seen.
        let contents = Contents::read(folder);
        let trouble = match Site::open(folder, settings.clone(), Applies::Additions).await {
            Ok(site) => return Ok((site, contents)),
            Err(trouble @ Trouble::Written(_)) => trouble,
            Err(trouble) => return Err(trouble),
        };
        talk.trouble(&trouble);
        talk.say("Mend this and save it; `mains dev` goes on by itself.");
        if !changes.wait().await {
            return Err(trouble);
        }
    }
}

/// Compiles the pages as soon as they have no mistakes.
async fn open_pages(
    site: &Arc<Site>,
    assets: &Assets,
    (changes, mut contents): (&mut Changes, Contents),
    talk: Talk,
) -> Result<(Pages, Contents), Trouble> {
    loop {
        let trouble = match pages::open(site, assets.clone(), Mode::Development) {
            Ok(pages) => return Ok((pages, contents)),
            Err(trouble @ Trouble::Written(_)) => trouble,
            Err(trouble) => return Err(trouble),
        };
        talk.trouble(&trouble);
        talk.say("Mend this and save it; `mains dev` goes on by itself.");
        if !changes.wait().await {
            return Err(trouble);
        }
        contents.pages = Contents::read(&site.folder).pages;
    }
}

fn say_how_to_go_on(site: &Site, talk: Talk) {
    let schema = &site.db().epoch().schema;
    for collection in schema.collections.iter().filter(|collection| !collection.is_table()) {
        talk.say(&format!("  /api/{}", collection.name));
    }
    if serve::keeps_mails(site, Mode::Development) {
        talk.say("  /mails (kept here, as [mail] url is not set)");
    }
    let folder = super::new::site_option(&site.folder);
    talk.say(&format!("A key that may do everything: mains {folder}keys create --role staff"));
    talk.say("Changes of the files are taken up as they are saved.");
}

/// Shows what is worth a second look.
fn warn(folder: &Path, talk: Talk) {
    let Ok(layers) = files::layers(folder) else { return };
    let Ok(schema) = language::load(&layers) else { return };
    for warning in language::warnings(&layers, &schema) {
        talk.show(&warning);
    }
}

async fn follow((site, pages): (Arc<Site>, Pages), mut changes: Changes, mut seen: Contents, talk: Talk) {
    while changes.wait().await {
        let now = Contents::read(&site.folder);
        if now.settings != seen.settings {
            take_up_settings(&site, talk);
        }
        if now.declared != seen.declared {
            take_up(&site, talk).await;
        }
        if now.pages != seen.pages || now.declared != seen.declared {
            take_up_pages(&site, &pages, talk).await;
        }
        seen = now;
    }
}

/// Settings are read once: a change is checked and told, and waits for the next start.
fn take_up_settings(site: &Site, talk: Talk) {
    match settings::read(&site.folder) {
        Ok(settings) if settings == site.settings => {}
        Ok(_) => talk.say("mains.toml changed: restart `mains dev` to take this up."),
        Err(problem) => {
            talk.trouble(&Trouble::Settings(problem));
            talk.say("The site goes on with the settings it started with.");
        }
    }
}

async fn take_up_pages(site: &Site, pages: &Pages, talk: Talk) {
    if let Err(trouble) = pages::reload(site, pages) {
        talk.trouble(&trouble);
        talk.say("The pages stay as they were before this change.");
        return;
    }
    warn_of_pages(pages, talk).await;
}

/// Shows what is worth a second look in pages.
async fn warn_of_pages(pages: &Pages, talk: Talk) {
    pages.warnings().iter().for_each(|warning| talk.show(warning));
    pages.slow().await.iter().for_each(|warning| talk.show(warning));
}

async fn take_up(site: &Arc<Site>, talk: Talk) {
    match reload(site).await {
        Ok((plan, seeds)) => {
            match plan {
                None => talk.say("Taken up."),
                Some(plan) => {
                    talk.say("Taken up:");
                    talk.say_plan(&plan);
                }
            }
            warn(&site.folder, talk);
            if let Err(error) = seeds.put(site.db()).await {
                talk.trouble(&error.into());
                talk.say("The seeds from there on are not put; mend the file and save it.");
            }
        }
        Err(trouble) => {
            talk.trouble(&trouble);
            talk.say("The site goes on as it was before this change.");
        }
    }
}

/// Takes up what is declared: the plan, when the database changed, and the seeds that are to be put.
async fn reload(site: &Arc<Site>) -> Result<(Option<String>, Seeds), Trouble> {
    let declared = Arc::new(site::declared(&site.folder)?);
    let seeds = seeds::read(&declared, &site.folder)?;
    let plan = schema::plan(site.db().engine(), &declared).await?;
    if !(plan.is_empty() || plan.only_adds()) {
        let way = if plan.refusals().is_empty() { "\nRun `mains migrate` to apply it." } else { "" };
        let detail = format!("This change does more than add:\n\n{plan}{way}");
        return Err(Error::conflict("schema.differs", detail.trim_end().to_owned()).into());
    }
    schema::apply(site.db().engine(), &declared, &plan).await?;
    site.db().install(declared);
    Ok(((!plan.is_empty()).then(|| plan.to_string()), seeds))
}
