//! Putting a record at its address: made where there is none, else changed.

use mains_base::{Caller, FieldError, Result};
use mains_language::schema::{Collection, CollectionId};

use super::super::draft::is_set_by_server;
use super::super::input::{Input, Sent, check_id};
use super::super::{Tx, refusal};
use super::create::make;
use super::target::Which;
use super::{Target, Written, act, target, update};

/// Creates or changes. The fields that the address names have the address's values.
pub fn put(
    tx: &mut Tx<'_>,
    caller: &Caller,
    collection: CollectionId,
    (address, input, if_match): (&Target, &Input, Option<i64>),
) -> Result<Written> {
    let declared = tx.of(collection)?;
    let input = with_address(declared.collection(), address, input);
    if exists(tx, collection, address)? {
        return update(tx, caller, collection, (address, &input, if_match));
    }
    if if_match.is_some() {
        return Err(refusal::changed_meanwhile());
    }
    let authority = act(tx, caller, &declared.collection().area);
    if authority.bound && declared.collection().rules.create.is_none() {
        return Err(refusal::forbidden(caller));
    }
    if let Some(id) = input.id {
        check_id(declared.collection(), id, &authority)?;
    }
    make(tx, &authority, &declared, &input)
}

/// Whether something is at the address, readable or not.
fn exists(tx: &mut Tx<'_>, collection: CollectionId, address: &Target) -> Result<bool> {
    let system = Caller::system();
    let authority = super::super::input::Authority::of(&system.into(), "");
    Ok(!target::find(tx, &authority, collection, (Which::Target(address), &[]))?.is_empty())
}

fn with_address(collection: &Collection, address: &Target, input: &Input) -> Input {
    let mut input = input.clone();
    match address {
        Target::Id(id) => {
            if input.id.is_some_and(|sent| sent != *id) {
                input.problems.push(differs("id"));
            }
            input.id = Some(*id);
        }
        Target::Unique(pairs) => {
            for (id, value) in pairs {
                let field = collection.field(*id);
                match input.sent(*id) {
                    None => input.values.push((*id, Sent::Set(value.clone()))),
                    Some(Sent::Set(sent)) if sent == value || is_set_by_server(field) => {}
                    Some(_) => input.problems.push(differs(&field.name)),
                }
            }
        }
    }
    input
}

fn differs(name: &str) -> FieldError {
    FieldError::new(name, "address", "The address says another value. Send the same, or leave it out.")
}
