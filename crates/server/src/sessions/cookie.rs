//! The cookie that holds the token of a session.
//!
//! Where the site is reached by https it is `__Host-mains`, which no other host and no plain connection can set, so
//! nobody can slip a browser the session of somebody else (RFC 6265bis, section 4.1.3.2).

use http::HeaderValue;
use http::header::COOKIE;
use http::request::Parts;
use mains_base::{Error, Result};

use super::{LIFE_DAYS, PREFIX, Token};
use crate::settings::Settings;

const SECURE: &str = "__Host-mains";
const PLAIN: &str = "mains";

/// The token that a request's cookie holds. Two different ones are none: one of them was planted.
pub(crate) fn token<'h>(head: &'h Parts, settings: &Settings) -> Option<&'h str> {
    let name = name(settings);
    let headers = head.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(other, _)| *other == name).map(|(_, token)| token);
    let first = tokens.next()?;
    (tokens.all(|other| other == first) && first.starts_with(PREFIX)).then_some(first)
}

/// `Set-Cookie` with a new token.
pub fn set(token: &Token, settings: &Settings) -> Result<HeaderValue> {
    header(token.expose(), LIFE_DAYS * 86_400, settings)
}

/// `Set-Cookie` that removes it.
pub fn clear(settings: &Settings) -> Result<HeaderValue> {
    header("", 0, settings)
}

fn header(value: &str, max_age: i64, settings: &Settings) -> Result<HeaderValue> {
    let secure = if is_secure(settings) { "; Secure" } else { "" };
    let text =
        format!("{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", name(settings));
    let mut header = HeaderValue::try_from(text).map_err(Error::internal)?;
    header.set_sensitive(true);
    Ok(header)
}

fn name(settings: &Settings) -> &'static str {
    if is_secure(settings) { SECURE } else { PLAIN }
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
    }
}
