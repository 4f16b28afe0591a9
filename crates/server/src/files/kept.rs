//! Small files in memory: their bytes, the same compressed, and the hash that is their tag.
//!
//! Always true: what is given from memory is what lay there within the last second (in development: now), and all
//! together it is no more than a bound.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use mains_base::{Error, Result};
use sha2::{Digest, Sha256};

use super::{path, types};
use crate::compress;
use crate::pages::STYLE;
use crate::percent;

/// Files up to this size are kept; larger ones are read while they are sent.
pub(super) const MOST: u64 = 256 * 1024;
/// Bytes of all of them; one more begins anew.
const BOUND: usize = 64 * 1024 * 1024;
/// How long a file is believed to be what it was.
const BELIEVED: Duration = Duration::from_secs(1);
/// Addresses that are remembered; one more begins anew.
const ADDRESSES: usize = 4096;
/// The style of built-in pages, unless the site has its own.
const OWN: &str = "mains.css";

/// The own files of a site: where they lie, and the small ones in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Without symbolic links, so that what lies inside can be told by its beginning.
    root: Option<PathBuf>,
    believed: Duration,
    begun: Instant,
    kept: RwLock<HashMap<PathBuf, Arc<Kept>>>,
    bytes: AtomicUsize,
    style: Arc<Kept>,
    /// Addresses by the names that they were asked for by.
    addresses: RwLock<HashMap<String, Addressed>>,
}

/// The address of a file, good for as long as the file is believed to be what it was.
#[derive(Debug)]
struct Addressed {
    kept: Arc<Kept>,
    address: Arc<str>,
}

/// One small file.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stamp: Stamp,
    pub(super) tag: String,
    pub(super) plain: Bytes,
    /// Compressed, where that makes it smaller.
    pub(super) packed: Option<Bytes>,
    /// Milliseconds since the beginning when it was last looked at.
    looked: AtomicU64,
}

/// What tells one content of a file from the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) nanos: u128,
    pub(super) size: u64,
}

impl Default for Inner {
    fn default() -> Self {
        let style = Kept::new(OWN, Stamp::default(), Bytes::from_static(STYLE.as_bytes()));
        Self {
            root: None,
            believed: BELIEVED,
            begun: Instant::now(),
            kept: RwLock::default(),
            bytes: AtomicUsize::new(0),
            style: Arc::new(style),
            addresses: RwLock::default(),
        }
    }
}

impl Inner {
    /// Milliseconds since the beginning.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a file was looked at so lately that it is still the same.
    fn believes(&self, kept: &Kept) -> bool {
        let believed = u64::try_from(self.believed.as_millis()).unwrap_or(0);
        self.now().saturating_sub(kept.looked.load(Ordering::Relaxed)) < believed
    }
}

impl Assets {
    /// The files under `root`, which must exist where it is given.
    pub fn open(root: Option<&Path>) -> Result<Self> {
        let root = root.map(|root| {
            root.canonicalize().map_err(|error| {
                Error::internal(format!("the folder {} cannot be served: {error}", root.display()))
            })
        });
        Ok(Self { inner: Arc::new(Inner { root: root.transpose()?, ..Inner::default() }) })
    }

    /// The same, looking at a file each time, for development.
    pub fn watched(root: Option<&Path>) -> Result<Self> {
        let opened = Self::open(root)?;
        let root = opened.inner.root.clone();
        Ok(Self { inner: Arc::new(Inner { root, believed: Duration::ZERO, ..Inner::default() }) })
    }

    /// The address of a file, which is another one when its content is: it may be kept for ever.
    pub(crate) fn address(&self, name: &str) -> Arc<str> {
        let known = self.inner.addresses.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(name).filter(|known| self.inner.believes(&known.kept)) {
            return Arc::clone(&known.address);
        }
        drop(known);
        self.made(name)
    }

    fn made(&self, name: &str) -> Arc<str> {
        let plain = format!("/{}", name.trim_start_matches('/'));
        let Some(relative) = path::relative(&plain) else { return plain.into() };
        let encoded: Vec<String> = plain.split('/').map(percent::encode).collect();
        let address = encoded.join("/");
        let Some(kept) = self.find(&relative).or_else(|| self.read(&relative)) else { return address.into() };
        let address: Arc<str> = format!("{address}?v={}", kept.tag).into();
        let mut all = self.inner.addresses.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES {
            all.clear();
        }
        all.insert(name.to_owned(), Addressed { kept, address: Arc::clone(&address) });
        address
    }

    pub(super) fn root(&self) -> Option<&Path> {
        self.inner.root.as_deref()
    }

