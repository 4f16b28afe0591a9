//! A list of 30, the newest first, with a caller and a rule.

use std::io::Result;

use super::Setting;
use crate::load::get;
use crate::ours::Site;
use crate::peers::pocketbase::Filled;
use crate::report::Figure;

const RECORDS: u64 = 10_000;

/// Against PocketBase, which is spared its count.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let ours = {
        let folder = tempfile::tempdir_in(&setting.folder)?;
        let site = Site::make(&setting.mains, folder.path(), RECORDS)?;
        let server = site.serve()?;
        let header = site.header();
        setting.measure(&server, &|_| get("/api/posts?sort=-created&limit=30", &header))?
    };
    let theirs = {
        let folder = tempfile::tempdir_in(&setting.folder)?;
        let filled = Filled::make(&setting.pocketbase, folder.path(), RECORDS)?;
        let header = filled.header();
        let path = "/api/collections/posts/records?sort=-created&perPage=30&skipTotal=1";
        setting.measure(&filled.server, &|_| get(path, &header))?
    };
    Ok(vec![Figure {
        name: "list",
        peer: "PocketBase".to_owned(),
        unit: "/s",
        ours: ours.per_second,
        theirs: theirs.per_second,
        goal: 20.0,
        at_most: false,
        notes: format!("ours {}; theirs {}", ours.words(), theirs.words()),
    }])
}
