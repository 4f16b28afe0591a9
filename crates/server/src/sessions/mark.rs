//! A mark: what a browser keeps of something that it began as a visitor and ends later, such as a sign-up.
//!
//! Invariants: it opens nothing and names nobody; it only tells that this browser is the one that began. Stored and
//! compared is its SHA-256.

use mains_base::Result;
use mains_database::write::Tx;

use crate::keys::{Hash, Secret, hash};

/// What every mark begins with.
pub(super) const PREFIX: &str = "mains_mark_";
/// For how long a browser keeps it.
pub const DAYS: i64 = 2;

/// A new one, which exists nowhere else.
pub fn draw(tx: &mut Tx<'_>) -> Result<Secret> {
    Ok(Secret::written(PREFIX, tx.token()?))
}

/// What is stored of it.
pub fn hashed(mark: &Secret) -> Hash {
    hash(mark.expose())
}
