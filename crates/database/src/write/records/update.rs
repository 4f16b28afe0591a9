//! Changing a record.

use std::sync::Arc;

use mains_base::{Caller, Error, FieldError, Result};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, Field, FieldId};
use mains_language::values::FieldProblem;

use super::super::draft::never_sent;
use super::super::input::{Authority, Input, Sent};
use super::super::judge::not_writable;
use super::super::{Image, Tx, refusal, transition};
use super::target::{self, Found};
use super::{Outcome, Target, Written, act};

/// Changes a record.
pub fn update(tx: &mut Tx<'_>, caller: &Caller, target: &Target, input: &Input) -> Result<Written> {
    let declared = tx.of(target.collection)?;
    let authority = act(tx, caller, declared.collection());
    let rule = declared.collection().rules.update.as_ref();
    let fields = FieldRules::of(declared.collection(), input);
    let found = target::get(tx, &authority, target, (rule, &fields.trees))?;
    if declared.collection().commands_only.update && !authority.sets {
        return Err(refusal::commands_only(&authority));
    }
    apply(tx, &authority, found, (&fields, input))
}

/// The fields that were sent and have rules of their own. They are asked of the stored record here; the `write` rules
/// of the changed one later.
pub(super) struct FieldRules<'c> {
    sent: Vec<&'c Field>,
    written: Vec<&'c Field>,
    read: Vec<&'c Field>,
    /// The rules of `written`, then those of `read`.
    pub(super) trees: Vec<Arc<Tree>>,
}

impl<'c> FieldRules<'c> {
    pub(super) fn of(collection: &'c Collection, input: &Input) -> Self {
        let sent: Vec<&Field> = input.values.iter().map(|(id, _)| collection.field(*id)).collect();
        let written: Vec<&Field> = sent.iter().copied().filter(|field| field.write.is_some()).collect();
        let read: Vec<&Field> = sent.iter().copied().filter(|field| field.read.is_some()).collect();
        let rules = written.iter().map(|field| &field.write).chain(read.iter().map(|field| &field.read));
        let trees = rules.flatten().cloned().collect();
        Self { sent, written, read, trees }
    }

    /// The sent fields whose stored values are none of the caller's business.
    fn unseen(&self, authority: &Authority, truths: &[bool]) -> Vec<FieldId> {
        let hidden = self.sent.iter().filter(|field| authority.bound && field.hidden);
        let shown = truths.iter().skip(self.written.len());
        let closed = self.read.iter().zip(shown).filter(|(_, shown)| !**shown).map(|(field, _)| field);
        hidden.chain(closed).map(|field| field.id).collect()
    }

    /// What may not be sent. To send back what is stored is no change, but of a field that the caller may not see it
    /// would be a way to ask whether a guess is right; so that is refused like any other value.
    fn refused(&self, input: &Input, image: &Image, (unseen, truths): (&[FieldId], &[bool])) -> Vec<Refused> {
        let mut refused = Vec::new();
        for (field, _) in self.written.iter().zip(truths).filter(|(_, truth)| !**truth) {
            if unseen.contains(&field.id) || changes(field, input, image) {
                refused.push((field.id, not_writable(field)));
            }
        }
        for field in self.sent.iter().filter(|field| unseen.contains(&field.id)) {
            let known = refused.iter().any(|(id, _)| *id == field.id);
            let problem = never_sent(field).or_else(|| builds_on_unseen(field, input));
            refused.extend(problem.filter(|_| !known).map(|problem| (field.id, problem)));
        }
        refused
    }
}

/// What adds to a value tells of it: by what does not fit any more, or by a currency.
fn builds_on_unseen(field: &Field, input: &Input) -> Option<FieldError> {
    let builds = input.sent(field.id).is_some_and(|sent| !matches!(sent, Sent::Set(_)));
    let sentence = "You may not read this, so nothing can be added to it. Send the whole value.";
    builds.then(|| FieldProblem::new("unreadable", sentence).at(&field.name))
}

type Refused = (FieldId, FieldError);

/// Changes a record that was found with the truths of its fields' rules.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    authority: &Authority,
    found: Found,
    (fields, input): (&FieldRules<'_>, &Input),
) -> Result<Written> {
    let Found { image, truths } = found;
    let unseen = fields.unseen(authority, &truths);
    let refused = fields.refused(input, &image, (&unseen, &truths));
    let mut input = input.clone();
    input.values.retain(|(id, _)| !refused.iter().any(|(other, _)| other == id));
    input.problems.extend(refused.into_iter().map(|(_, problem)| problem));
    if input.id.is_some_and(|id| id != image.id()) {
        let message = "The id of a record is never changed. Leave it as it is.";
        input.problems.push(FieldError::new("id", "immutable", message));
    }
    let names: Vec<&Field> = fields.sent.iter().copied().filter(|field| unseen.contains(&field.id)).collect();
    let changed = tx.change(authority, &image, (&input, &[])).map_err(|error| discreet(error, &names))?;
    let outcome = if Arc::ptr_eq(&image, &changed) { Outcome::Unchanged } else { Outcome::Changed };
    Ok(Written::new(changed, outcome))
}

fn changes(field: &Field, input: &Input, image: &Image) -> bool {
    let applied = input.sent(field.id).map(|sent| sent.applied(field, image));
    applied.is_some_and(|value| value.as_ref() != Ok(image.value(field.id)))
}

/// What is said of a transition names the stored value; of one that the caller may not see, it does not.
fn discreet(error: Error, unseen: &[&Field]) -> Error {
    let about = |field: &&Field| {
        error.code() == transition::CODE
            && error.fields().iter().any(|told| told.pointer == format!("/{}", field.name))
    };
    match unseen.iter().copied().find(about) {
        Some(field) => transition::refused_unseen(field),
        None => error,
    }
}
