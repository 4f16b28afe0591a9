//! Power cuts: the data of the site stands on a disk of ours that forgets, wholly or in part, what was not synced.

mod disk;
mod fault;
mod fuse;
pub(crate) mod remote;

use std::io::{Error, Result};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::changers::{self, Changers, Expected, THINGS};
use crate::log;
use crate::options::{Options, Report};
use crate::site::Site;
use crate::writers::{Acknowledged, Writers, missing};
use disk::Disk;

/// Cuts the power again and again and counts what is gone.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let sync = if options.normal { "normal" } else { "full" };
    let environment = vec![("MAINS_DATABASE_SYNC", sync.to_owned())];
    let site = Site::make(folder.path(), &options.mains, environment)?;
    site.write("collections/things.toml", THINGS)?;
    let disk = Arc::new(Mutex::new(Disk::new()));
    let (key, hot) = {
        let _mounted = fuse::mount(&disk, &site.folder.join("data"))?;
        site.run(&["migrate"])?;
        let key = site.run(&["keys", "create", "--role", "staff"])?;
        let server = site.serve()?;
        let hot = changers::make_hot(server.port, &key)?;
        server.kill()?;
        lock(&disk)?.settle();
        (key, hot)
    };
    let (mut acknowledged, mut expected) = (Acknowledged::new(), Expected::default());
    for round in 0..options.rounds {
        let mounted = fuse::mount(&disk, &site.folder.join("data"))?;
        let server = site.serve()?;
        let writers = Writers::start(server.port, &key, u64::from(round) * 1_000_000);
        let changers = Changers::start(server.port, &key, &hot, round);
        std::thread::sleep(Duration::from_millis(200 + u64::from(round * 53 % 300)));
        lock(&disk)?.cut();
        server.kill()?;
        acknowledged.append(&mut writers.stop());
        changers.stop(&mut expected);
        drop(mounted);
        lock(&disk)?.recover(u64::from(round) + 1);
    }
    let _mounted = fuse::mount(&disk, &site.folder.join("data"))?;
    let server = site.serve()?;
    let (lost, wrong) = missing(server.port, &acknowledged)?;
    let (undone, strange) = changers::missing(server.port, &expected)?;
    let tables = log::stored(server.port)?;
    server.kill()?;
    // Whatever is lost is lost in both.
    let unlogged = log::differences_in(&site.folder.join("data"), &tables)?;
    let title = format!("cut with sync = {sync}");
    let wanted = if options.normal { "lost (must lose)" } else { "lost (must lose none)" };
    let counted = vec![
        (acknowledged.len(), "creates acknowledged"),
        (expected.changes, "other changes acknowledged"),
        (lost + undone, wanted),
        (wrong + strange, "wrong"),
        (unlogged, "otherwise in the log"),
    ];
    let some = !acknowledged.is_empty() && expected.changes > 0;
    let is_good = some && wrong + strange + unlogged == 0 && (lost + undone > 0) == options.normal;
    Ok(Report { title, rounds: options.rounds, counted, is_good })
}

fn lock(disk: &Mutex<Disk>) -> Result<std::sync::MutexGuard<'_, Disk>> {
    disk.lock().map_err(|_| Error::other("the disk's thread panicked"))
}
