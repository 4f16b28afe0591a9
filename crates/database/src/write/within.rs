//! What apps do in the transaction of others' changes: effects written in Rust, for what may never be seen half.
//!
//! Invariants: an effect hears of each record once for each time that it was changed before the commit, after
//! everything else was done; effects may change records that others hear of, and a circle is an error, not a loop.

use std::fmt;
use std::sync::Arc;

use mains_base::{Error, Result, Uuid};
use mains_language::schema::CollectionId;

use super::{Image, Tx};

/// How deep effects may cause each other.
const DEEPEST: usize = 4;

/// A record that was changed in the transaction.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Of which collection.
    pub collection: CollectionId,
    /// Which one.
    pub id: Uuid,
    /// As the transaction found it; `None` where it was made here.
    pub before: Option<Arc<Image>>,
    /// As it is now; `None` where it was deleted here.
    pub now: Option<Arc<Image>>,
}

type Effect = Arc<dyn Fn(&mut Tx<'_>, &Changed) -> Result<()> + Send + Sync>;

/// What an app does when records of a collection change.
#[derive(Clone)]
pub struct Within {
    collection: &'static str,
    effect: Effect,
}

impl Within {
    /// Calls `effect` for each changed record of a collection, in the same transaction.
    pub fn new(
        collection: &'static str,
        effect: impl Fn(&mut Tx<'_>, &Changed) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { collection, effect: Arc::new(effect) }
    }
}

impl fmt::Debug for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").field("collection", &self.collection).finish_non_exhaustive()
    }
}

/// Tells the effects of everything that was changed, and of what they change themselves.
pub(super) fn run(tx: &mut Tx<'_>) -> Result<()> {
    let effects = Arc::clone(&tx.state.run.within);
    if effects.is_empty() {
        return Ok(());
    }
    for _ in 0..DEEPEST {
        let fresh = tx.state.kept.unheard();
        if fresh.is_empty() {
            return Ok(());
        }
        for changed in fresh {
            let schema = tx.schema();
            let name = &schema.collection(changed.collection).name;
            for within in effects.iter().filter(|within| within.collection == name) {
                (within.effect)(tx, &changed)?;
            }
        }
        tx.settle()?;
    }
    if tx.state.kept.unheard().is_empty() {
        return Ok(());
    }
    Err(Error::internal("effects of apps cause each other without an end"))
}
