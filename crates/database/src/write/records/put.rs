//! Putting a record at its address: made where there is none, else changed.

use mains_base::{Caller, FieldError, Result};
use mains_language::schema::Collection;

use super::super::draft::is_set_by_server;
use super::super::input::{Authority, Input, Sent, check_id};
use super::super::{Tx, refusal};
use super::create::make;
use super::target::Which;
use super::{Target, Written, act, target, update};
use crate::records::Key;

/// Creates or changes. The fields that the address names have the address's values.
pub fn put(tx: &mut Tx<'_>, caller: &Caller, target: &Target, input: &Input) -> Result<Written> {
    let declared = tx.of(target.collection)?;
    let input = with_address(declared.collection(), &target.key, input);
    if exists(tx, target)? {
        return update(tx, caller, target, &input);
    }
    if target.if_match.is_some() {
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
fn exists(tx: &mut Tx<'_>, target: &Target) -> Result<bool> {
    let authority = Authority::of(&Caller::system().into(), "");
    Ok(!target::find(tx, &authority, target.collection, (Which::Key(&target.key), &[]))?.is_empty())
}

fn with_address(collection: &Collection, address: &Key, input: &Input) -> Input {
    let mut input = input.clone();
    match address {
        Key::Id(id) => {
            if input.id.is_some_and(|sent| sent != *id) {
                input.problems.push(differs("id"));
            }
            input.id = Some(*id);
        }
        Key::Unique(pairs) => {
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
