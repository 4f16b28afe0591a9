//! The address of a mail server, as `[mail] url` says it.

use mains_base::{Error, Kind, Result};

use crate::percent;

/// Where mails are handed over, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) safety: Safety,
    pub(super) account: Option<(String, String)>,
}

/// How the connection is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Safety {
    /// TLS from the first byte: `smtps://`.
    Whole,
    /// TLS before anything is said: `smtp://`.
    StartTls,
    /// None: the server is on this machine.
    Local,
}

impl Address {
    /// Reads `smtp://user:password@host:587` and `smtps://…`.
    pub(super) fn parse(url: &str) -> Result<Self> {
        Self::read(url).ok_or_else(|| {
            // The address may hold a password, so it is not repeated.
            let detail = "[mail] url is no address of a mail server; write \"smtp://user:password@host:587\" or \
                \"smtps://user:password@host:465\", with special letters of the password as %40 and the like.";
            Error::new(Kind::Invalid, "mails.settings", detail)
        })
    }

    fn read(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (rest, required) = rest.strip_suffix("?tls=required").map_or((rest, false), |rest| (rest, true));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (account, place) =
            rest.rsplit_once('@').map_or((None, rest), |(account, place)| (Some(account), place));
        let (host, port) = host_and_port(place)?;
        let (standard, safety) = match scheme {
            "smtps" => (465, Safety::Whole),
            "smtp" if is_local(host) && !required => (587, Safety::Local),
            "smtp" => (587, Safety::StartTls),
            _ => return None,
        };
        let account = account.map(|account| {
            let (user, password) = account.split_once(':')?;
            Some((percent::decode(user)?.into_owned(), percent::decode(password)?.into_owned()))
        });
        let account = if let Some(account) = account { Some(account?) } else { None };
        let port = port.map_or(Some(standard), |port| port.parse().ok())?;
        Some(Self { host: host.to_owned(), port, safety, account })
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(place: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            (host, behind.strip_prefix(':'))
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || ".-:".contains(letter);
    (!host.is_empty() && host.chars().all(plain)).then_some((host, port))
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |url: &str| Address::parse(url).unwrap();
        let full = read("smtp://shop%40x.example:p%3Aw@mail.example:2525");
        assert_eq!((full.host.as_str(), full.port, full.safety), ("mail.example", 2525, Safety::StartTls));
        assert_eq!(full.account, Some(("shop@x.example".into(), "p:w".into())));
        let plain = read("smtps://mail.example/");
        assert_eq!((plain.port, plain.safety, plain.account), (465, Safety::Whole, None));
        assert_eq!(read("smtp://127.0.0.1:1025").safety, Safety::Local);
        assert_eq!(read("smtp://[::1]:1025").host, "::1");
        assert_eq!(read("smtp://localhost").safety, Safety::Local);
        assert_eq!(read("smtp://localhost:25?tls=required").safety, Safety::StartTls);
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for url in [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://u@h",
            "smtp://u:secret@h:x",
            "smtp://a b",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.code() == "mails.settings" && !error.detail().contains("secret"), "{url}");
        }
    }
}
