//! An epoch: one schema as it is served, with what is compiled for it.
//!
//! Invariant: a request pins one epoch and never mixes what two of them compiled. What is kept here lives exactly as
//! long as somebody serves from this schema.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use mains_language::schema::Schema;

use crate::dialect::Dialect;

/// One schema as it is served.
pub struct Epoch {
    /// Rises with each schema that is installed.
    pub number: u64,
    /// What is declared.
    pub schema: Arc<Schema>,
    /// The database that statements are compiled for.
    pub dialect: Dialect,
    parts: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Epoch {
    /// An epoch with nothing compiled yet.
    pub fn new(number: u64, schema: Arc<Schema>, dialect: Dialect) -> Self {
        Self { number, schema, dialect, parts: RwLock::default() }
    }

    /// What one module keeps for this epoch, made at the first call. The type is the key, so a module that keeps
    /// plans says `epoch.part::<Plans>()` and owns what is inside.
    pub fn part<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let key = TypeId::of::<T>();
        let found = self.parts.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let part = found.unwrap_or_else(|| {
            let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(parts.entry(key).or_insert_with(|| Arc::new(T::default())))
        });
        part.downcast().unwrap_or_default()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoch").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Plans(Mutex<Vec<&'static str>>);

    #[test]
    fn a_part_is_made_once_and_kept() {
        let epoch = Epoch::new(1, Arc::default(), Dialect::Sqlite);
        epoch.part::<Plans>().0.lock().unwrap().push("list");
        assert_eq!(*epoch.part::<Plans>().0.lock().unwrap(), ["list"]);
    }
}
