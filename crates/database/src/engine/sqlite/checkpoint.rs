//! Moving the write-ahead log into the file, on a thread of its own, so that no write waits for it.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rusqlite::Connection;

/// Pages in the log that wake the thread: 4 MB.
const WAKE: i32 = 1_000;
/// Pages in the log from which the writer helps to begin it anew: 64 MB.
const RESTART: i64 = 16_000;

/// What the writer and the checkpoint thread tell each other.
#[derive(Default)]
pub(super) struct Checkpoints {
    pages: Arc<AtomicI32>,
    restart: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    closed: bool,
}

impl Checkpoints {
    /// Learns of this connection how long the log is.
    pub(super) fn watch(&self, connection: &mut Connection) -> Result<(), rusqlite::Error> {
        let pages = Arc::clone(&self.pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, length: i32| {
            pages.store(length, Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Wakes the thread if the log is long; true when the writer should begin the log anew.
    pub(super) fn after_commit(&self) -> bool {
        if self.pages.load(Ordering::Relaxed) < WAKE {
            return false;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.wanted {
            state.wanted = true;
            self.changed.notify_one();
        }
        self.restart.swap(false, Ordering::Relaxed)
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }

    /// The thread.
    pub(super) fn work(&self, connection: &Connection) {
        while self.wait() {
            let pages =
                connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1));
            match pages {
                Ok(pages) => self.restart.store(pages > RESTART, Ordering::Relaxed),
                Err(cause) => tracing::warn!(%cause, "a checkpoint failed"),
            }
        }
    }

    fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.wanted && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wanted = false;
        !state.closed
    }
}
