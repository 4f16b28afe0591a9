//! A cache that cannot grow: two generations, the older of which is dropped when the younger is full.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

/// Keeps between `half` and twice `half` of the entries used last.
pub(super) struct Bounded<K, V> {
    half: usize,
    generations: RwLock<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Clone> Bounded<K, V> {
    /// An empty one.
    pub(super) fn new(half: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { half, generations: RwLock::new(generations) }
    }

    /// What was put under this key, if it is still there.
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = generations.young.get(key) {
            return Some(value.clone());
        }
        let in_old = generations.old.contains_key(key);
        drop(generations);
        if !in_old {
            return None;
        }
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        let (key, value) = generations.old.remove_entry(key)?;
        generations.put(self.half, key, value.clone());
        Some(value)
    }

    /// Keeps a value.
    pub(super) fn put(&self, key: K, value: V) {
        self.generations.write().unwrap_or_else(PoisonError::into_inner).put(self.half, key, value);
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn put(&mut self, half: usize, key: K, value: V) {
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let cache: Bounded<String, usize> = Bounded::new(4);
        cache.put("kept".to_owned(), 0);
        for number in 0..100 {
            cache.put(format!("{number}"), number);
            assert_eq!(cache.get("kept"), Some(0), "after {number}");
        }
        assert_eq!(cache.get("99"), Some(99));
        assert_eq!(cache.get("1"), None);
        let generations = cache.generations.read().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 8);
    }
}
