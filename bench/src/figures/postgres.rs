//! Mains on PostgreSQL, called in this process, against the same work written by hand over tokio-postgres.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use mains_database::engine::EngineSettings;

use super::{Measured, Setting, spread};
use crate::callers::{CALLERS, run, runtime};
use crate::inside::Inside;
use crate::load::Outcome;
use crate::ours::uuid_of;
use crate::peers::postgres::{Shared, Twins, Writers};
use crate::report::Figure;

const RECORDS: u64 = 10_000;

/// One record by id, as JSON, with a rule, against a shared pipelined loop.
pub(crate) fn get(setting: &Setting) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        let twins = Twins::start().await?;
        let mains = filled(&twins).await?;
        let shared = Arc::new(Shared::open(&twins.theirs).await?);
        let ours = async |time: Duration| {
            let mains = Arc::clone(&mains);
            run(CALLERS, time, move |_, number| get_ours(Arc::clone(&mains), number)).await
        };
        let theirs = async |time: Duration| {
            let shared = Arc::clone(&shared);
            run(CALLERS, time, move |caller, number| get_theirs(Arc::clone(&shared), caller, number)).await
        };
        figure(setting, ("postgres-get", "shared pipelined loop", 0.85), (ours, theirs), &mains).await
    })
}

async fn get_ours(mains: Arc<Inside>, number: u64) -> Result<()> {
    mains.get(uuid_of(spread(number, RECORDS))).await
}

async fn get_theirs(shared: Arc<Shared>, caller: usize, number: u64) -> Result<()> {
    shared.get(caller, uuid_of(spread(number, RECORDS))).await
}

/// One record made, with a rule and its log row, against a hand-pipelined transaction.
pub(crate) fn create(setting: &Setting) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        let twins = Twins::start().await?;
        let mains = filled(&twins).await?;
        let writers = Arc::new(Writers::open(&twins.theirs).await?);
        let ours = async |time: Duration| {
            let mains = Arc::clone(&mains);
            run(CALLERS, time, move |_, number| create_ours(Arc::clone(&mains), number)).await
        };
        let theirs = async |time: Duration| {
            let (count, writers) = (writers.count(), Arc::clone(&writers));
            run(count, time, move |caller, number| create_theirs(Arc::clone(&writers), caller, number)).await
        };
        figure(setting, ("postgres-create", "pipelined transaction", 0.85), (ours, theirs), &mains).await
    })
}

async fn create_ours(mains: Arc<Inside>, number: u64) -> Result<()> {
    mains.create(number).await
}

async fn create_theirs(writers: Arc<Writers>, caller: usize, number: u64) -> Result<()> {
    writers.create(caller, number).await
}

/// Load, decide, save, with its log row, against the same in two round trips.
pub(crate) fn update(setting: &Setting) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        let twins = Twins::start().await?;
        let mains = filled(&twins).await?;
        let writers = Arc::new(Writers::open(&twins.theirs).await?);
        let ours = async |time: Duration| {
            let mains = Arc::clone(&mains);
            run(CALLERS, time, move |_, number| view_ours(Arc::clone(&mains), number)).await
        };
        let theirs = async |time: Duration| {
            let (count, writers) = (writers.count(), Arc::clone(&writers));
            run(count, time, move |caller, number| view_theirs(Arc::clone(&writers), caller, number)).await
        };
        figure(setting, ("postgres-update", "two pipelined round trips", 0.9), (ours, theirs), &mains).await
    })
}

async fn view_ours(mains: Arc<Inside>, number: u64) -> Result<()> {
    mains.view(uuid_of(spread(number, RECORDS)), &[]).await
}

async fn view_theirs(writers: Arc<Writers>, caller: usize, number: u64) -> Result<()> {
    writers.view(caller, uuid_of(spread(number, RECORDS))).await
}

/// Both databases filled alike; Mains stays open over its own alone.
async fn filled(twins: &Twins) -> Result<Arc<Inside>> {
    Inside::filled(EngineSettings::postgres(&twins.theirs), RECORDS).await?.close().await;
    Inside::filled(EngineSettings::postgres(&twins.ours), RECORDS).await.map(Arc::new)
}

async fn figure(
    setting: &Setting,
    (name, peer, goal): (&'static str, &str, f64),
    (ours, theirs): (impl AsyncFn(Duration) -> Result<Outcome>, impl AsyncFn(Duration) -> Result<Outcome>),
    mains: &Inside,
) -> Result<Vec<Figure>> {
    let (ours, theirs): (Measured, Measured) = setting.by_turns(ours, theirs).await?;
    mains.close().await;
    Ok(vec![Figure {
        name,
        peer: peer.to_owned(),
        unit: "/s",
        ours: ours.per_second,
        theirs: theirs.per_second,
        goal,
        at_most: false,
        notes: format!("ours {}; theirs {}", ours.words(), theirs.words()),
    }])
}
