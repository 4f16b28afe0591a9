//! What reading JSON into values loses: the first of two members of one name, and digits of numbers.
//!
//! Invariant: it is asked of texts that are JSON already, so it only has to find its way, not to judge.

use std::collections::HashSet;

/// Something in a JSON text that its value does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where it stands (RFC 6901).
    pub pointer: String,
    /// What it is.
    pub kind: FlawKind,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /// A member of this name stood before.
    Twice,
    /// A whole number of more than 64 bits.
    Digits,
}

/// An object or a list that is open.
enum Level {
    Object { names: HashSet<String>, name: String, expects_name: bool },
    List(usize),
}

/// Flaws that are told of one text. Each has a pointer that may be nearly as long as the text itself, so without an end a
/// text of a megabyte could ask for many gigabytes.
const MOST: usize = 20;

/// The first flaws of a JSON text, in order.
pub fn flaws(source: &[u8]) -> Vec<Flaw> {
    let mut levels: Vec<Level> = Vec::new();
    let mut found = Vec::new();
    let mut rest = source;
    while let Some((&first, behind)) = rest.split_first().filter(|_| found.len() < MOST) {
        let mut taken = 1;
        match first {
            b'{' => {
                levels.push(Level::Object { names: HashSet::new(), name: String::new(), expects_name: true });
            }
            b'[' => levels.push(Level::List(0)),
            b'}' | b']' => _ = levels.pop(),
            b',' => next(&mut levels),
            b'"' => {
                taken += string(behind);
                let text = rest.get(..taken).unwrap_or_default();
                if name(&mut levels, text) == Some(true) {
                    found.push(Flaw { pointer: pointer(&levels), kind: FlawKind::Twice });
                }
            }
            b'-' | b'0'..=b'9' => {
                taken += behind.iter().take_while(|byte| is_of_number(**byte)).count();
                if is_too_long(rest.get(..taken).unwrap_or_default()) {
                    found.push(Flaw { pointer: pointer(&levels), kind: FlawKind::Digits });
                }
            }
            _ => {}
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    found
}

/// Goes on to the next member or element.
fn next(levels: &mut [Level]) {
    match levels.last_mut() {
        Some(Level::Object { expects_name, .. }) => *expects_name = true,
        Some(Level::List(place)) => *place += 1,
        None => {}
    }
}

/// Takes a string for the name of a member where one is due; whether it stood there before.
fn name(levels: &mut [Level], text: &[u8]) -> Option<bool> {
    let Some(Level::Object { names, name, expects_name }) = levels.last_mut() else { return None };
    if !std::mem::take(expects_name) {
        return None;
    }
    *name = serde_json::from_slice(text).unwrap_or_default();
    Some(!names.insert(name.clone()))
}

/// The bytes of a string behind its first quote, with its last.
fn string(behind: &[u8]) -> usize {
    let mut escaped = false;
    let inside = behind.iter().take_while(|byte| {
        let ends = **byte == b'"' && !escaped;
        escaped = **byte == b'\\' && !escaped;
        !ends
    });
    inside.count() + 1
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
}

/// Whether it is a whole number as JSON writes one, and neither a signed nor an unsigned one of 64 bits.
fn is_too_long(number: &[u8]) -> bool {
    let whole = number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    let fits = |text: &str| text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    whole && !std::str::from_utf8(number).is_ok_and(fits)
}

fn pointer(levels: &[Level]) -> String {
    let steps = levels.iter().map(|level| match level {
        Level::Object { name, .. } => name.replace('~', "~0").replace('/', "~1"),
        Level::List(place) => place.to_string(),
    });
    steps.fold(String::new(), |pointer, step| format!("{pointer}/{step}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, FlawKind)> {
        serde_json::from_str::<serde_json::Value>(source).expect(source);
        flaws(source.as_bytes()).into_iter().map(|flaw| (flaw.pointer, flaw.kind)).collect()
    }

    #[test]
    fn what_a_value_does_not_say_is_found_where_it_stands() {
        use FlawKind::{Digits, Twice};
        for (source, pointer, kind) in [
            (r#"{"a": {"b": 1, "c": {"b": 2}, "b": 3}}"#, "/a/b", Twice),
            (r#"{"a": [1, {"x": 1, "\u0078": 2}]}"#, "/a/1/x", Twice),
            (r#"{"a/b": {"~": 1, "~": 2}}"#, "/a~1b/~0", Twice),
            (r#"{"a": [0, 18446744073709551616]}"#, "/a/1", Digits),
            (r#"{"a": -9223372036854775809}"#, "/a", Digits),
            (r#"{"a": "b\\", "a": "c"}"#, "/a", Twice),
        ] {
            assert_eq!(found(source), [(pointer.to_owned(), kind)], "{source}");
        }
    }

    #[test]
    fn a_text_full_of_flaws_is_told_of_a_few() {
        let name = "n".repeat(100_000);
        let source = format!("{{\"{name}\": {{{}\"a\": 1}}}}", "\"a\": 1, ".repeat(50_000));
        assert_eq!(found(&source).len(), MOST);
    }

    #[test]
    fn a_value_says_all_of_these() {
        for source in [
            r#"{"a": {"b": 1}, "b": {"b": 1}, "c": ["b", "b", {"b": "b"}]}"#,
            r#"{"a": "{\"a\": 1, \"a\": 2}", "b": "[99999999999999999999999]"}"#,
            r"[18446744073709551615, -9223372036854775808, 1e300, 0.12345678901234567890123, -0]",
            r#"{"a": {}, "b": [], "c": [[], [{}]], "": ""}"#,
        ] {
            assert_eq!(found(source), [], "{source}");
        }
    }
}
