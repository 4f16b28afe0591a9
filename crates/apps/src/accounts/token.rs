//! The text of a mailed link: 256 random bits, of which only the hash is stored.

use mains_base::{Result, Uuid};
use mains_database::write::Tx;
use sha2::{Digest, Sha256};

use super::passwords::Password;

/// A new one, the same in every run of the transaction.
pub(super) fn draw(tx: &mut Tx<'_>) -> Result<Password> {
    let bytes = tx.token()?;
    let (first, second) = bytes.split_at(16);
    let mut text = Password::new(String::with_capacity(52));
    for half in [first, second] {
        let number: [u8; 16] = half.try_into().map_err(mains_base::Error::internal)?;
        text.extend(Uuid(number).suffix().iter().map(|&byte| char::from(byte)));
    }
    Ok(text)
}

/// What is stored of it, and compared.
pub(super) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
