//! Jobs of which their worker does not know what became of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mains_base::Error;
use mains_database::dialect::Dialect;
use mains_database::jobs::{Backoff, Handler, Job, JobContext, Jobs, RunnerSettings, drain};
use mains_testkit::TestDb;

use super::runner::{start, until_effects};
use super::{Site, count, counting, on_both, one, schema};
use crate::engine::proxy::Fate;
use crate::engine::{run, wait};
use crate::writes::unknown::behind;

#[test]
fn a_job_is_done_though_its_worker_never_learned_that_it_took_it() {
    wait(async {
        let site = Site::over(TestDb::with_schema(Dialect::Postgres, schema()).await);
        let (db, proxy) = behind(&site.place).await;
        db.seal_with(&[5; 32]);
        site.enqueue(Job::new("count", "a")).await;
        // A worker says that it lives with the jobs that it takes.
        proxy.after("mains_workers (worker, beat)", Fate::CutAfter, Fate::Refuse);
        let settings = RunnerSettings { lease: Duration::from_hours(3), ..RunnerSettings::default() };
        let stop = start(&db, counting(), settings);
        while site.rows("SELECT 'h', count(*) FROM mains_jobs WHERE holder IS NOT NULL").await[0].1 == 0 {
            tokio::task::yield_now().await;
        }
        // Behind the take in the only write thread: when this is refused, the take has its answer.
        assert!(run(db.engine(), |statements| statements.query("SELECT 1", &[]).map(|_| 0)).await.is_err());
        proxy.next(Fate::Pass, Fate::Pass);
        until_effects(&site, 1).await;
        stop().await;
        assert_eq!(site.effects().await, [one("a")]);
        db.engine().close().await;
    });
}

#[test]
fn an_attempt_that_is_over_has_no_say_in_the_next_one_of_the_same_worker() {
    on_both(|site| async move {
        let first: Arc<Mutex<Option<JobContext>>> = Arc::default();
        let handler = Handler::new("count", move |context: JobContext| {
            let first = Arc::clone(&first);
            async move {
                let Some(earlier) = first.lock().unwrap().replace(context.clone()) else {
                    return Err(Error::conflict("no", "Not yet."));
                };
                let late = context.db.write(&[], move |tx| earlier.finish(tx)).await;
                assert_eq!(late.unwrap_err().code(), "jobs.lost");
                count(context).await
            }
        });
        let at_once = Backoff { first: Duration::ZERO, most: Duration::ZERO };
        let jobs = Jobs::new().with(handler.backoff(at_once));
        site.enqueue(Job::new("count", "a")).await;
        assert_eq!(drain(&site.db, &jobs).await.unwrap(), 2);
        assert_eq!(site.effects().await, [one("a")]);
    });
}
