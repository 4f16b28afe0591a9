//! Background work: the one place that starts a task. Each has a name, is counted, and its panic stays its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::task::JoinHandle;

/// Running tasks by name: a gauge for the log and the metrics, nothing is decided by it.
static RUNNING: Mutex<BTreeMap<&'static str, usize>> = Mutex::new(BTreeMap::new());

/// Counts one running task while it lives, however it ends.
struct Counted(&'static str);

/// Starts a task. The handle gives `None` when the task panicked, which is logged here.
pub fn spawn<F>(name: &'static str, work: F) -> JoinHandle<Option<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let counted = Counted::new(name);
    // Boxed: a future that is captured and then awaited takes its room twice.
    let work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    start(async move {
        let _counted = counted;
        match work.await {
            Ok(output) => Some(output),
            Err(panic) => {
                tracing::error!(task = name, panic = panic_message(&*panic), "a task panicked");
                None
            }
        }
    })
}

/// How many tasks of each name run now.
pub fn running() -> Vec<(&'static str, usize)> {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.iter().map(|(&name, &count)| (name, count)).collect()
}

/// What a panic said, for the log.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts a task")]
fn start<F: Future<Output: Send + 'static> + Send + 'static>(work: F) -> JoinHandle<F::Output> {
    tokio::spawn(work)
}

/// Runs the streams of an HTTP/2 connection, which are counted as requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams;

impl<F: Future<Output: Send + 'static> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        start(stream);
    }
}

impl Counted {
    fn new(name: &'static str) -> Self {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        Self(name)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(self.0) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_stays_in_its_task() {
        let lost = spawn("test.lost", async { panic!("on purpose") });
        let kept = spawn("test.kept", async { 7 });
        assert_eq!(lost.await.unwrap(), None::<()>);
        assert_eq!(kept.await.unwrap(), Some(7));
        assert!(running().contains(&("test.lost", 0)));
    }
}
