//! Moving the write-ahead log into the file, on a thread of its own, so that no write waits for it.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

/// Pages that were added to the log since the last checkpoint and wake the thread: 4 MB. A checkpoint syncs twice and
/// sorts what it looks at, and pages that change often are moved once, so it should not run behind every commit.
const WAKE: i32 = 1_000;
/// Pages in the log from which the writer helps to begin it anew: 64 MB.
const RESTART: i32 = 16_000;

/// What the writer and the checkpoint thread tell each other.
#[derive(Default)]
pub(super) struct Checkpoints {
    /// In the log, after the last commit.
    pages: Arc<AtomicI32>,
    /// Of these, seen by the last checkpoint.
    seen: AtomicI32,
    restart: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    working: bool,
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

    /// Wakes the thread if the log has grown long; true when the writer should begin the log anew.
    pub(super) fn after_commit(&self) -> bool {
        let (pages, seen) = (self.pages.load(Ordering::Relaxed), self.seen.load(Ordering::Relaxed));
        if pages < seen {
            // It began anew.
            self.seen.store(0, Ordering::Relaxed);
        }
        let added = if pages < seen { pages } else { pages - seen };
        if added < WAKE {
            return false;
        }
        let mut state = self.lock();
        if !state.wanted {
            state.wanted = true;
            self.changed.notify_one();
        }
        self.restart.swap(false, Ordering::Relaxed)
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Ends the thread, and waits until it is not at work: meanwhile SQLite lets nobody else empty the log.
    pub(super) fn settle(&self) {
        self.close();
        let mut state = self.lock();
        while state.working {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The thread.
    pub(super) fn work(&self, connection: &Connection) {
        self.each_time(|| connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1)));
    }

    /// Runs `checkpoint`, which tells the pages in the log, whenever it is wanted.
    fn each_time(&self, checkpoint: impl Fn() -> Result<i32, rusqlite::Error>) {
        while self.wait() {
            match checkpoint() {
                Ok(pages) => {
                    self.seen.store(pages, Ordering::Relaxed);
                    self.restart.store(pages > RESTART, Ordering::Relaxed);
                }
                Err(cause) => tracing::warn!(%cause, "a checkpoint failed"),
            }
        }
    }

    fn wait(&self) -> bool {
        let mut state = self.lock();
        if std::mem::take(&mut state.working) {
            self.changed.notify_all();
        }
        while !state.wanted && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wanted = false;
        state.working = !state.closed;
        state.working
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::commits::Commits;
    use crate::engine::queue::Queue;
    use crate::engine::settings::EngineSettings;
    use crate::engine::sqlite::connection::Opener;
    use crate::engine::sqlite::group::Writer;

    #[test]
    fn who_settles_waits_for_the_checkpoint_that_runs() {
        let (checkpoints, told) = (Checkpoints::default(), Mutex::new(Vec::new()));
        let say = |what| told.lock().unwrap().push(what);
        checkpoints.pages.store(WAKE, Ordering::Relaxed);
        checkpoints.after_commit();
        std::thread::scope(|threads| {
            let (begun, begins) = std::sync::mpsc::channel();
            let checkpoints = &checkpoints;
            threads.spawn(move || {
                checkpoints.each_time(|| {
                    begun.send(()).unwrap();
                    while !checkpoints.lock().closed {
                        std::thread::yield_now();
                    }
                    (0..100).for_each(|_| std::thread::yield_now());
                    say("checkpoint");
                    Ok(0)
                });
            });
            begins.recv().unwrap();
            checkpoints.settle();
            say("settled");
        });
        assert_eq!(told.into_inner().unwrap(), ["checkpoint", "settled"]);
    }

    #[test]
    fn a_checkpoint_is_wanted_when_enough_was_added_since_the_last_one() {
        let checkpoints = Checkpoints::default();
        let wanted = |pages, seen| {
            checkpoints.pages.store(pages, Ordering::Relaxed);
            if let Some(seen) = seen {
                checkpoints.seen.store(seen, Ordering::Relaxed);
            }
            checkpoints.after_commit();
            std::mem::take(&mut checkpoints.lock().wanted)
        };
        assert!(!wanted(WAKE - 1, None));
        assert!(wanted(WAKE, None));
        assert!(!wanted(2 * WAKE - 1, Some(WAKE)));
        assert!(wanted(2 * WAKE, None));
        // The log began anew, and what was seen of the old one says nothing of it.
        assert!(!wanted(1, Some(2 * WAKE)));
        assert!(wanted(WAKE, None));
    }

    #[test]
    fn a_log_that_was_left_long_is_moved_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mains.db");
        let opener = Opener::new(&path, &EngineSettings::sqlite(&path));
        let before = opener.writer().unwrap();
        let begins = |opener: &Opener| {
            let mut writer = Writer {
                opener: opener.clone(),
                connection: None,
                authorizer: None,
                protected: Arc::default(),
                queue: Arc::new(Queue::new(1)),
                commits: Arc::new(Commits::new()),
                checkpoints: Arc::default(),
                cautious: 0,
            };
            writer.connected().unwrap();
            writer.begin_log();
            writer.checkpoints.lock().wanted
        };
        assert!(!begins(&opener));
        let pages = format!("CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob({}))", WAKE * 4096);
        before.execute_batch(&pages).unwrap();
        assert!(begins(&opener));
    }
}
