//! Ids: 16 bytes inside, TypeID text (`order_01j…`) only at the border.
//!
//! Source of the text form: the TypeID specification 0.3 (prefix, `_`, 26 characters of Crockford base32 in lower
//! case, the first at most `7`). Source of version 7: RFC 9562, section 5.7.

use std::fmt;
use std::marker::PhantomData;

use crate::Time;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LENGTH: usize = 26;
/// Letters whose digits fit into 64 bits.
const IN_A_REGISTER: usize = 12;
const NO_DIGIT: u8 = 255;
/// Letter → digit: ids are read with every request, so not by search.
const DIGITS: [u8; 128] = digits();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "32 letters, all below 128")]
const fn digits() -> [u8; 128] {
    let mut digits = [NO_DIGIT; 128];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        digits[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
}

/// Both letters of ten bits, one pair behind the other: every id in an answer is written by these.
static PAIRS: [[u8; 2]; 1024] = pairs();

#[expect(clippy::indexing_slicing, reason = "a number below 1024 has two digits below 32")]
const fn pairs() -> [[u8; 2]; 1024] {
    let mut pairs = [[0; 2]; 1024];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [ALPHABET[number >> 5], ALPHABET[number & 31]];
        number += 1;
    }
    pairs
}

/// A UUID as stored: big-endian bytes, so byte order is time order for version 7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// Why a text is not the id it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// Another collection's prefix, or none.
    Prefix,
    /// Not 26 characters of base32, or more than 128 bits.
    Suffix,
}

/// The prefix of a collection's ids: 1–63 characters of `a-z` and `_`, beginning and ending with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(Box<str>);

impl Uuid {
    /// The id of nobody: equal to no stored id.
    pub const NIL: Self = Self([0; 16]);

    /// Version 7: milliseconds of `now`, the rest from `random`.
    pub fn v7(now: Time, random: [u8; 10]) -> Self {
        let millis = now.unix_millis().max(0).to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }

    /// Version 4: all random, so that an id tells nothing of when it was made.
    pub fn v4(random: [u8; 16]) -> Self {
        let mut bytes = random;
        bytes[6] = 0x40 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }

    /// The version nibble: 4, 7, or 0 of the nil id.
    pub fn version(self) -> u8 {
        self.0[6] >> 4
    }

    /// Whether a client may have made this id: version 7 and the RFC variant.
    pub fn is_v7(self) -> bool {
        self.version() == 7 && self.0[8] >> 6 == 0b10
    }

    /// The 26 characters after the prefix.
    pub fn suffix(self) -> [u8; TEXT_LENGTH] {
        let mut number = u128::from_be_bytes(self.0);
        let mut text = [b'0'; TEXT_LENGTH];
        let (pairs, _) = text.as_chunks_mut();
        for pair in pairs.iter_mut().rev() {
            let digits = usize::try_from(number & 1023).unwrap_or(0);
            *pair = PAIRS.get(digits).copied().unwrap_or(*pair);
            number >>= 10;
        }
        text
    }

    /// Reads the 26 characters after the prefix.
    pub fn from_suffix(text: &str) -> Result<Self, IdError> {
        let bytes: &[u8; TEXT_LENGTH] = text.as_bytes().try_into().map_err(|_| IdError::Suffix)?;
        if bytes[0] > b'7' {
            return Err(IdError::Suffix);
        }
        // In parts that fit into a register; what is no digit shows in the high bits of all that were met.
        let (mut number, mut met) = (0_u128, 0);
        for part in bytes.chunks(IN_A_REGISTER) {
            let mut digits = 0;
            for &byte in part {
                let digit = DIGITS.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT);
                met |= digit;
                digits = (digits << 5) | u64::from(digit & 31);
            }
            number = (number << (5 * part.len())) | u128::from(digits);
        }
        if met > 31 { Err(IdError::Suffix) } else { Ok(Self(number.to_be_bytes())) }
    }

    /// `prefix_suffix`, as it stands in JSON and addresses.
    pub fn text(self, prefix: &Prefix) -> String {
        let mut text = String::with_capacity(prefix.0.len() + 1 + TEXT_LENGTH);
        text.push_str(&prefix.0);
        text.push('_');
        text.extend(self.suffix().iter().map(|&byte| char::from(byte)));
        text
    }

    /// Reads `prefix_suffix`.
    pub fn parse(text: &str, prefix: &Prefix) -> Result<Self, IdError> {
        let rest = text.strip_prefix(&*prefix.0).and_then(|rest| rest.strip_prefix('_'));
        Self::from_suffix(rest.ok_or(IdError::Prefix)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.suffix()))
    }
}

impl Prefix {
    /// Checks the TypeID rules.
    pub fn new(text: &str) -> Option<Self> {
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_lowercase);
        let bytes = text.as_bytes();
        let plain = bytes.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
        let good = plain && bytes.len() <= 63 && letter(bytes.first()) && letter(bytes.last());
        good.then(|| Self(text.into()))
    }

    /// The prefix itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id whose collection is known when the program is compiled.
pub struct Id<C> {
    uuid: Uuid,
    of: PhantomData<fn() -> C>,
}

impl<C> Id<C> {
    /// Gives an id its collection.
    pub fn new(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }

    /// The bytes.
    pub fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<C> Clone for Id<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Id<C> {}

impl<C> PartialEq for Id<C> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<C> Eq for Id<C> {}

impl<C> fmt::Debug for Id<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the valid and invalid vectors of the TypeID specification 0.3.
    #[test]
    fn vectors_of_the_specification() {
        let prefix = Prefix::new("prefix").unwrap();
        let id = Uuid(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881_u128.to_be_bytes());
        assert_eq!(id.text(&prefix), "prefix_01h2xcejqtf2nbrexx3vqjhp41");
        assert_eq!(Uuid::parse("prefix_01h2xcejqtf2nbrexx3vqjhp41", &prefix), Ok(id));
        let most = Uuid([0xff; 16]);
        assert_eq!(Uuid::from_suffix("7zzzzzzzzzzzzzzzzzzzzzzzzz"), Ok(most));
        for bad in [
            "8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "0000000000000000000000000",
            "000000000000000000000000000",
            "0000000000000000000000000u",
            "0000000000000000000000000A",
            "0000000000000000000000000i",
            "0000000000000000000000\u{e9}00",
        ] {
            assert_eq!(Uuid::from_suffix(bad), Err(IdError::Suffix), "{bad}");
        }
        assert_eq!(Uuid::parse("prefixed_01h2xcejqtf2nbrexx3vqjhp41", &prefix), Err(IdError::Prefix));
    }

    #[test]
    fn every_bit_goes_there_and_back() {
        for place in 0..128 {
            let id = Uuid((1_u128 << place).to_be_bytes());
            let text = String::from_utf8(id.suffix().to_vec()).unwrap();
            assert_eq!(text.bytes().filter(|&letter| letter != b'0').count(), 1, "{text}");
            assert_eq!(text.as_bytes()[25 - place / 5], ALPHABET[1 << (place % 5)], "{text}");
            assert_eq!(Uuid::from_suffix(&text), Ok(id));
        }
    }

    #[test]
    fn a_wrong_letter_is_found_at_every_place() {
        for place in 0..TEXT_LENGTH {
            for letter in ["u", "U", "-", "\u{7f}"] {
                let mut text = "0".repeat(TEXT_LENGTH);
                text.replace_range(place..=place, letter);
                assert_eq!(Uuid::from_suffix(&text), Err(IdError::Suffix), "{text}");
            }
        }
    }
}
