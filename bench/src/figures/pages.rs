//! The product page of the Corner Shop, its queries included, as a visitor gets it.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Measured, Setting, spread};
use crate::load::get;
use crate::peers::web::Web;
use crate::process::Server;
use crate::report::Figure;

/// Against the same page in Fastify and in Django.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let web = Web::install(&setting.root)?;
    let slugs = slugs(&web.shop().join("seeds/products.jsonl"))?;
    let measure = |server: &Server| {
        let count = slugs.len() as u64;
        let path = |number| usize::try_from(spread(number, count)).ok().and_then(|place| slugs.get(place));
        setting.measure(server, &|number| {
            get(&format!("/products/{}", path(number).map_or("", String::as_str)), "")
        })
    };
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let ours = measure(&ours(setting, &web, folder.path())?)?;
    let fastify = measure(&web.fastify(folder.path())?)?;
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let django = measure(&web.django(folder.path())?)?;
    let figure = |peer: &str, theirs: &Measured, goal| Figure {
        name: "pages",
        peer: peer.to_owned(),
        unit: "/s",
        ours: ours.per_second,
        theirs: theirs.per_second,
        goal,
        at_most: false,
        notes: format!("ours {}; theirs p50 {:?}, p99 {:?}", ours.words(), theirs.p50, theirs.p99),
    };
    Ok(vec![figure("Fastify, libsql, EJS", &fastify, 3.0), figure("Django, gunicorn", &django, 15.0)])
}

/// Serves a copy of the shop.
fn ours(setting: &Setting, web: &Web, folder: &Path) -> Result<Server> {
    let copied = Command::new("cp").arg("-r").arg(web.shop()).arg(folder.join("shop")).status()?;
    if !copied.success() {
        return Err(Error::other("the shop cannot be copied"));
    }
    let site = folder.join("shop");
    let _ = std::fs::remove_dir_all(site.join("data"));
    let mut command = Command::new(&setting.mains);
    command.arg("--site").arg(site).args(["serve", "--listen", "127.0.0.1:0"]).env("MAINS_LOG_LEVEL", "warn");
    Server::start_told(command)
}

fn slugs(seeds: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(seeds)?;
    let slug = |line: &str| {
        let record: Value = serde_json::from_str(line).map_err(Error::other)?;
        let slug = record.get("slug").and_then(Value::as_str);
        slug.map(str::to_owned).ok_or_else(|| Error::other(format!("no slug: {line}")))
    };
    text.lines().map(slug).collect()
}
