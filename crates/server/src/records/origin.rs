//! Where a request was sent from: pages of other sites may not write here, and nobody is sent elsewhere.
//!
//! Browsers say where a write comes from (`Origin`, `Sec-Fetch-Site`); programs say nothing. A key is not sent by a
//! browser on its own, so a request that carries one needs no check.

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

/// Whether an origin is this site's: the public one, or the host that was asked.
fn is_own(origin: &str, head: &Parts, settings: &Settings) -> bool {
    let public = settings.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    if public.is_some_and(|public| public.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    matches!((host, asked(head)), (Some(host), Some(asked)) if host.eq_ignore_ascii_case(asked))
}

/// The host and port that were asked: `:authority` in HTTP/2, else `Host`.
fn asked(head: &Parts) -> Option<&str> {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| head.headers.get(HOST)?.to_str().ok())
}

/// Where a form leads after success, if it stays on this site: a path, or an address of its own origin.
pub(crate) fn own_target(target: &str, head: &Parts, settings: &Settings) -> Result<String> {
    // Browsers drop control characters and read \ as /, so both could hide another host.
    let odd = target.contains(|letter: char| letter.is_control() || letter == '\\' || letter == ' ');
    let path = target.starts_with('/') && !target.starts_with("//");
    let absolute = || {
        let authority =
            target.split_once("://").map(|(scheme, rest)| (scheme, rest.split(['/', '?', '#']).next()));
        let Some((scheme, Some(host))) = authority else { return false };
        is_own(&format!("{scheme}://{host}"), head, settings)
    };
    if !odd && (path || absolute()) {
        return Ok(target.to_owned());
    }
    let detail = "_next must be a path of this site, such as /thanks.";
    Err(Error::new(Kind::Malformed, "forms.next", detail))
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
            (&[("origin", "http://shop.example:8080")], true),
            (&[("origin", "https://www.shop.example")], true),
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
    fn nobody_is_sent_elsewhere() {
        for (target, good) in [
            ("/thanks?a=1#b", true),
            ("http://shop.example:8080/x", true),
            ("https://www.shop.example", true),
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
