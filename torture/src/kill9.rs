//! `kill -9` of the server in a loop under load.

use std::io::{Error, Result};
use std::time::Duration;

use mains_database::engine::EngineSettings;
use mains_testkit::postgres::{Disk, Server as Postgres};

use crate::changers::{self, Changers, Expected, THINGS};
use crate::log;
use crate::options::{Options, Report};
use crate::site::Site;
use crate::writers::{Acknowledged, Writers, missing};

/// Kills, restarts and counts.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let postgres =
        options.postgres.then(|| Postgres::start(Disk::Durable)).transpose().map_err(Error::other)?;
    let mut environment = Vec::new();
    if let Some(postgres) = &postgres {
        environment.push(("MAINS_DATABASE_URL", postgres.url()));
    }
    let site = Site::make(folder.path(), &options.mains, environment)?;
    site.write("collections/things.toml", THINGS)?;
    site.run(&["migrate"])?;
    let key = site.run(&["keys", "create", "--role", "staff"])?;
    let (mut acknowledged, mut expected) = (Acknowledged::new(), Expected::default());
    let server = site.serve()?;
    let hot = changers::make_hot(server.port, &key)?;
    server.kill()?;
    for round in 0..options.rounds {
        let server = site.serve()?;
        let writers = Writers::start(server.port, &key, u64::from(round) * 1_000_000);
        let changers = Changers::start(server.port, &key, &hot, round);
        std::thread::sleep(Duration::from_millis(300 + u64::from(round * 37 % 200)));
        server.kill()?;
        acknowledged.append(&mut writers.stop());
        changers.stop(&mut expected);
    }
    let server = site.serve()?;
    let (lost, wrong) = missing(server.port, &acknowledged)?;
    let (undone, strange) = changers::missing(server.port, &expected)?;
    let tables = log::stored(server.port)?;
    server.kill()?;
    let unlogged = match &postgres {
        Some(postgres) => log::differences(&EngineSettings::postgres(postgres.url()), &tables)?,
        None => log::differences_in(&site.folder.join("data"), &tables)?,
    };
    let title = format!("kill9 on {}", options.database());
    let counted = vec![
        (acknowledged.len(), "creates acknowledged"),
        (expected.changes, "other changes acknowledged"),
        (lost + undone, "lost (must lose none)"),
        (wrong + strange, "wrong"),
        (unlogged, "otherwise in the log"),
    ];
    let nothing_wrong = lost + undone + wrong + strange + unlogged == 0;
    let is_good = nothing_wrong && !acknowledged.is_empty() && expected.changes > 0;
    Ok(Report { title, rounds: options.rounds, counted, is_good })
}
