//! The product page of the Corner Shop, its queries included, as a visitor gets it.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
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
    let page = |number| {
        let place = usize::try_from(spread(number, slugs.len() as u64)).unwrap_or_default();
        get(&format!("/products/{}", slugs.get(place).map_or("", String::as_str)), "")
    };
    let (folder, other) = (tempfile::tempdir_in(&setting.folder)?, tempfile::tempdir_in(&setting.folder)?);
    let (ours, fastify) = (ours(setting, folder.path())?, web.fastify(folder.path())?);
    let django = web.django(other.path())?;
    let [ours, fastify, django] =
        setting.servers_by_turns([(&ours, &page), (&fastify, &page), (&django, &page)])?;
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
fn ours(setting: &Setting, folder: &Path) -> Result<Server> {
    let site = shop(&setting.root, folder)?;
    let mut command = Command::new(&setting.mains);
    command.arg("--site").arg(site).args(["serve", "--listen", "127.0.0.1:0"]).env("MAINS_LOG_LEVEL", "warn");
    Server::start_told(command)
}

/// A copy of the shop without what was stored in it.
pub(crate) fn shop(root: &Path, folder: &Path) -> Result<PathBuf> {
    let site = folder.join("shop");
    let copied = Command::new("cp").arg("-r").arg(root.join("examples/corner-shop")).arg(&site).status()?;
    if !copied.success() {
        return Err(Error::other("the shop cannot be copied"));
    }
    let _ = std::fs::remove_dir_all(site.join("data"));
    Ok(site)
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
