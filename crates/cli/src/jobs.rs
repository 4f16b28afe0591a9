//! What the program does beside requests: jobs, with mail among them.

use mains_base::Result;
use mains_database::jobs::{Jobs, Runner, RunnerSettings};
use mains_server::mail::{MailSettings, MailTemplate, Mailer, Templates};
use mains_server::{deleting, tasks};
use tokio::task::JoinHandle;

use crate::pages::Mode;
use crate::settings::Settings;
use crate::site::Site;

/// Starts doing jobs; what is given back ends when the site was told to stop and its jobs have ended.
pub(crate) fn start(site: &Site, mode: Mode, address: &str) -> Result<JoinHandle<Option<()>>> {
    let runner = Runner::new(site.db().clone(), jobs(site, mode, address)?, RunnerSettings::default())?;
    let stop = site.stop.clone();
    Ok(tasks::spawn("jobs", runner.run(async move { stop.asked().await })))
}

fn jobs(site: &Site, mode: Mode, address: &str) -> Result<Jobs> {
    let mailing = mailing(site, mode, address)?.with(deleting());
    Ok(site.apps.iter().filter_map(|app| app.jobs.as_ref()).fold(mailing, |jobs, adds| adds(jobs)))
}

fn mailing(site: &Site, mode: Mode, address: &str) -> Result<Jobs> {
    let settings = &site.settings;
    if settings.mail.url.is_empty() && mode == Mode::Production {
        tracing::warn!("[mail] url is not set: mails wait until it is");
        return Ok(Jobs::new());
    }
    let templates = templates(site);
    let mailer = Mailer::open(&mail_settings(settings, address), templates)?;
    Ok(Jobs::new().with(mailer.handler()))
}

fn templates(site: &Site) -> Templates {
    let built_in: Vec<MailTemplate> = site.apps.iter().flat_map(|app| app.mails.iter().copied()).collect();
    Templates::new(&built_in, Some(site.folder.join("templates/mail")))
}

fn mail_settings(settings: &Settings, address: &str) -> MailSettings {
    let listening = || format!("http://{address}");
    let site_url = if settings.site.url.is_empty() { listening() } else { settings.site.url.clone() };
    MailSettings {
        url: settings.mail.url.clone(),
        from: settings.mail.from.clone(),
        ca: (!settings.mail.ca.is_empty()).then(|| settings.mail.ca.clone().into()),
        site_name: settings.site.name.clone(),
        site_url,
    }
}
