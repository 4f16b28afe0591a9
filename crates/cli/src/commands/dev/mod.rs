//! `mains dev`: serves the site and follows every change of its files.
//!
//! Invariant: a change that cannot be taken up leaves the site as it was, and says so. Settings are read at a start, so
//! other settings are a new start, in the same process.

mod watch;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use mains_base::{Error, Result};
use mains_database::schema::{self, SchemaPlan};
use mains_language::site as language;
use mains_server::{Assets, Pages, tasks};
use tokio::sync::watch::Receiver;

use super::serve;
use crate::apps;
use crate::backend;
use crate::files;
use crate::operations::seeds::{self, Seeds};
use crate::pages::{self, Mode};
use crate::settings::{self, Settings};
use crate::site::{self, Applies, Site, Trouble};
use crate::talk::Talk;
use watch::{Changes, Contents};

/// Serves and follows until it is told to stop.
pub(crate) fn run(
    folder: &Path,
    settings: &Settings,
    listen: Option<&str>,
    talk: Talk,
) -> Result<(), Trouble> {
    // Signals are heard beside all servings, so that none is lost between two.
    let beside = backend::runtime()?;
    let signals = beside.block_on(async { serve::signals() })?;
    let mut settings = settings.clone();
    while let Some(next) = once(folder, &settings, (listen, &signals), talk)? {
        settings = next;
    }
    Ok(())
}

/// The same until the settings are others, which it gives then.
fn once(
    folder: &Path,
    settings: &Settings,
    (listen, signals): (Option<&str>, &Receiver<usize>),
    talk: Talk,
) -> Result<Option<Settings>, Trouble> {
    let runtime = backend::runtime()?;
    runtime.block_on(async {
        serve::refuse_second(folder)?;
        let mut changes = Changes::watch(folder)?;
        let opening = async {
            let (site, contents) = open(folder, settings, &mut changes, talk).await?;
            warn(folder, talk);
            let assets = pages::assets(&site, Mode::Development)?;
            let (pages, contents) = open_pages(&site, &assets, (&mut changes, contents), talk).await?;
            warn_of_pages(&pages, talk).await;
            Ok::<_, Trouble>((site, assets, pages, contents))
        };
        let mut told = signals.clone();
        let (site, assets, pages, contents) = tokio::select! {
            opened = opening => opened?,
            _ = told.changed() => return Ok(None),
        };
        let served = serve::start(&site, Mode::Development, (pages.clone(), assets), talk).await?;
        site.stop_by(signals.clone());
        say_how_to_go_on(&site, talk);
        let next = Arc::new(OnceLock::new());
        let listen = listen.map(str::to_owned);
        let following = Following { site: site.clone(), pages, listen, next: Arc::clone(&next), talk };
        tasks::spawn("follow files", following.follow(changes, contents));
        served.await;
        site.close().await;
        let goes_on = !signals.has_changed().unwrap_or(true);
        Ok(next.get().cloned().filter(|_| goes_on))
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

/// What is followed, and where other settings are left for the next start.
struct Following {
    site: Arc<Site>,
    pages: Pages,
    /// Where the command line says to listen.
    listen: Option<String>,
    next: Arc<OnceLock<Settings>>,
    talk: Talk,
}

impl Following {
    async fn follow(self, mut changes: Changes, mut seen: Contents) {
        while changes.wait().await {
            let now = Contents::read(&self.site.folder);
            if now.settings != seen.settings && self.take_up_settings().await {
                return;
            }
            if now.declared != seen.declared {
                take_up(&self.site, self.talk).await;
            }
            if now.pages != seen.pages || now.declared != seen.declared {
                take_up_pages(&self.site, &self.pages, self.talk).await;
            }
            seen = now;
        }
    }

    /// Ends this serving for one with other settings, if the site would start with them; whether it does.
    async fn take_up_settings(&self) -> bool {
        let (site, talk) = (&self.site, self.talk);
        let settings = match fitting(site, self.listen.as_deref()).await {
            Ok(Some(settings)) => settings,
            Ok(None) => return false,
            Err(trouble) => {
                talk.trouble(&trouble);
                talk.say("The site goes on with the settings it started with.");
                return false;
            }
        };
        talk.say("mains.toml changed: starting again with it.");
        // Only this task sets it, and only once.
        let _ = self.next.set(settings);
        site.stop.ask();
        true
    }
}

/// Settings that are others than those of the site, and with which it would start.
async fn fitting(site: &Site, listen: Option<&str>) -> Result<Option<Settings>, Trouble> {
    let mut settings = settings::read(&site.folder).map_err(Trouble::Settings)?;
    settings.listen(listen).map_err(Trouble::Settings)?;
    if settings == site.settings {
        return Ok(None);
    }
    apps::enabled(&settings)?;
    let declared = site::declared(&site.folder)?;
    if settings.database == site.settings.database {
        refuse_more(&schema::plan(site.db().engine(), &declared).await?)?;
    }
    Ok(Some(settings))
}

/// Refuses a plan that does more than add.
fn refuse_more(plan: &SchemaPlan) -> Result<(), Trouble> {
    if plan.is_empty() || plan.only_adds() {
        return Ok(());
    }
    let way = if plan.refusals().is_empty() { "\nRun `mains migrate` to apply it." } else { "" };
    let detail = format!("This change does more than add:\n\n{plan}{way}");
    Err(Error::conflict("schema.differs", detail.trim_end().to_owned()).into())
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
    refuse_more(&plan)?;
    schema::apply(site.db().engine(), &declared, &plan).await?;
    site.db().install(declared);
    Ok(((!plan.is_empty()).then(|| plan.to_string()), seeds))
}
