//! Settling: what services changed of a record, one change after the other, is judged and stored as one.
//!
//! Invariants: a record that waits stands among the images as it will be; nobody asks the database while one waits. A
//! check sees the stored record as `old`, and the database as it is after all that waited was stored. Records are stored
//! in the order of their first change.

use std::sync::Arc;

use mains_base::{Caller, Result};
use mains_language::schema::Collection;

use super::ask::About;
use super::judge::ask_checks;
use super::kept::Key;
use super::violation::OnUnique;
use super::{Image, Tx};

/// A change that is not stored yet.
pub(super) struct Waiting {
    pub(super) key: Key,
    /// As it is stored.
    before: Arc<Image>,
    meanings: Vec<OnUnique>,
    /// `auth` in its checks: who changed it last.
    caller: Arc<Caller>,
}

impl Tx<'_> {
    /// Keeps a change until the transaction settles.
    pub(super) fn wait(
        &mut self,
        before: &Arc<Image>,
        image: Image,
        meanings: &[OnUnique],
    ) -> Result<Arc<Image>> {
        let key = (image.collection, image.id());
        let declared = self.of(image.collection)?;
        let waits = self.state.waiting.iter().any(|one| one.key == key);
        // A unique value that one record gives up and another takes has to be stored in between.
        if waits && self.state.waiting.len() > 1 && moves(declared.collection(), before, &image) {
            self.settle()?;
        }
        let caller = Arc::clone(&self.state.caller);
        if let Some(one) = self.state.waiting.iter_mut().find(|one| one.key == key) {
            one.caller = caller;
            one.meanings.extend_from_slice(meanings);
        } else {
            let (before, meanings) = (Arc::clone(before), meanings.to_vec());
            self.state.waiting.push(Waiting { key, before, meanings, caller });
        }
        Ok(self.keep(image))
    }
}

/// Whether a value that stands in a unique index changes.
fn moves(collection: &Collection, before: &Image, image: &Image) -> bool {
    let unique = collection.indexes.iter().filter(|index| index.unique);
    unique.flat_map(|index| &index.fields).any(|id| before.value(*id) != image.value(*id))
}

/// Judges and stores everything that waits.
pub(super) fn run(tx: &mut Tx<'_>) -> Result<()> {
    let mut ready = Vec::new();
    for one in std::mem::take(&mut tx.state.waiting) {
        let now = tx.state.kept.get(one.key).and_then(|kept| kept.now.clone());
        ready.extend(now.map(|image| (one, image)));
    }
    for (one, image) in &ready {
        judge(tx, one, (image, true))?;
    }
    for (one, image) in &ready {
        tx.write_changed(&one.before, image, &one.meanings)?;
    }
    for (one, image) in &ready {
        judge(tx, one, (image, false))?;
    }
    Ok(())
}

fn judge(tx: &mut Tx<'_>, one: &Waiting, (image, local): (&Arc<Image>, bool)) -> Result<()> {
    let declared = tx.of(one.key.0)?;
    let about = About { record: image, old: Some(&one.before) };
    ask_checks(tx, declared.collection(), &one.caller, (about, local))
}
