//! What a broken constraint means to whoever sent the record.

use std::sync::Arc;

use mains_base::{Error, FieldError, Kind};
use mains_language::schema::{Collection, CollectionId, CurrencyRule, Field, FieldId, FieldKind, Index};

use super::Run;
use crate::engine::{OnViolation, Violation, ViolationKind};
use crate::schema::names;

/// What a service says when one of its unique indexes is met.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnUnique {
    /// The index's name within the collection.
    pub(super) index: &'static str,
    /// What it means.
    pub(super) meaning: Meaning,
}

/// What to do about an index that is met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// Say this.
    Say(fn() -> Error),
    /// Run again: what was not there when this transaction looked is there now.
    Again,
}

/// Of a row of `collection`.
pub(super) fn of_record(run: &Arc<Run>, collection: CollectionId, meanings: &[OnUnique]) -> OnViolation {
    let (run, meanings) = (Arc::clone(run), meanings.to_vec());
    Box::new(move |violation| {
        run.meet();
        translate(&run, run.epoch.schema.collection(collection), violation, &meanings)
    })
}

/// Of an element of a list.
pub(super) fn of_list(run: &Arc<Run>, field: &Field) -> OnViolation {
    let (run, name) = (Arc::clone(run), field.name.clone());
    Box::new(move |violation| {
        run.meet();
        match violation.kind {
            ViolationKind::ForeignKey => Error::invalid(vec![no_record(&name)]),
            _ => unknown(violation),
        }
    })
}

/// Of the deletion of records.
pub(super) fn of_delete() -> OnViolation {
    Box::new(|violation| match violation.kind {
        ViolationKind::ForeignKey => {
            Error::conflict("records.referenced", "Something still points at this, so it cannot be deleted.")
        }
        _ => unknown(violation),
    })
}

/// The link of a relation to a record that is not there, or not the caller's to see.
pub(super) fn no_record(field: &str) -> FieldError {
    FieldError::new(field, "not_found", "There is no such record. Choose one that is there.")
}

fn unknown(violation: &Violation) -> Error {
    Error::internal(format!("a constraint was broken that no one expected: {violation:?}"))
}

fn translate(run: &Run, collection: &Collection, violation: &Violation, meanings: &[OnUnique]) -> Error {
    match violation.kind {
        ViolationKind::Unique => unique(run, collection, &violation.name, meanings),
        ViolationKind::ForeignKey => link(collection, &violation.name),
        ViolationKind::Check => {
            let check = collection.checks.iter().find(|check| check.name == violation.name);
            check.map_or_else(|| unknown(violation), |check| broken_check(collection, check))
        }
        ViolationKind::NotNull => {
            let column = violation.name.rsplit('.').next().unwrap_or_default();
            collection
                .find(column)
                .map_or_else(|| unknown(violation), |field| Error::invalid(vec![required(field)]))
        }
    }
}

/// 422 with a check's own message.
fn broken_check(collection: &Collection, check: &mains_language::schema::Check) -> Error {
    Error::invalid(vec![check_failed(collection, check)])
}

/// A check that does not hold, beside its field; of none: the whole record.
pub(super) fn check_failed(collection: &Collection, check: &mains_language::schema::Check) -> FieldError {
    let pointer = check.field.map(|field| collection.field(field).name.as_str());
    let mut error = FieldError::new(pointer.unwrap_or_default(), "check", check.message.clone());
    if pointer.is_none() {
        error.pointer.clear();
    }
    error
}

/// A field that must have a value.
pub(super) fn required(field: &Field) -> FieldError {
    let sentence = field.said_of_bounds().unwrap_or("This is needed. Give it a value.");
    FieldError::new(&field.name, "required", sentence)
}

fn link(collection: &Collection, name: &str) -> Error {
    let named = |field: &&Field| name == format!("{}_{}_fkey", collection.name, field.name);
    match collection.fields.iter().find(named) {
        Some(field) => Error::invalid(vec![no_record(&field.name)]),
        None => Error::new(Kind::Invalid, "records.invalid", "It points at a record that is not there."),
    }
}

fn unique(run: &Run, collection: &Collection, name: &str, meanings: &[OnUnique]) -> Error {
    if collection.indexes.iter().any(|index| index.unique) {
        run.meet_unique();
    }
    if name == format!("{}_pkey", collection.name) || name == format!("{}.id", collection.name) {
        return id_taken();
    }
    let known = collection.indexes.iter().find(|index| index.unique && is_named(collection, index, name));
    let Some(index) = known else {
        return Error::conflict("records.not_unique", "There is already such a record.");
    };
    taken(run, collection, index, meanings)
}

/// Another record stands in this index.
pub(super) fn taken(run: &Run, collection: &Collection, index: &Index, meanings: &[OnUnique]) -> Error {
    if let Some(own) = meanings.iter().find(|own| own.index == index.name) {
        match own.meaning {
            Meaning::Say(meaning) => return meaning(),
            Meaning::Again => run.race(),
        }
    }
    not_unique(collection, index)
}

/// 409: another record has this id.
pub(super) fn id_taken() -> Error {
    Error::conflict("records.id_taken", "Another record has this id. Make a new one.")
}

/// PostgreSQL says the index; SQLite its columns, unless it is one of expressions.
fn is_named(collection: &Collection, index: &Index, name: &str) -> bool {
    let columns = || {
        let fields = index.fields.iter().map(|&id| collection.field(id));
        let columns: Vec<String> = fields.flat_map(compared).collect();
        let full = columns.iter().map(|column| format!("{}.{column}", collection.name));
        full.collect::<Vec<_>>().join(", ")
    };
    name == names::index(&collection.name, &index.name) || name == columns()
}

/// The columns by which a field is compared in an index.
pub(super) fn compared(field: &Field) -> Vec<String> {
    match field.kind {
        _ if field.folds_case() => vec![names::folded(&field.name)],
        FieldKind::Money { currency: CurrencyRule::Free } => {
            vec![field.name.clone(), names::currency(&field.name)]
        }
        _ => vec![field.name.clone()],
    }
}

/// 409 with the index's message beside each field of it that a client may set.
pub(super) fn not_unique(collection: &Collection, index: &Index) -> Error {
    let fields: Vec<&Field> = index.fields.iter().map(|&id| collection.field(id)).collect();
    let own = if let [field] = fields.as_slice() { field.message.clone() } else { None };
    let message = index.message.clone().or(own).unwrap_or_else(|| {
        let called = |field: &&Field| field.label.clone().unwrap_or_else(|| field.name.replace('_', " "));
        let names: Vec<String> = fields.iter().map(called).collect();
        format!("There is already a record with this {}.", names.join(" and "))
    });
    let sent =
        |field: &&&Field| field.id >= FieldId::FIRST && field.on_create.is_none() && field.on_write.is_none();
    let named: Vec<&&Field> = fields.iter().filter(sent).collect();
    let named = if named.is_empty() { fields.iter().collect() } else { named };
    let errors = named.into_iter().map(|field| FieldError::new(&field.name, "not_unique", message.clone()));
    let errors = errors.collect();
    Error::conflict("records.not_unique", message).with_fields(errors)
}
