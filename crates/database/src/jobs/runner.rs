//! Doing jobs: takes what is due, runs it within its limits, and waits without asking the database again and again.
//!
//! Invariant: it looks when a job was enqueued here or, on PostgreSQL, by another process, when a place became free, when
//! the next job or slot is due, and at each beat; a job of which no word came is found at the next beat.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mains_base::{Error, Result, Time, Value};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::attempt::{Ended, attempt};
use super::clock::ClockWatch;
use super::held::Held;
use super::store::{self, Taken};
use super::watch::Watch;
use super::{Handler, JobContext, Jobs, Schedule};
use crate::Db;
use crate::dialect::Dialect;
use crate::engine::is_outcome_unknown;

/// The shortest wait for what seems to be due already: others may hold it.
const LEAST: Duration = Duration::from_millis(50);
/// How long done jobs are kept, so that their keys are known.
const KEPT: i64 = 7 * 86_400 * 1_000_000;

/// How jobs are done.
#[derive(Clone, Copy, Debug)]
pub struct RunnerSettings {
    /// A process that has been silent for this long has ended; it says three times as often that it lives.
    pub lease: Duration,
    /// How long running jobs get to end when the process stops.
    pub drain: Duration,
}

/// Does the jobs of this process.
pub struct Runner {
    db: Db,
    handlers: BTreeMap<Arc<str>, Handler>,
    schedules: Vec<Schedule>,
    settings: RunnerSettings,
    worker: [u8; 16],
    running: JoinSet<Ended>,
    /// Which jobs those are.
    started: BTreeSet<(Arc<str>, String)>,
    /// Jobs may be held here that were never started: nobody said whether they were taken.
    unsure: bool,
    /// How many of each name run.
    places: BTreeMap<Arc<str>, usize>,
    /// More may be due than was taken last time.
    full: bool,
    /// When the next job is due, by the last look.
    next: Option<Time>,
    watch: Watch,
    clock: ClockWatch,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), drain: Duration::from_secs(10) }
    }
}

/// Does everything that is due now, schedules included, and what that makes due; the number of attempts. For tests:
/// what fails waits for the clock.
pub async fn drain(db: &Db, jobs: &Jobs) -> Result<usize> {
    let mut runner = Runner::new(db.clone(), jobs.clone(), RunnerSettings::default())?;
    let mut count = 0;
    for schedule in &mut runner.schedules {
        schedule.look(&runner.db).await?;
    }
    loop {
        runner.take().await?;
        if runner.running.is_empty() {
            return Ok(count);
        }
        while let Some(ended) = runner.running.join_next().await {
            runner.note(ended);
            count += 1;
        }
    }
}

impl Runner {
    /// Ready to do these jobs.
    pub fn new(db: Db, jobs: Jobs, settings: RunnerSettings) -> Result<Self> {
        let mut worker = [0; 16];
        getrandom::fill(&mut worker).map_err(|cause| Error::internal(cause.to_string()))?;
        let clock = ClockWatch::new(db.clock().now());
        let Jobs { handlers, schedules } = jobs;
        Ok(Self {
            db,
            handlers,
            schedules,
            settings,
            worker,
            running: JoinSet::new(),
            started: BTreeSet::new(),
            unsure: false,
            places: BTreeMap::new(),
            full: true,
            next: None,
            watch: Watch::default(),
            clock,
        })
    }

