//! JSON written straight into bytes: texts, numbers, times, ids.
//!
//! Always true: what is written here reads the same as what `serde_json` writes of the same value, and no value
//! passes through a tree.
#![expect(clippy::indexing_slicing, reason = "an encoder: tables are indexed by bytes, digits by remainders")]

use bytes::{BufMut, BytesMut};
use mains_base::{Date, Error, Prefix, Result, Time, Uuid};

/// What follows the backslash for each byte; 0: written as it is, `u`: as `\u00xx`.
static ESCAPES: [u8; 256] = escapes();

/// Bytes that are looked at together.
const BLOCK: usize = 32;
/// The same, of texts that are judged whole.
const SMALL_BLOCK: usize = 16;

/// Bytes of an instant with its quotes.
pub(crate) const INSTANT: usize = 29;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `00` to `99`, one behind the other.
static PAIRS: [u8; 200] = pairs();

#[expect(clippy::cast_possible_truncation, reason = "digits")]
const fn pairs() -> [u8; 200] {
    let mut table = [b'0'; 200];
    let mut number = 0;
    while number < 100 {
        table[number * 2] += (number / 10) as u8;
        table[number * 2 + 1] += (number % 10) as u8;
        number += 1;
    }
    table
}

const fn escapes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
}

/// A string with its quotes, from bytes that should be UTF-8. Of those that are plain ASCII one look proves that, and
/// that there is nothing to escape.
pub(crate) fn unproven(out: &mut BytesMut, bytes: &[u8]) -> Result<()> {
    if is_plain(bytes) {
        quoted(out, &[bytes]);
    } else {
        text(out, std::str::from_utf8(bytes).map_err(Error::internal)?);
    }
    Ok(())
}

/// Whether all bytes are ASCII and written as they are. Blocks are judged like those of [`clean`]; the last one may
/// overlap the one before it.
fn is_plain(bytes: &[u8]) -> bool {
    let plain = |block: &[u8]| {
        let marked = block.iter().map(|&byte| {
            u8::from(byte.wrapping_sub(0x20) >= 0x60) | u8::from(byte == b'"') | u8::from(byte == b'\\')
        });
        marked.fold(0, |marks, mark| marks | mark) == 0
    };
    let (blocks, rest) = bytes.as_chunks::<SMALL_BLOCK>();
    match bytes.last_chunk::<SMALL_BLOCK>() {
        Some(last) => blocks.iter().all(|block| plain(block)) && plain(last),
        None => plain(rest),
    }
}

/// A string with its quotes.
pub(crate) fn text(out: &mut BytesMut, text: &str) {
    let bytes = text.as_bytes();
    let mut at = clean(bytes);
    at += bytes[at..].iter().take_while(|&&byte| ESCAPES[usize::from(byte)] == 0).count();
    if at == bytes.len() {
        return quoted(out, &[bytes]);
    }
    out.reserve(bytes.len() + 2);
    out.put_u8(b'"');
    let mut from = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let escape = ESCAPES[usize::from(byte)];
        if escape == 0 {
            at += 1;
            continue;
        }
        out.put_slice(&bytes[from..at]);
        from = at + 1;
        out.put_slice(&[b'\\', escape]);
        if escape == b'u' {
            let digits = [b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.put_slice(&digits);
        }
        at += 1;
        at += clean(&bytes[at..]);
    }
    out.put_slice(&bytes[from..]);
    out.put_u8(b'"');
}

/// Parts without anything to escape, between quotes; made room for once, because each call costs more than its bytes.
fn quoted(out: &mut BytesMut, parts: &[&[u8]]) {
    let mut from = out.len() + 1;
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.resize(from + length + 1, b'"');
    for part in parts {
        out[from..from + part.len()].copy_from_slice(part);
        from += part.len();
    }
}

