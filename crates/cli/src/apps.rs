//! The ready-made apps that this program has, and those that a site enabled.

use std::path::Path;

use mains_apps::accounts::{self, Accounts, Verify};
use mains_base::{Error, Kind, Result, nearest};
use mains_server::App;

use crate::settings::{self, Settings};

/// All of them, in the order in which they may know each other.
fn all(settings: &Settings) -> Vec<App> {
    vec![accounts::app(&of_accounts(settings))]
}

/// Who somebody is, as the settings say it.
fn of_accounts(settings: &Settings) -> Accounts {
    let later = settings.accounts.verify == "later";
    let verify = if later { Verify::Later } else { Verify::Required };
    Accounts::new(accounts::Settings {
        sign_up: settings.accounts.sign_up,
        verify,
        guest_days: settings.accounts.guest_days,
        unproven_days: settings.accounts.unproven_days,
    })
}

/// The services of accounts, where a site has them.
pub(crate) fn accounts(settings: &Settings) -> Option<Accounts> {
    let has = settings.apps.enabled.iter().any(|name| name == accounts::NAME);
    has.then(|| of_accounts(settings))
}

/// Those that `[apps] enabled` names, in the order of [`all`].
pub(crate) fn enabled(settings: &Settings) -> Result<Vec<App>> {
    let apps = all(settings);
    for name in &settings.apps.enabled {
        if !apps.iter().any(|app| app.name == name) {
            let near = nearest(name, apps.iter().map(|app| app.name));
            let near = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
            let detail = format!("[apps] enabled names {name:?}, which is no app of this program.{near}");
            return Err(Error::new(Kind::Invalid, "cli.unknown_app", detail));
        }
    }
    Ok(apps.into_iter().filter(|app| settings.apps.enabled.iter().any(|name| name == app.name)).collect())
}

/// The same, of the site in a folder.
pub(crate) fn of(folder: &Path) -> Result<Vec<App>> {
    let settings = settings::read(folder)
        .map_err(|problem| Error::new(Kind::Invalid, "cli.settings", problem.message))?;
    enabled(&settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_that_is_not_there_is_named() {
        let mut settings = settings::read_defaults();
        assert!(enabled(&settings).unwrap().is_empty());
        settings.apps.enabled = vec!["acounts".into()];
        let refused = enabled(&settings).unwrap_err();
        assert!(refused.detail().starts_with("[apps] enabled names \"acounts\""), "{refused}");
    }
}
