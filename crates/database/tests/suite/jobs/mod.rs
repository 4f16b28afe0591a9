//! Jobs and schedules, on both databases: done once by their key, tried again, given up, taken over.

mod runner;
mod schedules;
mod unsure;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mains_base::{Error, Kind, ManualClock, Result, Time};
use mains_database::Db;
use mains_database::engine::ReadQuery;
use mains_database::engine::Route;
use mains_database::jobs::{self, Backoff, Filter, Handler, Job, JobContext, Jobs, State, drain};
use mains_database::write::Tx;
use mains_language::schema::{Owner, Schema};
use mains_language::site::{File, Layer, load};
use mains_testkit::TestDb;
use serde_json::json;

/// Counts effects by key, so that a second one shows.
const EFFECTS: &str = "key = [\"key\"]\n[fields.key]\ntype = \"text\"\nrequired = true\n[fields.times]\ntype = \"integer\"\nrequired = true\n";

fn schema() -> Arc<Schema> {
    let mut files = jobs::tables();
    files.push(File { path: "tables/mains_effects.toml".into(), source: EFFECTS.into() });
    let layers = [Layer { owner: Owner::Server, files }];
    Arc::new(load(&layers).unwrap_or_else(|found| panic!("{}", found.first().unwrap())))
}

/// A database with the tables of jobs.
struct Site {
    db: Db,
    clock: ManualClock,
    /// Last, so that it goes after the database.
    place: TestDb,
}

fn on_both<F, Done>(test: F)
where
    F: Fn(Site) -> Done + Sync,
    Done: Future<Output = ()>,
{
    mains_testkit::on_both_with(schema, |place| test(Site::over(place)));
}

impl Site {
    fn over(place: TestDb) -> Self {
        let db = Db::over(place.engine.clone(), Arc::new(place.clock.clone()));
        db.install(Arc::clone(&place.schema));
        db.seal_with(&[5; 32]);
        Self { db, clock: place.clock.clone(), place }
    }

    /// Another process on the same database, or the same one after a restart on SQLite.
    async fn restarted(mut self) -> Self {
        drop(self.db);
        self.place.restart().await;
        Self::over(self.place)
    }

    async fn enqueue(&self, job: Job) {
        self.db.write(&[], move |tx| tx.enqueue(job.clone())).await.unwrap();
    }

    async fn rows(&self, text: &str) -> Vec<(String, i64)> {
        let query = ReadQuery { text: text.into(), parameters: Vec::new(), route: Route::Pool };
        let read = self.db.engine().read(query, |rows| {
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((row.text(0)?.unwrap().to_owned(), row.int(1)?.unwrap()));
            }
            Ok(found)
        });
        read.await.unwrap()
    }

    /// How often each key had its effect.
    async fn effects(&self) -> Vec<(String, i64)> {
        self.rows("SELECT \"key\", times FROM mains_effects ORDER BY \"key\"").await
    }

    async fn in_state(&self, state: State) -> Vec<jobs::Listed> {
        jobs::list(self.db.engine(), Filter { state: Some(state), name: None }).await.unwrap()
    }
}

fn effect(tx: &mut Tx<'_>, key: &str) -> Result<()> {
    let text = "INSERT INTO mains_effects (\"key\", times) VALUES ($1, 1) \
        ON CONFLICT (\"key\") DO UPDATE SET times = mains_effects.times + 1";
    tx.execute_later(text, &[key.into()])
}

/// Has its effect and is finished, both or neither.
async fn count(context: JobContext) -> Result<()> {
    let db = context.db.clone();
    db.write(&[], move |tx| {
        effect(tx, context.key())?;
        context.finish(tx)
    })
    .await
}

fn counting() -> Jobs {
    Jobs::new().with(Handler::new("count", count))
}

fn one(key: &str) -> (String, i64) {
    (key.to_owned(), 1)
}

#[test]
fn a_job_is_done_once_by_its_key() {
    on_both(|site| async move {
        site.enqueue(Job::new("count", "a")).await;
        site.enqueue(Job::new("count", "a")).await;
        site.enqueue(Job::new("count", "b")).await;
        assert_eq!(drain(&site.db, &counting()).await.unwrap(), 2);
        // A key that is done stays known.
        site.enqueue(Job::new("count", "a")).await;
        assert_eq!(drain(&site.db, &counting()).await.unwrap(), 0);
        assert_eq!(site.effects().await, [one("a"), one("b")]);
        assert_eq!(site.in_state(State::Done).await.len(), 2);
    });
}

#[test]
fn a_job_of_a_write_that_failed_is_none() {
    on_both(|site| async move {
        let failed = site.db.write(&[], |tx| {
            tx.enqueue(Job::new("count", "a"))?;
            Err::<(), _>(Error::new(Kind::Conflict, "test.no", "No."))
        });
        failed.await.unwrap_err();
        assert_eq!(drain(&site.db, &counting()).await.unwrap(), 0);
        assert!(site.in_state(State::Waiting).await.is_empty());
    });
}

#[test]
fn a_job_waits_for_its_moment_and_for_a_program_that_knows_it() {
    on_both(|site| async move {
        let now = site.db.clock().now();
        let later = Time::from_micros(now.micros() + 60_000_000);
        site.enqueue(Job::new("count", "later").not_before(later)).await;
        site.enqueue(Job::new("of.tomorrow", "x")).await;
        assert_eq!(drain(&site.db, &counting()).await.unwrap(), 0);
        site.clock.set(later);
        assert_eq!(drain(&site.db, &counting()).await.unwrap(), 1);
        let waiting = site.in_state(State::Waiting).await;
        assert_eq!((waiting.len(), waiting[0].name.as_str(), waiting[0].attempts), (1, "of.tomorrow", 0));
    });
}

