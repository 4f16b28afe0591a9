//! Answers made smaller for the way: gzip (RFC 1952) where the client takes it and it is worth the work.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::router::Response;

/// Smaller than this nothing is compressed: it fits into one packet as it is.
const LEAST: usize = 1_024;
/// Larger than this an answer made for one request is sent as it is, so that no worker is held up.
const MOST: usize = 1_048_576;

/// Whether bytes of this type and length become much smaller.
pub(crate) fn is_worth(media_type: &str, length: usize) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    let is_text = essence.starts_with("text/")
        || essence.ends_with("json")
        || essence.ends_with("+xml")
        || matches!(
            essence,
            "text/javascript" | "application/xml" | "application/wasm" | "font/ttf" | "font/otf"
        );
    is_text && length >= LEAST
}

/// Compresses well, for what is sent many times.
pub(crate) fn best(bytes: &[u8]) -> Bytes {
    packed(bytes, Compression::best())
}

fn packed(bytes: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3 + 64), level);
    // Writing into memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

/// Whether the client takes gzip (RFC 9110, section 12.5.3): it names it, and not with the weight 0.
pub(crate) fn is_taken(head: &Parts) -> bool {
    head.headers.get_all(ACCEPT_ENCODING).iter().filter_map(|said| said.to_str().ok()).any(|said| {
        said.split(',').any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let zero = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse::<f32>() == Ok(0.0));
            name.trim().eq_ignore_ascii_case("gzip") && !zero
        })
    })
}

/// Compresses an answer that was made for this request, if its client takes that.
pub(crate) fn answer(response: &mut Response, head: &Parts) {
    // The cheapest questions first: most answers are small, and most programs do not ask.
    let length = response.body().whole().len();
    if !(LEAST..=MOST).contains(&length) || !is_taken(head) {
        return;
    }
    let headers = response.headers();
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let whole = response.status() != StatusCode::PARTIAL_CONTENT && !headers.contains_key(CONTENT_ENCODING);
    if !whole || !is_worth(media_type, length) {
        return;
    }
    let smaller = packed(response.body().whole(), Compression::fast());
    response.body_mut().replace(smaller);
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_when_it_is_said() {
        let taken = |said: &str| {
            let request = http::Request::builder().header(ACCEPT_ENCODING, said).body(()).unwrap();
            is_taken(&request.into_parts().0)
        };
        for (said, wanted) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(taken(said), wanted, "{said}");
        }
    }

    #[test]
    fn pictures_stay_as_they_are() {
        assert!(is_worth("text/html; charset=utf-8", 2000) && is_worth("image/svg+xml", 2000));
        assert!(!is_worth("text/html", 100) && !is_worth("image/png", 2000));
    }
}
