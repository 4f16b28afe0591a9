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
    let (folder, other) = (tempfile::tempdir_in(&setting.folder)?, tempfile::tempdir_in(&setting.folder)?);
    let site = Site::make(&setting.mains, folder.path(), RECORDS)?;
    let filled = Filled::make(&setting.pocketbase, other.path(), RECORDS)?;
    let ours = site.serve()?;
    let (header, their_header) = (site.header(), filled.header());
    let their_path = "/api/collections/posts/records?sort=-created&perPage=30&skipTotal=1";
    let [ours, theirs] = setting.servers_by_turns([
        (&ours, &|_| get("/api/posts?sort=-created&limit=30", &header)),
        (&filled.server, &|_| get(their_path, &their_header)),
    ])?;
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
