//! The files of a site's folder: what is declared, and the seeds.

use std::path::{Path, PathBuf};

use mains_base::{Error, Kind, Result};
use mains_language::schema::Owner;
use mains_language::site::{File, Layer};
use mains_server::{App, PageFile};

use crate::apps;

/// Folders within folders under `pages/`.
const DEPTH: usize = 8;

/// The layers of a site, in order: Mains' own tables, those of its apps, then the site's collections.
pub(crate) fn layers(folder: &Path) -> Result<Vec<Layer>> {
    let mut server = mains_server::tables();
    let source = include_str!("../tables/mains_imports.toml").to_owned();
    server.files.push(File { path: "tables/mains_imports.toml".to_owned(), source });
    let apps = apps::of(folder)?;
    let site = Layer { owner: Owner::Site, files: declared(folder)? };
    Ok(std::iter::once(server).chain(apps.iter().map(App::layer)).chain([site]).collect())
}

fn declared(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in with_ending(&folder.join("collections"), "toml")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(File { path: format!("collections/{name}"), source: read(&path)? });
    }
    Ok(files)
}

/// The seed files, by collection.
pub(crate) fn seeds(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut seeds = Vec::new();
    for path in with_ending(&folder.join("seeds"), "jsonl")? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        seeds.push((name, read(&path)?));
    }
    Ok(seeds)
}

/// The pages of a site, named from `pages/` on.
pub(crate) fn pages(folder: &Path) -> Result<Vec<PageFile>> {
    let root = folder.join("pages");
    let mut found = Vec::new();
    for path in templates(&root)? {
        let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
        found.push(PageFile { path: name, source: read(&path)? });
    }
    Ok(found)
}

/// The templates under a folder, by name, at most [`DEPTH`] folders deep. Links to elsewhere are not followed.
pub(crate) fn templates(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut open, mut found) = (vec![(root.to_owned(), 0)], Vec::new());
    while let Some((folder, depth)) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| unreadable(&folder, &error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&folder, &error))?;
            let (path, hidden) = (entry.path(), entry.file_name().as_encoded_bytes().starts_with(b"."));
            if kind.is_dir() && !hidden && depth < DEPTH {
                open.push((path, depth + 1));
            } else if kind.is_file() && !hidden && path.extension().is_some_and(|ending| ending == "html") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files of a folder with this ending, by name; a folder that is not there is empty.
fn with_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unreadable(folder, &error))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_some_and(|found| found == ending) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    // Anything else, a pipe or a device, may never end.
    if !std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.is_file() {
        let detail = format!("{} is no plain file; move it out of the site.", path.display());
        return Err(Error::new(Kind::Invalid, "cli.unreadable", detail));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// What to say of a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::NotFound, "cli.unreadable", format!("{} cannot be read: {error}.", path.display()))
}
