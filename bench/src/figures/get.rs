//! One record by id, with a caller and a rule.

use std::io::Result;
use std::process::Command;

use super::{Setting, spread};
use crate::load::get;
use crate::ours::{Site, id_of};
use crate::peers::pocketbase::Filled;
use crate::process::{Server, free_port};
use crate::report::Figure;

const RECORDS: u64 = 10_000;

/// Against bare hyper with a body of the same size, and against PocketBase.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let (ours, hyper) = {
        let folder = tempfile::tempdir_in(&setting.folder)?;
        let site = Site::make(&setting.mains, folder.path(), RECORDS)?;
        let (ours, bare) = (site.serve()?, bare()?);
        let header = site.header();
        let path = |number| format!("/api/posts/{}", id_of(spread(number, RECORDS)));
        let [ours, hyper] = setting.servers_by_turns([
            (&ours, &|number| get(&path(number), &header)),
            (&bare, &|number| get(&path(number), "")),
        ])?;
        (ours, hyper)
    };
    // By itself: it writes its log after its turn, which would be taken from whoever is next.
    let pocketbase = {
        let folder = tempfile::tempdir_in(&setting.folder)?;
        let filled = Filled::make(&setting.pocketbase, folder.path(), RECORDS)?;
        let header = filled.header();
        let path =
            |number| format!("/api/collections/posts/records/{}", filled.id_of(spread(number, RECORDS)));
        setting.measure(&filled.server, &|number| get(&path(number), &header))?
    };
    let figure = |peer: &str, theirs: &super::Measured, goal| Figure {
        name: "get",
        peer: peer.to_owned(),
        unit: "/s",
        ours: ours.per_second,
        theirs: theirs.per_second,
        goal,
        at_most: false,
        notes: format!("ours {}; theirs {}", ours.words(), theirs.words()),
    };
    Ok(vec![figure("bare hyper", &hyper, 0.65), figure("PocketBase", &pocketbase, 12.0)])
}

/// hyper that answers with a prepared body.
fn bare() -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["peer-hyper", &port.to_string()]);
    Server::start(command, port)
}