    /// Does jobs until `stop`, then lets those that run end.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        tokio::select! {
            () = &mut stop => return,
            () = self.begin() => {}
        }
        let mut enqueued = self.db.jobs_enqueued();
        let mut elsewhere = self.db.engine().jobs_elsewhere();
        let mut beats = interval(self.settings.lease / 3);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.tick().await;
        let mut looks = true;
        loop {
            if looks {
                // News that came while nobody looked stay news.
                enqueued.mark_unchanged();
                elsewhere.mark_unchanged();
                self.look().await;
            }
            let wait = self.wait();
            looks = tokio::select! {
                () = &mut stop => break,
                Some(ended) = self.running.join_next() => {
                    self.note(ended);
                    self.full
                }
                true = news(&mut enqueued) => true,
                true = news(&mut elsewhere) => true,
                _ = beats.tick() => {
                    self.beat().await;
                    true
                }
                () = sleep(wait) => true,
            };
        }
        self.end().await;
    }

    /// What this process, or one before it, left behind. Tried until the database answers.
    async fn begin(&mut self) {
        while let Err(error) = self.take_over().await {
            tracing::warn!(?error, "jobs cannot begin yet");
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn take_over(&mut self) -> Result<()> {
        let engine = self.db.engine();
        if engine.dialect() == Dialect::Sqlite {
            // Whoever held something has ended, or the file would not be open here.
            store::release(engine, self.worker, true).await?;
        } else {
            store::release_strangers(engine).await?;
        }
        store::hasten(engine, self.latest()).await
    }

    /// After this moment no failed job waits, unless the clock was set back.
    fn latest(&self) -> Time {
        let most = self.handlers.values().map(|handler| handler.backoff.most).max().unwrap_or_default();
        later(self.db.clock().now(), most)
    }

    async fn look(&mut self) {
        if self.db.is_outdated() {
            // Jobs are for those who can do them.
            return;
        }
        for schedule in &mut self.schedules {
            if let Err(error) = schedule.look(&self.db).await {
                tracing::warn!(?error, "a schedule could not be looked at");
            }
        }
        if let Err(error) = self.take().await {
            tracing::warn!(?error, "jobs could not be taken");
            self.full = false;
            self.next = Some(later(self.db.clock().now(), Duration::from_secs(1)));
        }
    }

    /// Takes what is due and starts it.
    async fn take(&mut self) -> Result<()> {
        if self.unsure {
            self.release_unstarted().await?;
        }
        let free =
            |handler: &Handler| handler.together - self.places.get(&handler.name).copied().unwrap_or(0);
        let rooms = self.handlers.values().map(|handler| (Arc::clone(&handler.name), free(handler)));
        let rooms: Vec<_> = rooms.filter(|(_, room)| *room > 0).collect();
        let names: Vec<_> = rooms.iter().map(|(name, _)| Arc::clone(name)).collect();
        let next = store::next_due(self.db.engine(), &names).await?;
        let now = self.db.clock().now();
        self.next = next;
        // Where no place is free, a job that ends is a reason to look.
        self.full = rooms.len() < self.handlers.len();
        if next.is_none_or(|next| next > now) {
            return Ok(());
        }
        for (name, room) in rooms {
            let taken = self.take_of(&name, room, now).await;
            self.unsure |= taken.as_ref().is_err_and(is_outcome_unknown);
            let taken = taken?;
            self.full |= taken.len() == room;
            for job in taken {
                self.start(&name, job);
            }
        }
        self.next = store::next_due(self.db.engine(), &names).await?;
        Ok(())
    }

    async fn release_unstarted(&mut self) -> Result<()> {
        let started = self.started.iter().map(|(name, key)| Value::Text(format!("{name} {key}")));
        store::release_unstarted(self.db.engine(), self.worker, started.collect()).await?;
        self.unsure = false;
        Ok(())
    }

    async fn take_of(&self, name: &Arc<str>, room: usize, now: Time) -> Result<Vec<Taken>> {
        let (name, worker) = (Arc::clone(name), self.worker);
        store::committed(self.db.engine(), move |statements| {
            let taken = store::take(statements, worker, (&name, room), now)?;
            if !taken.is_empty() && statements.dialect() == Dialect::Postgres {
                store::beat(statements, worker)?;
            }
            Ok(taken)
        })
        .await
    }

    fn start(&mut self, name: &Arc<str>, taken: Taken) {
        let Some(handler) = self.handlers.get(name).cloned() else { return };
        *self.places.entry(Arc::clone(name)).or_default() += 1;
        let Taken { key, payload, secret, attempts } = taken;
        self.started.insert((Arc::clone(name), key.clone()));
        let held = Held { name: name.to_string(), key, holder: self.worker, attempt: attempts };
        let context = JobContext {
            db: self.db.clone(),
            payload: serde_json::Value::Null,
            secret: None,
            attempt: attempts,
            held: Arc::new(held),
            finishing: Arc::new(AtomicBool::new(false)),
        };
        self.running.spawn(attempt(handler, context, payload, secret));
    }

    /// A job has ended: its place is free.
    fn note(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let Ok(Ended { name, key, again }) = ended else { return };
        self.started.remove(&(Arc::clone(&name), key));
        if let Some(places) = self.places.get_mut(&name) {
            *places = places.saturating_sub(1);
        }
        self.next = self.next.into_iter().chain(again).min();
    }

    /// Until the next job or slot is due.
    fn wait(&self) -> Duration {
        let now = self.db.clock().now();
        let slots = self.schedules.iter().filter_map(Schedule::next);
        let first = slots.chain(self.next).min();
        let micros = first.map_or(i64::MAX, |first| first.micros().saturating_sub(now.micros()));
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).max(LEAST)
    }

    /// Says that this process lives, looks whether others do, and minds the clock.
    async fn beat(&mut self) {
        if let Err(error) = self.try_beat().await {
            tracing::warn!(?error, "a beat of the jobs was missed");
        }
    }

    async fn try_beat(&mut self) -> Result<()> {
        let engine = self.db.engine();
        if engine.dialect() == Dialect::Postgres {
            let worker = self.worker;
            if !self.running.is_empty() {
                store::committed(engine, move |statements| store::beat(statements, worker)).await?;
            }
            self.watch.look(engine, worker, self.settings.lease).await?;
        }
        let now = self.db.clock().now();
        if self.clock.was_set_back(now) {
            store::hasten(engine, self.latest()).await?;
        }
        if self.clock.is_time_to_sweep() {
            while store::sweep(engine, Time::from_micros(now.micros().saturating_sub(KEPT))).await? >= 1_000 {
            }
        }
        Ok(())
    }

    /// Lets running jobs end, and gives back those that do not.
    async fn end(mut self) {
        let ending = async { while self.running.join_next().await.is_some() {} };
        if timeout(self.settings.drain, ending).await.is_ok() {
            return;
        }
        self.running.shutdown().await;
        if let Err(error) = store::release(self.db.engine(), self.worker, false).await {
            tracing::warn!(?error, "jobs that did not end in time are given back later");
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

/// Waits for a job that is enqueued here. Never ends without one: the sender lives as long as the database.
async fn news(enqueued: &mut watch::Receiver<u64>) -> bool {
    enqueued.changed().await.is_ok()
}

/// A moment so much later.
pub(super) fn later(moment: Time, wait: Duration) -> Time {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Time::from_micros(moment.micros().saturating_add(micros))
}
