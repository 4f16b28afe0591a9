//! An epoch: one schema as it is served, with what is compiled for it.
//!
//! Invariant: a request pins one epoch and never mixes what two of them compiled. What is kept here lives exactly as
//! long as somebody serves from this schema.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, OnceLock};

use mains_language::schema::Schema;

use crate::dialect::Dialect;
use crate::schema::standing::Standing;

/// One schema as it is served.
pub struct Epoch {
    /// Rises with each schema that is installed.
    pub number: u64,
    /// What is declared.
    pub schema: Arc<Schema>,
    /// The database that statements are compiled for.
    pub dialect: Dialect,
    /// Whether the database holds what is declared, as far as is known.
    pub(crate) standing: Standing,
    parts: Parts,
}

/// What modules keep, in a chain that only grows: a look takes no lock, which every request of every core would share.
#[derive(Default)]
struct Parts(OnceLock<(TypeId, Arc<dyn Any + Send + Sync>, Box<Parts>)>);

impl Epoch {
    /// An epoch with nothing compiled yet.
    pub fn new(number: u64, schema: Arc<Schema>, dialect: Dialect) -> Self {
        Self { number, schema, dialect, standing: Standing::of(dialect), parts: Parts::default() }
    }

    /// What one module keeps for this epoch, made at the first call. The type is the key, so a module that keeps
    /// plans says `epoch.part::<Plans>()` and owns what is inside.
    pub fn part<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let key = TypeId::of::<T>();
        let mut parts = &self.parts;
        loop {
            let (found, part, rest) = parts.0.get_or_init(|| (key, Arc::new(T::default()), Box::default()));
            if *found == key {
                return Arc::clone(part).downcast().unwrap_or_default();
            }
            parts = rest;
        }
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
        assert_eq!(*epoch.part::<u8>(), 0);
        assert_eq!(*epoch.part::<Plans>().0.lock().unwrap(), ["list"]);
    }
}
