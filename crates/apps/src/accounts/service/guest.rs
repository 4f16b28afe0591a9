//! Guests: who writes before they say who they are.

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::Db;
use mains_database::jobs::Job;
use mains_database::write::{Changes, New, Reached, Tx};
use mains_language::schema::{Field, FieldId};
use mains_server::sessions::{self, Facts, Origin, Token};
use serde_json::json;

use super::super::jobs::MERGE;
use super::super::model::{Fields, Status};
use super::super::store;
use super::{end, enter, get};

/// An account for a visitor's first write. It has no address and no password; its session is the way to it.
pub(crate) fn make_guest(tx: &mut Tx<'_>, origin: &Origin) -> Result<(Caller, Token)> {
    let fields = Fields::of(&tx.schema())?;
    let id = tx.insert(fields.collection, &New::of([(fields.kind, "guest".into())]))?.id();
    let facts = Facts::guest();
    let token = sessions::insert(tx, id, &facts, origin)?;
    Ok((facts.caller(id), token))
}

/// A guest signs in to an account that is there: what points at the guest points at the person, and the guest's record
/// says where it went. What it says of somebody is let go of, with the names that it took.
pub(super) fn merge(tx: &mut Tx<'_>, guest: Uuid, person: Uuid) -> Result<()> {
    let schema = tx.schema();
    let fields = Fields::of(&schema)?;
    let own = |field: &&Field| field.is_stored() && field.personal.as_ref().is_some_and(Vec::is_empty);
    let telling = schema.collection(fields.collection).fields.iter().filter(own);
    let empty = |field: &Field| if field.many.is_some() { Value::List(Vec::new()) } else { Value::Null };
    let mut merged: Vec<(FieldId, Value)> =
        telling.filter(|field| !field.immutable).map(|field| (field.id, empty(field))).collect();
    merged.push((fields.status, Status::Merged.as_str().into()));
    merged.push((fields.merged_into, person.into()));
    tx.update(fields.collection, guest, &Changes::of(merged))?;
    tx.event(fields.collection, guest, "account.merged");
    enter::end_all(tx, guest)?;
    store::drop_secrets(tx, guest)?;
    if tx.repoint(fields.collection, (guest, person), Reached::default())?.is_some() {
        let payload = json!({ "guest": text(guest), "person": text(person) });
        tx.enqueue(Job::new(MERGE, text(guest)).payload(payload))?;
    }
    Ok(())
}

/// The job: moves what one sign-in does not, part by part. It may be run again.
pub(crate) async fn merge_rest(db: &Db, guest: Uuid, person: Uuid) -> Result<()> {
    let accounts = Fields::of(&db.epoch().schema)?.collection;
    let mut reached = Some(Reached::default());
    while let Some(from) = reached {
        reached = db.write_alone(&[], move |tx| tx.repoint(accounts, (guest, person), from)).await?;
    }
    // Somebody who was erased meanwhile keeps nothing of it.
    db.write(&[], move |tx| match get(tx, person)?.status {
        Status::Erasing | Status::Erased => end::erase_again(tx, person, guest),
        _ => Ok(()),
    })
    .await
}

fn text(id: Uuid) -> String {
    String::from_utf8_lossy(&id.suffix()).into_owned()
}
