//! Putting a record at its address: made where there is none, else changed.
//!
//! Invariant: a record that the caller may not read is not there. Making one in its place then meets the rule first
//! and the unique index last, as any other create does.

use mains_base::{Caller, FieldError, Result};
use mains_language::schema::Collection;

use super::super::draft::is_set_by_server;
use super::super::input::{Input, Sent, check_id};
use super::super::{Tx, refusal};
use super::create::{expect_open, make};
use super::target::Which;
use super::{Target, Written, act, target, update};
use crate::records::Key;

/// Creates or changes. The fields that the address names have the address's values.
pub fn put(tx: &mut Tx<'_>, caller: &Caller, target: &Target, input: &Input) -> Result<Written> {
    let declared = tx.of(target.collection)?;
    let input = with_address(declared.collection(), &target.key, input);
    let authority = act(tx, caller, declared.collection());
    if !target::find(tx, &authority, target.collection, (Which::Key(&target.key), &[]))?.is_empty() {
        // The id that a client made is for a record that was not there yet.
        return update(tx, caller, target, &Input { id: None, ..input });
    }
    if target.if_match.is_some() {
        return Err(refusal::changed_meanwhile());
    }
    expect_open(&authority, declared.collection())?;
    if let Some(id) = input.id {
        check_id(declared.collection(), id, &authority)?;
    }
    make(tx, &authority, &declared, &input)
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
