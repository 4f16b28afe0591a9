//! The model of a disk with a volatile cache: what a file holds now, what is safe, and the writes in between.
//!
//! A file's bytes are safe after its fsync, a directory's names after the directory's fsync: no more than POSIX promises.
//! At a cut each write that is not safe survives wholly, in part (sectors of 512 bytes, any of them) or not at all.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::fault::Faults;

/// The root directory's number, as FUSE wants it.
pub(crate) const ROOT: u64 = 1;
const SECTOR: usize = 512;

/// All files and directories.
pub(crate) struct Disk {
    pub(crate) nodes: BTreeMap<u64, Node>,
    next: u64,
    /// The power is gone: nothing works, nothing becomes safe.
    pub(crate) dead: bool,
    /// What it refuses.
    pub(crate) faults: Faults,
}

/// A file, a directory or a socket.
pub(crate) enum Node {
    File(File),
    Directory { now: Names, safe: Names },
    Socket,
}

/// Names of a directory.
pub(crate) type Names = BTreeMap<OsString, u64>;

/// A file's bytes.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) now: Vec<u8>,
    safe: Vec<u8>,
    /// What happened since the last fsync, in order.
    since: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl File {
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        apply(&mut self.now, at, bytes);
        self.since.push(Change::Write(at, bytes.to_vec()));
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.now.resize(length, 0);
        self.since.push(Change::Cut(length));
    }

    pub(crate) fn sync(&mut self) {
        for change in self.since.drain(..) {
            replay(&mut self.safe, &change, |_| true);
        }
    }

    /// What was not safe never will be, though it can be read until the power goes.
    pub(crate) fn forget(&mut self) {
        self.since.clear();
    }

    fn recover(&mut self, dice: &mut Dice) {
        let mut after = self.safe.clone();
        for change in std::mem::take(&mut self.since) {
            // A third survives whole, a third is torn, a third is lost.
            let fate = dice.roll() % 3;
            replay(&mut after, &change, |_| fate == 0 || fate == 1 && dice.roll().is_multiple_of(2));
        }
        self.safe.clone_from(&after);
        self.now = after;
    }
}

fn apply(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(new);
    }
}

fn replay(bytes: &mut Vec<u8>, change: &Change, mut survives: impl FnMut(usize) -> bool) {
    match change {
        Change::Cut(length) => {
            if survives(0) {
                bytes.resize(*length, 0);
            }
        }
        Change::Write(at, new) => {
            for (number, sector) in new.chunks(SECTOR).enumerate() {
                if survives(number) {
                    apply(bytes, at + number * SECTOR, sector);
                }
            }
        }
    }
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new() -> Self {
        let root = Node::Directory { now: Names::new(), safe: Names::new() };
        Self { nodes: BTreeMap::from([(ROOT, root)]), next: ROOT + 1, dead: false, faults: Faults::default() }
    }

    /// Adds a node under a name.
    pub(crate) fn add(&mut self, parent: u64, name: &OsStr, node: Node) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, node);
        if let Some(Node::Directory { now, .. }) = self.nodes.get_mut(&parent) {
            now.insert(name.to_owned(), number);
        }
        number
    }

    /// Names of a directory as they are now.
    pub(crate) fn names(&mut self, directory: u64) -> Option<&mut Names> {
        match self.nodes.get_mut(&directory) {
            Some(Node::Directory { now, .. }) => Some(now),
            _ => None,
        }
    }

    /// fsync of a file or a directory.
    pub(crate) fn sync(&mut self, number: u64) {
        match self.nodes.get_mut(&number) {
            Some(Node::File(file)) => file.sync(),
            Some(Node::Directory { now, safe }) => safe.clone_from(now),
            _ => {}
        }
    }

    /// Makes everything safe: where the torture begins.
    pub(crate) fn settle(&mut self) {
        let numbers: Vec<u64> = self.nodes.keys().copied().collect();
        for number in numbers {
            self.sync(number);
        }
    }

    /// The power goes.
    pub(crate) fn cut(&mut self) {
        self.dead = true;
    }

    /// The power comes back: what was safe is there, what was not is up to the dice.
    pub(crate) fn recover(&mut self, seed: u64) {
        let mut dice = Dice(seed);
        for node in self.nodes.values_mut() {
            match node {
                Node::File(file) => file.recover(&mut dice),
                Node::Directory { now, safe } => now.clone_from(safe),
                Node::Socket => {}
            }
        }
        self.dead = false;
    }
}

/// Source: splitmix64 (Steele, Lea, Flood, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_survives_and_the_rest_is_torn() {
        let mut disk = Disk::new();
        let file = disk.add(ROOT, OsStr::new("a"), Node::File(File::default()));
        let held = |disk: &Disk| match &disk.nodes[&file] {
            Node::File(file) => file.now.clone(),
            _ => Vec::new(),
        };
        disk.sync(ROOT);
        if let Some(Node::File(file)) = disk.nodes.get_mut(&file) {
            file.write(0, &[1; 4096]);
            file.sync();
            file.write(0, &[2; 4096]);
        }
        assert_eq!(held(&disk), [2; 4096]);
        let mut seen = [false; 3];
        for seed in 0..50 {
            disk.recover(seed);
            let bytes = held(&disk);
            let new: usize = bytes.iter().map(|byte| usize::from(*byte == 2)).sum();
            assert!(new.is_multiple_of(SECTOR) && bytes.len() == 4096);
            seen[usize::from(new > 0) + usize::from(new == 4096)] = true;
            if let Some(Node::File(file)) = disk.nodes.get_mut(&file) {
                file.write(0, &[1; 4096]);
                file.sync();
                file.write(0, &[2; 4096]);
            }
        }
        assert_eq!(seen, [true; 3], "lost, torn and whole");
    }

    #[test]
    fn a_name_is_safe_only_after_its_directory() {
        let mut disk = Disk::new();
        disk.add(ROOT, OsStr::new("a"), Node::File(File::default()));
        disk.recover(1);
        assert!(disk.names(ROOT).unwrap().is_empty());
    }
}
