//! `mains serve`: the site in production, until it is told to stop.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mains_base::{Error, Kind, Result};
use mains_database::log;
use mains_server::{Assets, Limits, Pages, Router, Server, mail, tasks};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::apps;
use crate::backend;
use crate::control::{self, Client};
use crate::jobs;
use crate::operations::changes;
use crate::pages::{self, Mode};
use crate::settings::Settings;
use crate::site::{Applies, Site, Trouble};
use crate::talk::Talk;

/// Serves until SIGTERM or SIGINT; open requests get their time, a second signal cuts it. One that comes while the site
/// starts ends it when it has started: nothing is left half made, and the first owner's password is said.
pub(crate) fn run(folder: &Path, settings: Settings, talk: Talk) -> Result<(), Trouble> {
    let runtime = backend::runtime()?;
    runtime.block_on(async {
        let signals = signals()?;
        refuse_second(folder)?;
        let starting = async {
            let site = Site::open(folder, settings, Applies::Beginning).await?;
            let assets = pages::assets(&site, Mode::Production)?;
            let pages = pages::open(&site, assets.clone(), Mode::Production)?;
            let served = start(&site, Mode::Production, (pages, assets), talk).await?;
            Ok::<_, Trouble>((site, served))
        };
        let (site, served) = tokio::select! {
            started = starting => started?,
            () = insisted(signals.clone(), talk) => return Ok(()),
        };
        site.stop_by(signals);
        served.await;
        site.close().await;
        Ok(())
    })
}

/// Waits for the second signal.
async fn insisted(mut signals: watch::Receiver<usize>, talk: Talk) {
    if signals.wait_for(|count| *count > 0).await.is_ok() {
        talk.say("Stopping as soon as the site has started; the same again stops at once.");
    }
    if signals.wait_for(|count| *count > 1).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A site is served once from its folder: a second one would take the control socket from the first.
pub(crate) fn refuse_second(folder: &Path) -> Result<()> {
    if Client::find(&folder.join("data"))?.is_none() {
        return Ok(());
    }
    let detail = format!("{} is being served already. Stop that one first.", folder.display());
    Err(Error::new(Kind::Conflict, "cli.served", detail))
}

/// Opens the port and the control socket; what is given back ends when the server has stopped.
pub(crate) async fn start(
    site: &Arc<Site>,
    mode: Mode,
    shown: (Pages, Assets),
    talk: Talk,
) -> Result<impl Future<Output = ()> + use<>> {
    allow_descriptors();
    let address = address(&site.settings.server.listen)?;
    let router = Arc::new(Router::new(server_settings(&site.settings)?, &doors(site, mode, shown))?);
    let server = Server::bind(address, router).await.map_err(|error| occupied(address, &error))?;
    control::listen(site.clone(), &site.folder.join("data"))?;
    let at = server.address()?.to_string();
    talk.announce(&format!("Serving {} at http://{at}/", site.settings.site.name));
    greet_owner(site, talk).await?;
    let jobs = jobs::start(site, mode, &at)?;
    site.records.callers().keep_fresh(site.stop.clone());
    site.records.feed(site.stop.clone(), Duration::from_secs(site.settings.changes.heartbeat));
    keep_changes(site);
    watch_schema(site);
    for after in site.apps.iter().filter_map(|app| app.after.as_ref()) {
        after(site.db(), &site.stop)?;
    }
    let stop = site.stop.clone();
    let data = site.folder.join("data");
    Ok(async move {
        server.run(stop).await;
        // A panic of theirs is in the log already.
        drop(jobs.await);
        control::forget(&data);
    })
}

/// Trims the log of changes while the site runs.
fn keep_changes(site: &Arc<Site>) {
    let (engine, retention) = (site.db().engine().clone(), changes::retention(&site.settings));
    let stop = site.stop.clone();
    tasks::spawn("log", async move { log::keep_trimmed(engine, retention, stop.asked()).await });
}

/// Hears of changes that other nodes make to the schema.
fn watch_schema(site: &Arc<Site>) {
    let (db, stop) = (site.db().clone(), site.stop.clone());
    tasks::spawn("schema", async move { db.watch_schema(stop.asked()).await });
}

/// Makes the first account that may do everything, and says its password this once.
async fn greet_owner(site: &Site, talk: Talk) -> Result<()> {
    let Some(accounts) = apps::accounts(&site.settings) else { return Ok(()) };
    let owner = &site.settings.accounts.owner;
    if let Some(password) = accounts.first_owner(site.db(), owner).await? {
        talk.announce(&format!("The first owner is {owner}, with the password {}", password.as_str()));
        talk.say("It is shown this once. Sign in at /sign-in and change it at /account.");
    }
    Ok(())
}

/// Takes as many open files as the system lets this user have; shells give 1024 to begin with.
fn allow_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the number of open files stays as it was");
    }
}

fn doors(site: &Arc<Site>, mode: Mode, (pages, assets): (Pages, Assets)) -> mains_server::Site {
    mains_server::Site {
        records: Some(site.records.clone()),
        pages: Some(pages),
        assets,
        doors: keeps_mails(site, mode).then(|| mail::door(site.db().engine().clone())).into_iter().collect(),
        clock: site.db().clock().clone(),
    }
}

/// Whether mails are shown instead of sent.
pub(crate) fn keeps_mails(site: &Site, mode: Mode) -> bool {
    mode == Mode::Development && site.settings.mail.url.is_empty()
}

fn server_settings(settings: &Settings) -> Result<mains_server::Settings> {
    let wrong = |text: &String| {
        let detail = format!(
            "[server] trusted_proxies holds {text:?}, which is no address such as \"10.0.0.7\" and no network such as \"10.0.0.0/8\"."
        );
        Error::new(Kind::Invalid, "cli.settings", detail)
    };
    let proxies = settings.server.trusted_proxies.iter().map(|text| text.parse().map_err(|_| wrong(text)));
    Ok(mains_server::Settings {
        public_url: (!settings.site.url.is_empty()).then(|| settings.site.url.clone()),
        trusted_proxies: proxies.collect::<Result<_>>()?,
        spa: settings.site.spa,
        limits: Limits {
            connections: settings.server.connections,
            body_bytes: settings.server.body_limit,
            drain: Duration::from_secs(settings.server.drain),
            ..Limits::default()
        },
    })
}

fn address(text: &str) -> Result<SocketAddr> {
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        Error::new(Kind::Invalid, "cli.listen", format!("{text:?} is no address; write HOST:PORT."))
    })
}

fn occupied(address: SocketAddr, error: &Error) -> Error {
    let detail = format!(
        "{address} cannot be listened on; another program may have it. Choose one with --listen HOST:PORT."
    );
    let cause = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
    Error::new(Kind::Unavailable, "cli.port_taken", detail).because(cause)
}

/// Counts SIGTERM and SIGINT from now on.
pub(crate) fn signals() -> Result<watch::Receiver<usize>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (count, counted) = watch::channel(0);
    tasks::spawn("signals", async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            count.send_modify(|count| *count += 1);
        }
    });
    Ok(counted)
}
