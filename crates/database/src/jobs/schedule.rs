//! Schedules: a job at each slot of a cron expression.
//!
//! Invariant: a slot makes one job, whoever looks and whatever the clock did; of slots that passed while nobody looked
//! the last one makes a job. A slot that was claimed while the clock was ahead is not claimed again when it comes.

use std::sync::Arc;

use mains_base::{Result, Time, Value};
use serde_json::json;

use super::{Cron, Job, store};
use crate::Db;
use crate::write::Tx;

/// Makes a job of its name at each slot; the slot is the job's key, and its payload `{"slot": …}`.
#[derive(Clone, Debug)]
pub struct Schedule {
    name: Arc<str>,
    cron: Cron,
    /// Up to here slots have been looked at; absent: what the database knows is still to be asked.
    seen: Option<Time>,
}

impl Schedule {
    /// The schedule whose jobs the handler of this name does.
    pub fn new(name: impl Into<Arc<str>>, cron: Cron) -> Self {
        Self { name: name.into(), cron, seen: None }
    }

    /// The name of its jobs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first slot after a moment.
    pub fn after(&self, moment: Time) -> Option<Time> {
        self.cron.next(moment)
    }

    /// The next slot, by what was seen last.
    pub(super) fn next(&self) -> Option<Time> {
        self.seen.and_then(|seen| self.cron.next(seen))
    }

    /// Makes the job of the slot that has passed since the last look, if one has.
    pub(super) async fn look(&mut self, db: &Db) -> Result<()> {
        let now = db.clock().now();
        let seen = match self.seen {
            Some(seen) => seen,
            None => store::last_slot(db.engine(), Arc::clone(&self.name), now).await?,
        };
        if let Some(slot) = self.cron.last(seen, now) {
            let name = Arc::clone(&self.name);
            db.write(&[], move |tx| claim(tx, &name, slot)).await?;
        }
        // Also where the clock was set back: what comes again then is claimed already.
        self.seen = Some(now);
        Ok(())
    }
}

fn claim(tx: &mut Tx<'_>, name: &str, slot: Time) -> Result<()> {
    let claimed = tx.query(store::CLAIM, &[Value::from(name), slot.micros().into()])?;
    if claimed.0.is_empty() {
        return Ok(());
    }
    let key = slot.to_string();
    tx.enqueue(Job::new(name, key.as_str()).payload(json!({"slot": key})))
}
