//! Cursors: where a page ended, sealed so that they show nothing and cannot be made by hand.
//!
//! A cursor is `base64url(nonce ‖ XChaCha20-Poly1305(content))`. What it belongs to (collection, sort, conditions,
//! caller) is bound as associated data, so a cursor taken elsewhere does not open. The first byte of the content is
//! the version of the format.

use std::sync::atomic::{AtomicU64, Ordering};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key as CipherKey, XChaCha20Poly1305, XNonce};
use mains_base::{Error, Kind, Result, Time, Uuid, Value};

use super::base64;

const VERSION: u8 = 1;
const NONCE: usize = 24;
/// Longer than any cursor given out for keys that fit into an address.
const LONGEST: usize = 32 * 1024;

/// Seals and opens cursors under one key.
pub struct Cursors {
    cipher: XChaCha20Poly1305,
    /// Drawn once; with the counter behind it no nonce comes twice.
    prefix: [u8; 16],
    counter: AtomicU64,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    /// `now` of the first page, and so of all.
    pub(super) now: Time,
    /// Of the last record: the sort keys in order, its id last.
    pub(super) keys: Vec<Value>,
}

impl Cursors {
    /// Cursors under a key that stays the same over restarts and on every node.
    pub fn new(key: &[u8; 32]) -> Result<Self> {
        let mut prefix = [0; 16];
        getrandom::fill(&mut prefix).map_err(|cause| Error::internal(cause.to_string()))?;
        let cipher = XChaCha20Poly1305::new(CipherKey::from_slice(key));
        Ok(Self { cipher, prefix, counter: AtomicU64::new(0) })
    }

    /// A cursor for this position, good only where `bound` is the same.
    pub(super) fn seal(&self, position: &Position, bound: &[u8]) -> Result<String> {
        let mut nonce = [0; NONCE];
        let (front, back) = nonce.split_at_mut(self.prefix.len());
        front.copy_from_slice(&self.prefix);
        back.copy_from_slice(&self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let payload = Payload { msg: &written(position)?, aad: bound };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| Error::internal("a cursor could not be sealed"))?;
        Ok(base64::encode(&[&nonce, &sealed]))
    }

    /// The position in a cursor that was sealed with the same `bound`.
    pub(super) fn open(&self, cursor: &str, bound: &[u8]) -> Result<Position> {
        if cursor.len() > LONGEST {
            return Err(foreign());
        }
        let bytes = base64::decode(cursor).ok_or_else(foreign)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or_else(foreign)?;
        let payload = Payload { msg: sealed, aad: bound };
        let content = self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| foreign())?;
        read(&content).ok_or_else(foreign)
    }
}

/// 400: not a cursor of this list.
pub(super) fn foreign() -> Error {
    Error::new(
        Kind::Malformed,
        "query.cursor",
        "This cursor does not belong to this list: take `next` of the page before, with the same sort, conditions and caller.",
    )
}

fn written(position: &Position) -> Result<Vec<u8>> {
    let mut out = vec![VERSION];
    out.extend(position.now.micros().to_be_bytes());
    for key in &position.keys {
        match key {
            Value::Null => out.push(0),
            Value::Bool(truth) => out.extend([1, u8::from(*truth)]),
            Value::Int(number) => {
                out.push(2);
                out.extend(number.to_be_bytes());
            }
            Value::Double(number) => {
                out.push(3);
                out.extend(number.to_be_bytes());
            }
            Value::Text(text) => {
                out.push(4);
                out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
                out.extend(text.as_bytes());
            }
            Value::Id(id) => {
                out.push(5);
                out.extend(id.0);
            }
            _ => return Err(Error::internal("a sort key of no scalar type")),
        }
    }
    Ok(out)
}

fn read(content: &[u8]) -> Option<Position> {
    let mut rest = content;
    if take::<1>(&mut rest)? != [VERSION] {
        return None;
    }
    let now = Time::from_micros(i64::from_be_bytes(take(&mut rest)?));
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let [tag] = take(&mut rest)?;
        keys.push(match tag {
            0 => Value::Null,
            1 => Value::Bool(take::<1>(&mut rest)? == [1]),
            2 => Value::Int(i64::from_be_bytes(take(&mut rest)?)),
            3 => Value::Double(f64::from_be_bytes(take(&mut rest)?)),
            4 => {
                let length = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
                let (text, after) = rest.split_at_checked(length)?;
                rest = after;
                Value::Text(std::str::from_utf8(text).ok()?.to_owned())
            }
            5 => Value::Id(Uuid(take(&mut rest)?)),
            _ => return None,
        });
    }
    Some(Position { now, keys })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*front)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        let keys = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(-7),
            Value::Double(0.5),
            Value::from("ö\"x"),
            Value::Id(Uuid([9; 16])),
        ];
        Position { now: Time::from_micros(1_700_000_000_000_001), keys }
    }

    #[test]
    fn a_cursor_opens_where_it_was_made() {
        let cursors = Cursors::new(&[1; 32]).unwrap();
        let cursor = cursors.seal(&position(), b"here").unwrap();
        assert_eq!(cursors.open(&cursor, b"here").unwrap(), position());
        assert_eq!(Cursors::new(&[1; 32]).unwrap().open(&cursor, b"here").unwrap(), position());
    }

    #[test]
    fn two_cursors_of_one_position_differ() {
        let cursors = Cursors::new(&[1; 32]).unwrap();
        assert_ne!(cursors.seal(&position(), b"").unwrap(), cursors.seal(&position(), b"").unwrap());
    }

    #[test]
    fn anywhere_else_and_changed_anywhere_it_does_not_open() {
        let cursors = Cursors::new(&[1; 32]).unwrap();
        let cursor = cursors.seal(&position(), b"here").unwrap();
        let refused = |cursors: &Cursors, cursor: &str, bound: &[u8]| {
            assert_eq!(cursors.open(cursor, bound).unwrap_err().code(), "query.cursor");
        };
        refused(&cursors, &cursor, b"there");
        refused(&Cursors::new(&[2; 32]).unwrap(), &cursor, b"here");
        for at in 0..cursor.len() {
            let mut letters = cursor.clone().into_bytes();
            letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
            if letters != cursor.as_bytes() {
                refused(&cursors, &String::from_utf8(letters).unwrap(), b"here");
            }
        }
        for bad in ["", "x", "====", "ä", &cursor[1..], &"A".repeat(LONGEST + 1)] {
            refused(&cursors, bad, b"here");
        }
    }
}
