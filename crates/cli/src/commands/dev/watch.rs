//! Which files of a site `dev` follows, and how it learns that they changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mains_base::{Error, Result};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::files;
use crate::settings;

/// Changes that come within this time are one.
const QUIET: Duration = Duration::from_millis(80);
/// The folders that are followed, with the ending of their files.
const FOLDERS: [(&str, &str); 2] = [("collections", "toml"), ("seeds", "jsonl")];

/// The folder of templates, followed with all that is in it.
const PAGES: &str = "pages";

/// What the followed files hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) settings: Option<Vec<u8>>,
    pub(super) declared: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) pages: BTreeMap<PathBuf, Vec<u8>>,
}

impl Contents {
    /// Reads them. What cannot be read counts as not there: whoever takes it up says why.
    pub(super) fn read(folder: &Path) -> Self {
        let mut declared = BTreeMap::new();
        for (name, ending) in FOLDERS {
            for entry in std::fs::read_dir(folder.join(name)).into_iter().flatten().flatten() {
                let path = entry.path();
                let is_file = std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
                if is_file && path.extension().is_some_and(|found| found == ending) {
                    declared.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
                }
            }
        }
        let pages = files::templates(&folder.join(PAGES)).unwrap_or_default().into_iter();
        let pages = pages.map(|path| (path.clone(), std::fs::read(path).unwrap_or_default())).collect();
        Self { settings: std::fs::read(folder.join(settings::FILE)).ok(), declared, pages }
    }
}

/// Tells that something changed in the site's folder.
pub(super) struct Changes {
    folder: PathBuf,
    watcher: RecommendedWatcher,
    changed: mpsc::Receiver<()>,
}

impl Changes {
    /// Begins to watch.
    pub(super) fn watch(folder: &Path) -> Result<Self> {
        let (sender, changed) = mpsc::channel(1);
        let noted = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // A full channel already says that something changed.
                let _ = sender.try_send(());
            }
        };
        let mut watcher = notify::recommended_watcher(noted).map_err(unwatchable)?;
        // The folder itself, not mains.toml: editors put a new file in the place of the old one.
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(unwatchable)?;
        let mut changes = Self { folder: folder.to_owned(), watcher, changed };
        changes.watch_folders();
        Ok(changes)
    }

    /// Waits until something changed and is quiet; false when there is nothing to wait for any more.
    pub(super) async fn wait(&mut self) -> bool {
        if self.changed.recv().await.is_none() {
            return false;
        }
        while let Ok(Some(())) = timeout(QUIET, self.changed.recv()).await {}
        self.watch_folders();
        true
    }

    /// Watches the folders that are there now: one may have been made, or made again, since.
    fn watch_folders(&mut self) {
        let folders = FOLDERS.map(|(name, _)| (name, RecursiveMode::NonRecursive));
        for (name, mode) in folders.into_iter().chain([(PAGES, RecursiveMode::Recursive)]) {
            let path = self.folder.join(name);
            // Both fail where it is not there, and the folder of the site tells when it comes.
            let _ = self.watcher.unwatch(&path);
            let _ = self.watcher.watch(&path, mode);
        }
    }
}

fn unwatchable(error: notify::Error) -> Error {
    let detail = "The site's files cannot be watched. If too many files are being watched on this machine, raise \
                  fs.inotify.max_user_watches and max_user_instances.";
    Error::new(mains_base::Kind::Internal, "cli.unwatchable", detail).because(error)
}
