//! `mains doctor`: looks at settings, files, database, disk, clock and ports, and says what to do.

use std::net::TcpListener;
use std::path::Path;

use mains_base::{Clock, SystemClock, Time};
use serde_json::Value;

use crate::backend;
use crate::control::Client;
use crate::operations::migrate;
use crate::settings::{self, Settings};
use crate::site::{self, Trouble};
use crate::talk::Talk;

/// Bytes below which the disk is too full to go on quietly.
const LITTLE: u64 = 1 << 30;

/// One thing that was looked at.
struct Finding {
    subject: &'static str,
    result: Result<String, String>,
}

/// Prints a line for each thing; true when all are well.
pub(crate) fn run(folder: &Path, talk: Talk) -> mains_base::Result<bool> {
    let settings = settings::read(folder);
    let mut findings = vec![Finding {
        subject: "settings",
        result: settings.as_ref().map(|_| "read".to_owned()).map_err(|problem| problem.message.clone()),
    }];
    findings.push(Finding { subject: "clock", result: clock() });
    if let Ok(settings) = settings {
        findings.push(Finding { subject: "files", result: files(folder) });
        let served = Client::find(&folder.join("data"));
        let is_served = matches!(served, Ok(Some(_)));
        findings.push(Finding { subject: "port", result: port(&settings, is_served) });
        findings.push(Finding { subject: "disk", result: disk(folder) });
        findings.push(Finding { subject: "database", result: database(folder, &settings, is_served) });
    }
    for Finding { subject, result } in &findings {
        match result {
            Ok(said) => talk.print(&format!("well   {subject}: {said}"))?,
            Err(said) => talk.print(&format!("WRONG  {subject}: {said}"))?,
        }
    }
    Ok(findings.iter().all(|finding| finding.result.is_ok()))
}

fn clock() -> Result<String, String> {
    let now = SystemClock.now();
    let built = Time::parse("2026-01-01T00:00:00Z").unwrap_or(Time::MIN);
    if now < built {
        return Err(format!(
            "it says {now}, which is before this program was made. Set it, for instance with NTP."
        ));
    }
    Ok(now.to_string())
}

fn files(folder: &Path) -> Result<String, String> {
    match site::declared(folder) {
        Ok(schema) => {
            let count = schema.collections.iter().filter(|collection| !collection.is_table()).count();
            Ok(format!("{count} collections, nothing wrong"))
        }
        Err(Trouble::Written(found)) => Err(format!("{} mistakes; `mains check` shows them.", found.len())),
        Err(Trouble::Failed(error)) => Err(error.detail().to_owned()),
        Err(Trouble::Settings(problem)) => Err(problem.message),
    }
}

fn port(settings: &Settings, is_served: bool) -> Result<String, String> {
    let listen = &settings.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Ok(format!("{listen} is free")),
        Err(_) if is_served => Ok(format!("{listen} is ours")),
        Err(error) => {
            Err(format!("{listen} cannot be listened on ({error}). Choose another with [server] listen."))
        }
    }
}

fn disk(folder: &Path) -> Result<String, String> {
    let free = rustix::fs::statvfs(folder).map(|stat| stat.f_bavail * stat.f_frsize);
    match free {
        Ok(free) if free < LITTLE => {
            Err(format!("{} MB are free; make room, writes will fail soon.", free >> 20))
        }
        Ok(free) => Ok(format!("{} GB are free", free >> 30)),
        Err(error) => Err(format!("{} cannot be looked at: {error}.", folder.display())),
    }
}

fn database(folder: &Path, settings: &Settings, is_served: bool) -> Result<String, String> {
    if is_served {
        return Ok("served; it answers through the control socket".to_owned());
    }
    let differs = backend::runtime().map_err(|error| error.detail().to_owned())?.block_on(async {
        let db = site::open_database(folder, settings).await?;
        let plan = migrate::plan(&db, folder).await;
        db.engine().close().await;
        plan
    });
    match differs {
        Ok(Value::Null) => Ok("as the files declare it".to_owned()),
        Ok(_) => Err("differs from the files; `mains migrate --plan` shows how.".to_owned()),
        Err(error) => Err(error.detail().to_owned()),
    }
}
