//! The address of a PostgreSQL server: what it may ask for and what it may not.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use mains_base::{Error, Kind, Result};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// How long connecting and the question for the sessions may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Refuses an address that wants an encrypted connection, rather than connect without one.
pub(super) fn check(url: &str) -> Result<()> {
    let options = url.split_once('?').map_or("", |(_, options)| options);
    let wanted = options.split('&').find_map(|option| option.strip_prefix("sslmode=")).unwrap_or("disable");
    if matches!(wanted, "disable" | "allow" | "prefer") {
        return Ok(());
    }
    let detail = format!(
        "The address of the database asks for sslmode={wanted}, and this version does not encrypt its connection to PostgreSQL. \
         Use a server on the same machine or in the same private network, or lead the connection through a tunnel \
         (stunnel, SSH, WireGuard) that ends on this machine, and write sslmode=disable."
    );
    Err(Error::new(Kind::Invalid, "database.encryption", detail))
}

/// Refuses a pooler that gives one session to several clients: leases, settings and prepared statements would be
/// another client's. Two clients are never in the same session otherwise. A server that does not answer is no matter here.
pub(super) async fn keeps_sessions(config: &Config) -> Result<()> {
    let Some((first, second)) = two_sessions(config, PATIENCE).await else { return Ok(()) };
    if first != second {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        "database.pooled",
        "The address of the database leads to a pooler that changes sessions between transactions (PgBouncer with \
         pool_mode = transaction or statement). Give the server's own address, or set pool_mode = session for this \
         database; Mains keeps some 20 connections and shares them among all requests.",
    ))
}

/// The sessions of two clients, if they come in time.
async fn two_sessions(config: &Config, patience: Duration) -> Option<(String, String)> {
    tokio::time::timeout(patience, both_sessions(config)).await.ok().flatten()
}

/// The sessions of two clients that are connected at the same time and ask one after the other.
async fn both_sessions(config: &Config) -> Option<(String, String)> {
    let (one, first) = config.connect(NoTls).await.ok()?;
    let (other, second) = config.connect(NoTls).await.ok()?;
    let asking = async { Some((session(&one).await?, session(&other).await?)) };
    let asking = pin!(asking);
    let driving = pin!(join(first, second));
    match select(asking, driving).await {
        Either::Left((sessions, _)) => sessions,
        Either::Right(_) => None,
    }
}

async fn session(client: &Client) -> Option<String> {
    let messages = client.simple_query("SELECT pg_backend_pid()").await.ok()?;
    messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_connections_and_says_nothing_is_not_waited_for() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://mains@127.0.0.1:{}/shop", silent.local_addr().unwrap().port());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config: Config = url.parse().unwrap();
        let sessions = runtime.block_on(async { two_sessions(&config, Duration::from_millis(50)).await });
        assert_eq!(sessions, None);
    }

    #[test]
    fn encryption_is_refused_and_never_left_out_quietly() {
        for (options, is_fine) in [
            ("", true),
            ("?application_name=shop", true),
            ("?sslmode=disable", true),
            ("?sslmode=prefer", true),
            ("?sslmode=require", false),
            ("?connect_timeout=3&sslmode=verify-full", false),
            ("?sslmode=verify-ca&sslrootcert=/ca.pem", false),
        ] {
            let checked = check(&format!("postgres://mains:secret@db.example:5432/shop{options}"));
            assert_eq!(checked.is_ok(), is_fine, "{options}");
            let told = checked.err().map(|error| error.detail().to_owned()).unwrap_or_default();
            assert!(!told.contains("secret"));
        }
    }
}
