//! Whether a draft may be stored, and if not, why: invariants for everybody, rules for whom they bind.
//!
//! Order: everything that is wrong with fields, at once (422); the rule on the changed record (403); its transitions
//! (409, then 403). Unique indexes speak last, when the row is stored.

use std::sync::Arc;

use mains_base::{Caller, Error, FieldError, Result};
use mains_language::expression::Tree;
use mains_language::schema::{Check, Collection, Field, FieldId};

use super::ask::About;
use super::draft::{Draft, declared_fields};
use super::input::{Authority, RecordRule, Stored};
use super::transition::{self, Step};
use super::{Image, Tx, refusal, violation};

/// What is asked of the databases about one draft, in one statement.
enum Asked<'c> {
    Check(&'c Check),
    Write(&'c Field),
    Rule,
    Step,
}

/// The questions with their expressions.
#[derive(Default)]
struct Questions<'c> {
    asked: Vec<Asked<'c>>,
    trees: Vec<Arc<Tree>>,
}

impl<'c> Questions<'c> {
    fn add(&mut self, asked: Asked<'c>, tree: &Arc<Tree>) {
        self.asked.push(asked);
        self.trees.push(Arc::clone(tree));
    }
}

impl Tx<'_> {
    /// Asks everything that a draft must pass. `before` is the stored record of a change.
    pub(super) fn judge(
        &mut self,
        authority: &Authority,
        collection: &Collection,
        before: Option<&Image>,
        draft: &mut Draft,
    ) -> Result<()> {
        let mut problems = std::mem::take(&mut draft.problems);
        problems.extend(of_commands(collection, authority, &draft.given));
        let image = &draft.image;
        let missing = missing(collection, image, authority);
        // A value that was refused is not also a value that was left out.
        let unsaid =
            missing.into_iter().filter(|error| !problems.iter().any(|told| told.pointer == error.pointer));
        problems.extend(unsaid.collect::<Vec<_>>());
        let defaults = self.first_by_default(collection, authority, (before, draft))?;
        let steps = transition::steps(collection, before, (image, &defaults));
        let questions = questions(collection, authority, (before.is_some(), draft), &steps);
        self.owe_numbers_to(collection, &questions.trees)?;
        let truths =
            self.truths(&questions.trees, &authority.caller, About { record: image, old: before })?;
        let refused: Vec<&Asked<'_>> =
            questions.asked.iter().zip(truths).filter(|(_, truth)| !truth).map(|(asked, _)| asked).collect();
        problems.extend(refused.iter().filter_map(|asked| match asked {
            Asked::Write(field) => Some(not_writable(field)),
            _ => None,
        }));
        // Whatever is refused hides what a foreign key would say, and a link to nothing is to be told first; before a
        // number is drawn for it, too.
        let look = !(problems.is_empty() && refused.is_empty())
            || steps.iter().any(|step| step.rule.is_none())
            || self.state.run.lacks_numbers();
        let mut absent = self.absent_links(authority, collection, before, (draft, look))?;
        if !absent.is_empty() && !look {
            // Now that one leads nowhere, all that do are told.
            absent = self.absent_links(authority, collection, before, (draft, true))?;
        }
        let failed = refused
            .iter()
            .filter_map(|asked| if let Asked::Check(check) = asked { Some(*check) } else { None });
        problems.extend(checks(collection, failed, (&absent, &problems)));
        problems.extend(absent);
        if !problems.is_empty() {
            return Err(Error::invalid(problems));
        }
        if refused.iter().any(|asked| matches!(asked, Asked::Rule)) {
            return Err(refusal::forbidden(&authority.caller));
        }
        if let Some(step) = steps.iter().find(|step| step.rule.is_none()) {
            return Err(transition::refused(step));
        }
        if refused.iter().any(|asked| matches!(asked, Asked::Step)) {
            return Err(refusal::forbidden(&authority.caller));
        }
        self.owe_numbers()
    }
}

