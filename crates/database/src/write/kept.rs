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
#[derive(Clone, Debug)]
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
}

/// All of them, in the order of their first change.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    kept: HashMap<Key, Kept>,
    changed: Vec<Key>,
    /// Changed since effects heard last.
    unheard: Vec<Key>,
}

impl Records {
    /// What is kept of a record.
    pub(super) fn get(&self, key: Key) -> Option<&Kept> {
        self.kept.get(&key)
    }

    /// Keeps a record that was loaded, unless it is kept already: what the transaction did to it goes first.
    pub(super) fn load(&mut self, image: Image) -> Option<Arc<Image>> {
        let key = (image.collection, image.id());
        let kept = self.kept.entry(key).or_insert_with(|| {
            let image = Some(Arc::new(image));
            Kept { before: image.clone(), now: image, actor: None, event: None, silent: false }
        });
        kept.now.clone()
    }

    /// Sets what a record is now.
    pub(super) fn change(&mut self, key: Key, now: Option<Arc<Image>>, actor: &Arc<Caller>) {
        let kept = self.kept.entry(key).or_insert(Kept {
            before: None,
            now: None,
            actor: None,
            event: None,
            silent: false,
        });
        if kept.actor.is_none() {
            self.changed.push(key);
        }
        if !self.unheard.contains(&key) {
            self.unheard.push(key);
        }
        kept.now = now;
        kept.actor = Some(Arc::clone(actor));
    }

    /// Puts an event on a record's log row.
    pub(super) fn event(&mut self, key: Key, name: &'static str, actor: &Arc<Caller>) {
        let Some(kept) = self.kept.get_mut(&key) else { return };
        kept.event = Some(name);
        if kept.actor.is_none() {
            kept.actor = Some(Arc::clone(actor));
            self.changed.push(key);
        }
    }

    /// Keeps the values of a record out of its log row.
    pub(super) fn silence(&mut self, key: Key) {
        if let Some(kept) = self.kept.get_mut(&key) {
            kept.silent = true;
        }
    }

    /// Records that were changed since this was asked last, in order.
    pub(super) fn unheard(&mut self) -> Vec<Changed> {
        let keys = std::mem::take(&mut self.unheard);
        let kept = keys.into_iter().filter_map(|key| Some((key, self.kept.get(&key)?)));
        kept.map(|((collection, id), kept)| Changed {
            collection,
            id,
            before: kept.before.clone(),
            now: kept.now.clone(),
        })
        .collect()
    }

    /// Records that were changed, in order.
    pub(super) fn changed(&self) -> impl Iterator<Item = (Key, &Kept)> {
        self.changed.iter().filter_map(|key| self.kept.get(key).map(|kept| (*key, kept)))
    }
}
