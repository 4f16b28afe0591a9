//! The secret of a key or session: how it is written, hashed, and kept out of logs.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What every key begins with, so that scanners for leaked secrets recognize it.
pub(crate) const PREFIX: &str = "mains_key_";

/// Crockford's base32 in lower case, as ids use it.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// SHA-256 of the whole text of a key.
pub(crate) type Hash = [u8; 32];

/// The text of a key or of a session's token. It has no `Debug` of its own content and is wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Writes 32 random bytes as a key.
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self::written(PREFIX, bytes)
    }

    /// Writes 32 random bytes behind a prefix.
    pub(crate) fn written(prefix: &str, bytes: [u8; 32]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 52));
        text.push_str(prefix);
        let (mut held, mut bits) = (0_u32, 0);
        for byte in Zeroizing::new(bytes).iter() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(letter(held >> bits));
            }
        }
        text.push(letter(held << (5 - bits)));
        Self(text)
    }

    /// The text, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn letter(bits: u32) -> char {
    let place = usize::try_from(bits & 31).unwrap_or(0);
    char::from(ALPHABET.get(place).copied().unwrap_or(b'0'))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is stored of a key, and compared.
pub(crate) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_are_in_the_text() {
        assert_eq!(Secret::new([0; 32]).expose(), format!("{PREFIX}{}", "0".repeat(52)));
        assert_eq!(Secret::new([0xff; 32]).expose(), format!("{PREFIX}{}g", "z".repeat(51)));
        let mut last = [0; 32];
        last[31] = 1;
        assert!(Secret::new(last).expose().ends_with("00g"));
    }
}
