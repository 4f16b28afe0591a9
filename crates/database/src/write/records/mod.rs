//! What a caller may do to records: create, change, put, delete, one or many.
//!
//! Which error first: not readable 404; the stored record's rule 403 (401 of a visitor), `If-Match` 412; fields 422,
//! all of them; the changed record's rule 403; transitions and unique indexes 409.

mod create;
mod delete;
mod many;
mod put;
mod target;
mod update;

use std::sync::Arc;

use mains_base::{Caller, Uuid, Value};
use mains_language::schema::FieldId;

pub use create::create;
pub use delete::delete;
pub use many::{Many, delete_many, update_many};
pub use put::put;
pub use update::update;

use super::Image;
use super::input::Authority;

/// Which record, as an address says it.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// By its id.
    Id(Uuid),
    /// By a unique index: the value of each of its fields.
    Unique(Vec<(FieldId, Value)>),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A record was made.
    Created,
    /// A record was changed.
    Changed,
    /// It was so already; nothing was stored.
    Unchanged,
}

/// A record that was written. Who may not read it is told its id alone.
#[derive(Clone, Debug)]
pub struct Written {
    /// The record as it is now.
    pub image: Arc<Image>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Written {
    fn change(before: &Arc<Image>, image: Arc<Image>) -> Self {
        let same = Arc::ptr_eq(before, &image) || before.version() == image.version() && **before == *image;
        Self { image, outcome: if same { Outcome::Unchanged } else { Outcome::Changed } }
    }
}

/// Makes the transaction act for a caller, with the authority that it has in an area.
fn act(tx: &mut super::Tx<'_>, caller: &Caller, area: &str) -> Authority {
    tx.act_as(caller);
    Authority::of(tx.caller(), area)
}