/// How many bytes at the front need no look of their own: whole blocks without anything to escape. A block is judged
/// without a branch, so that the compiler does it with wide registers.
fn clean(bytes: &[u8]) -> usize {
    let escaped = |block: &&[u8]| {
        let marked = block
            .iter()
            .map(|&byte| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\'));
        marked.fold(0, |marks, mark| marks | mark) == 1
    };
    bytes.chunks_exact(BLOCK).take_while(|block| !escaped(block)).count() * BLOCK
}

/// A whole number.
pub(crate) fn int(out: &mut BytesMut, number: i64) {
    out.put_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A finite double; zero has no sign, because one of the databases keeps none.
pub(crate) fn double(out: &mut BytesMut, number: f64) {
    let number = if number == 0.0 { 0.0 } else { number };
    out.put_slice(ryu::Buffer::new().format(number).as_bytes());
}

/// A truth value.
pub(crate) fn truth(out: &mut BytesMut, truth: bool) {
    out.put_slice(if truth { b"true" } else { b"false" });
}

/// No value.
pub(crate) fn null(out: &mut BytesMut) {
    out.put_slice(b"null");
}

/// A decimal of `scale` digits after the point, as a string.
pub(crate) fn decimal(out: &mut BytesMut, number: i64, scale: u8) {
    let power = 10_u64.pow(u32::from(scale));
    let size = number.unsigned_abs();
    out.put_u8(b'"');
    if number < 0 {
        out.put_u8(b'-');
    }
    out.put_slice(itoa::Buffer::new().format(size / power).as_bytes());
    if scale > 0 {
        out.put_u8(b'.');
        digits(out, size % power, usize::from(scale));
    }
    out.put_u8(b'"');
}

/// An id with its prefix.
pub(crate) fn id(out: &mut BytesMut, prefix: &Prefix, id: Uuid) {
    quoted(out, &[prefix.as_str().as_bytes(), b"_", &id.suffix()]);
}

/// An instant: RFC 3339, UTC, six digits of a second.
pub(crate) fn time(out: &mut BytesMut, time: Time) {
    out.put_slice(&instant(time));
}

/// The same as bytes, with the quotes.
pub(crate) fn instant(time: Time) -> [u8; INSTANT] {
    let rest = time.of_day().unsigned_abs();
    let seconds = rest / 1_000_000;
    let micros = rest % 1_000_000;
    let mut text = *b"\"0000-00-00T00:00:00.000000Z\"";
    calendar(&mut text, time.date());
    let pairs = [
        (12, seconds / 3600),
        (15, seconds / 60 % 60),
        (18, seconds % 60),
        (21, micros / 10_000),
        (23, micros / 100 % 100),
        (25, micros % 100),
    ];
    for (at, number) in pairs {
        pair(&mut text, at, number);
    }
    text
}

/// A calendar day.
pub(crate) fn date(out: &mut BytesMut, date: Date) {
    let mut text = *b"\"0000-00-00\"";
    calendar(&mut text, date);
    out.put_slice(&text);
}

/// Writes year, month and day behind the first byte.
fn calendar(text: &mut [u8], date: Date) {
    let (year, month, day) = date.year_month_day();
    let year = year.unsigned_abs();
    pair(text, 1, year / 100);
    pair(text, 3, year % 100);
    pair(text, 6, month.unsigned_abs());
    pair(text, 9, day.unsigned_abs());
}

/// Writes two digits.
fn pair(text: &mut [u8], at: usize, number: u64) {
    let from = usize::try_from(number % 100).unwrap_or(0) * 2;
    text[at..at + 2].copy_from_slice(&PAIRS[from..from + 2]);
}

/// The last `width` digits of a number.
fn digits(out: &mut BytesMut, number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let mut rest = number;
    for place in text[..width].iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    out.put_slice(&text[..width]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (number, scale, want) in
            [(0, 0, "0"), (-5, 2, "-0.05"), (1050, 2, "10.50"), (-1, 0, "-1"), (7, 9, "0.000000007")]
        {
            assert_eq!(written(|out| decimal(out, number, scale)), format!("\"{want}\""));
        }
    }

    #[test]
    fn instants_and_days_as_their_display() {
        for micros in [Time::MIN.micros(), -1, 0, 1_700_000_000_123_456, Time::MAX.micros()] {
            let instant = Time::from_micros(micros);
            assert_eq!(written(|out| time(out, instant)), format!("\"{instant}\""));
            assert_eq!(written(|out| date(out, instant.date())), format!("\"{}\"", instant.date()));
        }
    }

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(written(|out| double(out, -0.0)), "0.0");
    }

    #[test]
    fn an_escape_is_found_at_every_place_of_a_long_text() {
        for place in 0..100 {
            let mut sample = "x".repeat(100);
            sample.replace_range(place..=place, "\"");
            assert_eq!(written(|out| text(out, &sample)), serde_json::to_string(&sample).unwrap());
        }
    }

    #[test]
    fn bytes_are_proven_and_escaped_at_every_place() {
        for length in 1..70 {
            for place in 0..length {
                for odd in ["\"", "\\", "\n", "\u{1f}", "\u{7f}", "\u{e9}", "\u{1f600}"] {
                    let mut sample = "x".repeat(length);
                    sample.replace_range(place..=place, odd);
                    let want = serde_json::to_string(&sample).unwrap();
                    assert_eq!(written(|out| unproven(out, sample.as_bytes()).unwrap()), want);
                    let mut bytes = vec![b'x'; length];
                    bytes[place] = 0x80;
                    assert!(unproven(&mut BytesMut::new(), &bytes).is_err());
                }
            }
        }
        assert_eq!(written(|out| unproven(out, b"").unwrap()), "\"\"");
    }

    #[test]
    fn days_at_both_ends() {
        for day in [Time::MIN.date(), Time::MAX.date(), Date::from_year_month_day(2024, 2, 29).unwrap()] {
            assert_eq!(written(|out| date(out, day)), format!("\"{day}\""));
        }
    }

    #[test]
    fn ids_carry_their_prefix() {
        let prefix = Prefix::new("order").unwrap();
        assert_eq!(written(|out| id(out, &prefix, Uuid::NIL)), format!("\"{}\"", Uuid::NIL.text(&prefix)));
    }

    proptest! {
        #[test]
        fn texts_as_serde_writes_them(sample in "\\PC*|[\\x00-\\x7f]*") {
            prop_assert_eq!(written(|out| text(out, &sample)), serde_json::to_string(&sample).unwrap());
        }

        #[test]
        fn doubles_come_back(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let read: f64 = written(|out| double(out, number)).parse().unwrap();
            prop_assert_eq!(read.to_bits(), number.to_bits());
        }
    }
}
