//! The commit counter: it rises before an answer goes out, so everyone reads their own writes.

use tokio::sync::watch;

/// Counts commits of this process.
pub(crate) struct Commits(watch::Sender<u64>);

impl Commits {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// One more commit.
    pub(super) fn rise(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Somebody who wants to know.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
