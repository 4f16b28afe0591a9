//! Where a request was sent from: pages of other sites may not write here, and nobody is sent elsewhere.
//!
//! Browsers say where a write comes from (`Origin`, `Sec-Fetch-Site`); programs say nothing. A key is not sent by a
//! browser on its own, so a request that carries one needs no check.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;
use mains_base::{Error, Kind, Result};

use crate::settings::Settings;

/// 403 for a write that a page of another site sent.
pub(crate) fn check(head: &Parts, settings: &Settings) -> Result<()> {
    if head.headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let own = match head.headers.get(ORIGIN) {
        Some(origin) => origin.to_str().is_ok_and(|origin| is_own(origin, head, settings)),
        None => head.headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none"),
    };
    if own { Ok(()) } else { Err(cross_site()) }
}

/// Whether an origin is this site's: the public one; where none is said, the host that was asked. A host that was asked
/// is believed beside a public one only where it is this machine itself, so that no name that somebody else leads here
/// passes for the site.
fn is_own(origin: &str, head: &Parts, settings: &Settings) -> bool {
    let public = settings.public_url.as_deref().map(origin_of);
    if public.is_some_and(|public| public.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let same = matches!((host, asked(head)), (Some(host), Some(asked)) if host.eq_ignore_ascii_case(asked));
    same && (public.is_none() || host.is_some_and(|host| is_loopback(bare(host))))
}

/// Whether a site in development may show what is meant for whoever develops it: under an address of its own, and not
/// under a name that somebody else may lead here (DNS rebinding). An address in figures cannot be led anywhere.
pub(crate) fn is_own_host(head: &Parts, settings: &Settings) -> bool {
    let Some(asked) = asked(head) else { return true };
    let public = settings.public_url.as_deref().map(origin_of);
    let public = public.and_then(|public| public.split_once("://")).map(|(_, host)| host);
    let host = bare(asked);
    let figures = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    figures || is_loopback(host) || public.is_some_and(|public| bare(public).eq_ignore_ascii_case(host))
}

/// Scheme, host and port of an address, without what may follow.
fn origin_of(url: &str) -> &str {
    let behind = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(behind..).unwrap_or_default();
    url.get(..behind + rest.find(['/', '?', '#']).unwrap_or(rest.len())).unwrap_or(url)
}

/// The host without its port.
fn bare(host: &str) -> &str {
    let port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    host.rsplit_once(':').filter(|(_, behind)| port(behind)).map_or(host, |(host, _)| host)
}

fn is_loopback(host: &str) -> bool {
    let figures = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let name = host.to_ascii_lowercase();
    figures || name == "localhost" || name.strip_suffix(".localhost").is_some()
}

/// The host and port that were asked: `:authority` in HTTP/2, else `Host`.
fn asked(head: &Parts) -> Option<&str> {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| head.headers.get(HOST)?.to_str().ok())
}

/// Where a form leads after success, if it stays on this site: a path, or an address of its own origin.
pub(crate) fn own_target(target: &str, head: &Parts, settings: &Settings) -> Result<String> {
    let absolute = || {
        let authority =
            target.split_once("://").map(|(scheme, rest)| (scheme, rest.split(['/', '?', '#']).next()));
        let Some((scheme, Some(host))) = authority else { return false };
        is_own(&format!("{scheme}://{host}"), head, settings)
    };
    if is_path(target) || !is_odd(target) && absolute() {
        return Ok(target.to_owned());
    }
    let detail = "_next must be a path of this site, such as /thanks.";
    Err(Error::new(Kind::Malformed, "forms.next", detail))
}

/// Whether an address is a path, which stays on whatever site it is used on.
pub(crate) fn is_path(target: &str) -> bool {
    target.starts_with('/') && !target.starts_with("//") && !is_odd(target)
}

/// Browsers drop control characters and read \ as /, so both could hide another host.
fn is_odd(target: &str) -> bool {
    target.contains(|letter: char| letter.is_control() || letter == '\\' || letter == ' ')
}

fn cross_site() -> Error {
    let detail = "This was sent from a page of another site; send it from a page of this one, or with a key.";
    Error::new(Kind::Forbidden, "request.cross_site", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let request = http::Request::post("/api/notes").header("host", "shop.example:8080");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn settings() -> Settings {
        Settings { public_url: Some("https://www.shop.example/".into()), ..Settings::default() }
    }

    #[test]
    fn pages_of_other_sites_cannot_write() {
        for (headers, good) in [
            (&[][..], true),
            (&[("origin", "https://www.shop.example")], true),
            (&[("origin", "http://shop.example:8080")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "http://shop.example")], false),
            (&[("origin", "https://www.shop.example.evil.example")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://evil.example"), ("authorization", "Bearer mains_key_x")], true),
        ] {
            assert_eq!(check(&head(headers), &settings()).is_ok(), good, "{headers:?}");
        }
    }

    #[test]
    fn a_name_that_leads_here_is_not_the_site() {
        let asked = |host: &str, origin: &str, settings: &Settings| {
            let request = http::Request::post("/api/notes").header("host", host).header("origin", origin);
            check(&request.body(()).unwrap().into_parts().0, settings).is_ok()
        };
        let without = Settings::default();
        for (host, own, public) in [
            ("evil.example", true, false),
            ("www.shop.example:8080", true, false),
            ("localhost.evil.example", true, false),
            ("127.0.0.1:8080", true, true),
            ("[::1]:8080", true, true),
            ("localhost:8080", true, true),
            ("shop.localhost:8080", true, true),
        ] {
            let origin = format!("http://{host}");
            assert_eq!(asked(host, &origin, &without), own, "{host}");
            assert_eq!(asked(host, &origin, &settings()), public, "{host}");
            assert!(!asked("other.example", &origin, &settings()), "{host}");
        }
        let path = Settings { public_url: Some("https://shop.example/shop".into()), ..Settings::default() };
        assert!(asked("127.0.0.1:8080", "https://shop.example", &path));
    }

    #[test]
    fn what_only_developers_see_is_shown_at_own_addresses() {
        let own = |host: &str| {
            let request = http::Request::get("/mails").header("host", host).body(()).unwrap();
            is_own_host(&request.into_parts().0, &settings())
        };
        for host in ["127.0.0.1:8080", "[::1]:8080", "localhost", "192.168.1.5:8080", "WWW.shop.example:80"] {
            assert!(own(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "shop.example", ""] {
            assert!(!own(host), "{host}");
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (target, good) in [
            ("/thanks?a=1#b", true),
            ("https://www.shop.example", true),
            ("https://www.shop.example/x?y", true),
            ("http://shop.example:8080/x", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("/\t/evil.example", false),
            ("https://evil.example", false),
            ("https://www.shop.example@evil.example/", false),
            ("https://www.shop.example.evil.example/", false),
            ("javascript:alert(1)", false),
            ("thanks", false),
            ("", false),
        ] {
            assert_eq!(own_target(target, &head(&[]), &settings()).is_ok(), good, "{target}");
        }
    }
}
