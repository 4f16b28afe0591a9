//! The images that a transaction keeps: each record as it was found and as it is now.
//!
//! Invariant: a record stands here once, and gets at most one log row.

use std::collections::HashMap;
use std::sync::Arc;

use mains_base::{Caller, Uuid};
use mains_language::schema::CollectionId;

use super::Image;
use super::within::Changed;

/// Which record.
pub(super) type Key = (CollectionId, Uuid);

/// One record.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// As the transaction found it; `None` where it was made here.
    pub(super) before: Option<Arc<Image>>,
    /// As it is now; `None` where it was deleted here.
    pub(super) now: Option<Arc<Image>>,
    /// Who changed it, if somebody did.
    pub(super) actor: Option<Arc<Caller>>,
    /// The event on its log row.
    pub(super) event: Option<&'static str>,
    /// Its log row says that it changed, and no value.
    pub(super) silent: bool,
    /// Effects have yet to hear of its last change.
    unheard: bool,
}

/// All of them, in the order of their first change.
#[derive(Debug, Default)]
pub(super) struct Records {
    kept: HashMap<Key, Kept>,
    changed: Vec<Key>,
    /// Changed since effects heard last.
    unheard: Vec<Key>,
    /// What was kept before each step, as long as a savepoint may want it back: a savepoint costs what is done in it,
    /// however much is kept.
    undo: Vec<(Key, Option<Kept>)>,
    /// Savepoints that are open.
    savepoints: usize,
}

/// A moment that a savepoint may go back to.
#[derive(Debug)]
pub(super) struct Mark {
    changed: usize,
    unheard: usize,
    undo: usize,
}

impl Records {
    /// What is kept of a record.
    pub(super) fn get(&self, key: Key) -> Option<&Kept> {
        self.kept.get(&key)
    }

    /// Keeps a record that was loaded, unless it is kept already: what the transaction did to it goes first.
    pub(super) fn load(&mut self, image: Image) -> Option<Arc<Image>> {
        let key = (image.collection, image.id());
        if let Some(kept) = self.kept.get(&key) {
            return kept.now.clone();
        }
        self.remember(key);
        let image = Some(Arc::new(image));
        self.kept.insert(key, Kept { before: image.clone(), now: image.clone(), ..Kept::default() });
        image
    }

    /// Sets what a record is now.
    pub(super) fn change(&mut self, key: Key, now: Option<Arc<Image>>, actor: &Arc<Caller>) {
        self.remember(key);
        let kept = self.kept.entry(key).or_default();
        if kept.actor.is_none() {
            self.changed.push(key);
        }
        if !kept.unheard {
            kept.unheard = true;
            self.unheard.push(key);
        }
        kept.now = now;
        kept.actor = Some(Arc::clone(actor));
    }

    /// Puts an event on a record's log row.
    pub(super) fn event(&mut self, key: Key, name: &'static str, actor: &Arc<Caller>) {
        self.remember(key);
        let Some(kept) = self.kept.get_mut(&key) else { return };
        kept.event = Some(name);
        if kept.actor.is_none() {
            kept.actor = Some(Arc::clone(actor));
            self.changed.push(key);
        }
    }

    /// Keeps the values of a record out of its log row.
    pub(super) fn silence(&mut self, key: Key) {
        self.remember(key);
        if let Some(kept) = self.kept.get_mut(&key) {
            kept.silent = true;
        }
    }

    /// Opens a savepoint.
    pub(super) fn mark(&mut self) -> Mark {
        self.savepoints += 1;
        Mark { changed: self.changed.len(), unheard: self.unheard.len(), undo: self.undo.len() }
    }

    /// Leaves the savepoint that was opened last: what came since stays, or goes.
    pub(super) fn leave(&mut self, mark: &Mark, stays: bool) {
        self.savepoints = self.savepoints.saturating_sub(1);
        if !stays {
            for (key, kept) in self.undo.drain(mark.undo.min(self.undo.len())..).rev() {
                match kept {
                    Some(kept) => drop(self.kept.insert(key, kept)),
                    None => drop(self.kept.remove(&key)),
                }
            }
            self.changed.truncate(mark.changed);
            self.unheard.truncate(mark.unheard);
        }
        if self.savepoints == 0 {
            self.undo.clear();
        }
    }

