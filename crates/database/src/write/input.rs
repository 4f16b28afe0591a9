//! What a caller sent for a record, field by field, and with which authority.

use std::sync::Arc;

use mains_base::{Caller, CallerKind, Error, FieldError, Money, Result, Uuid, Value, fold};
use mains_language::schema::{Collection, Field, FieldId, FieldKind, Schema};
use mains_language::values::{self, FieldProblem};
use serde_json::{Map, Value as Json};

use super::Image;
use super::save::items;

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
}

impl Authority {
    /// Of a caller in an area.
    pub(super) fn of(caller: &Arc<Caller>, area: &str) -> Self {
        let sets = caller.kind == CallerKind::System;
        Self { caller: Arc::clone(caller), bound: caller.is_bound(area), sets, forces: false }
    }

    /// Of Mains itself, on behalf of a caller.
    pub(super) fn own(caller: &Arc<Caller>) -> Self {
        Self { caller: Arc::clone(caller), bound: false, sets: true, forces: false }
    }
}

impl Input {
    /// These values and nothing else.
    pub fn of(values: impl IntoIterator<Item = (FieldId, Value)>) -> Self {
        let values = values.into_iter().map(|(field, value)| (field, Sent::Set(value))).collect();
        Self { values, ..Self::default() }
    }

    /// Reads a JSON object. What is wrong with single fields becomes [`Input::problems`]. Computed and system fields
    /// that were sent back are ignored, `id` is taken.
    pub fn from_json(schema: &Schema, collection: &Collection, object: &Map<String, Json>) -> Self {
        let mut input = Self::default();
        for (name, json) in object {
            if name == "id" {
                input.read_id(schema, collection, json);
            } else if let Some(field) = input.accepts(collection, name) {
                match sent(field, schema, json) {
                    Ok(sent) => input.values.push((field.id, sent)),
                    Err(problem) => input.problems.push(problem.at(name)),
                }
            }
        }
        input
    }

    /// Reads the fields of a form or the cells of a line: names with their texts. Texts of one name are the elements
    /// of a list.
    pub fn from_text(schema: &Schema, collection: &Collection, pairs: &[(String, String)]) -> Self {
        let mut input = Self::default();
        for (place, (name, text)) in pairs.iter().enumerate() {
            if name == "id" {
                input.read_id(schema, collection, &Json::String(text.clone()));
                continue;
            }
            if pairs.iter().take(place).any(|(earlier, _)| earlier == name) {
                continue;
            }
            let Some(field) = input.accepts(collection, name) else { continue };
            let texts: Vec<&str> =
                pairs.iter().filter(|(other, _)| other == name).map(|(_, text)| text.as_str()).collect();
            match typed(field, schema, &texts) {
                Ok(value) => input.values.push((field.id, Sent::Set(value))),
                Err(problem) => input.problems.push(problem.at(name)),
            }
        }
        input
    }

    /// What was sent for a field.
    pub fn sent(&self, field: FieldId) -> Option<&Sent> {
        self.values.iter().find(|(id, _)| *id == field).map(|(_, sent)| sent)
    }

    fn read_id(&mut self, schema: &Schema, collection: &Collection, json: &Json) {
        if json.is_null() {
            return;
        }
        match values::from_json(collection.field(FieldId::ID), schema, json) {
            Ok(value) => self.id = value.as_id(),
            Err(problem) => self.problems.push(problem.at("id")),
        }
    }

    /// The field of this name, if a value for it is looked at.
    fn accepts<'c>(&mut self, collection: &'c Collection, name: &str) -> Option<&'c Field> {
        let Some(field) = collection.find(name).filter(|field| !field.hidden || field.is_stored()) else {
            self.problems.push(unknown(collection, name));
            return None;
        };
        (field.id >= FieldId::FIRST && field.is_stored()).then_some(field)
    }
}

fn unknown(collection: &Collection, name: &str) -> FieldError {
    let names = collection.fields.iter().filter(|field| !field.hidden).map(|field| field.name.as_str());
    let near = mains_base::nearest(name, names);
    let hint = near.map_or_else(String::new, |near| format!(" Did you mean {near:?}?"));
    FieldError::new(name, "unknown", format!("There is no such field.{hint}"))
}

fn typed(field: &Field, schema: &Schema, texts: &[&str]) -> Result<Value, FieldProblem> {
    if let ([text], _) | ([.., text], None) = (texts, field.many) {
        return values::from_text(field, schema, text);
    }
    let filled = texts.iter().filter(|text| !text.is_empty());
    let items: Result<Vec<Value>, FieldProblem> =
        filled.map(|text| values::element_from_text(field, schema, text)).collect();
    let list = Value::List(items?);
    values::check(field, &list)?;
    Ok(list)
}

fn sent(field: &Field, schema: &Schema, json: &Json) -> Result<Sent, FieldProblem> {
    let Json::Object(object) = json else { return values::from_json(field, schema, json).map(Sent::Set) };
    let only = |names: &[&str]| !object.is_empty() && object.keys().all(|key| names.contains(&key.as_str()));
    if field.many.is_some() && only(&["add", "remove"]) {
        let elements = |name: &str| match object.get(name) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::Array(items)) => {
                items.iter().map(|item| values::element_from_json(field, schema, item)).collect()
            }
            Some(_) => Err(FieldProblem::new("type", "Send lists, such as {\"add\": [\"one\"]}.")),
        };
        return Ok(Sent::List { add: elements("add")?, remove: elements("remove")? });
    }
    if is_number(field) && only(&["add"]) {
        let unlimited = Field { kind: without_limits(&field.kind), ..field.clone() };
        let json = object.get("add").unwrap_or(&Json::Null);
        return values::from_json(&unlimited, schema, json).map(Sent::AddNumber);
    }
    values::from_json(field, schema, json).map(Sent::Set)
}

fn is_number(field: &Field) -> bool {
    let number = matches!(
        field.kind,
        FieldKind::Integer { .. } | FieldKind::Number { .. } | FieldKind::Decimal { .. } | FieldKind::Money { .. }
    );
    number && field.many.is_none()
}

/// A difference may lie outside the limits of the value.
fn without_limits(kind: &FieldKind) -> FieldKind {
    match kind {
        FieldKind::Integer { sequence, .. } => FieldKind::Integer { min: None, max: None, sequence: *sequence },
        FieldKind::Number { .. } => FieldKind::Number { min: None, max: None },
        FieldKind::Decimal { scale, .. } => FieldKind::Decimal { scale: *scale, min: None, max: None },
        kind => kind.clone(),
    }
}

impl Sent {
    /// The field's value after this was applied to a record.
    pub(super) fn applied(&self, field: &Field, image: &Image) -> Result<Value, FieldError> {
        let stored = image.value(field.id);
        let value = match self {
            Self::Set(value) => return Ok(value.clone()),
            Self::AddNumber(more) => sum(stored, more),
            Self::List { add, remove } => Some(merged(field, items(stored), add, remove)),
        };
        let value = value.ok_or_else(|| {
            FieldProblem::new("too_large", "The sum does not fit here. Add less.").at(&field.name)
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
        (Value::Double(one), Value::Double(other)) => Some(one + other).filter(|sum| sum.is_finite()).map(Value::Double),
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
