//! `mains new NAME`: a folder that runs at once.

use std::path::Path;

use mains_base::{Error, Kind, Result};

use crate::settings;
use crate::talk::Talk;

/// What every new site has, besides `mains.toml`.
const FILES: [(&str, &str); 5] = [
    ("collections/notes.toml", include_str!("notes.toml")),
    ("seeds/notes.jsonl", include_str!("notes.jsonl")),
    ("public/index.html", include_str!("index.html")),
    ("public/notes.js", include_str!("notes.js")),
    (".gitignore", "# The database, files and keys: made at first start, never committed.\n/data/\n"),
];

/// Writes the site into a new folder.
pub(crate) fn run(folder: &Path, talk: Talk) -> Result<()> {
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || folder.is_file() {
        let detail = format!("{} is there already and not empty; choose another name.", folder.display());
        return Err(Error::new(Kind::Conflict, "cli.folder_taken", detail));
    }
    let name = folder.file_name().map_or_else(|| "My site".into(), |name| name.to_string_lossy());
    write(&folder.join(settings::FILE), &settings::template(&name))?;
    for (path, text) in FILES {
        write(&folder.join(path), text)?;
    }
    talk.say(&format!("Made {}. Now:", folder.display()));
    talk.say(&format!("  mains --site {} dev", folder.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(
            Kind::Internal,
            "cli.not_written",
            format!("{} cannot be written: {error}.", path.display()),
        )
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
