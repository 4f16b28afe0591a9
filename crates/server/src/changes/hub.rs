//! The one reader of the log on this node, and all streams that it feeds.
//!
//! Invariants: changes go out in the order of the log, one after the other; while nobody listens the log is not read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use mains_base::{Error, Result, Uuid};
use mains_database::log::{self, Change, Position};
use mains_database::records::live::{Place, Subscribers, Wish};
use mains_database::records::{Cursors, Source};
use mains_database::{Db, Epoch};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{Notify, OnceCell};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::event::{self, Bye};
use super::line::Line;
use super::seats::Seats;
use super::who;
use crate::callers::Callers;
use crate::listener::Stop;
use crate::sessions::Revoked;
use crate::tasks;

/// Changes that are read at once.
const BATCH: usize = 256;
/// Ticks between two heartbeats of a stream, so that not all have theirs at once; callers are looked at again at each.
const TICKS: u32 = 15;
/// Without news, a look at the log is taken all the same after this time.
const IDLE: Duration = Duration::from_secs(5);

/// All streams of this node.
pub(crate) struct Hub {
    db: Db,
    cursors: Arc<Cursors>,
    callers: Arc<Callers>,
    subscribers: Subscribers<Arc<Line>>,
    lines: Mutex<BTreeMap<u64, Arc<Line>>>,
    seats: Seats,
    numbers: AtomicU64,
    timeline: OnceCell<Uuid>,
    joined: Notify,
    stopped: AtomicBool,
}

