//! What the disk refuses on command: single calls that fail, and a size that it may not outgrow.

use super::disk::{Disk, Node};

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
    Sync,
}

/// What is refused; nothing at first.
#[derive(Default)]
pub(crate) struct Faults {
    /// The call, the end of the file's name, how often yet.
    calls: Vec<(Call, String, usize)>,
    /// The end of a file's name and the place from which on it cannot be read.
    bad: Option<(String, usize)>,
    /// Bytes that all files together may have.
    room: Option<usize>,
}

impl Disk {
    /// Whether this call fails, which is noted. A failed fsync forgets what it should have made safe, as Linux does: the
    /// next one says that all is well.
    pub(crate) fn fails(&mut self, call: Call, number: u64) -> bool {
        if self.faults.calls.is_empty() {
            return false;
        }
        let name = self.name_of(number);
        let armed = |(which, end, left): &&mut (Call, String, usize)| {
            *which == call && *left > 0 && name.ends_with(end.as_str())
        };
        let Some((_, _, left)) = self.faults.calls.iter_mut().find(armed) else { return false };
        *left -= 1;
        if call == Call::Sync
            && let Some(Node::File(file)) = self.nodes.get_mut(&number)
        {
            file.forget();
        }
        true
    }

    /// Whether a read up to `end` touches what cannot be read.
    pub(crate) fn is_bad(&self, number: u64, end: usize) -> bool {
        let bad = self.faults.bad.as_ref();
        bad.is_some_and(|(name, from)| end > *from && self.name_of(number).ends_with(name.as_str()))
    }

    /// Whether a file may grow up to `end`.
    pub(crate) fn has_room(&self, number: u64, end: usize) -> bool {
        let Some(room) = self.faults.room else { return true };
        let length = self.length(number);
        end <= length || self.used() + (end - length) <= room
    }

    /// Bytes that all files take.
    pub(crate) fn used(&self) -> usize {
        self.nodes.keys().map(|number| self.length(*number)).sum()
    }

    fn length(&self, number: u64) -> usize {
        match self.nodes.get(&number) {
            Some(Node::File(file)) => file.now.len(),
            _ => 0,
        }
    }

    /// The name under which a file is found; empty when it has none.
    pub(crate) fn name_of(&self, number: u64) -> String {
        let directories = self.nodes.values().filter_map(|node| match node {
            Node::Directory { now, .. } => Some(now),
            _ => None,
        });
        let mut names = directories.flatten().filter(|(_, node)| **node == number);
        names.next().map(|(name, _)| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

impl Faults {
    /// The next `times` calls of this sort fail on files whose name ends so.
    pub(crate) fn fail(&mut self, call: Call, end: &str, times: usize) {
        self.calls = vec![(call, end.to_owned(), times)];
    }

    /// Files whose name ends so cannot be read from this place on; with `None` all can again.
    pub(crate) fn spoil(&mut self, bad: Option<(&str, usize)>) {
        self.bad = bad.map(|(end, from)| (end.to_owned(), from));
    }

    /// How many failures are still to come.
    pub(crate) fn left(&self) -> usize {
        self.calls.iter().map(|(_, _, left)| left).sum()
    }

    /// Sets how many bytes there are for all files.
    pub(crate) fn limit(&mut self, room: Option<usize>) {
        self.room = room;
    }
}
