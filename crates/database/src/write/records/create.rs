//! Making a record.

use std::sync::Arc;

use mains_base::{Caller, Error, FieldError, Result, Uuid, Value};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, CollectionId, Field};

use super::super::ask::About;
use super::super::draft::{self, Draft, Purpose, declared_fields};
use super::super::input::{Authority, Input, check_id};
use super::super::tx::Declared;
use super::super::{Image, Tx, refusal, violation};
use super::{Outcome, Written, act};

/// Makes a record. With an id that the caller made, a repetition by the same caller with the same values gives the
/// record that is there; anything else under that id is 409 `records.id_taken`.
pub fn create(tx: &mut Tx<'_>, caller: &Caller, collection: CollectionId, input: &Input) -> Result<Written> {
    let declared = tx.of(collection)?;
    let authority = act(tx, caller, declared.collection());
    expect_open(&authority, declared.collection())?;
    if let Some(id) = input.id {
        let wrong = check_id(declared.collection(), id, &authority);
        wrong.map_err(|error| beside(&error, &input.problems))?;
        if let Some(stored) = existing(tx, collection, id)? {
            return repeated(tx, &authority, &declared, (stored, input));
        }
    }
    make(tx, &authority, &declared, input)
}

/// Refuses where this caller makes no records at all.
pub(super) fn expect_open(authority: &Authority, collection: &Collection) -> Result<()> {
    if collection.commands_only.create && !authority.sets {
        return Err(refusal::commands_only(authority));
    }
    if authority.bound && collection.rules.create.is_none() {
        return Err(refusal::forbidden(&authority.caller));
    }
    Ok(())
}

/// Stores a new record that passes everything.
pub(super) fn make(
    tx: &mut Tx<'_>,
    authority: &Authority,
    declared: &Declared,
    input: &Input,
) -> Result<Written> {
    let mut draft = draft::new(tx, authority, declared, (input, Purpose::Store))?;
    tx.judge(authority, declared.collection(), None, &mut draft)?;
    let image = tx.store_new(draft.image, &[])?;
    Ok(Written::new(image, Outcome::Created))
}

fn beside(error: &Error, problems: &[FieldError]) -> Error {
    Error::invalid(error.fields().iter().chain(problems).cloned().collect())
}

/// The record of this id, where a look is cheap or the key was met before.
fn existing(tx: &mut Tx<'_>, collection: CollectionId, id: Uuid) -> Result<Option<Arc<Image>>> {
    if tx.state.looks_first || tx.state.kept.get((collection, id)).is_some() {
        return tx.find(collection, id);
    }
    Ok(None)
}

/// A repetition is what the same caller would make of the same values now: it passes everything that a new record
/// passes, in the same order, whichever database looks for the id first or last.
fn repeated(
    tx: &mut Tx<'_>,
    authority: &Authority,
    declared: &Declared,
    (stored, input): (Arc<Image>, &Input),
) -> Result<Written> {
    let collection = declared.collection();
    let mut draft = draft::new(tx, authority, declared, (input, Purpose::Compare))?;
    for field in declared_fields(collection).filter(|field| is_drawn(field)) {
        if draft.image.value(field.id).is_null() {
            draft.image.set(field.id, stored.value(field.id).clone());
        }
    }
    tx.judge(authority, collection, None, &mut draft)?;
    let about = About { record: &stored, old: None };
    let allowed = match repeatable(authority, collection, (&stored, input)) {
        Some(rules) => tx.truths(&rules, &authority.caller, about)?.iter().all(|truth| *truth),
        None => false,
    };
    if !(allowed && is_same(collection, &stored, (&draft, input))) {
        return Err(violation::id_taken());
    }
    Ok(Written::new(stored, Outcome::Unchanged))
}

/// The rules that hold for whoever may repeat a create. One who did not leave a name in the record might as well be
/// guessing what stands in it: such a caller must be able to read all that it says again. `None`: never.
fn repeatable(
    authority: &Authority,
    collection: &Collection,
    (stored, input): (&Image, &Input),
) -> Option<Vec<Arc<Tree>>> {
    if !authority.bound {
        return Some(Vec::new());
    }
    let mut rules: Vec<Arc<Tree>> = collection.rules.create.iter().cloned().collect();
    if !is_named(authority, collection, stored) {
        rules.push(Arc::clone(collection.rules.read.as_ref()?));
        let sent = input.values.iter().map(|(id, _)| collection.field(*id));
        for field in sent {
            if field.hidden {
                return None;
            }
            rules.extend(field.read.clone());
        }
    }
    Some(rules)
}

/// Whether the server wrote the caller's account into the record.
fn is_named(authority: &Authority, collection: &Collection, stored: &Image) -> bool {
    let by_server = |field: &&Field| {
        field
            .on_create
            .as_ref()
            .or(field.on_write.as_ref())
            .is_some_and(|tree| tree.is_about_caller_or_time())
    };
    let own = Value::Id(authority.caller.id);
    let signed = authority.caller.id != Uuid::NIL;
    signed && declared_fields(collection).filter(by_server).any(|field| *stored.value(field.id) == own)
}

/// Compares what was sent, and what tells the caller.
fn is_same(collection: &Collection, stored: &Image, (draft, input): (&Draft, &Input)) -> bool {
    declared_fields(collection).all(|field| {
        let server = field.on_create.as_ref().or(field.on_write.as_ref());
        let tells = match server {
            Some(tree) => tree.is_about_caller_or_time() && !is_about_time(field),
            None => input.sent(field.id).is_some(),
        };
        !tells || stored.value(field.id) == draft.image.value(field.id)
    })
}

/// What is found for a record only when it is stored.
fn is_drawn(field: &Field) -> bool {
    use mains_language::schema::FieldKind;
    matches!(field.kind, FieldKind::Slug { .. } | FieldKind::Integer { sequence: Some(_), .. })
}

/// What the moment decides differs at each repetition and says nothing of the caller.
fn is_about_time(field: &Field) -> bool {
    use mains_language::schema::FieldKind;
    matches!(field.kind, FieldKind::Date { .. } | FieldKind::Datetime { .. })
}
