//! Reading the bytes of JSON that the records API makes, without a tree: places of members and elements.
//!
//! The bytes are ours and well-formed; whatever else comes gives less, never a panic.

use std::borrow::Cow;
use std::ops::Range;

/// Where a value ends that begins at `at`.
fn end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => text_end(bytes, at),
        Some(b'{' | b'[') => nested_end(bytes, at),
        _ => {
            let rest = bytes.get(at..).unwrap_or_default();
            let length = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'));
            at + length.unwrap_or(rest.len())
        }
    }
}

/// Behind the closing quote of the text that begins at `at`.
fn text_end(bytes: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    loop {
        let rest = bytes.get(place..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(found) if rest.get(found) == Some(&b'"') => return place + found + 1,
            Some(found) => place += found + 2,
            None => return bytes.len(),
        }
    }
}

fn nested_end(bytes: &[u8], at: usize) -> usize {
    let (mut place, mut depth) = (at, 0_usize);
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'"' => {
                place = text_end(bytes, place);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        place += 1;
        if depth == 0 {
            return place;
        }
    }
    bytes.len()
}

/// The places of the elements of the list that begins at `at`.
pub(super) fn elements(bytes: &[u8], at: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if bytes.get(at) != Some(&b'[') || bytes.get(at + 1) == Some(&b']') {
        return found;
    }
    let mut place = at + 1;
    while place < bytes.len() {
        let stop = end(bytes, place);
        found.push(place..stop);
        if bytes.get(stop) != Some(&b',') {
            break;
        }
        place = stop + 1;
    }
    found
}

/// The places of the names (without quotes) and values of the object that begins at `at`.
pub(super) fn members(bytes: &[u8], at: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let mut found = Vec::with_capacity(16);
    if bytes.get(at) != Some(&b'{') || bytes.get(at + 1) == Some(&b'}') {
        return found;
    }
    let mut place = at + 1;
    while bytes.get(place) == Some(&b'"') {
        let name = text_end(bytes, place);
        let stop = end(bytes, name + 1);
        found.push((place + 1..name.saturating_sub(1), name + 1..stop));
        if bytes.get(stop) != Some(&b',') {
            break;
        }
        place = stop + 1;
    }
    found
}

/// The place of one member of the object that begins at `at`.
pub(super) fn member(bytes: &[u8], at: usize, name: &str) -> Option<Range<usize>> {
    let found =
        members(bytes, at).into_iter().find(|(key, _)| bytes.get(key.clone()) == Some(name.as_bytes()));
    found.map(|(_, value)| value)
}

/// The text of a JSON string, quotes included in `raw`.
pub(super) fn text(raw: &[u8]) -> Cow<'_, str> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    Cow::Owned(serde_json::from_slice(raw).unwrap_or_default())
}

/// The texts at the end of a path through JSON, lists spread out; null and objects give nothing.
pub(super) fn walk(bytes: &[u8], at: usize, path: &[String]) -> Vec<String> {
    if bytes.get(at) == Some(&b'[') {
        return elements(bytes, at).into_iter().flat_map(|item| walk(bytes, item.start, path)).collect();
    }
    if let [first, rest @ ..] = path {
        return member(bytes, at, first).map_or_else(Vec::new, |value| walk(bytes, value.start, rest));
    }
    let raw = bytes.get(at..end(bytes, at)).unwrap_or_default();
    match raw.first() {
        Some(b'"') => vec![text(raw).into_owned()],
        Some(b'{' | b'n') | None => Vec::new(),
        Some(_) => vec![String::from_utf8_lossy(raw).into_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"items":[{"id":"a","n":1,"t":"x\"]}","l":["p","q"],"o":{"k":null}},{"id":"b","n":-2.5,"t":null,"l":[],"o":{}}],"next":null}"#;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn paths_spread_lists() {
        assert_eq!(walk(BODY, 0, &path("items.id")), ["a", "b"]);
        assert_eq!(walk(BODY, 0, &path("items.n")), ["1", "-2.5"]);
        assert_eq!(walk(BODY, 0, &path("items.t")), ["x\"]}"]);
        assert_eq!(walk(BODY, 0, &path("items.l")), ["p", "q"]);
        assert!(walk(BODY, 0, &path("items.o.k")).is_empty());
        assert!(walk(BODY, 0, &path("items.o")).is_empty());
        assert!(walk(BODY, 0, &path("next")).is_empty());
        assert!(walk(BODY, 0, &path("other")).is_empty());
    }

    #[test]
    fn broken_bytes_end_somewhere() {
        for length in 0..BODY.len() {
            let part = &BODY[..length];
            walk(part, 0, &path("items.l"));
            members(part, 0);
            elements(part, 9);
        }
    }
}
