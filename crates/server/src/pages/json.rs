//! Reading the bytes of JSON that the records API makes, without a tree: places of members and elements.
//!
//! The bytes are ours and well-formed; whatever else comes gives less, never a panic.

use std::borrow::Cow;
use std::ops::Range;

/// How many words of eight bytes are looked through one by one: most texts end in them, and a call costs more.
const SHORT: usize = 6;

/// One member of an object: where its name (without quotes) and its value stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    name: [u32; 2],
    value: [u32; 2],
}

impl Member {
    fn new(name: Range<usize>, value: Range<usize>) -> Self {
        Self { name: narrow(name), value: narrow(value) }
    }

    /// Where its name stands.
    pub(super) fn name(&self) -> Range<usize> {
        wide(self.name)
    }

    /// Where its value stands.
    pub(super) fn value(&self) -> Range<usize> {
        wide(self.value)
    }

    /// Whether this is its name.
    pub(super) fn is_named(&self, bytes: &[u8], name: &str) -> bool {
        let found = self.name();
        found.len() == name.len() && bytes.get(found) == Some(name.as_bytes())
    }
}

/// No answer is so large that a place in it does not fit; what would be is not there.
fn narrow(range: Range<usize>) -> [u32; 2] {
    [range.start, range.end].map(|place| u32::try_from(place).unwrap_or(u32::MAX))
}

fn wide([start, end]: [u32; 2]) -> Range<usize> {
    start as usize..end as usize
}

/// Where a value ends that begins at `at`.
pub(super) fn end(bytes: &[u8], at: usize) -> usize {
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
        match mark(rest) {
            Some(found) if rest.get(found) == Some(&b'"') => return place + found + 1,
            Some(found) => place += found + 2,
            None => return bytes.len(),
        }
    }
}

/// Where the first quote or backslash stands.
fn mark(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().take(SHORT).enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(place * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let from = words.len().min(SHORT) * 8;
    memchr::memchr2(b'"', b'\\', bytes.get(from..).unwrap_or_default()).map(|found| from + found)
}

/// Sets the highest bit of the first byte that is a quote or a backslash; only bytes above it may be marked wrongly
/// (Warren, Hacker's Delight, section 6-1).
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHEST;
    zero(word ^ u64::from_ne_bytes([b'"'; 8])) | zero(word ^ u64::from_ne_bytes([b'\\'; 8]))
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

/// Goes through the list that begins at `at`: `element` takes the place of one and gives where it ends. Gives where
/// the list ends.
pub(super) fn elements(bytes: &[u8], at: usize, mut element: impl FnMut(usize) -> usize) -> usize {
    if bytes.get(at) != Some(&b'[') {
        return at;
    }
    let mut place = at + 1;
    if bytes.get(place) == Some(&b']') {
        return place + 1;
    }
    while place < bytes.len() {
        place = element(place);
        let more = bytes.get(place) == Some(&b',');
        place += 1;
        if !more {
            break;
        }
    }
    place
}

/// The members of the object that begins at `at`, and where it ends.
pub(super) fn members(bytes: &[u8], at: usize) -> (Vec<Member>, usize) {
    let mut found = Vec::with_capacity(24);
    if bytes.get(at) != Some(&b'{') {
        return (found, at);
    }
    let stop = each_member(bytes, at + 1, |name, value| {
        found.push(Member::new(name, value));
        true
    });
    (found, stop)
}

/// The members that follow from `at` on, where a name begins, and where their object ends.
pub(super) fn members_behind(bytes: &[u8], at: usize) -> Vec<Member> {
    let mut found = Vec::new();
    each_member(bytes, at, |name, value| {
        found.push(Member::new(name, value));
        true
    });
    found
}

/// Goes through members as long as `wanted` says so; gives where their object ends.
fn each_member(bytes: &[u8], at: usize, mut wanted: impl FnMut(Range<usize>, Range<usize>) -> bool) -> usize {
    let mut place = at;
    while bytes.get(place) == Some(&b'"') {
        let name = text_end(bytes, place);
        let stop = end(bytes, name + 1);
        if !wanted(place + 1..name.saturating_sub(1), name + 1..stop) || bytes.get(stop) != Some(&b',') {
            return stop + 1;
        }
        place = stop + 1;
    }
    place + 1
}

/// The place of one member of the object that begins at `at`.
fn member(bytes: &[u8], at: usize, name: &str) -> Option<Range<usize>> {
    let mut found = None;
    if bytes.get(at) == Some(&b'{') {
        each_member(bytes, at + 1, |key, value| {
            if bytes.get(key) == Some(name.as_bytes()) {
                found = Some(value);
            }
            found.is_none()
        });
    }
    found
}

/// The text of a JSON string, quotes included in `raw`.
pub(super) fn text(raw: &str) -> Cow<'_, str> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    Cow::Owned(serde_json::from_str(raw).unwrap_or_default())
}

/// The texts at the end of a path through JSON, lists spread out; null and objects give nothing.
pub(super) fn walk(bytes: &[u8], at: usize, path: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    gather(bytes, at, path, &mut found);
    found
}

fn gather(bytes: &[u8], at: usize, path: &[String], found: &mut Vec<String>) {
    if bytes.get(at) == Some(&b'[') {
        elements(bytes, at, |item| {
            gather(bytes, item, path, found);
            end(bytes, item)
        });
        return;
    }
    if let [first, rest @ ..] = path {
        if let Some(value) = member(bytes, at, first) {
            gather(bytes, value.start, rest, found);
        }
        return;
    }
    let raw = bytes.get(at..end(bytes, at)).unwrap_or_default();
    let raw = std::str::from_utf8(raw).unwrap_or_default();
    match raw.as_bytes().first() {
        Some(b'"') => found.push(text(raw).into_owned()),
        Some(b'{' | b'n') | None => {}
        Some(_) => found.push(raw.to_owned()),
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
            elements(part, 9, |place| end(part, place));
        }
    }

    #[test]
    fn a_text_ends_at_its_own_quote_wherever_that_is() {
        for length in 0..120 {
            for escaped in [None, Some(length / 2)] {
                let mut inner = "é".repeat(length);
                if let Some(at) = escaped {
                    inner.replace_range(at * 2..at * 2, "\\\"\\\\");
                }
                let whole = format!("[\"{inner}\",\"next\"]");
                assert_eq!(text_end(whole.as_bytes(), 1), inner.len() + 3, "{whole}");
            }
        }
    }

    #[test]
    fn members_and_elements_say_where_they_end() {
        let (found, stop) = members(BODY, 0);
        assert_eq!(stop, BODY.len());
        let names: Vec<&[u8]> = found.iter().map(|member| &BODY[member.name()]).collect();
        assert_eq!(names, [&b"items"[..], b"next"]);
        assert!(found[1].is_named(BODY, "next") && !found[1].is_named(BODY, "nex"));
        assert_eq!(&BODY[found[1].value()], b"null");
        let mut places = Vec::new();
        let stop = elements(BODY, found[0].value().start, |place| {
            places.push(BODY[place]);
            end(BODY, place)
        });
        assert_eq!((places.as_slice(), stop), (&b"{{"[..], found[0].value().end));
        assert_eq!(members_behind(BODY, stop + 1).len(), 1);
        assert_eq!((members(b"{}", 0).1, elements(b"[]", 0, |place| place + 1)), (2, 2));
    }
}
