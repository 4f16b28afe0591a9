//! The pages of a site's folder, read once and handed to the server.

use std::sync::Arc;

use mains_apps::accounts;
use mains_base::Result;
use mains_server::{App, Assets, Facts, PageFile, Pages};

use crate::apps;
use crate::files;
use crate::settings::Settings;
use crate::site::{Site, Trouble};

/// Who looks at the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Whoever writes it: mistakes are shown, files are looked at each time.
    Development,
    /// Everybody.
    Production,
}

/// A site's own files under `public/`.
pub(crate) fn assets(site: &Site, mode: Mode) -> Result<Assets> {
    let public = site.folder.join("public");
    let public = public.is_dir().then_some(&*public);
    match mode {
        Mode::Development => Assets::watched(public),
        Mode::Production => Assets::open(public),
    }
}

/// Reads and compiles the pages of a site, and looks whether they fit to what is declared.
pub(crate) fn open(site: &Arc<Site>, assets: Assets, mode: Mode) -> Result<Pages, Trouble> {
    let facts = facts(&site.settings, assets, mode);
    Pages::open(site.records.clone(), facts, &layers(&site.folder)?).map_err(Trouble::Written)
}

/// Takes up pages that changed.
pub(crate) fn reload(site: &Site, pages: &Pages) -> Result<(), Trouble> {
    pages.reload(&layers(&site.folder)?).map_err(Trouble::Written)
}

/// The pages of apps, then the site's own.
pub(crate) fn layers(folder: &std::path::Path) -> Result<Vec<Vec<PageFile>>> {
    let of_app = |app: &App| -> Vec<PageFile> {
        let page = |(path, source): &(&str, &str)| PageFile {
            path: (*path).to_owned(),
            source: (*source).to_owned(),
        };
        app.pages.iter().map(page).collect()
    };
    let apps = apps::of(folder)?;
    let mut layers: Vec<Vec<PageFile>> = apps.iter().map(of_app).filter(|pages| !pages.is_empty()).collect();
    layers.push(files::pages(folder)?);
    Ok(layers)
}

/// What pages are told of a site.
pub(crate) fn facts(settings: &Settings, assets: Assets, mode: Mode) -> Facts {
    Facts {
        name: settings.site.name.clone(),
        url: settings.site.url.trim_end_matches('/').to_owned(),
        locale: settings.site.locale.clone(),
        zone: settings.site.zone.clone(),
        sign_up: settings.accounts.sign_up && settings.apps.enabled.iter().any(|name| name == accounts::NAME),
        policy: settings.site.policy.clone(),
        dev: mode == Mode::Development,
        assets,
    }
}
