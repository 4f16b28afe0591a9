//! Copies of a whole database: one state of it, whatever is written meanwhile, and the way back.
//!
//! Two forms. A *file* is SQLite's own, compacted; it goes back onto SQLite byte for byte. *Rows* are JSON Lines, a file
//! for each table, and go into either database that is declared the same.
//!
//! Invariants: a copy is one state; it is proved before it counts; what goes back goes back in one transaction, or by
//! one rename; a database that was restored begins a new timeline of its log, so that no cursor of the old is taken
//! for its own.

mod cell;
mod file;
mod load;
mod progress;
mod save;

use mains_base::{Error, Kind};
use serde::{Deserialize, Serialize};

pub use file::{Owned, copy_file, empty, prove_file, renew_timeline};
pub use load::{is_empty, load};
pub use progress::Progress;
pub use save::save;

/// The form of rows; it rises when an older program could no longer read them.
pub const FORMAT: u32 = 1;

/// A table as it was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTable {
    /// Its name; its rows are in `NAME.jsonl`.
    pub name: String,
    /// Its columns, in the order of the cells: name and type.
    pub columns: Vec<(String, String)>,
    /// How many rows.
    pub rows: u64,
}

/// 409 of rows that do not fit the declared collections.
fn differs(detail: String) -> Error {
    Error::new(Kind::Conflict, "backup.differs", detail)
}

/// 422 of a backup that is not whole.
fn broken(detail: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "backup.broken", detail.into())
}