/// Asks those of a record's checks that are about itself alone, or (not `local`) those that look at other records.
pub(super) fn ask_checks(
    tx: &mut Tx<'_>,
    collection: &Collection,
    caller: &Caller,
    (about, local): (About<'_>, bool),
) -> Result<()> {
    let asked: Vec<&Check> =
        collection.checks.iter().filter(|check| check.expr.is_local() == local).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let trees: Vec<Arc<Tree>> = asked.iter().map(|check| Arc::clone(&check.expr)).collect();
    let truths = tx.truths(&trees, caller, about)?;
    let failed = asked.into_iter().zip(truths).filter(|(_, truth)| !truth).map(|(check, _)| check);
    let problems = checks(collection, failed, (&[], &[]));
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems)) }
}

fn questions<'c>(
    collection: &'c Collection,
    authority: &Authority,
    (is_change, draft): (bool, &Draft),
    steps: &[Step<'c>],
) -> Questions<'c> {
    let mut questions = Questions::default();
    let now = authority.stored == Stored::AtOnce;
    for check in collection.checks.iter().filter(|_| now) {
        questions.add(Asked::Check(check), &check.expr);
    }
    if !authority.bound {
        return questions;
    }
    for field in draft.given.iter().map(|&id| collection.field(id)) {
        let told = collection.commands_only.fields.contains(&field.id);
        if let Some(rule) = field.write.as_ref().filter(|_| !told) {
            questions.add(Asked::Write(field), rule);
        }
    }
    let rules = &collection.rules;
    let asked = authority.record_rule == RecordRule::Asked;
    if let Some(rule) = if is_change { &rules.update } else { &rules.create }.as_ref().filter(|_| asked) {
        questions.add(Asked::Rule, rule);
    }
    for rule in steps.iter().filter_map(|step| step.rule) {
        questions.add(Asked::Step, rule);
    }
    questions
}

/// What was given for fields that only commands of an app change, which binds staff, too.
fn of_commands(collection: &Collection, authority: &Authority, given: &[FieldId]) -> Vec<FieldError> {
    let only = &collection.commands_only.fields;
    let given = given.iter().filter(|id| !authority.sets && only.contains(id));
    given.map(|&id| by_command(collection.field(id))).collect()
}

fn by_command(field: &Field) -> FieldError {
    FieldError::new(&field.name, "not_allowed", "Only a command changes this. Leave it as it is.")
}

/// Needed fields without a value. What a site needs of an app's collection binds those who send it, not Mains.
fn missing(collection: &Collection, image: &Image, authority: &Authority) -> Vec<FieldError> {
    let needed = |field: &&Field| {
        let own = field.owner == collection.owner || authority.bound;
        field.required && own && field.personal.as_ref().is_none_or(|_| !authority.forces)
    };
    let empty = |id: FieldId| {
        let value = image.value(id);
        value.is_null() || value.as_list().is_some_and(<[_]>::is_empty)
    };
    let fields = declared_fields(collection).filter(needed).filter(|field| empty(field.id));
    fields
        .map(violation::required)
        .chain(super::currency::problems(collection, image))
        .chain(super::keys::problems(collection, image))
        .collect()
}

pub(super) fn not_writable(field: &Field) -> FieldError {
    FieldError::new(&field.name, "not_allowed", "You may not change this. Leave it as it is.")
}

/// What to say of checks that failed: nothing of fields that have a problem already; and beside a link that leads
/// nowhere only what the record says by itself, for a check that follows the link would tell of a hidden record.
fn checks<'c>(
    collection: &Collection,
    failed: impl Iterator<Item = &'c Check>,
    (absent, others): (&[FieldError], &[FieldError]),
) -> Vec<FieldError> {
    let failed = failed.filter(|check| absent.is_empty() || check.expr.is_local());
    let errors = failed.map(|check| violation::check_failed(collection, check));
    errors.filter(|error| !others.iter().any(|other| other.pointer == error.pointer)).collect()
}
