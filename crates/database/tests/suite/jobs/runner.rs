//! The runner as a process has it: woken by commits, bounded, drained, and taken over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mains_database::dialect::Dialect;
use mains_database::engine::Engine;
use mains_database::jobs::{Handler, Job, JobContext, Jobs, Runner, RunnerSettings, State};
use mains_testkit::TestDb;
use tokio::sync::{Notify, Semaphore, oneshot};

use super::{Site, count, counting, effect, on_both, one, schema};

/// How long anything may take before the test gives up.
const DEADLINE: Duration = Duration::from_secs(30);

/// Starts a runner; what is given back stops it and waits for its end.
#[expect(clippy::disallowed_methods, reason = "the test waits for this task's end")]
pub(super) fn start(
    db: &mains_database::Db,
    jobs: Jobs,
    settings: RunnerSettings,
) -> impl AsyncFnOnce() + use<> {
    let (stop, stopped) = oneshot::channel::<()>();
    let runner = Runner::new(db.clone(), jobs, settings).unwrap();
    let running = tokio::task::spawn(runner.run(async { drop(stopped.await) }));
    async move || {
        drop(stop);
        tokio::time::timeout(DEADLINE, running).await.unwrap().unwrap();
    }
}

pub(super) async fn until_effects(site: &Site, count: usize) {
    let mut committed = site.db.engine().committed();
    let all = async {
        while site.effects().await.len() < count {
            // Other processes commit unseen, so it is looked at again after a while.
            drop(tokio::time::timeout(Duration::from_millis(50), committed.changed()).await);
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("the effects come");
}

#[test]
fn a_commit_wakes_the_runner() {
    on_both(|site| async move {
        // With a lease of an hour nothing but the wake-up makes it look.
        let settings = RunnerSettings { lease: Duration::from_hours(3), ..RunnerSettings::default() };
        let stop = start(&site.db, counting(), settings);
        for key in ["a", "b", "c"] {
            site.enqueue(Job::new("count", key)).await;
        }
        until_effects(&site, 3).await;
        stop().await;
        assert_eq!(site.effects().await, [one("a"), one("b"), one("c")]);
    });
}

#[test]
fn no_more_run_together_than_may_and_those_that_run_end_before_a_stop() {
    on_both(|site| async move {
        let (open, together) =
            (Arc::new(Semaphore::new(0)), Arc::new((AtomicUsize::new(0), AtomicUsize::new(0))));
        let (gate, counts) = (Arc::clone(&open), Arc::clone(&together));
        let entered = Arc::new(Notify::new());
        let enter = Arc::clone(&entered);
        let handler = Handler::new("count", move |context: JobContext| {
            let (gate, counts, enter) = (Arc::clone(&gate), Arc::clone(&counts), Arc::clone(&enter));
            async move {
                let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
                counts.1.fetch_max(now, Ordering::SeqCst);
                enter.notify_one();
                drop(gate.acquire().await);
                counts.0.fetch_sub(1, Ordering::SeqCst);
                count(context).await
            }
        });
        let jobs = Jobs::new().with(handler.together(2));
        let stop = start(&site.db, jobs, RunnerSettings::default());
        for number in 0..9 {
            site.enqueue(Job::new("count", number.to_string())).await;
        }
        while together.1.load(Ordering::SeqCst) < 2 {
            entered.notified().await;
        }
        open.add_permits(7);
        until_effects(&site, 7).await;
        open.add_permits(100);
        stop().await;
        assert_eq!(together.1.load(Ordering::SeqCst), 2);
        assert!(site.in_state(State::Running).await.is_empty());
        let done = site.effects().await;
        assert!(done.len() >= 7 && done.iter().all(|(_, times)| *times == 1), "{done:?}");
    });
}

#[test]
fn what_does_not_end_in_time_is_given_back() {
    on_both(|site| async move {
        let entered = Arc::new(Notify::new());
        let enter = Arc::clone(&entered);
        let handler = Handler::new("count", move |_| {
            enter.notify_one();
            std::future::pending()
        });
        let settings = RunnerSettings { drain: Duration::ZERO, ..RunnerSettings::default() };
        let stop = start(&site.db, Jobs::new().with(handler), settings);
        site.enqueue(Job::new("count", "a")).await;
        entered.notified().await;
        stop().await;
        assert_eq!(site.in_state(State::Waiting).await.len(), 1);
    });
}

#[test]
fn jobs_of_a_process_that_was_killed_are_taken_over() {
    on_both(|site| async move {
        // As a killed process leaves it: held, and nobody beats.
        site.enqueue(Job::new("count", "a")).await;
        let held = "UPDATE mains_jobs SET holder = $1, attempts = 1";
        let worker = "INSERT INTO mains_workers (worker, beat) VALUES ($1, 7)";
        site.db
            .write(&[], move |tx| {
                let other = [mains_base::Value::Bytes(vec![1; 16])];
                tx.execute_later(held, &other)?;
                tx.execute_later(worker, &other)
            })
            .await
            .unwrap();
        let settings = RunnerSettings { lease: Duration::from_millis(60), ..RunnerSettings::default() };
        let stop = start(&site.db, counting(), settings);
        until_effects(&site, 1).await;
        stop().await;
        assert_eq!(site.effects().await, [one("a")]);
        let workers = site.rows("SELECT 'w', count(*) FROM mains_workers WHERE beat = 7").await;
        assert_eq!(workers, [("w".to_owned(), 0)]);
    });
}

#[test]
fn several_processes_share_the_work() {
    on_both(|site| async move {
        if site.db.engine().dialect() == Dialect::Sqlite {
            // One process has the file open.
            return;
        }
        let settings = RunnerSettings { lease: Duration::from_millis(300), ..RunnerSettings::default() };
        let clock = site.db.clock().clone();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let engine = Engine::open(&site.place.place.settings(), clock.clone()).await.unwrap();
            let db = mains_database::Db::over(engine, clock.clone());
            db.install(Arc::clone(&site.place.schema));
            let handler = Handler::new("count", |context: JobContext| async move {
                let db = context.db.clone();
                db.write(&[], move |tx| {
                    effect(tx, context.key())?;
                    context.finish(tx)
                })
                .await
            });
            let stop = start(&db, Jobs::new().with(handler), settings);
            nodes.push((db, stop));
        }
        for number in 0..60 {
            site.enqueue(Job::new("count", format!("{number:02}"))).await;
        }
        until_effects(&site, 60).await;
        for (db, stop) in nodes {
            stop().await;
            db.engine().close().await;
        }
        assert!(site.effects().await.iter().all(|(_, times)| *times == 1));
    });
}

/// No beat comes within the test: only word of the other process finds its jobs.
#[test]
fn a_job_of_another_process_is_begun_at_once() {
    mains_testkit::database::on(Dialect::Postgres, async || {
        let site = Site::over(TestDb::with_schema(Dialect::Postgres, schema()).await);
        let engine = Engine::open(&site.place.place.settings(), Arc::new(site.clock.clone())).await.unwrap();
        let other = mains_database::Db::over(engine, Arc::new(site.clock.clone()));
        other.install(Arc::clone(&site.place.schema));
        let settings = RunnerSettings { lease: Duration::from_hours(6), ..RunnerSettings::default() };
        let end = start(&site.db, Jobs::new().with(Handler::new("count", count)), settings);
        let all = async {
            for number in 0.. {
                let job = Job::new("count", format!("{number}"));
                other.write(&[], move |tx| tx.enqueue(job.clone())).await.unwrap();
                if !site.effects().await.is_empty() {
                    break;
                }
            }
        };
        tokio::time::timeout(DEADLINE, all).await.expect("a job is done");
        // What is enqueued from here on is heard of: the last job as well.
        let job = Job::new("count", "the last");
        other.write(&[], move |tx| tx.enqueue(job.clone())).await.unwrap();
        let last = async {
            while !site.effects().await.iter().any(|(key, _)| key == "the last") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, last).await.expect("the last job is done");
        end().await;
        other.engine().close().await;
    });
}
