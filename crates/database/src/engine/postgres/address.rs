//! The address of a PostgreSQL server: what it says, what it may ask for and what it may not.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mains_base::{Error, Kind, Result};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::link::Link;
use super::wire::{Line, Mode, Place, Tls, Unencrypted, places, sign_in};

/// How long a step of the question for the sessions may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the server is, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

/// What an address says of encryption, taken out of it: the library knows half of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Encryption {
    mode: Option<String>,
    roots: Option<String>,
}

impl Address {
    /// What a URL says, with our limits.
    pub(super) fn read(url: &str) -> Result<Self> {
        let (url, encryption) = split(url);
        let mut config: Config = url.parse().map_err(|cause: tokio_postgres::Error| {
            let text = "The address of the database cannot be read. It looks like postgres://user:password@host:5432/name.";
            refused(text).because(cause)
        })?;
        if config.get_user().is_none() {
            return Err(refused(
                "The address of the database names no user. It looks like postgres://user:password@host:5432/name.",
            ));
        }
        let tls = encryption.of(&config)?;
        config.ssl_mode(tls.ssl_mode());
        config.application_name("mains");
        config.connect_timeout(Duration::from_secs(2));
        config.tcp_user_timeout(Duration::from_secs(10));
        config.keepalives_idle(Duration::from_secs(10));
        Ok(Self { config, tls })
    }
}

impl Encryption {
    fn of(&self, config: &Config) -> Result<Tls> {
        let mode = match &self.mode {
            Some(word) => Mode::of(word).ok_or_else(|| {
                encryption(format!(
                    "The address of the database says sslmode={word}; it is disable, prefer, require, verify-ca or verify-full."
                ))
            })?,
            // What another machine is told passes through a network that somebody else may hold.
            None if is_here(config) => Mode::Disable,
            None => Mode::VerifyFull,
        };
        // No certificate is for a socket in the file system.
        let mode = if is_file(config) { Mode::Disable } else { mode };
        let roots = self.roots.as_deref().filter(|roots| *roots != "system").map(PathBuf::from);
        Tls::new(mode, roots.as_deref())
            .map_err(|cause| encryption(format!("The address of the database: {cause}")))
    }
}

/// Whether all hosts are this machine.
fn is_here(config: &Config) -> bool {
    let is_host = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    let addresses = config.get_hostaddrs();
    if addresses.is_empty() {
        config.get_hosts().iter().all(is_host)
    } else {
        addresses.iter().all(IpAddr::is_loopback)
    }
}

/// Whether all hosts are sockets in the file system.
fn is_file(config: &Config) -> bool {
    let hosts = config.get_hosts();
    !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)))
}

/// Takes `sslmode` and `sslrootcert` out of an address of either form.
fn split(url: &str) -> (String, Encryption) {
    let mut found = Encryption::default();
    let mut is_other = |option: &&str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.trim() {
            "sslmode" => found.mode = Some(value.trim_matches('\'').to_owned()),
            "sslrootcert" => found.roots = Some(decoded(value.trim_matches('\''))),
            _ => return true,
        }
        false
    };
    let rest = if url.contains("://") {
        let Some((address, options)) = url.split_once('?') else { return (url.to_owned(), found) };
        let rest: Vec<&str> = options.split('&').filter(&mut is_other).collect();
        if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) }
    } else {
        url.split_whitespace().filter(&mut is_other).collect::<Vec<_>>().join(" ")
    };
    (rest, found)
}

/// A text with its `%2F`s read.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn refused(text: &'static str) -> Error {
    Error::new(Kind::Internal, "database.url", text)
}

fn encryption(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, "database.encryption", text)
}

