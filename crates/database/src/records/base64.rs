//! Base64 for addresses (RFC 4648, section 5), without padding; one text for each sequence of bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text of these parts, one after the other.
pub(super) fn encode(parts: &[&[u8]]) -> String {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut text = String::with_capacity(length * 4 / 3 + 4);
    let (mut bits, mut held) = (0_u32, 0);
    for &byte in parts.iter().copied().flatten() {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            text.push(letter(bits >> held));
        }
    }
    if held > 0 {
        text.push(letter(bits << (6 - held)));
    }
    text
}

/// The bytes of a text; none of what [`encode`] does not write.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.bytes() {
        bits = (bits << 6) | digit(letter)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    (bits & ((1 << held) - 1) == 0).then_some(bytes)
}

#[expect(clippy::indexing_slicing, reason = "six bits are a place in 64 letters")]
fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits & 63) as usize])
}

fn digit(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn vectors_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(&[bytes.as_bytes()]), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(encode(&[&[0xfb], &[0xff]]), "-_8");
    }

    #[test]
    fn what_is_never_written_is_not_read() {
        for bad in ["A", "Zh", "Zm9", "Zg==", "Z g", "Zm+v", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&[&bytes])).unwrap(), bytes);
        }
    }
}
