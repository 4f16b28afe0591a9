//! A record as it would be stored: what was sent, with everything that the server sets.
//!
//! Order: what was sent and literal defaults; defaults, `on_create` and `on_write` that are calculated, each after
//! those that it names; the slug; the number. No rule is asked here.

use std::sync::Arc;

use mains_base::{FieldError, Result, Value};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, Default, Field, FieldId, FieldKind};
use mains_language::values;

use super::ask::About;
use super::input::{Authority, Input, Sent};
use super::tx::Declared;
use super::{Image, Tx};

/// A record that is being made or changed.
pub(super) struct Draft {
    pub(super) image: Image,
    pub(super) problems: Vec<FieldError>,
    /// Fields that the caller gave another value than would stand there otherwise.
    pub(super) given: Vec<FieldId>,
}

/// What decides how far a draft goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be stored.
    Store,
    /// Only to be compared: draws no number and no slug.
    Compare,
}

/// What a new record would be.
pub(super) fn new(
    tx: &mut Tx<'_>,
    authority: &Authority,
    declared: &Declared,
    (input, purpose): (&Input, Purpose),
) -> Result<Draft> {
    let collection = declared.collection();
    let mut image = Image::blank(collection);
    let id = if let Some(id) = input.id { id } else { tx.id(collection.id)? };
    image.set(FieldId::ID, id.into());
    image.set(FieldId::CREATED, Value::Int(tx.now().micros()));
    image.set(FieldId::UPDATED, Value::Int(tx.now().micros()));
    image.set(FieldId::VERSION, Value::Int(1));
    let mut draft = Draft { image, problems: input.problems.clone(), given: Vec::new() };
    let mut pending = Vec::new();
    for field in declared_fields(collection) {
        if let Some(tree) = draft.begin(field, input, authority) {
            pending.push((field.id, tree));
        }
    }
    tx.fill(collection, authority, &mut draft, (pending, None))?;
    draft.compare_with_given(collection, authority, input);
    draft.keep_given(collection, input);
    draft.image.follow_currencies(collection);
    if purpose == Purpose::Store {
        complete(tx, authority, collection, &mut draft)?;
    }
    Ok(draft)
}

/// Draws what a new record that was only compared lacks: its slugs and numbers.
pub(super) fn complete(
    tx: &mut Tx<'_>,
    authority: &Authority,
    collection: &Collection,
    draft: &mut Draft,
) -> Result<()> {
    tx.make_slugs(collection, None, &mut draft.image)?;
    tx.make_numbers(collection, authority, None, &mut draft.image)
}

/// What a stored record would become; without a difference it is the stored one.
pub(super) fn changed(
    tx: &mut Tx<'_>,
    authority: &Authority,
    declared: &Declared,
    (before, input): (&Image, &Input),
) -> Result<Draft> {
    let collection = declared.collection();
    let mut draft = Draft { image: before.clone(), problems: input.problems.clone(), given: Vec::new() };
    for field in declared_fields(collection) {
        if let Some(sent) = input.sent(field.id) {
            match sent.applied(field, before) {
                Ok(value) => draft.change(field, never_null(field, value), (authority, before)),
                Err(problem) => draft.problems.push(problem),
            }
        }
    }
    draft.image.follow_currencies(collection);
    if draft.image == *before {
        // Not a write: neither `on_write` nor the version moves. What was refused is told all the same.
        draft.compare_with_given(collection, authority, input);
        return Ok(draft);
    }
    let given = |id: FieldId| authority.sets && input.sent(id).is_some();
    let written = declared_fields(collection).filter(|field| !given(field.id));
    let pending = written.filter_map(|field| Some((field.id, field.on_write.clone()?))).collect();
    tx.fill(collection, authority, &mut draft, (pending, Some(before)))?;
    draft.compare_with_given(collection, authority, input);
    draft.image.follow_currencies(collection);
    tx.make_slugs(collection, Some(before), &mut draft.image)?;
    tx.make_numbers(collection, authority, Some(before), &mut draft.image)?;
    Ok(draft)
}

/// The stored fields that a site or an app declares.
pub(super) fn declared_fields(collection: &Collection) -> impl Iterator<Item = &Field> {
    collection.fields.iter().filter(|field| field.id >= FieldId::FIRST && field.is_stored())
}

fn immutable(field: &Field) -> FieldError {
    FieldError::new(&field.name, "immutable", "This is never changed. Leave it as it is.")
}

fn read_only(field: &Field) -> FieldError {
    FieldError::new(&field.name, "read_only", "This is set here, not by who sends it. Leave it out.")
}

/// What is wrong with sending anything for this field of a stored record, if no value is accepted but the stored one.
pub(super) fn never_sent(field: &Field) -> Option<FieldError> {
    let corrects = |tree: &Arc<Tree>| tree.names().iter().any(|(_, id)| *id == field.id);
    if field.immutable {
        return Some(immutable(field));
    }
    (is_set_by_server(field) && !field.on_write.as_ref().is_some_and(corrects)).then(|| read_only(field))
}

/// Whether only the server sets it.
pub(super) fn is_set_by_server(field: &Field) -> bool {
    let counted = matches!(field.kind, FieldKind::Integer { sequence: Some(_), .. });
    field.on_create.is_some() || field.on_write.is_some() || counted
}

