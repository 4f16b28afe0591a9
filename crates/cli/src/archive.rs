//! The file of a backup: a tar (POSIX ustar) of `manifest.json` and what it lists, each with its length and SHA-256.
//!
//! Invariants: a backup has its name only when it is complete, on the disk, and read back; what is unpacked is what
//! the manifest lists and nothing else.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use mains_base::{Error, Kind, Result};
use mains_database::backup::SavedTable;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name of the first entry.
const MANIFEST: &str = "manifest.json";
/// The longest manifest, in bytes.
const LONGEST: u64 = 16 << 20;

/// The database as SQLite's own file.
pub(crate) const DATABASE: &str = "site.db";

/// What a backup holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The form of the rows.
    pub(crate) format: u32,
    /// The program that made it.
    pub(crate) release: String,
    /// When.
    pub(crate) made: String,
    /// `sqlite` or `postgres`.
    pub(crate) database: String,
    /// The newest position in the log, and its timeline.
    pub(crate) position: i64,
    pub(crate) timeline: String,
    /// The tables, where their rows are JSON Lines; none where the database is one file.
    pub(crate) tables: Vec<SavedTable>,
    /// What stands behind the manifest.
    pub(crate) files: Vec<Listed>,
}

/// A file of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    /// Whether the database is one file, as SQLite has it.
    pub(crate) fn is_file(&self) -> bool {
        self.tables.is_empty()
    }
}

/// Packs the files of `folder` into a new file, brings it to the disk and reads it back. The manifest is completed.
pub(crate) fn pack(to: &Path, folder: &Path, mut manifest: Manifest) -> Result<Manifest> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    manifest.files = names.iter().map(|name| listed(folder, name)).collect::<Result<_>>()?;
    let file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let mut tar = tar::Builder::new(BufWriter::new(file));
    let text = serde_json::to_vec_pretty(&manifest).map_err(Error::internal)?;
    tar.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice())?;
    for listed in &manifest.files {
        let content = BufReader::new(File::open(folder.join(&listed.name))?);
        tar.append_data(&mut header(listed.bytes), &listed.name, content)?;
    }
    let file = tar.into_inner()?.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    file.sync_all()?;
    read(to, &mut |_, content| std::io::copy(content, &mut std::io::sink()).map_err(Error::from))?;
    Ok(manifest)
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o600);
    header.set_size(bytes);
    header
}

fn listed(folder: &Path, name: &str) -> Result<Listed> {
    let mut file = BufReader::new(File::open(folder.join(name))?);
    let mut content = Hashing { inner: &mut file, hash: Sha256::new() };
    let bytes = std::io::copy(&mut content, &mut std::io::sink())?;
    Ok(Listed { name: name.to_owned(), bytes, sha256: hexadecimal(&content.hash.finalize()) })
}

/// Unpacks a backup into an empty folder, proving each file.
pub(crate) fn unpack(from: &Path, folder: &Path) -> Result<Manifest> {
    read(from, &mut |name, content| {
        let mut file =
            BufWriter::new(File::options().write(true).create_new(true).mode(0o600).open(folder.join(name))?);
        let bytes = std::io::copy(content, &mut file)?;
        let file = file.into_inner().map_err(|error| Error::internal(error.to_string()))?;
        file.sync_all()?;
        Ok(bytes)
    })
}

type Take<'t> = dyn FnMut(&str, &mut dyn Read) -> Result<u64> + 't;

