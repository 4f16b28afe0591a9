//! CPU of a read and of a list over many records, against the same over 1,000.

use std::io::Result;

use super::{Measured, Setting, spread};
use crate::load::get;
use crate::ours::{Site, id_of};
use crate::report::Figure;

const FEW: u64 = 1_000;

/// Large against small.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let few = of(setting, FEW)?;
    let many = of(setting, setting.many)?;
    let figure = |name, ours: &Measured, theirs: &Measured| Figure {
        name,
        peer: format!("{FEW} records"),
        unit: "µs",
        ours: ours.micros_of_cpu,
        theirs: theirs.micros_of_cpu,
        goal: 1.25,
        at_most: true,
        notes: format!("{} records; {} against {}", setting.many, ours.words(), theirs.words()),
    };
    Ok(vec![figure("get many", &many.0, &few.0), figure("list many", &many.1, &few.1)])
}

fn of(setting: &Setting, records: u64) -> Result<(Measured, Measured)> {
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let site = Site::make(&setting.mains, folder.path(), records)?;
    let server = site.serve()?;
    let header = site.header();
    let one = setting.measure(&server, &|number| {
        get(&format!("/api/posts/{}", id_of(spread(number, records))), &header)
    })?;
    let list = setting.measure(&server, &|_| get("/api/posts?sort=-created&limit=30", &header))?;
    Ok((one, list))
}
