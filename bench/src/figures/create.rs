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
    let ours = {
        let folder = tempfile::tempdir_in(&setting.folder)?;
        let site = Site::make(&setting.mains, folder.path(), 1)?;
        let server = site.serve()?;
        let header = site.header();
        setting.measure(&server, &|number| post("/api/posts", &header, &body(number)))?
    };
    let theirs = {
        let folder = tempfile::tempdir_in(&setting.folder)?;
        let filled = Filled::make(&setting.pocketbase, folder.path(), 1)?;
        let header = filled.header();
        setting.measure(&filled.server, &|number| {
            post("/api/collections/posts/records", &header, &body(number))
        })?
    };
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
