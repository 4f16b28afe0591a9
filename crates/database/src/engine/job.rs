//! What waits in the queue of writes: a closure, the lanes it keeps to, and whoever waits for its answer.

use std::any::Any;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use mains_base::{Result, Uuid};
use tokio::sync::oneshot;

use super::Statements;

/// What a closure gives.
pub type Answer = Box<dyn Any + Send>;

/// One write. It may be run again, so it draws nothing by itself and touches nothing but the statements.
pub type Job = Arc<dyn Fn(&mut dyn Statements) -> Result<Answer> + Send + Sync>;

/// Changes of the schema: run once, in a transaction of their own, while nothing else writes.
pub(super) type Alteration = Box<dyn FnOnce(&mut dyn Statements) -> Result<()> + Send>;

/// A row known to be hot. Writes that share a lane run one after the other on this node, before they begin.
///
/// Nothing is decided by a lane: a wrong one is only slow, and two rows that share one by chance only wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(u64);

impl Lane {
    /// The lane of one record.
    pub fn record(collection: &str, id: Uuid) -> Self {
        Self::hash(&[collection.as_bytes(), &id.0])
    }

    /// The lane of anything else.
    pub fn named(name: &str) -> Self {
        Self::hash(&[name.as_bytes()])
    }

    fn hash(parts: &[&[u8]]) -> Self {
        let mut hasher = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().build_hasher();
        for part in parts {
            hasher.write(part);
            hasher.write_u8(0xff);
        }
        Self(hasher.finish())
    }
}

/// How a task runs.
pub(super) enum Work {
    /// Together with others, where the database can.
    Shared(Job),
    /// Many rows: in a transaction of its own, so that nobody's answer waits for it longer than it must.
    Alone(Job),
    /// On PostgreSQL in a READ COMMITTED transaction: for what is decided row by row, such as who takes a job.
    ReadCommitted(Job),
    /// DDL.
    Alter(Alteration),
}

/// One waiting write.
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) lanes: Vec<Lane>,
    pub(super) reply: Reply,
}

/// Where the answer of a task goes.
pub(super) struct Reply(oneshot::Sender<Result<Answer>>);

impl Task {
    /// A task and where its answer will come.
    pub(super) fn new(work: Work, lanes: &[Lane]) -> (Self, oneshot::Receiver<Result<Answer>>) {
        let (reply, receiver) = oneshot::channel();
        let mut lanes = lanes.to_vec();
        lanes.sort_unstable();
        lanes.dedup();
        (Self { work, lanes, reply: Reply(reply) }, receiver)
    }
}

impl Reply {
    /// Whether nobody waits any more. Asked before a task starts, never after.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }

    /// Hands the answer over; nobody may be there to take it.
    pub(super) fn finish(self, answer: Result<Answer>) {
        drop(self.0.send(answer));
    }
}
