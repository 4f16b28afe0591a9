//! What a handler is given with its job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mains_base::{Error, Kind, Result};
use serde_json::Value as Json;

use super::held::Held;
use super::store;
use crate::Db;
use crate::write::Tx;

/// The code of a failure after which no other attempt is made.
pub(super) const GAVE_UP: &str = "jobs.gave_up";

/// A job that is being done.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// The database.
    pub db: Db,
    /// What was enqueued.
    pub payload: Json,
    /// What was enqueued as a secret.
    pub secret: Option<Json>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    pub(super) held: Arc<Held>,
    pub(super) finishing: Arc<AtomicBool>,
}

impl JobContext {
    /// The name of the job.
    pub fn name(&self) -> &str {
        &self.held.name
    }

    /// The key of the job.
    pub fn key(&self) -> &str {
        &self.held.key
    }

    /// Finishes the job in the transaction of its effect, so that both happen or neither. Fails, and the effect with
    /// it, when another process has taken the job over. A handler that does not call this has its job finished after
    /// it returned, and may be run again where the process ends in between.
    pub fn finish(&self, tx: &mut Tx<'_>) -> Result<()> {
        self.finishing.store(true, Ordering::SeqCst);
        let values = self.held.and(&[tx.now().micros().into()]);
        if tx.query(store::FINISH, &values)?.0.is_empty() {
            return Err(Error::conflict("jobs.lost", "This job was taken over by another process."));
        }
        Ok(())
    }

    /// The failure of a job that no other attempt would mend.
    pub fn give_up(reason: impl Into<String>) -> Error {
        Error::new(Kind::Conflict, GAVE_UP, reason.into())
    }
}
