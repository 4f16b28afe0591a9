//! Telling the server to stop: first everything open may end, then it is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::Notify;

/// A handle that stops a server; clones stop the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Stages>);

#[derive(Debug, Default)]
struct Stages {
    asked: Stage,
    cut: Stage,
}

#[derive(Debug, Default)]
struct Stage {
    reached: AtomicBool,
    notify: Notify,
}

impl Stop {
    /// A server that nobody has told to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the drain: no new connections, open requests end within the deadline. A second call changes nothing.
    pub fn ask(&self) {
        self.0.asked.reach();
    }

    /// Ends the drain now: open connections are cut.
    pub fn cut(&self) {
        self.0.asked.reach();
        self.0.cut.reach();
    }

    /// Whether the drain has begun; as cheap as a look at a flag.
    pub fn is_asked(&self) -> bool {
        self.0.asked.reached.load(SeqCst)
    }

    /// Waits until the drain begins.
    pub async fn asked(&self) {
        self.0.asked.wait().await;
    }

    /// Whether connections are to be cut.
    pub(super) fn is_cut(&self) -> bool {
        self.0.cut.reached.load(SeqCst)
    }

    /// Waits until connections are to be cut.
    pub(super) async fn cut_now(&self) {
        self.0.cut.wait().await;
    }
}

impl Stage {
    fn reach(&self) {
        self.reached.store(true, SeqCst);
        self.notify.notify_waiters();
    }

    async fn wait(&self) {
        let notified = self.notify.notified();
        // Made before the look, so that a call between the two is not missed.
        if !self.reached.load(SeqCst) {
            notified.await;
        }
    }
}
