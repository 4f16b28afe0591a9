//! Guests: who writes before they say who they are.

use mains_base::{Caller, Result, Uuid};
use mains_database::write::{Changes, New, Tx};
use mains_server::sessions::{self, Facts, Origin, Token};

use super::super::model::{Fields, Status};
use super::super::store;
use super::{enter, load};

/// An account for a visitor's first write. It has no address and no password; its session is the way to it.
pub(crate) fn make_guest(tx: &mut Tx<'_>, origin: &Origin) -> Result<(Caller, Token)> {
    let fields = Fields::of(&tx.schema())?;
    let id = tx.insert(fields.collection, &New::of([(fields.kind, "guest".into())]))?.id();
    let facts = Facts::guest();
    let token = sessions::insert(tx, id, &facts, origin)?;
    Ok((facts.caller(id), token))
}

/// A guest signs in to an account that is there: what points at the guest points at the person, and the guest's record
/// says where it went.
pub(super) fn merge(tx: &mut Tx<'_>, guest: Uuid, person: Uuid) -> Result<()> {
    let (fields, account) = load(tx, guest)?;
    if !account.is_guest || account.status != Status::Active {
        return Ok(());
    }
    let merged = [(fields.status, Status::Merged.as_str().into()), (fields.merged_into, person.into())];
    tx.update(fields.collection, guest, &Changes::of(merged))?;
    tx.event(fields.collection, guest, "account.merged");
    enter::end_all(tx, guest)?;
    store::drop_secrets(tx, guest)?;
    tx.repoint(fields.collection, (guest, person), &[fields.collection])
}