#[test]
fn a_job_for_now_is_done_whatever_the_clock_says() {
    on_both(|site| async move {
        let now = site.db.clock().now();
        site.enqueue(Job::new("count", "a")).await;
        site.clock.set(Time::from_micros(now.micros() - 86_400_000_000));
        assert_eq!(drain(&site.db, &counting()).await.unwrap(), 1);
    });
}

#[test]
fn what_fails_is_tried_again_later_and_given_up_at_last() {
    on_both(|site| async move {
        let tried = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&tried);
        let handler = Handler::new("fail", move |_| {
            let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Err(Error::new(Kind::Unavailable, "test.no", format!("No, for the {number}. time."))) }
        });
        let backoff = Backoff { first: Duration::from_secs(10), most: Duration::from_secs(40) };
        let jobs = Jobs::new().with(handler.attempts(3).backoff(backoff));
        site.enqueue(Job::new("fail", "a")).await;
        for attempt in 1..=3 {
            assert_eq!(drain(&site.db, &jobs).await.unwrap(), 1);
            assert_eq!(drain(&site.db, &jobs).await.unwrap(), 0, "it waits after attempt {attempt}");
            site.clock.advance_micros(40_000_000);
        }
        assert_eq!(drain(&site.db, &jobs).await.unwrap(), 0);
        let dead = site.in_state(State::Dead).await;
        assert_eq!((dead[0].attempts, dead[0].error.as_deref()), (3, Some("No, for the 3. time.")));

        jobs::retry(&site.db, "fail", "a").await.unwrap();
        assert_eq!(drain(&site.db, &jobs).await.unwrap(), 1);
        jobs::discard(&site.db, "fail", "a").await.unwrap();
        assert_eq!(site.in_state(State::Done).await.len(), 1);
        let unknown = jobs::retry(&site.db, "fail", "a").await.unwrap_err();
        assert_eq!(unknown.code(), "jobs.unknown");
    });
}

#[test]
fn a_handler_may_give_up_panic_or_take_too_long() {
    on_both(|site| async move {
        let jobs = Jobs::new()
            .with(Handler::new("hopeless", |_| async { Err(JobContext::give_up("Nobody lives there.")) }))
            .with(Handler::new("panics", |_| async { panic!("on purpose") }).attempts(1))
            .with(Handler::new("hangs", |_| std::future::pending()).attempts(1).limit(Duration::ZERO));
        for name in ["hopeless", "panics", "hangs"] {
            site.enqueue(Job::new(name, "a")).await;
        }
        assert_eq!(drain(&site.db, &jobs).await.unwrap(), 3);
        let mut dead = site.in_state(State::Dead).await;
        dead.sort_by(|one, other| one.name.cmp(&other.name));
        let errors: Vec<&str> = dead.iter().filter_map(|job| job.error.as_deref()).collect();
        assert_eq!(errors[1], "Nobody lives there.");
        assert!(errors[0].starts_with("It took longer than") && errors[2].contains("panic: on purpose"));
    });
}

#[test]
fn a_job_that_does_not_finish_itself_is_finished() {
    on_both(|site| async move {
        let tried = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&tried);
        let handler = Handler::new("plain", move |context: JobContext| {
            assert_eq!((context.name(), context.key(), context.attempt), ("plain", "a", 1));
            assert_eq!(context.payload, json!({"to": "b"}));
            seen.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        });
        site.enqueue(Job::new("plain", "a").payload(json!({"to": "b"}))).await;
        let jobs = Jobs::new().with(handler);
        drain(&site.db, &jobs).await.unwrap();
        drain(&site.db, &jobs).await.unwrap();
        assert_eq!(tried.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_secret_is_sealed_while_it_waits_and_gone_when_it_is_done() {
    on_both(|site| async move {
        let handler = Handler::new("tell", |context: JobContext| async move {
            assert_eq!(context.secret, Some(json!({"token": "abc"})));
            Ok(())
        });
        site.enqueue(Job::new("tell", "a").secret(json!({"token": "abc"}))).await;
        let stored = "SELECT name, octet_length(secret) FROM mains_jobs WHERE secret IS NOT NULL";
        assert_eq!(site.rows(stored).await, [("tell".to_owned(), 24 + 15 + 16)]);
        assert_eq!(drain(&site.db, &Jobs::new().with(handler)).await.unwrap(), 1);
        assert!(site.rows(stored).await.is_empty());
        assert_eq!(site.in_state(State::Done).await.len(), 1);
    });
}

#[test]
fn who_lost_a_job_has_no_effect() {
    on_both(|site| async move {
        // While the first attempt still works, the job is given to another process.
        let handler = Handler::new("count", |context: JobContext| async move {
            let steal = "UPDATE mains_jobs SET holder = $1 WHERE name = 'count'";
            let other = mains_base::Value::Bytes(vec![1; 16]);
            context.db.write(&[], move |tx| tx.execute_later(steal, std::slice::from_ref(&other))).await?;
            count(context).await
        });
        site.enqueue(Job::new("count", "a")).await;
        assert_eq!(drain(&site.db, &Jobs::new().with(handler)).await.unwrap(), 1);
        assert!(site.effects().await.is_empty());
        assert_eq!(site.in_state(State::Running).await.len(), 1);
    });
}
