//! Percent-encoding (RFC 3986, section 2.1) and the form encoding (WHATWG URL, `application/x-www-form-urlencoded`).

use std::borrow::Cow;

/// Decodes `%xx` once. Nothing when an escape is broken or the bytes are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            bytes.push(digit(rest.next()?)? << 4 | digit(rest.next()?)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Decodes one name or value of a form or a query: `+` is a blank.
pub(crate) fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        return decode(&text.replace('+', " ")).map(|decoded| Cow::Owned(decoded.into_owned()));
    }
    decode(text)
}

/// The pairs of a form or a query, in order; nothing when an escape is broken.
pub(crate) fn pairs(text: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let pair = |part| {
        let (name, value) = str::split_once(part, '=').unwrap_or((part, ""));
        Some((decode_form(name)?, decode_form(value)?))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// Encodes whatever could mean something in an address: all but unreserved characters (RFC 3986, section 2.3).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let half = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
            out.extend(['%', half(byte >> 4), half(byte & 15)]);
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_addresses_differ_in_plus() {
        assert_eq!(decode("a+b%2Bc").as_deref(), Some("a+b+c"));
        assert_eq!(decode_form("a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(decode("%F0%9F%98%80").as_deref(), Some("😀"));
        for broken in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn pairs_keep_order_and_repetition() {
        let pairs = pairs("a=1&b&&a=%3D%26").unwrap();
        assert_eq!(pairs, [("a".into(), "1".into()), ("b".into(), "".into()), ("a".into(), "=&".into())]);
    }
}
