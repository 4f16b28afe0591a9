//! What does jobs: handlers by name, with their limits, and the schedules that make jobs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mains_base::Result;

use super::{JobContext, Schedule};

type Run = Arc<dyn Fn(JobContext) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Does the jobs of one name.
#[derive(Clone)]
pub struct Handler {
    pub(super) name: Arc<str>,
    pub(super) run: Run,
    pub(super) together: usize,
    pub(super) attempts: u32,
    pub(super) limit: Duration,
    pub(super) backoff: Backoff,
}

/// How long a job that failed waits: twice as long each time, with a random part taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

/// Everything a process does.
#[derive(Clone, Default)]
pub struct Jobs {
    pub(super) handlers: BTreeMap<Arc<str>, Handler>,
    pub(super) schedules: Vec<Schedule>,
}

impl Handler {
    /// Does jobs of this name by `run`: four at a time, each within a minute, twenty attempts over ten hours.
    pub fn new<F, Doing>(name: impl Into<Arc<str>>, run: F) -> Self
    where
        F: Fn(JobContext) -> Doing + Send + Sync + 'static,
        Doing: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            name: name.into(),
            run: Arc::new(move |context| run(context).boxed()),
            together: 4,
            attempts: 20,
            limit: Duration::from_mins(1),
            backoff: Backoff { first: Duration::from_secs(2), most: Duration::from_hours(1) },
        }
    }

    /// At most so many at the same time in this process.
    #[must_use]
    pub fn together(mut self, together: usize) -> Self {
        self.together = together.max(1);
        self
    }

    /// After so many attempts it is given up.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// An attempt that takes longer has failed.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How long a failed one waits.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The name of its jobs.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Backoff {
    /// The wait after this many attempts; `random` takes up to half of it away, so that those who failed together do
    /// not come back together.
    pub(super) fn wait(self, attempts: u32, random: u32) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.most);
        whole.mul_f64(1.0 - f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

impl Jobs {
    /// Nothing to do yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, handler: Handler) -> Self {
        self.handlers.insert(Arc::clone(&handler.name), handler);
        self
    }

    /// Adds a schedule, whose jobs are done by the handler of its name.
    #[must_use]
    pub fn every(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// The schedules, as they were added.
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("handlers", &self.handlers.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_job_waits_twice_as_long_each_time() {
        let backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_mins(1) };
        let waits: Vec<u64> = (1..8).map(|attempts| backoff.wait(attempts, 0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(3, u32::MAX).as_secs(), 4);
        assert_eq!(backoff.wait(4_000_000, 0).as_secs(), 60);
    }
}
