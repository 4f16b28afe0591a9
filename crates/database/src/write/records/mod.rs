//! What a caller may do to records: create, change, put, delete, one or many.
//!
//! Which error first: not readable 404; the stored record's rule 403 (401 of a visitor), `If-Match` 412; fields 422,
//! all of them; the changed record's rule 403; transitions and unique indexes 409.

mod command;
mod create;
mod delete;
mod lanes;
mod many;
mod put;
mod target;
mod update;

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid};
use mains_language::schema::{Collection, CollectionId};

pub use create::create;
pub use delete::{Deleted, begin_delete, delete, delete_unless_large};
pub use lanes::lanes;
pub use many::{Many, delete_many, update_many};
pub use put::put;
pub use update::update;

use super::input::Authority;
use super::{Image, Tx, refusal};
use crate::records::Key;

/// Which record, and on condition of which version.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its collection.
    pub collection: CollectionId,
    /// What its address says.
    pub key: Key,
    /// What the caller has seen of it (`If-Match`).
    pub if_match: Option<IfMatch>,
}

/// What a record must be for a write to happen (RFC 9110, section 13.1.1); one that is not there is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Any,
    /// `"v7"`: this version.
    Version(i64),
}

/// A record that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its id; who may not read it is told this alone.
    pub id: Uuid,
    /// Its version now.
    pub version: i64,
    /// It was made.
    pub created: bool,
    /// Something was stored; else it was so already.
    pub changed: bool,
    /// The record as it is now.
    pub image: Arc<Image>,
}

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Created,
    Changed,
    Unchanged,
}

impl Written {
    fn new(image: Arc<Image>, outcome: Outcome) -> Self {
        let created = outcome == Outcome::Created;
        let changed = outcome != Outcome::Unchanged;
        Self { id: image.id(), version: image.version(), created, changed, image }
    }
}

impl Target {
    /// The record of an id, whatever its version.
    pub fn id(collection: CollectionId, id: Uuid) -> Self {
        Self { collection, key: Key::Id(id), if_match: None }
    }

    fn check_version(&self, image: &Image) -> Result<()> {
        match self.if_match {
            Some(IfMatch::Version(version)) if version != image.version() => {
                Err(refusal::changed_meanwhile())
            }
            _ => Ok(()),
        }
    }
}

/// The id of the record at an address, whoever may read it; for imports and seeds, which name records by their keys.
pub fn find(tx: &mut Tx<'_>, collection: CollectionId, key: &Key) -> Result<Option<Uuid>> {
    if let Key::Id(id) = key {
        return Ok(Some(*id));
    }
    let authority = Authority::own(&Arc::new(Caller::system()));
    let found = target::find(tx, &authority, collection, (target::Which::Key(key), &[]))?;
    Ok(found.first().map(|found| found.image.id()))
}

/// Makes the transaction act for a caller, with the authority that it has over a collection.
fn act(tx: &mut Tx<'_>, caller: &Caller, collection: &Collection) -> Authority {
    tx.act_as(caller);
    Authority::of(tx.caller(), collection)
}
