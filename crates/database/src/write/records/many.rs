//! Changing or deleting many records at once: all of them, or none.

use std::collections::HashMap;
use std::sync::Arc;

use mains_base::{Caller, Result, Uuid};
use mains_language::expression::Tree;
use mains_language::schema::CollectionId;

use super::super::input::{Authority, Input};
use super::super::{Tx, refusal};
use super::act;
use super::target::{self, Found, Which};
use super::update::{FieldRules, apply};

/// Records in one request.
const MOST: usize = 1000;

/// What became of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Many {
    /// Records that were changed or deleted.
    pub changed: usize,
    /// More were asked for than one request does.
    pub more: bool,
}

/// Changes up to 1,000 of the records. What the caller may not read is passed over; what it may read and not change
/// refuses the whole.
pub fn update_many(
    tx: &mut Tx<'_>,
    caller: &Caller,
    collection: CollectionId,
    (ids, input): (&[Uuid], &Input),
) -> Result<Many> {
    let declared = tx.of(collection)?;
    let authority = act(tx, caller, declared.collection());
    let fields = FieldRules::of(declared.collection(), input);
    let rule = declared.collection().rules.update.as_ref();
    let mut changed = 0;
    let found = all(tx, &authority, collection, (first(ids), rule, &fields.trees))?;
    if declared.collection().commands_only.update && !authority.sets && !found.is_empty() {
        return Err(refusal::commands_only(&authority));
    }
    for found in found {
        let written = apply(tx, &authority, found, (&fields, input))?;
        changed += usize::from(written.changed);
    }
    Ok(Many { changed, more: ids.len() > MOST })
}

/// Deletes up to 1,000 of the records, with what goes with them.
pub fn delete_many(tx: &mut Tx<'_>, caller: &Caller, collection: CollectionId, ids: &[Uuid]) -> Result<Many> {
    let declared = tx.of(collection)?;
    let authority = act(tx, caller, declared.collection());
    let rule = declared.collection().rules.delete.as_ref();
    let found = all(tx, &authority, collection, (first(ids), rule, &[]))?;
    if declared.collection().commands_only.delete && !authority.sets && !found.is_empty() {
        return Err(refusal::commands_only(&authority));
    }
    let images: Vec<_> = found.into_iter().map(|found| found.image).collect();
    tx.delete_all(&images)?;
    Ok(Many { changed: images.len(), more: ids.len() > MOST })
}

fn first(ids: &[Uuid]) -> &[Uuid] {
    ids.get(..MOST).unwrap_or(ids)
}

fn all(
    tx: &mut Tx<'_>,
    authority: &Authority,
    collection: CollectionId,
    (ids, rule, more): (&[Uuid], Option<&Arc<Tree>>, &[Arc<Tree>]),
) -> Result<Vec<Found>> {
    let conditions: Vec<Arc<Tree>> = rule.into_iter().chain(more).cloned().collect();
    let mut all = target::find(tx, authority, collection, (Which::Ids(ids), &conditions))?;
    // In the order asked for, not that of the database: the first takes the slug that several would have.
    let places: HashMap<&Uuid, usize> = ids.iter().zip(0..).collect();
    all.sort_by_key(|found| places.get(&found.image.id()).copied());
    for found in &mut all {
        if authority.bound && !(rule.is_some() && found.truths.first() == Some(&true)) {
            return Err(refusal::forbidden(&authority.caller));
        }
        if rule.is_some() {
            found.truths.remove(0);
        }
    }
    Ok(all)
}