fn names_itself(tree: &Tree, collection: &Collection, field: &Field) -> bool {
    tree.names().contains(&(collection.id, field.id))
}

fn never_null(field: &Field, value: Value) -> Value {
    if value.is_null() && matches!(field.kind, FieldKind::Bool) { Value::Bool(false) } else { value }
}

impl Draft {
    /// Puts what was sent, or a literal default; gives what has to be calculated for the field.
    fn begin(&mut self, field: &Field, input: &Input, authority: &Authority) -> Option<Arc<Tree>> {
        let literal = match &field.default {
            Some(Default::Literal(value)) => value.clone(),
            _ => self.image.value(field.id).clone(),
        };
        self.image.set(field.id, never_null(field, literal));
        let by_server = field.on_create.as_ref().or(field.on_write.as_ref());
        let sent = input.sent(field.id).map(|sent| sent.applied(field, &self.image));
        let sent = match sent {
            Some(Err(problem)) => {
                self.problems.push(problem);
                return None;
            }
            Some(Ok(value)) => Some(never_null(field, value)),
            None => None,
        };
        if let (Some(tree), false) = (by_server, authority.sets && sent.is_some()) {
            // What the client gave is there for an expression that names its own field.
            self.image.set(field.id, sent.unwrap_or(Value::Null));
            return Some(Arc::clone(tree));
        }
        if is_set_by_server(field) && !authority.sets {
            return None;
        }
        let none = sent.as_ref().is_none_or(|value| value.is_null() && field.required);
        match (sent, &field.default) {
            (_, Some(Default::Expr(tree))) if none => return Some(Arc::clone(tree)),
            (Some(value), _) if !none && value != *self.image.value(field.id) => {
                self.image.set(field.id, value);
                self.given.push(field.id);
            }
            _ => {}
        }
        None
    }

    /// Puts a value that was sent into a stored record, unless it may not change.
    fn change(&mut self, field: &Field, value: Value, (authority, before): (&Authority, &Image)) {
        if value == *before.value(field.id) {
            return;
        }
        if field.immutable && !authority.forces {
            self.problems.push(immutable(field));
            return;
        }
        let corrected =
            field.on_write.as_ref().is_some_and(|tree| tree.names().iter().any(|(_, id)| *id == field.id));
        if authority.sets || corrected || !is_set_by_server(field) {
            self.image.set(field.id, value);
            self.given.push(field.id);
        }
    }

    /// What the client sent and the server let stand is given by the client, like any other value.
    fn keep_given(&mut self, collection: &Collection, input: &Input) {
        for field in declared_fields(collection).filter(|field| is_set_by_server(field)) {
            let stands =
                matches!(input.sent(field.id), Some(Sent::Set(value)) if value == self.image.value(field.id));
            if stands && !self.given.contains(&field.id) {
                self.given.push(field.id);
            }
        }
    }

    /// Refuses what a client sent for a field that the server sets, unless it is what stands there anyway.
    fn compare_with_given(&mut self, collection: &Collection, authority: &Authority, input: &Input) {
        if authority.sets {
            return;
        }
        for field in declared_fields(collection).filter(|field| is_set_by_server(field)) {
            let tree = field.on_create.as_ref().or(field.on_write.as_ref());
            let corrects = tree.is_some_and(|tree| names_itself(tree, collection, field));
            let Some(Sent::Set(value)) = input.sent(field.id) else { continue };
            let told = self.problems.iter().any(|problem| problem.pointer == format!("/{}", field.name));
            let differs = field.hidden || value != self.image.value(field.id);
            if !corrects && !told && differs {
                self.problems.push(read_only(field));
            }
        }
    }
}

impl Tx<'_> {
    /// Calculates fields, each after those it names; all that can be asked at once are one statement.
    fn fill(
        &mut self,
        collection: &Collection,
        authority: &Authority,
        draft: &mut Draft,
        (mut pending, old): (Vec<(FieldId, Arc<Tree>)>, Option<&Image>),
    ) -> Result<()> {
        while !pending.is_empty() {
            let waits = |of: FieldId, tree: &Tree| {
                let names = tree.names();
                pending.iter().any(|(other, _)| *other != of && names.contains(&(collection.id, *other)))
            };
            let (mut later, mut ready): (Vec<_>, Vec<_>) =
                pending.iter().cloned().partition(|(field, tree)| waits(*field, tree));
            if ready.is_empty() {
                ready = std::mem::take(&mut later);
            }
            let trees: Vec<Arc<Tree>> = ready.iter().map(|(_, tree)| Arc::clone(tree)).collect();
            draft.image.follow_currencies(collection);
            let values = self.values(&trees, &authority.caller, About { record: &draft.image, old })?;
            for ((id, _), value) in ready.iter().zip(values) {
                draft.fill(collection.field(*id), value);
            }
            pending = later;
        }
        Ok(())
    }
}

impl Draft {
    fn fill(&mut self, field: &Field, value: Value) {
        let value = never_null(field, value);
        if let Err(problem) = values::check(field, &value) {
            self.problems.push(problem.at(&field.name));
        }
        self.image.set(field.id, value);
    }
}
