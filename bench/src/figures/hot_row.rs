//! 64 callers that all change one record of PostgreSQL, racing and in a lane: none is lost, none waits long.

use std::io::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mains_database::engine::{EngineSettings, Lane};

use super::{Measured, Setting};
use crate::callers::{CALLERS, run, runtime};
use crate::inside::Inside;
use crate::ours::uuid_of;
use crate::peers::postgres::Twins;
use crate::report::Figure;

/// What 99 of 100 callers may wait.
const LONGEST: Duration = Duration::from_millis(60);

/// The wait of each way, against the longest allowed.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        let twins = Twins::start().await?;
        let mains = Arc::new(Inside::filled(EngineSettings::postgres(&twins.ours), 2).await?);
        let racing = changed(setting, &mains, (0, Vec::new())).await?;
        let lane = vec![Lane::record("posts", uuid_of(1))];
        let in_lane = changed(setting, &mains, (1, lane)).await?;
        mains.close().await;
        Ok(vec![figure("hot-row", &racing), figure("hot-row in a lane", &in_lane)])
    })
}

/// Counts what was acknowledged and what is there at the end.
async fn changed(
    setting: &Setting,
    mains: &Arc<Inside>,
    (number, lanes): (u64, Vec<Lane>),
) -> Result<Measured> {
    let id = uuid_of(number);
    let before = mains.views(id).await?;
    let acknowledged = Arc::new(AtomicI64::new(0));
    let lanes: Arc<[Lane]> = lanes.into();
    let round = async |time: Duration| {
        let (mains, lanes, acknowledged) = (Arc::clone(mains), Arc::clone(&lanes), Arc::clone(&acknowledged));
        let change = move |_, _| {
            let (mains, lanes, acknowledged) =
                (Arc::clone(&mains), Arc::clone(&lanes), Arc::clone(&acknowledged));
            async move {
                mains.view(id, &lanes).await?;
                acknowledged.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        };
        run(CALLERS, time, change).await
    };
    let measured = setting.one(round).await?;
    let stored = mains.views(id).await? - before;
    let told = acknowledged.load(Ordering::Relaxed);
    if stored == told {
        return Ok(measured);
    }
    Err(Error::other(format!("{told} changes of one row were acknowledged, {stored} are stored")))
}

fn figure(name: &'static str, measured: &Measured) -> Figure {
    Figure {
        name,
        peer: "the longest allowed".to_owned(),
        unit: "ms",
        ours: measured.p99.as_secs_f64() * 1e3,
        theirs: LONGEST.as_secs_f64() * 1e3,
        goal: 1.0,
        at_most: true,
        notes: format!("0 lost; {}", measured.words()),
    }
}
