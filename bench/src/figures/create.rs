//! One record made, with a caller and a rule; ours durable and with its log row, theirs as it ships.

use std::io::Result;

use super::Setting;
use crate::load::post;
use crate::ours::{Site, content};
use crate::peers::pocketbase::Filled;
use crate::report::Figure;

/// Against PocketBase's `synchronous=NORMAL`.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let body = |number| {
        let (title, body) = content(number);
        format!(r#"{{"title":"{title}","body":"{body}","views":1,"public":true}}"#)
    };
    let (folder, other) = (tempfile::tempdir_in(&setting.folder)?, tempfile::tempdir_in(&setting.folder)?);
    let site = Site::make(&setting.mains, folder.path(), 1)?;
    let filled = Filled::make(&setting.pocketbase, other.path(), 1)?;
    let ours = site.serve()?;
    let (header, their_header) = (site.header(), filled.header());
    let [ours, theirs] = setting.servers_by_turns([
        (&ours, &|number| post("/api/posts", &header, &body(number))),
        (&filled.server, &|number| post("/api/collections/posts/records", &their_header, &body(number))),
    ])?;
    Ok(vec![Figure {
        name: "create",
        peer: "PocketBase".to_owned(),
        unit: "/s",
        ours: ours.per_second,
        theirs: theirs.per_second,
        goal: 15.0,
        at_most: false,
        notes: format!("ours (durable) {}; theirs (not) {}", ours.words(), theirs.words()),
    }])
}
