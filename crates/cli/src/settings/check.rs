//! Values that no setting may have: told when settings are read, so before anything begins.

use std::ops::RangeInclusive;

use mains_server::Proxy;

use super::{Problem, Settings};

/// What may not be so.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    ranges(settings)?;
    words(settings)?;
    addresses(settings)?;
    if settings.changes.keep_days == 0 || settings.changes.keep_mb == 0 {
        return wrong("[changes] keep_days and keep_mb are at least 1.".to_owned());
    }
    Ok(())
}

fn wrong(message: String) -> Result<(), Problem> {
    Err(Problem::plain(message))
}

/// Numbers and how large they may be.
fn ranges(settings: &Settings) -> Result<(), Problem> {
    let (database, server) = (&settings.database, &settings.server);
    range("[records] limit", u64::from(settings.records.limit), 1..=500)?;
    range("[database] queue", database.queue as u64, 1..=1_000_000)?;
    range("[database] writers", database.writers as u64, 1..=512)?;
    range("[server] connections", server.connections as u64, 1..=1_000_000)?;
    range("[server] body_limit", server.body_limit as u64, 1024..=1 << 30)?;
    // A link to prove an address works for two days.
    range("[accounts] unproven_days", settings.accounts.unproven_days.into(), 2..=3650)?;
    range("[accounts] guest_days", settings.accounts.guest_days.into(), 1..=3650)?;
    range("[changes] heartbeat", settings.changes.heartbeat, 1..=3600)?;
    range("[server] drain", server.drain, 0..=3600)
}

fn range(name: &str, value: u64, range: RangeInclusive<u64>) -> Result<(), Problem> {
    if range.contains(&value) {
        return Ok(());
    }
    wrong(format!("{name} is {value}; it may be {} to {}.", range.start(), range.end()))
}

/// Words of which each setting knows a few.
fn words(settings: &Settings) -> Result<(), Problem> {
    word("[accounts] verify", &settings.accounts.verify, &["required", "later"])?;
    word("[log] level", &settings.log.level, &["error", "warn", "info", "debug"])?;
    word("[log] format", &settings.log.format, &["text", "json"])?;
    word("[database] sync", &settings.database.sync, &["full", "normal"])?;
    if !mains_server::pages::is_zone(&settings.site.zone) {
        return wrong(format!(
            "[site] zone is {:?}; write one such as \"Europe/Berlin\".",
            settings.site.zone
        ));
    }
    Ok(())
}

fn word(name: &str, value: &str, known: &[&str]) -> Result<(), Problem> {
    if known.contains(&value) {
        return Ok(());
    }
    let (last, others) = known.split_last().unwrap_or((&"", &[]));
    wrong(format!("{name} is {value:?}; it may be {} or {last}.", others.join(", ")))
}

/// Where things are.
fn addresses(settings: &Settings) -> Result<(), Problem> {
    let address: &str = &settings.server.listen;
    if !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return wrong(format!(
            "[server] listen is {address:?}; write HOST:PORT, such as \"127.0.0.1:8080\"."
        ));
    }
    let stranger = settings.server.trusted_proxies.iter().find(|text| text.parse::<Proxy>().is_err());
    if let Some(text) = stranger {
        return wrong(format!(
            "[server] trusted_proxies holds {text:?}, which is no address such as \"10.0.0.7\" and no network such as \"10.0.0.0/8\"."
        ));
    }
    let url = &settings.site.url;
    if !(url.is_empty() || is_origin(url)) {
        return wrong(format!(
            "[site] url is {url:?}; write the scheme and the host alone, such as \"https://shop.example\"."
        ));
    }
    let url = &settings.database.url;
    if !(url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return wrong(
            "[database] url is neither empty (SQLite in data/) nor a postgres:// address.".to_owned(),
        );
    }
    Ok(())
}

/// A scheme of the web, a host and perhaps a port: what browsers send as `Origin`, perhaps with a slash behind.
fn is_origin(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let authority = authority.and_then(|text| text.parse::<http::uri::Authority>().ok());
    authority.is_some_and(|authority| {
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or("@");
        !authority.host().is_empty() && (port.is_empty() || authority.port_u16().is_some())
    })
}
