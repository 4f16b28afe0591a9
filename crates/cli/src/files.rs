//! The files of a site's folder: what is declared, and the seeds.

use std::path::{Path, PathBuf};

use mains_base::{Error, Kind, Result};
use mains_language::schema::Owner;
use mains_language::site::{File, Layer};

/// The layers of a site, in order: Mains' own tables, then the site's collections.
pub(crate) fn layers(folder: &Path) -> Result<Vec<Layer>> {
    let mut server = mains_server::tables();
    let source = include_str!("../tables/mains_imports.toml").to_owned();
    server.files.push(File { path: "tables/mains_imports.toml".to_owned(), source });
    Ok(vec![server, Layer { owner: Owner::Site, files: declared(folder)? }])
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