    fn remember(&mut self, key: Key) {
        if self.savepoints > 0 {
            self.undo.push((key, self.kept.get(&key).cloned()));
        }
    }

    /// Records that were changed since this was asked last, in order.
    pub(super) fn unheard(&mut self) -> Vec<Changed> {
        let keys = std::mem::take(&mut self.unheard);
        let changed = keys.into_iter().filter_map(|key @ (collection, id)| {
            let kept = self.kept.get_mut(&key)?;
            kept.unheard = false;
            Some(Changed { collection, id, before: kept.before.clone(), now: kept.now.clone() })
        });
        changed.collect()
    }

    /// Records that were changed, in order.
    pub(super) fn changed(&self) -> impl Iterator<Item = (Key, &Kept)> {
        self.changed.iter().filter_map(|key| self.kept.get(key).map(|kept| (*key, kept)))
    }
}

#[cfg(test)]
mod tests {
    use mains_base::Value;
    use mains_language::schema::FieldId;

    use super::*;

    const POSTS: CollectionId = CollectionId(3);

    fn id(number: u8) -> Uuid {
        Uuid::v4([number; 16])
    }

    fn image(number: u8, version: i64) -> Image {
        let mut values = vec![Value::Null; 5];
        values[usize::from(FieldId::ID.0)] = id(number).into();
        values[usize::from(FieldId::VERSION.0)] = version.into();
        Image::new(POSTS, values)
    }

    fn change(records: &mut Records, number: u8, version: i64) {
        let caller = Arc::new(Caller::system());
        records.change((POSTS, id(number)), Some(Arc::new(image(number, version))), &caller);
    }

    fn versions(records: &Records) -> Vec<i64> {
        records.changed().map(|(_, kept)| kept.now.as_ref().map_or(0, |now| now.version())).collect()
    }

    #[test]
    fn a_savepoint_that_fails_leaves_everything_as_it_was() {
        let mut records = Records::default();
        records.load(image(1, 1));
        change(&mut records, 2, 1);
        let outer = records.mark();
        change(&mut records, 1, 2);
        let inner = records.mark();
        change(&mut records, 1, 3);
        change(&mut records, 3, 1);
        records.load(image(4, 1));
        records.silence((POSTS, id(2)));
        records.event((POSTS, id(2)), "posts.seen", &Arc::new(Caller::system()));
        records.leave(&inner, false);
        assert_eq!(versions(&records), [1, 2]);
        assert!(records.get((POSTS, id(3))).is_none() && records.get((POSTS, id(4))).is_none());
        let second = records.get((POSTS, id(2))).unwrap();
        assert_eq!((second.silent, second.event), (false, None));
        records.leave(&outer, false);
        assert_eq!(versions(&records), [1]);
        // What was undone is news again when it happens.
        change(&mut records, 1, 2);
        assert_eq!(records.unheard().len(), 2);
        assert_eq!(records.unheard().len(), 0);
    }

    #[test]
    fn a_savepoint_that_goes_well_inside_one_that_fails_is_undone_with_it() {
        let mut records = Records::default();
        change(&mut records, 1, 1);
        let outer = records.mark();
        let inner = records.mark();
        change(&mut records, 1, 2);
        records.leave(&inner, true);
        assert_eq!(versions(&records), [2]);
        records.leave(&outer, false);
        assert_eq!(versions(&records), [1]);
    }

    /// Moving what points at a record takes a savepoint for each, beside all that is kept by then.
    #[test]
    fn a_savepoint_remembers_what_is_done_in_it_and_nothing_else() {
        let mut records = Records::default();
        for number in 0..200 {
            records.load(image(number, 1));
        }
        for number in 0..200 {
            let mark = records.mark();
            change(&mut records, number, 2);
            assert_eq!(records.undo.len(), 1);
            records.leave(&mark, true);
            assert_eq!(records.undo.len(), 0);
        }
        assert_eq!(versions(&records), [2; 200]);
    }
}
