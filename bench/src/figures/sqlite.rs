//! Mains on SQLite, called in this process without HTTP, against bare loops over rusqlite: what everything around the
//! statements costs.

use std::io::Result;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mains_database::engine::EngineSettings;

use super::{Measured, Setting, spread};
use crate::callers::{CALLERS, run, runtime};
use crate::inside::Inside;
use crate::ours::uuid_of;
use crate::peers::sqlite as bare;
use crate::report::Figure;

const RECORDS: u64 = 10_000;

/// A read by id, a list of 30, and a durable create with its log row.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let (ours, theirs) = (folder.path().join("ours/mains.sqlite"), folder.path().join("theirs/mains.sqlite"));
    for path in [&ours, &theirs] {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    }
    runtime()?.block_on(async {
        Inside::filled(EngineSettings::sqlite(&theirs), RECORDS).await?.close().await;
        let mains = Arc::new(Inside::filled(EngineSettings::sqlite(&ours), RECORDS).await?);
        let figures = vec![
            get(setting, &mains, &theirs).await?,
            list(setting, &mains, &theirs).await?,
            create(setting, &mains, &theirs).await?,
        ];
        mains.close().await;
        Ok(figures)
    })
}

async fn get(setting: &Setting, mains: &Arc<Inside>, theirs: &Path) -> Result<Figure> {
    let ours = async |time: Duration| {
        let mains = Arc::clone(mains);
        run(CALLERS, time, move |_, number| get_one(Arc::clone(&mains), number)).await
    };
    let theirs = async |time: Duration| bare::get(theirs, time, |number| spread(number, RECORDS));
    let (ours, theirs) = setting.by_turns(ours, theirs).await?;
    Ok(figure("sqlite-get", 0.4, &ours, &theirs))
}

async fn get_one(mains: Arc<Inside>, number: u64) -> Result<()> {
    mains.get(uuid_of(spread(number, RECORDS))).await
}

async fn list(setting: &Setting, mains: &Arc<Inside>, theirs: &Path) -> Result<Figure> {
    let ours = async |time: Duration| {
        let mains = Arc::clone(mains);
        run(CALLERS, time, move |_, _| list_one(Arc::clone(&mains))).await
    };
    let (ours, theirs) = setting.by_turns(ours, async |time: Duration| bare::list(theirs, time)).await?;
    Ok(figure("sqlite-list", 0.4, &ours, &theirs))
}

async fn list_one(mains: Arc<Inside>) -> Result<()> {
    mains.list().await
}

async fn create(setting: &Setting, mains: &Arc<Inside>, theirs: &Path) -> Result<Figure> {
    let ours = async |time: Duration| {
        let mains = Arc::clone(mains);
        run(CALLERS, time, move |_, number| create_one(Arc::clone(&mains), number)).await
    };
    let (ours, theirs) = setting.by_turns(ours, async |time: Duration| bare::create(theirs, time)).await?;
    Ok(figure("sqlite-create", 0.4, &ours, &theirs))
}

async fn create_one(mains: Arc<Inside>, number: u64) -> Result<()> {
    mains.create(number).await
}

fn figure(name: &'static str, goal: f64, ours: &Measured, theirs: &Measured) -> Figure {
    Figure {
        name,
        peer: "bare loop".to_owned(),
        unit: "/s",
        ours: ours.per_second,
        theirs: theirs.per_second,
        goal,
        at_most: false,
        notes: format!("ours {}; theirs {}", ours.words(), theirs.words()),
    }
}
