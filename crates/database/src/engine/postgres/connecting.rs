//! Opening a connection: what an address says, whom it lets us talk to, and what a connection begins with.

use std::sync::Arc;
use std::time::Duration;

use mains_base::{Error, Kind, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use super::failure::Failure;
use super::link::Link;
use super::session::Life;
use super::wire::{Line, Place, places, sign_in};

/// Tells on which timeline the server is and since when it has counted.
const LIFE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN '' \
    ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, (SELECT stats_reset::text FROM pg_stat_wal)";

/// Connects to the first address that lets us in, and sends `settings`.
pub(super) fn connect(config: &Config, settings: &str, timeout: Duration) -> Result<Link, Failure> {
    let mut last = Failure::lost(&"the name of the database's server has no address");
    for place in places(config).map_err(|cause| Failure::lost(&cause))? {
        match at(&place, config, timeout) {
            Ok(mut link) => {
                link.script(settings)?;
                link.prepare_plain()?;
                link.life = Arc::new(life(&mut link)?);
                return Ok(link);
            }
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

fn at(place: &Place, config: &Config, timeout: Duration) -> Result<Link, Failure> {
    let socket = place.open(config, timeout).map_err(|cause| Failure::lost(&cause))?;
    let mut line = Line::new(socket, timeout).map_err(|cause| Failure::lost(&cause))?;
    sign_in(&mut line, config)?;
    let mut link = Link::over(line);
    let wanted = match config.get_target_session_attrs() {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok(link),
    };
    let found = link.ask("SELECT current_setting('transaction_read_only')")?;
    if found.text(0).map_err(Failure::Refused)? == Some(wanted) {
        return Ok(link);
    }
    Err(Failure::lost(&"this server is not of the sort that target_session_attrs wants"))
}

/// Which life of the server this connection belongs to.
fn life(link: &mut Link) -> Result<Life, Failure> {
    let found = link.ask(LIFE)?;
    let text = |column| found.text(column).map(|text| text.unwrap_or_default().to_owned());
    let life = text(0).and_then(|timeline| Ok(Life { timeline, counting: text(1)? }));
    life.map_err(Failure::Refused)
}

/// What a URL says, with our limits.
pub(super) fn config(url: &str) -> Result<Config> {
    let mut config: Config = url.parse().map_err(|cause: tokio_postgres::Error| {
        let text = "The address of the database cannot be read. It looks like postgres://user:password@host:5432/name.";
        refused(text).because(cause)
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(refused(
            "The address of the database wants TLS (sslmode=require), which Mains does not speak to it yet. \
             Connect through a local socket or a private network, with sslmode=disable.",
        ));
    }
    if config.get_user().is_none() {
        return Err(refused(
            "The address of the database names no user. It looks like postgres://user:password@host:5432/name.",
        ));
    }
    config.application_name("mains");
    config.connect_timeout(Duration::from_secs(2));
    config.tcp_user_timeout(Duration::from_secs(10));
    config.keepalives_idle(Duration::from_secs(10));
    Ok(config)
}

fn refused(text: &'static str) -> Error {
    Error::new(Kind::Internal, "database.url", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_served_are_refused_in_a_sentence() {
        let told = |url| config(url).unwrap_err();
        for (url, word) in [
            ("postgres://u@h/d?sslmode=require", "sslmode=require"),
            ("postgres://h/d", "names no user"),
            ("http://h", "cannot be read"),
        ] {
            let error = told(url);
            assert_eq!(error.code(), "database.url");
            assert!(error.detail().contains(word), "{}", error.detail());
        }
        assert!(config("postgres://u:p@h:5/d?sslmode=prefer").is_ok());
    }
}