    /// A file from memory, if it is still what it was.
    pub(super) fn find(&self, name: &Path) -> Option<Arc<Kept>> {
        let kept = self.inner.kept.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let Some(kept) = kept else {
            return self.own(name);
        };
        if self.inner.believes(&kept) {
            return Some(kept);
        }
        let stamp =
            std::fs::metadata(self.inner.root.as_ref()?.join(name)).ok().map(|found| Stamp::of(&found));
        if stamp == Some(kept.stamp) {
            kept.looked.store(self.inner.now(), Ordering::Relaxed);
            return Some(kept);
        }
        let mut all = self.inner.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(gone) = all.remove(name) {
            self.inner.bytes.fetch_sub(gone.bytes(), Ordering::Relaxed);
        }
        None
    }

    /// The built-in style, where the site has none of this name.
    fn own(&self, name: &Path) -> Option<Arc<Kept>> {
        let is_own = name == Path::new(OWN);
        let replaced = || self.inner.root.as_ref().is_some_and(|root| root.join(name).exists());
        let looked = || self.inner.style.looked.store(self.inner.now(), Ordering::Relaxed);
        (is_own && !replaced()).then(looked).map(|()| Arc::clone(&self.inner.style))
    }

    fn read(&self, name: &Path) -> Option<Arc<Kept>> {
        let root = self.inner.root.as_ref()?;
        let inside = root.join(name).canonicalize().ok().filter(|path| path.starts_with(root))?;
        let (mut file, stamp) = open_plain(&inside)?;
        (stamp.size <= MOST).then(|| self.keep(name, &mut file, stamp).ok())?
    }

    /// Reads a small file and keeps it.
    pub(super) fn keep(&self, name: &Path, file: &mut File, stamp: Stamp) -> io::Result<Arc<Kept>> {
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0));
        file.take(MOST + 1).read_to_end(&mut bytes)?;
        let kept = Arc::new(Kept::new(&name.to_string_lossy(), stamp, bytes.into()));
        kept.looked.store(self.inner.now(), Ordering::Relaxed);
        let mut all = self.inner.kept.write().unwrap_or_else(PoisonError::into_inner);
        if self.inner.bytes.load(Ordering::Relaxed) + kept.bytes() > BOUND {
            all.clear();
            self.inner.bytes.store(0, Ordering::Relaxed);
        }
        let gone = all.insert(name.to_owned(), Arc::clone(&kept)).map_or(0, |gone| gone.bytes());
        self.inner.bytes.fetch_add(kept.bytes(), Ordering::Relaxed);
        self.inner.bytes.fetch_sub(gone, Ordering::Relaxed);
        Ok(kept)
    }
}

impl Kept {
    fn new(name: &str, stamp: Stamp, plain: Bytes) -> Self {
        let packed = compress::is_worth(types::media_type(name), plain.len()).then(|| compress::best(&plain));
        let packed = packed.filter(|packed| packed.len() < plain.len());
        let hash = Sha256::digest(&plain);
        let tag = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        Self { stamp, tag: format!("{tag:016x}"), plain, packed, looked: AtomicU64::new(0) }
    }

    fn bytes(&self) -> usize {
        self.plain.len() + self.packed.as_ref().map_or(0, Bytes::len)
    }
}

/// Opens a plain file, and nothing else. It is asked before it is opened: opening a pipe waits for who writes into it.
pub(super) fn open_plain(path: &Path) -> Option<(File, Stamp)> {
    std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    let file = File::open(path).ok()?;
    let stamp = file.metadata().ok().filter(Metadata::is_file).map(|found| Stamp::of(&found))?;
    Some((file, stamp))
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self { nanos: since.map_or(0, |since| since.as_nanos()), size: metadata.len() }
    }

    /// Seconds since 1970.
    pub(super) fn seconds(self) -> Option<i64> {
        i64::try_from(self.nanos / 1_000_000_000).ok().filter(|seconds| *seconds > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_remembered_as_long_as_its_file_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.css");
        std::fs::write(&file, "a").unwrap();
        let root = Some(folder.path().canonicalize().unwrap());
        let begun = Instant::now().checked_sub(BELIEVED * 10).unwrap();
        let assets = Assets { inner: Arc::new(Inner { root, begun, ..Inner::default() }) };
        let first = assets.address("a.css");
        assert!(first.starts_with("/a.css?v="), "{first}");
        assert!(Arc::ptr_eq(&first, &assets.address("a.css")));
        std::fs::write(&file, "longer").unwrap();
        assert_eq!(first, assets.address("a.css"));
        // As if it had been looked at long ago.
        assets.find(Path::new("a.css")).unwrap().looked.store(0, Ordering::Relaxed);
        assert_ne!(first, assets.address("a.css"));
        // What is not there has an address, too, and gets its tag as soon as it is.
        assert_eq!(&*assets.address("b c.css"), "/b%20c.css");
        std::fs::write(folder.path().join("b c.css"), "b").unwrap();
        assert!(assets.address("b c.css").starts_with("/b%20c.css?v="));
    }
}