/// Reads a backup from its beginning to its end; each file it lists goes through `take`.
fn read(from: &Path, take: &mut Take<'_>) -> Result<Manifest> {
    let file = File::open(from).map_err(|error| crate::files::unreadable(from, &error))?;
    let mut tar = tar::Archive::new(BufReader::new(file));
    let mut entries = tar.entries().map_err(no_backup)?;
    let first = entries.next().ok_or_else(|| broken("it is empty"))?.map_err(no_backup)?;
    let mut text = Vec::new();
    first.take(LONGEST).read_to_end(&mut text).map_err(no_backup)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| broken(&error.to_string()))?;
    if manifest.format > mains_database::backup::FORMAT {
        let detail = format!(
            "This backup was made by a newer Mains ({}). Restore it with that one.",
            manifest.release
        );
        return Err(Error::new(Kind::Conflict, "backup.newer", detail));
    }
    let mut left = manifest.files.iter();
    for entry in entries {
        let mut entry = entry.map_err(no_backup)?;
        let listed = left.next().ok_or_else(|| broken("it holds more than it lists"))?;
        let name = entry.path().map_err(no_backup)?.into_owned();
        if name != Path::new(&listed.name) || !is_plain(&listed.name) {
            return Err(broken(&format!("{} stands where {} should", name.display(), listed.name)));
        }
        let mut content = Hashing { inner: &mut entry, hash: Sha256::new() };
        let bytes = take(&listed.name, &mut content)?;
        if bytes != listed.bytes || hexadecimal(&content.hash.finalize()) != listed.sha256 {
            return Err(broken(&format!("{} is not as it was written", listed.name)));
        }
    }
    match left.next() {
        Some(missing) => Err(broken(&format!("it ends before {}", missing.name))),
        None => Ok(manifest),
    }
}

/// A name of one file, not a way to another folder.
fn is_plain(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    !name.starts_with('.') && !name.is_empty() && name.bytes().all(fits)
}

struct Hashing<'r> {
    inner: &'r mut dyn Read,
    hash: Sha256,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Bytes as text.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn no_backup(error: std::io::Error) -> Error {
    broken(&error.to_string())
}

/// What is said of a broken file may quote it, and a terminal obeys some bytes.
fn broken(reason: &str) -> Error {
    let reason: String = reason
        .chars()
        .take(200)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect();
    let detail = format!("This is no whole backup: {reason}. Take another one.");
    Error::new(Kind::Invalid, "backup.broken", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        std::fs::create_dir(&content).unwrap();
        std::fs::write(content.join(DATABASE), "x".repeat(3000)).unwrap();
        let manifest = Manifest {
            format: 1,
            release: "0".into(),
            made: "now".into(),
            database: "sqlite".into(),
            position: 7,
            timeline: "t".into(),
            tables: Vec::new(),
            files: Vec::new(),
        };
        let to = folder.path().join("backup.tar");
        pack(&to, &content, manifest).unwrap();
        (folder, to)
    }

    fn unpacked(folder: &Path, from: &Path) -> Result<Manifest> {
        let into = folder.join("into");
        drop(std::fs::remove_dir_all(&into));
        std::fs::create_dir(&into).unwrap();
        unpack(from, &into)
    }

    #[test]
    fn what_was_packed_comes_back() {
        let (folder, to) = packed();
        let manifest = unpacked(folder.path(), &to).unwrap();
        assert_eq!((manifest.position, manifest.files.len(), manifest.is_file()), (7, 1, true));
        assert_eq!(std::fs::read(folder.path().join("into").join(DATABASE)).unwrap(), [b'x'; 3000]);
    }

    #[test]
    fn a_byte_that_changed_or_is_missing_is_told() {
        let (folder, to) = packed();
        let whole = std::fs::read(&to).unwrap();
        let place = whole.windows(4).position(|part| part == b"xxxx").unwrap() + 1000;
        let mut changed = whole.clone();
        changed[place] = b'y';
        let mut bells = vec![0x07_u8; 512];
        bells[124..136].fill(0x1b);
        std::fs::write(&to, &bells).unwrap();
        let told = unpacked(folder.path(), &to).unwrap_err();
        assert!(!told.detail().contains(char::is_control), "{:?}", told.detail());
        for wrong in [&changed[..], &whole[..place], &whole[..700], b"", b"nothing of the kind"] {
            std::fs::write(&to, wrong).unwrap();
            assert_eq!(unpacked(folder.path(), &to).unwrap_err().code(), "backup.broken");
        }
    }
}
