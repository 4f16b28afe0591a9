//! The cookies: the one that holds the token of a session, and the one that holds a mark.
//!
//! Where the site is reached by https they are `__Host-mains` and `__Host-mains-mark`, which no other host and no plain connection can set, so
//! nobody can slip a browser the session of somebody else (RFC 6265bis, section 4.1.3.2).

use http::HeaderValue;
use http::header::COOKIE;
use http::request::Parts;
use mains_base::{Error, Result};

use super::{LIFE_DAYS, PREFIX, Token, mark};
use crate::keys::{Hash, hash};
use crate::settings::Settings;

/// A cookie: its name where the site is reached by https, its name elsewhere, what its value begins with, and for how
/// many days it is kept.
struct Cookie {
    secure: &'static str,
    plain: &'static str,
    prefix: &'static str,
    days: i64,
}

const SESSION: Cookie = Cookie { secure: "__Host-mains", plain: "mains", prefix: PREFIX, days: LIFE_DAYS };
const MARK: Cookie =
    Cookie { secure: "__Host-mains-mark", plain: "mains-mark", prefix: mark::PREFIX, days: mark::DAYS };

/// The token that a request's cookie holds. Two different ones are none: one of them was planted.
pub(crate) fn token<'h>(head: &'h Parts, settings: &Settings) -> Option<&'h str> {
    SESSION.find(head, settings)
}

/// What is stored of the mark that a request's cookie holds.
pub(crate) fn marked(head: &Parts, settings: &Settings) -> Option<Hash> {
    MARK.find(head, settings).map(hash)
}

/// `Set-Cookie` with a new token.
pub fn set(token: &Token, settings: &Settings) -> Result<HeaderValue> {
    SESSION.header(token.expose(), settings)
}

/// `Set-Cookie` with a mark.
pub(crate) fn set_mark(mark: &Token, settings: &Settings) -> Result<HeaderValue> {
    MARK.header(mark.expose(), settings)
}

/// `Set-Cookie` that removes the token.
pub fn clear(settings: &Settings) -> Result<HeaderValue> {
    SESSION.header("", settings)
}

impl Cookie {
    fn find<'h>(&self, head: &'h Parts, settings: &Settings) -> Option<&'h str> {
        let name = self.name(settings);
        let headers = head.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs =
            headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(other, _)| *other == name).map(|(_, value)| value);
        let first = values.next()?;
        (values.all(|other| other == first) && first.starts_with(self.prefix)).then_some(first)
    }

    fn header(&self, value: &str, settings: &Settings) -> Result<HeaderValue> {
        let secure = if is_secure(settings) { "; Secure" } else { "" };
        let age = if value.is_empty() { 0 } else { self.days * 86_400 };
        let name = self.name(settings);
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        let mut header = HeaderValue::try_from(text).map_err(Error::internal)?;
        header.set_sensitive(true);
        Ok(header)
    }

    fn name(&self, settings: &Settings) -> &'static str {
        if is_secure(settings) { self.secure } else { self.plain }
    }
}

fn is_secure(settings: &Settings) -> bool {
    settings
        .public_url
        .as_deref()
        .and_then(|url| url.get(..8))
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    fn settings(url: &str) -> Settings {
        Settings { public_url: Some(url.to_owned()), ..Settings::default() }
    }

    fn found(cookies: &[&str], settings: &Settings) -> Option<String> {
        let request = http::Request::get("/");
        let request = cookies.iter().fold(request, |request, value| request.header("cookie", *value));
        token(&request.body(()).unwrap().into_parts().0, settings).map(str::to_owned)
    }

    #[test]
    fn the_cookie_of_an_https_site_cannot_be_planted() {
        let (plain, secure) = (Settings::default(), settings("https://shop.example"));
        assert_eq!(found(&["a=b; mains=mains_session_1; c=d"], &plain).as_deref(), Some("mains_session_1"));
        assert_eq!(found(&["mains=mains_session_1"], &secure), None);
        assert_eq!(found(&["__Host-mains=mains_session_1"], &secure).as_deref(), Some("mains_session_1"));
        assert_eq!(found(&["mains=mains_session_1; mains=mains_session_2"], &plain), None, "one is planted");
        assert_eq!(found(&["mains=mains_session_1", "mains=mains_session_2"], &plain), None);
        assert!(found(&["mains=mains_session_1; mains=mains_session_1"], &plain).is_some());
        assert_eq!(found(&["mains=mains_key_1"], &plain), None, "a key is no cookie");
        assert_eq!(found(&["mains"], &plain), None);
        assert_eq!(found(&[], &plain), None);
    }

    #[test]
    fn set_and_cleared_with_all_that_protects_it() {
        let token = Secret::written(PREFIX, [0; 32]);
        let set = set(&token, &settings("https://shop.example")).unwrap();
        assert!(set.is_sensitive());
        let text = set.to_str().unwrap();
        assert!(text.starts_with("__Host-mains=mains_session_0000"), "{text}");
        assert!(text.ends_with("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure"), "{text}");
        assert_eq!(clear(&Settings::default()).unwrap(), "mains=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let mark = Secret::written(mark::PREFIX, [0; 32]);
        let text = set_mark(&mark, &Settings::default()).unwrap();
        let text = text.to_str().unwrap();
        assert!(text.starts_with("mains-mark=mains_mark_0000") && text.contains("Max-Age=172800;"), "{text}");
    }

    #[test]
    fn a_mark_is_no_session_and_a_session_no_mark() {
        let of = |cookie: &str| {
            let request = http::Request::get("/").header("cookie", cookie);
            let head = request.body(()).unwrap().into_parts().0;
            let settings = Settings::default();
            (token(&head, &settings).is_some(), marked(&head, &settings).is_some())
        };
        assert_eq!(of("mains-mark=mains_mark_1; mains=mains_session_1"), (true, true));
        assert_eq!(of("mains=mains_mark_1; mains-mark=mains_session_1"), (false, false));
    }
}
