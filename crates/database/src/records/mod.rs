//! Reading records: one by its key, or a list of them, as bytes of JSON.
//!
//! Always true: the rule that says who may read stands inside the statement, its relations included, so no row that a
//! caller may not read is ever fetched; no hidden field leaves; what a caller writes itself (`filter=`, `where.`,
//! `sort=`) sees only what rules show. No rule means closed to all but staff and the system.
//!
//! A request becomes a shape (itself with its values lifted out), and a shape becomes a plan once per epoch and
//! standing: SQL, columns and where it runs. The same shape again is one look-up.

mod aggregate;
mod base64;
mod bounded;
mod callers;
mod columns;
mod condition;
mod cursor;
mod draft;
mod encode;
mod expand;
mod get;
mod held;
pub(crate) mod json;
mod key;
mod keyset;
mod list;
pub mod live;
mod page;
mod plans;
mod ready;
mod refusal;
mod request;
mod selection;
mod shelf;
mod sort;
mod standing;
mod texts;
mod wheres;

pub use aggregate::AggregateRequest;
pub use condition::Condition;
pub use cursor::Cursors;
pub use get::Found;
pub use key::Key;
pub use request::{DEFAULT_LIMIT, ListRequest, MOST, Shown};

use bytes::Bytes;
use mains_base::{Caller, Result};
use mains_language::schema::CollectionId;

use crate::engine::{Engine, ReadQuery, Reading};
use crate::epoch::Epoch;
use crate::write::Image;

/// Where records are read from.
pub struct Source<'a, R = Engine> {
    /// The database, or one state of it.
    pub engine: &'a R,
    /// The schema that the request pins.
    pub epoch: &'a Epoch,
    /// The site's cursors.
    pub cursors: &'a Cursors,
}

impl<R> Clone for Source<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Source<'_, R> {}

impl<R: Reading> Source<'_, R> {
    /// A page of records: the whole body, `{"items":[…],"next":…}`.
    pub async fn list(&self, caller: &Caller, request: &ListRequest) -> Result<Bytes> {
        list::list(self, caller, request).await
    }

    /// The queries that a page takes, one after the other until it is full: for whoever asks why a list is slow.
    pub async fn queries(&self, caller: &Caller, request: &ListRequest) -> Result<Vec<ReadQuery>> {
        list::queries(self, caller, request).await
    }

    /// What a list asks for, to be asked again where its records are changed.
    pub fn condition(&self, caller: &Caller, request: &ListRequest) -> Result<Condition> {
        Condition::of(self, caller, request)
    }

    /// The record with this key as the caller sees it, with what `fields=` and `expand=` name. 404 when there is none,
    /// or none that it may read.
    pub async fn get(
        &self,
        caller: &Caller,
        collection: CollectionId,
        key: &Key,
        shown: impl Into<Shown<'_>>,
    ) -> Result<Found> {
        get::get(self, caller, collection, key, shown.into()).await
    }

    /// Totals of records, in groups: the whole body, `{"items":[…],"next":…}`.
    pub async fn aggregate(&self, caller: &Caller, request: &AggregateRequest) -> Result<Bytes> {
        aggregate::aggregate(self, caller, request).await
    }

    /// The same of a record that a write has just given, without asking the database; `None` when only that can say
    /// what the caller sees: rules or computed fields that look at other records.
    pub fn held(&self, caller: &Caller, image: &Image, fields: Option<&str>) -> Result<Option<Found>> {
        held::held(self, caller, image, fields)
    }
}
