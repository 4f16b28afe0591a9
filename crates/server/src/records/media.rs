//! The media types of bodies that are understood.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use mains_base::{Error, Kind, Result};

/// How a body is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`, `application/merge-patch+json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`, with what stands between its parts.
    Parts(String),
    /// No type is said.
    Nothing,
}

/// The type of a request's body. 415 with what is understood.
pub(crate) fn media(head: &Parts) -> Result<Media> {
    if head.headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported("A body is not taken compressed; send it plain."));
    }
    let Some(said) = head.headers.get(CONTENT_TYPE) else { return Ok(Media::Nothing) };
    let said = said.to_str().unwrap_or("");
    let (essence, parameters) = said.split_once(';').unwrap_or((said, ""));
    let essence = essence.trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    if !is_utf8(parameters) {
        return Err(unsupported("Texts are UTF-8; send the body as charset=utf-8."));
    }
    if is("application/json") || is("application/merge-patch+json") {
        Ok(Media::Json)
    } else if is("application/x-www-form-urlencoded") {
        Ok(Media::Form)
    } else if is("multipart/form-data") {
        let parameters = parameters.split(';').filter_map(|part| part.trim().split_once('='));
        let boundary =
            parameters.filter(|(name, _)| name.eq_ignore_ascii_case("boundary")).map(|(_, value)| value);
        let boundary = boundary.map(|value| value.trim().trim_matches('"')).find(|value| !value.is_empty());
        boundary.map(|boundary| Media::Parts(boundary.to_owned())).ok_or_else(|| {
            unsupported("multipart/form-data says in Content-Type what stands between its parts: boundary=….")
        })
    } else {
        Err(unsupported(
            "Send application/json or application/x-www-form-urlencoded, and say which in Content-Type.",
        ))
    }
}

fn is_utf8(parameters: &str) -> bool {
    let charset = parameters.split(';').filter_map(|part| part.trim().split_once('='));
    let mut charset = charset.filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    charset.all(|(_, value)| value.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

fn unsupported(detail: &'static str) -> Error {
    Error::new(Kind::UnsupportedMedia, "request.media_type", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood() {
        let read = |value: &str| {
            let request = http::Request::builder().header("content-type", value).body(()).unwrap();
            media(&request.into_parts().0)
        };
        assert_eq!(read("application/json").unwrap(), Media::Json);
        assert_eq!(read("Application/JSON; charset=\"UTF-8\"").unwrap(), Media::Json);
        assert_eq!(read("application/merge-patch+json").unwrap(), Media::Json);
        assert_eq!(read("application/x-www-form-urlencoded").unwrap(), Media::Form);
        let parts = read("multipart/form-data; charset=utf-8; boundary=\"x y\"").unwrap();
        assert_eq!(parts, Media::Parts("x y".to_owned()));
        for bad in ["text/plain", "multipart/form-data", "application/json; charset=latin1", ""] {
            assert_eq!(read(bad).unwrap_err().code(), "request.media_type", "{bad}");
        }
    }
}
