//! Changing a record.

use std::sync::Arc;

use mains_base::{Caller, FieldError, Result};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, Field};

use super::super::input::{Authority, Input};
use super::super::judge::not_writable;
use super::super::{Image, Tx};
use super::target::{self, Found};
use super::{Outcome, Target, Written, act};

/// Changes a record.
pub fn update(tx: &mut Tx<'_>, caller: &Caller, target: &Target, input: &Input) -> Result<Written> {
    let declared = tx.of(target.collection)?;
    let authority = act(tx, caller, &declared.collection().area);
    let rule = declared.collection().rules.update.as_ref();
    let (fields, rules) = field_rules(declared.collection(), input);
    let found = target::get(tx, &authority, target, (rule, &rules))?;
    apply(tx, &authority, found, (&fields, input))
}

/// Changes a record that was found with the truth of these fields' rules.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    authority: &Authority,
    found: Found,
    (fields, input): (&[&Field], &Input),
) -> Result<Written> {
    let Found { image, truths } = found;
    let refused = fields.iter().zip(truths).filter(|(_, truth)| !truth).map(|(field, _)| *field);
    let problems: Vec<FieldError> =
        refused.filter(|field| changes(field, input, &image)).map(not_writable).collect();
    let mut with_problems = input.clone();
    with_problems.problems.extend(problems);
    let changed = tx.change(authority, &image, (&with_problems, &[]))?;
    let outcome = if Arc::ptr_eq(&image, &changed) { Outcome::Unchanged } else { Outcome::Changed };
    Ok(Written::new(changed, outcome))
}

/// Fields that were sent and have a rule of their own; it is asked of the stored record here, and of the changed one
/// later.
pub(super) fn field_rules<'c>(collection: &'c Collection, input: &Input) -> (Vec<&'c Field>, Vec<Arc<Tree>>) {
    let sent = input.values.iter().map(|(id, _)| collection.field(*id));
    sent.filter_map(|field| Some((field, Arc::clone(field.write.as_ref()?)))).unzip()
}

fn changes(field: &Field, input: &Input, image: &Image) -> bool {
    let applied = input.sent(field.id).map(|sent| sent.applied(field, image));
    applied.is_some_and(|value| value.as_ref() != Ok(image.value(field.id)))
}
