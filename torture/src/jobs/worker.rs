//! The process that is killed: it enqueues, does jobs, and steps its clock from slot to slot.

use std::io::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

use mains_base::{Error as Failure, Kind, ManualClock, Time};
use mains_database::Db;
use mains_database::engine::{EngineSettings, ReadQuery, Route};
use mains_database::jobs::{
    self, Backoff, Cron, Handler, Job, JobContext, Jobs, Runner, RunnerSettings, Schedule,
};
use mains_database::schema;
use mains_language::schema::Owner;
use mains_language::site::{File, Layer, load};

const EFFECTS: &str = "key = [\"key\"]\n[fields.key]\ntype = \"text\"\nrequired = true\n[fields.times]\ntype = \"integer\"\nrequired = true\n";
const EFFECT: &str = "INSERT INTO mains_effects (\"key\", times) VALUES ($1, 1) \
    ON CONFLICT (\"key\") DO UPDATE SET times = mains_effects.times + 1";
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The key of the slot at this second.
pub(super) fn slot(seconds: i64) -> String {
    time(seconds).to_string()
}

fn time(seconds: i64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

/// Works until it is killed; the last life until all is done, then it tells all effects.
pub(crate) fn work(place: &str, clock: i64, round: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(live(place, clock, round)).map_err(Error::other)
}

async fn live(place: &str, seconds: i64, round: &str) -> mains_base::Result<()> {
    let clock = ManualClock::new(time(seconds));
    let db = open(place, clock.clone()).await?;
    let settings = RunnerSettings { lease: Duration::from_millis(600), ..RunnerSettings::default() };
    let runner = Runner::new(db.clone(), work_to_do()?, settings)?;
    let doing = runner.run(std::future::pending());
    let driving = async {
        if round == "last" {
            return end(&db, &clock, seconds).await;
        }
        let ((), ended) = tokio::join!(enqueue(&db, round), step(&db, &clock, seconds));
        ended
    };
    tokio::select! {
        () = doing => Ok(()),
        ended = driving => ended,
    }
}

async fn open(place: &str, clock: ManualClock) -> mains_base::Result<Db> {
    let mut files = jobs::tables();
    files.push(File { path: "tables/mains_effects.toml".into(), source: EFFECTS.into() });
    let declared =
        load(&[Layer { owner: Owner::Server, files }]).map_err(|_| Failure::internal("the tables"))?;
    let declared = Arc::new(declared);
    let settings = if place.starts_with("postgres://") {
        EngineSettings { write_threads: 4, ..EngineSettings::postgres(place) }
    } else {
        EngineSettings::sqlite(format!("{place}/site.db"))
    };
    let db = Db::open(&settings, Arc::new(clock)).await?;
    schema::bootstrap(db.engine()).await?;
    let plan = schema::plan(db.engine(), &declared).await?;
    schema::apply(db.engine(), &declared, &plan).await?;
    db.install(declared);
    Ok(db)
}

fn work_to_do() -> mains_base::Result<Jobs> {
    let backoff = Backoff { first: Duration::from_millis(10), most: Duration::from_secs(1) };
    let counting = Handler::new("count", effect).together(8).attempts(10_000).backoff(backoff);
    let slots = Handler::new("slots", effect).attempts(10_000).backoff(backoff);
    let minutely = Schedule::new("slots", Cron::parse("* * * * *", "UTC")?);
    Ok(Jobs::new().with(counting).with(slots).every(minutely))
}

/// Has its effect and finishes in one transaction; every fifth fails at first.
async fn effect(context: JobContext) -> mains_base::Result<()> {
    if context.attempt == 1 && context.key().ends_with(['0', '5']) {
        return Err(Failure::new(Kind::Unavailable, "torture.no", "Not at first."));
    }
    let db = context.db.clone();
    db.write(&[], move |tx| {
        tx.execute_later(EFFECT, &[context.key().into()])?;
        context.finish(tx)
    })
    .await
}

/// Enqueues without end; every third a second time.
async fn enqueue(db: &Db, round: &str) {
    for number in 0_u64.. {
        let key = format!("{round}.{number}");
        let again = number % 3 == 0;
        for _ in 0..=u8::from(again) {
            let job = Job::new("count", key.as_str());
            if db.write(&[], move |tx| tx.enqueue(job.clone())).await.is_ok() {
                println!("enqueued {key} end");
            }
        }
    }
}

/// Goes on from slot to slot, each when the one before has had its effect; now and then the clock is a day ahead for a
/// while, and comes back to a little before.
async fn step(db: &Db, clock: &ManualClock, from: i64) -> mains_base::Result<()> {
    // What the life before came to and perhaps never looked at.
    until_effect(db, from).await?;
    let mut seconds = from;
    for number in 1_u32.. {
        seconds += MINUTE;
        clock.set(time(seconds));
        println!("at {seconds} end");
        until_effect(db, seconds).await?;
        if number % 7 == 0 {
            clock.set(time(seconds + DAY + 30));
            until_effect(db, seconds + DAY).await?;
            for back in (0..3).rev() {
                clock.set(time(seconds - back * MINUTE));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    Ok(())
}

async fn until_effect(db: &Db, seconds: i64) -> mains_base::Result<()> {
    let key = slot(seconds);
    while !effects(db).await?.iter().any(|(name, _)| *name == key) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Lets time pass until nothing waits, then tells all effects.
async fn end(db: &Db, clock: &ManualClock, from: i64) -> mains_base::Result<()> {
    let mut seconds = from;
    loop {
        let left = "SELECT name, attempts FROM mains_jobs WHERE state <> 'done'";
        if rows(db, left).await?.is_empty() {
            break;
        }
        seconds += 1;
        clock.set(time(seconds));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (key, times) in effects(db).await? {
        println!("effect {key} {times}");
    }
    Ok(())
}

async fn effects(db: &Db) -> mains_base::Result<Vec<(String, i64)>> {
    rows(db, "SELECT \"key\", times FROM mains_effects").await
}

async fn rows(db: &Db, text: &'static str) -> mains_base::Result<Vec<(String, i64)>> {
    let query = ReadQuery { text: text.into(), parameters: Vec::new(), route: Route::Pool };
    db.engine()
        .read(query, |rows| {
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((row.text(0)?.unwrap_or_default().to_owned(), row.int(1)?.unwrap_or_default()));
            }
            Ok(found)
        })
        .await
}
