//! What a caller sent for a record, field by field, and with which authority.

use std::sync::Arc;

use mains_base::{Caller, CallerKind, Error, FieldError, Money, Result, Uuid, Value, fold};
use mains_language::schema::{Collection, Field, FieldId};
use mains_language::values::{self, FieldProblem};

use super::save::items;
use super::{Image, merge};

/// What a caller sent.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The id that the caller made for a new record.
    pub id: Option<Uuid>,
    /// Field by field, in the order in which they came.
    pub values: Vec<(FieldId, Sent)>,
    /// What could not be read. It is told together with everything else that is wrong, after 404 and 403.
    pub problems: Vec<FieldError>,
}

/// What was sent for one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// This value.
    Set(Value),
    /// This JSON object into the stored one (RFC 7396); where none is stored, as it is.
    Merge(Value),
    /// `{"add": 1}`: to the stored number.
    AddNumber(Value),
    /// `{"add": […], "remove": […]}`: to the stored list.
    List {
        /// Put at the end, unless they are there.
        add: Vec<Value>,
        /// Taken out, if they are there.
        remove: Vec<Value>,
    },
}

/// For whom a record is written, and what binds it.
#[derive(Clone)]
pub(super) struct Authority {
    /// `auth`.
    pub(super) caller: Arc<Caller>,
    /// Rules bind; else only invariants do.
    pub(super) bound: bool,
    /// May give values that the server sets.
    pub(super) sets: bool,
    /// Changes what is immutable: a relation that is cleared with its target.
    pub(super) forces: bool,
    /// Whether the record's own rule is asked besides those of its fields.
    pub(super) record_rule: RecordRule,
    /// When its checks are asked, and when it is stored.
    pub(super) stored: Stored,
}

/// Whether the rule of a changed record is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordRule {
    /// It is.
    Asked,
    /// The rule of a command was asked instead.
    Passed,
}

/// When a change is judged by its checks, and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Before anything else happens.
    AtOnce,
    /// When the transaction settles.
    Settled,
}

impl Authority {
    /// Of a caller over a collection.
    pub(super) fn of(caller: &Arc<Caller>, collection: &Collection) -> Self {
        let sets = caller.kind == CallerKind::System;
        Self {
            caller: Arc::clone(caller),
            bound: collection.binds(caller),
            sets,
            forces: false,
            record_rule: RecordRule::Asked,
            stored: Stored::AtOnce,
        }
    }

    /// Of Mains itself, on behalf of a caller.
    pub(super) fn own(caller: &Arc<Caller>) -> Self {
        Self {
            caller: Arc::clone(caller),
            bound: false,
            sets: true,
            forces: false,
            record_rule: RecordRule::Asked,
            stored: Stored::AtOnce,
        }
    }
}

impl Input {
    /// These values and nothing else.
    pub fn of(values: impl IntoIterator<Item = (FieldId, Value)>) -> Self {
        let values = values.into_iter().map(|(field, value)| (field, Sent::Set(value))).collect();
        Self { values, ..Self::default() }
    }

    /// What was sent for a field.
    pub fn sent(&self, field: FieldId) -> Option<&Sent> {
        self.values.iter().find(|(id, _)| *id == field).map(|(_, sent)| sent)
    }
}

impl Sent {
    /// The field's value after this was applied to a record.
    pub(super) fn applied(&self, field: &Field, image: &Image) -> Result<Value, FieldError> {
        let stored = image.value(field.id);
        let value = match self {
            Self::Set(value) => return Ok(value.clone()),
            Self::Merge(patch) => Some(merge::into(stored, patch)),
            Self::AddNumber(more) => sum(stored, more),
            Self::List { add, remove } => Some(merged(field, items(stored), add, remove)),
        };
        let value = value.ok_or_else(|| {
            let problem = match (self, stored) {
                (Self::AddNumber(Value::Money(more)), Value::Money(stored))
                    if ![stored.currency, values::no_currency()].contains(&more.currency) =>
                {
                    let message = format!("What is stored is in {}; add that.", stored.currency.as_str());
                    FieldProblem::new("currency", message)
                }
                _ => FieldProblem::new("too_large", "The sum does not fit here. Add less."),
            };
            problem.at(&field.name)
        })?;
        values::check(field, &value).map_err(|problem| problem.at(&field.name))?;
        Ok(value)
    }
}

/// Null counts as nothing.
fn sum(stored: &Value, more: &Value) -> Option<Value> {
    match (stored, more) {
        (Value::Null, more) => Some(more.clone()),
        (stored, Value::Null) => Some(stored.clone()),
        (Value::Int(one), Value::Int(other)) => one.checked_add(*other).map(Value::Int),
        (Value::Double(one), Value::Double(other)) => {
            Some(one + other).filter(|sum| sum.is_finite()).map(Value::Double)
        }
        (Value::Money(one), Value::Money(other)) => {
            let neutral = values::no_currency();
            let same = one.currency == other.currency || other.currency == neutral || one.currency == neutral;
            let amount = one.amount.checked_add(other.amount).filter(|_| same)?;
            Some(Value::Money(Money { amount, currency: one.currency }))
        }
        _ => None,
    }
}

fn merged(field: &Field, stored: &[Value], add: &[Value], remove: &[Value]) -> Value {
    let key = |value: &Value| match value {
        Value::Text(text) if field.folds_case() => Value::Text(fold(text)),
        other => other.clone(),
    };
    let gone: Vec<Value> = remove.iter().map(key).collect();
    let mut list: Vec<Value> = stored.iter().filter(|item| !gone.contains(&key(item))).cloned().collect();
    for item in add {
        if !list.iter().any(|there| key(there) == key(item)) {
            list.push(item.clone());
        }
    }
    Value::List(list)
}

/// Refuses an id that a client may not have made.
pub(super) fn check_id(collection: &Collection, id: Uuid, authority: &Authority) -> Result<()> {
    let good = id.is_v7() && !collection.random_ids;
    if good || authority.sets {
        return Ok(());
    }
    let sentence = if collection.random_ids {
        "Ids are made here. Leave it out."
    } else {
        "Make the id of a UUID of version 7, or leave it out."
    };
    Err(Error::invalid(vec![FieldError::new("id", "id", sentence)]))
}
