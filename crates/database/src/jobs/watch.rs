//! Watching other workers by their beats, with a clock that nobody sets.
//!
//! Only where several processes share a database: one that has SQLite open is alone, and takes over at its start.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mains_base::Result;

use super::store;
use crate::engine::Engine;

/// What was seen of other workers.
#[derive(Debug, Default)]
pub(super) struct Watch {
    beats: HashMap<Vec<u8>, (i64, Instant)>,
}

impl Watch {
    /// Looks at all beats; releases what was held by a worker whose beat has stood still for a whole lease.
    pub(super) async fn look(&mut self, engine: &Engine, own: [u8; 16], lease: Duration) -> Result<()> {
        let mut beats = HashMap::new();
        for row in store::workers(engine).await?.0 {
            let (Some(worker), Some(beat)) = (row.bytes(0)?, row.int(1)?) else { continue };
            if worker == own {
                continue;
            }
            let known = self.beats.get(worker).filter(|(known, _)| *known == beat);
            let since = known.map_or_else(Instant::now, |(_, since)| *since);
            if since.elapsed() >= lease {
                tracing::warn!("a worker stopped without a word; its jobs are taken over");
                store::declare_dead(engine, worker.to_vec(), beat).await?;
            } else {
                beats.insert(worker.to_vec(), (beat, since));
            }
        }
        self.beats = beats;
        Ok(())
    }
}
