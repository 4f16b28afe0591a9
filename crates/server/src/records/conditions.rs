//! `ETag` and `If-Match` of records: a version, `"v7"`.

use bytes::BytesMut;
use http::HeaderValue;
use http::header::{IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::request::Parts;
use mains_base::{Error, Kind, Result};
use mains_database::write::records::IfMatch;

use super::query::not_yet;

/// The `ETag` of a version.
pub(crate) fn etag(version: i64) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(version);
    let mut text = BytesMut::with_capacity(digits.len() + 3);
    text.extend_from_slice(b"\"v");
    text.extend_from_slice(digits.as_bytes());
    text.extend_from_slice(b"\"");
    HeaderValue::from_maybe_shared(text.freeze()).unwrap_or(HeaderValue::from_static("\"v0\""))
}

/// What a write is made on condition of: a version, or with `*` any.
pub(crate) fn if_match(head: &Parts) -> Result<Option<IfMatch>> {
    for later in [IF_NONE_MATCH, IF_UNMODIFIED_SINCE] {
        if head.headers.contains_key(&later) {
            return Err(not_yet(&format!("The header {later}")));
        }
    }
    let mut said = head.headers.get_all(IF_MATCH).iter();
    let Some(first) = said.next() else { return Ok(None) };
    let text = first.to_str().ok().map(str::trim).filter(|_| said.next().is_none());
    let Some(text) = text else { return Err(unreadable()) };
    if text == "*" {
        return Ok(Some(IfMatch::Any));
    }
    let version = text.strip_prefix("\"v").and_then(|rest| rest.strip_suffix('"'));
    let digits = version.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    // A tag that is none of ours belongs to no version of this record.
    if digits.is_none() && is_one_tag(text) {
        return Ok(Some(IfMatch::Version(-1)));
    }
    let version = digits.and_then(|digits| digits.parse().ok()).ok_or_else(unreadable)?;
    Ok(Some(IfMatch::Version(version)))
}

/// One entity tag, weak or strong, and no list (RFC 9110, section 8.8.3).
fn is_one_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"'))
}

fn unreadable() -> Error {
    let detail = "If-Match holds the one version that is to be changed, as its ETag says it: \"v7\".";
    Error::new(Kind::Malformed, "request.if_match", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<IfMatch>> {
        let request = http::Request::builder().header("if-match", value).body(()).unwrap();
        if_match(&request.into_parts().0)
    }

    #[test]
    fn versions_there_and_back() {
        for version in [1, 7, 9_007_199_254_740_991] {
            let tag = etag(version);
            assert_eq!(tag, format!("\"v{version}\"").as_str());
            assert_eq!(read(tag.to_str().unwrap()).unwrap(), Some(IfMatch::Version(version)));
        }
    }

    #[test]
    fn other_tags_match_nothing_and_lists_are_refused() {
        assert_eq!(read("*").unwrap(), Some(IfMatch::Any));
        for other in ["W/\"v7\"", "\"abc\"", "\"v\"", "\"v-7\""] {
            assert_eq!(read(other).unwrap(), Some(IfMatch::Version(-1)), "{other}");
        }
        for bad in ["v7", "\"v7\", \"v8\"", "", "7"] {
            assert_eq!(read(bad).unwrap_err().code(), "request.if_match", "{bad}");
        }
    }
}
