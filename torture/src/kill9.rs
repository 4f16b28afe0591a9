//! `kill -9` of the server in a loop under load.

use std::io::{Error, Result};
use std::time::Duration;

use mains_testkit::postgres::{Disk, Server as Postgres};

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
    site.run(&["migrate"])?;
    let key = site.run(&["keys", "create", "--role", "staff"])?;
    let mut acknowledged = Acknowledged::new();
    for round in 0..options.rounds {
        let server = site.serve()?;
        let writers = Writers::start(server.port, &key, u64::from(round) * 1_000_000);
        std::thread::sleep(Duration::from_millis(300 + u64::from(round * 37 % 200)));
        server.kill()?;
        acknowledged.append(&mut writers.stop());
    }
    let server = site.serve()?;
    let (lost, wrong) = missing(server.port, &acknowledged)?;
    let title = format!("kill9 on {}", options.database());
    let counted =
        vec![(acknowledged.len(), "acknowledged"), (lost, "lost (must lose none)"), (wrong, "wrong")];
    let is_good = !acknowledged.is_empty() && lost == 0 && wrong == 0;
    Ok(Report { title, rounds: options.rounds, counted, is_good })
}