impl Hub {
    pub(crate) fn new(db: Db, cursors: Arc<Cursors>, callers: Arc<Callers>) -> Self {
        Self {
            db,
            cursors,
            callers,
            subscribers: Subscribers::default(),
            lines: Mutex::default(),
            seats: Seats::default(),
            numbers: AtomicU64::new(0),
            timeline: OnceCell::new(),
            joined: Notify::new(),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) async fn timeline(&self) -> Result<Uuid> {
        self.timeline.get_or_try_init(|| log::timeline(self.db.engine())).await.copied()
    }

    /// Makes sure that whoever joins now begins with the present end of the log.
    pub(super) async fn begin(&self) -> Result<()> {
        if self.subscribers.is_empty() {
            let last = log::last(self.db.engine()).await?;
            self.subscribers.begin_at(last);
        }
        Ok(())
    }

    /// Adds a stream, which is told every change after the position that is given.
    pub(super) fn join(&self, line: &Arc<Line>, wishes: &[Wish]) -> Position {
        self.lines().insert(line.number, Arc::clone(line));
        let position = self.subscribers.join(line.number, line, wishes);
        if self.stopped.load(Ordering::SeqCst) {
            line.end(Bye::Draining);
        }
        self.joined.notify_one();
        position
    }

    pub(super) fn leave(&self, line: &Line) {
        self.subscribers.leave(line.number);
        self.lines().remove(&line.number);
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Line>> {
        self.lines().values().cloned().collect()
    }

    fn end_all(&self, bye: Bye) {
        for line in self.all() {
            line.end(bye);
        }
    }

    /// Feeds the streams until `stop`, then ends them all.
    pub(crate) fn feed(self: &Arc<Self>, stop: Stop, heartbeat: Duration) {
        let hub = Arc::clone(self);
        tasks::spawn("changes", async move {
            hub.run(&stop, heartbeat / TICKS).await;
            hub.stopped.store(true, Ordering::SeqCst);
            hub.end_all(Bye::Draining);
        });
    }

    async fn run(&self, stop: &Stop, tick: Duration) {
        let mut advanced = self.db.engine().log_advanced();
        let mut revoked = self.callers.revoked();
        let mut ticks = interval(tick.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut epoch, mut ticked) = (self.db.epoch(), 0);
        while !stop.is_asked() {
            self.refresh(&mut epoch);
            advanced.mark_unchanged();
            let more = self.step(&epoch, &mut revoked).await;
            if more {
                if ticks.tick().now_or_never().is_some() {
                    self.tick(&mut ticked).await;
                }
                continue;
            }
            let listening = !self.subscribers.is_empty();
            tokio::select! {
                () = stop.asked() => return,
                _ = ticks.tick() => self.tick(&mut ticked).await,
                () = self.joined.notified() => {}
                // Being too far behind says the same: some callers may have changed.
                _ = revoked.recv() => self.look_again().await,
                _ = timeout(IDLE, advanced.changed()), if listening => {}
            }
        }
    }

    /// Ends what was compiled for another schema than the one that is served now.
    fn refresh(&self, epoch: &mut Arc<Epoch>) {
        let now = self.db.epoch();
        if now.number != epoch.number {
            *epoch = now;
            self.end_all(Bye::Changed);
        }
    }

    /// Tells the next changes; whether there may be more. A session that ended before a change was made is not told
    /// of it: what ended by now is looked at again first.
    async fn step(&self, epoch: &Epoch, revoked: &mut Receiver<Revoked>) -> bool {
        if self.subscribers.is_empty() {
            return false;
        }
        let from = self.subscribers.position();
        let changes = match log::read(self.db.engine(), from, BATCH).await {
            Ok(changes) => changes,
            Err(error) => {
                self.cannot_follow(&error).await;
                return false;
            }
        };
        if !changes.is_empty() && !matches!(revoked.try_recv(), Err(TryRecvError::Empty)) {
            while matches!(revoked.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
            self.look_again().await;
        }
        let source = Source { engine: self.db.engine(), epoch, cursors: &self.cursors };
        for change in &changes {
            if let Err(error) = self.tell(&source, change).await {
                tracing::error!(?error, "a change could not be told");
                self.end_all(Bye::Failed);
            }
            // Many may listen to many changes: others have their turn between two.
            tokio::task::yield_now().await;
        }
        changes.len() == BATCH
    }

    /// Ends the streams: what they miss is told to whoever comes back. The log is followed from where it was, once the
    /// database answers; what is no longer kept is skipped, in one step with the end of all who would miss it.
    async fn cannot_follow(&self, error: &Error) {
        tracing::error!(?error, "the log could not be followed");
        if error.code() == log::TOO_OLD
            && let Ok(last) = log::last(self.db.engine()).await
        {
            self.subscribers.go_on_from(last);
        }
        self.end_all(Bye::Failed);
    }

    async fn tell(&self, source: &Source<'_>, change: &Change) -> Result<()> {
        let outcomes = self.subscribers.told(source, change).await?;
        if outcomes.is_empty() {
            return Ok(());
        }
        let place = Place { timeline: self.timeline().await?, position: change.position };
        let cursor = place.sealed(&self.cursors)?;
        for outcome in outcomes {
            let event = event::change(&source.epoch.schema, change, &outcome.seen, Some(&cursor))?;
            for line in outcome.to {
                line.push(change, &event);
            }
        }
        Ok(())
    }

    async fn tick(&self, ticked: &mut u64) {
        *ticked += 1;
        self.look_again().await;
        let due: Vec<Arc<Line>> = {
            let lines = self.lines();
            lines
                .values()
                .filter(|line| line.number % u64::from(TICKS) == *ticked % u64::from(TICKS))
                .cloned()
                .collect()
        };
        let Ok(timeline) = self.timeline().await else { return };
        let place = Place { timeline, position: self.subscribers.position() };
        let Ok(cursor) = place.sealed(&self.cursors) else { return };
        let event = event::heartbeat(&cursor);
        for line in due {
            line.beat(&event);
        }
    }

    /// Ends the streams of callers that are no longer what they were.
    async fn look_again(&self) {
        for line in self.all() {
            if !who::is_the_same(&line.asker, &self.callers).await {
                line.end(Bye::Caller);
            }
        }
    }
}
