//! Changes of an enum that its transitions allow.

use std::sync::Arc;

use mains_base::{Error, FieldError, Result, Value};
use mains_language::expression::Tree;
use mains_language::schema::{
    Choice, Collection, Default, Field, FieldId, FieldKind, Transition, TransitionFrom,
};

use super::ask::About;
use super::draft::{Draft, declared_fields};
use super::input::Authority;
use super::{Image, Tx};

/// One change of an enum with transitions.
pub(super) struct Step<'c> {
    field: &'c Field,
    from: Option<String>,
    to: Option<String>,
    /// The rule of the line that allows it; `None`: no line does.
    pub(super) rule: Option<&'c Arc<Tree>>,
}

/// The changes of enums between two images; a first value that the field's default gives needs no line.
pub(super) fn steps<'c>(
    collection: &'c Collection,
    before: Option<&Image>,
    (image, defaults): (&Image, &[FieldId]),
) -> Vec<Step<'c>> {
    let mut steps = Vec::new();
    for (field, values, lines) in enums(collection) {
        let from = before.map_or(&Value::Null, |before| before.value(field.id));
        let to = image.value(field.id);
        let by_default = || is_default(field, to) || defaults.contains(&field.id);
        let first = from.is_null() && (to.is_null() || by_default());
        if from == to || first {
            continue;
        }
        let line = lines.iter().find(|line| allows(line, values, (from.as_text(), to.as_text())));
        let text = |value: &Value| value.as_text().map(str::to_owned);
        steps.push(Step { field, from: text(from), to: text(to), rule: line.map(|line| &line.rule) });
    }
    steps
}

fn enums(collection: &Collection) -> impl Iterator<Item = (&Field, &[Choice], &[Transition])> {
    declared_fields(collection).filter_map(|field| match &field.kind {
        FieldKind::Enum { values, transitions: Some(lines) } => Some((field, &**values, &**lines)),
        _ => None,
    })
}

fn is_default(field: &Field, value: &Value) -> bool {
    matches!(&field.default, Some(Default::Literal(default)) if default == value)
}

impl Tx<'_> {
    /// The enums whose first value is what an expression of theirs gives as the default. Where lines from `new` say
    /// what may come first, the default is no exception.
    pub(super) fn first_by_default(
        &mut self,
        collection: &Collection,
        authority: &Authority,
        (before, draft): (Option<&Image>, &Draft),
    ) -> Result<Vec<FieldId>> {
        let mut defaults = Vec::new();
        for (field, _, lines) in enums(collection) {
            let Some(Default::Expr(tree)) = &field.default else { continue };
            let first = before.is_none_or(|before| before.value(field.id).is_null());
            if !first || lines.iter().any(|line| line.from == TransitionFrom::New) {
                continue;
            }
            // What nobody gave a new record, the default did.
            let same = if before.is_none() && !draft.given.contains(&field.id) {
                true
            } else {
                let about = About { record: &draft.image, old: None };
                let values = self.values(std::slice::from_ref(tree), &authority.caller, about)?;
                values.first() == Some(draft.image.value(field.id))
            };
            defaults.extend(same.then_some(field.id));
        }
        Ok(defaults)
    }
}

fn allows(line: &Transition, values: &[Choice], (from, to): (Option<&str>, Option<&str>)) -> bool {
    let name = |place: usize| values.get(place).map(|choice| choice.name.as_str());
    let starts = match line.from {
        TransitionFrom::Any => from.is_some(),
        TransitionFrom::New => from.is_none(),
        TransitionFrom::Value(place) => from.is_some() && from == name(place),
    };
    starts && to.is_some() && to == name(line.to)
}

/// The code of a change that no line allows.
pub(super) const CODE: &str = "records.transition";

/// 409 with what cannot follow on what.
pub(super) fn refused(step: &Step<'_>) -> Error {
    let to = step.to.as_deref().unwrap_or("nothing");
    let message = match &step.from {
        Some(from) => format!("It cannot go from {from} to {to}."),
        None => format!("It cannot begin as {to}."),
    };
    conflict(step.field, message)
}

/// 409 to somebody who may not know what stands there.
pub(super) fn refused_unseen(field: &Field) -> Error {
    conflict(field, "It cannot become this now.".to_owned())
}

fn conflict(field: &Field, message: String) -> Error {
    let error = FieldError::new(&field.name, "transition", message.clone());
    Error::conflict(CODE, message).with_fields(vec![error])
}