/// Refuses a server that is not whom the address wants, and a pooler that gives one session to several clients: leases,
/// settings and prepared statements would be another client's. Two clients are never in the same session otherwise. A
/// server that does not answer is no matter here.
pub(super) async fn try_out(address: &Address) -> Result<()> {
    let address = address.clone();
    let asking = tokio::task::spawn_blocking(move || two_sessions(&address, PATIENCE));
    let Some((first, second)) = asking.await.map_err(Error::internal)?? else { return Ok(()) };
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

/// The sessions of two clients that are connected at the same time and ask one after the other, if they come in time.
fn two_sessions(address: &Address, patience: Duration) -> Result<Option<(String, String)>> {
    let Some(mut one) = link(address, patience)? else { return Ok(None) };
    let Some(mut other) = link(address, patience)? else { return Ok(None) };
    Ok(session(&mut one).zip(session(&mut other)))
}

/// A connection to the first place that takes one.
fn link(address: &Address, patience: Duration) -> Result<Option<Link>> {
    for place in places(&address.config).unwrap_or_default() {
        match place.open((&address.config, &address.tls), patience) {
            Ok(socket) => {
                let line = Line::new(socket, patience).ok();
                let signed =
                    line.and_then(|mut line| sign_in(&mut line, &address.config).ok().map(|()| line));
                if let Some(line) = signed {
                    return Ok(Some(Link::over(line)));
                }
            }
            Err(cause) => mistrusted(&place, &cause)?,
        }
    }
    Ok(None)
}

/// A failure that no other attempt mends: the server does not encrypt, or it is not whom the address names.
fn mistrusted(place: &Place, cause: &io::Error) -> Result<()> {
    let Some(inner) = cause.get_ref() else { return Ok(()) };
    let Place::Tcp(_, name) = place else { return Ok(()) };
    if inner.is::<Unencrypted>() {
        return Err(encryption(format!(
            "The database's server {name} does not encrypt connections, and its address asks for that (as every address \
             of another machine does that does not say sslmode). Switch TLS on there; or, where the network between is \
             yours alone, write sslmode=disable."
        )));
    }
    if inner.is::<rustls::Error>() {
        return Err(encryption(format!(
            "The database's server {name} is not trusted: {inner}. Name the certificate of whoever signed its own, as \
             sslrootcert=/path/ca.pem, and the server by the name in its certificate; sslmode=require encrypts without a \
             look at who it is."
        )));
    }
    Ok(())
}

fn session(link: &mut Link) -> Option<String> {
    // Not prepared: some poolers would refuse that, and hide what they are.
    link.tell("SELECT pg_backend_pid()").ok()?.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_connections_and_says_nothing_is_not_waited_for() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for mode in ["disable", "require"] {
            let port = silent.local_addr().unwrap().port();
            let url = format!("postgres://mains@127.0.0.1:{port}/shop?sslmode={mode}");
            let address = Address::read(&url).unwrap();
            assert!(two_sessions(&address, Duration::from_millis(50)).unwrap().is_none());
        }
    }

    #[test]
    fn addresses_that_cannot_be_served_are_refused_in_a_sentence() {
        for (url, code, word) in [
            ("postgres://h/d", "database.url", "names no user"),
            ("http://h", "database.url", "cannot be read"),
            ("postgres://u:secret@h/d?sslmode=on", "database.encryption", "sslmode=on"),
            ("postgres://u:secret@h/d?sslmode=verify-ca", "database.encryption", "needs sslrootcert"),
            (
                "postgres://u:secret@h/d?sslrootcert=/nowhere/ca.pem",
                "database.encryption",
                "sslrootcert=/nowhere/ca.pem",
            ),
        ] {
            let error = Address::read(url).err().unwrap();
            assert_eq!(error.code(), code, "{url}");
            assert!(
                error.detail().contains(word) && !error.detail().contains("secret"),
                "{}",
                error.detail()
            );
        }
    }

    #[test]
    fn another_machine_is_asked_who_it_is_unless_the_address_says_otherwise() {
        let mode = |url: &str| Address::read(url).unwrap().tls.mode();
        for url in [
            "postgres://u@db.example/d",
            "postgres://u@10.0.0.7/d",
            "host=db user=u",
            "postgres://u@localhost,db/d",
        ] {
            assert_eq!(mode(url), Mode::VerifyFull, "{url}");
        }
        for url in [
            "postgres://u@localhost/d",
            "postgres://u@127.0.0.1:5433/d",
            "postgres://u@[::1]/d",
            "postgres://u@%2Frun%2Fpg/d?sslmode=verify-full",
            "postgres://u@db.example/d?sslmode=disable",
            "host=db.example hostaddr=127.0.0.1 user=u",
        ] {
            assert_eq!(mode(url), Mode::Disable, "{url}");
        }
        assert_eq!(mode("postgres://u@127.0.0.1/d?application_name=shop&sslmode=require"), Mode::Require);
        assert_eq!(mode("host=db.example sslmode=prefer user=u"), Mode::Prefer);
        assert_eq!(mode("postgres://u@db.example/d?sslrootcert=system"), Mode::VerifyFull);
    }

    #[test]
    fn what_is_said_of_encryption_is_taken_out_and_the_rest_is_left() {
        let said = |mode: Option<&str>, roots: Option<&str>| Encryption {
            mode: mode.map(str::to_owned),
            roots: roots.map(str::to_owned),
        };
        let url = "postgres://u@h/d?sslmode=verify-ca&target_session_attrs=any&sslrootcert=%2Fa%20b.pem";
        let rest = "postgres://u@h/d?target_session_attrs=any".to_owned();
        assert_eq!(split(url), (rest, said(Some("verify-ca"), Some("/a b.pem"))));
        assert_eq!(
            split("postgres://u@h/d?sslmode=disable"),
            ("postgres://u@h/d".to_owned(), said(Some("disable"), None))
        );
        assert_eq!(
            split("host=h sslrootcert='/c%.pem' user=u"),
            ("host=h user=u".to_owned(), said(None, Some("/c%.pem")))
        );
    }
}
