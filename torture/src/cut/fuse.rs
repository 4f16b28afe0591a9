//! The disk as a mounted file system.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};

use super::disk::{Disk, File, Names, Node};
use super::fault::Call;

const TTL: Duration = Duration::ZERO;
const SOCKET: u32 = 0o140_000;
const FORMAT: u32 = 0o170_000;

/// Mounts the disk; dropping the session unmounts it.
pub(crate) fn mount(disk: &Arc<Mutex<Disk>>, place: &Path) -> io::Result<BackgroundSession> {
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("cut".to_owned())];
    fuser::spawn_mount(Mounted(disk.clone()), place, &config).map_err(|cause| {
        let text = "A file system of our own cannot be mounted here. It needs /dev/fuse, and root or fusermount3 \
            (on Debian in the package fuse3); in a container --device /dev/fuse --cap-add SYS_ADMIN.";
        io::Error::new(cause.kind(), format!("{text} {cause}"))
    })
}

struct Mounted(Arc<Mutex<Disk>>);

impl Mounted {
    /// The disk, as long as it has power.
    fn disk(&self) -> Result<MutexGuard<'_, Disk>, Errno> {
        let disk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.dead { Err(Errno::EIO) } else { Ok(disk) }
    }

    fn attributes(&self, number: u64) -> Result<FileAttr, Errno> {
        let disk = self.disk()?;
        let (kind, size) = match disk.nodes.get(&number).ok_or(Errno::ENOENT)? {
            Node::File(file) => (FileType::RegularFile, file.now.len() as u64),
            Node::Directory { .. } => (FileType::Directory, 0),
            Node::Socket => (FileType::Socket, 0),
        };
        Ok(FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: 0o700,
            nlink: 1,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn find(&self, parent: INodeNo, name: &OsStr) -> Result<FileAttr, Errno> {
        let number = *self.disk()?.names(parent.0).and_then(|names| names.get(name)).ok_or(Errno::ENOENT)?;
        self.attributes(number)
    }

    fn make(&self, parent: INodeNo, name: &OsStr, node: Node) -> Result<FileAttr, Errno> {
        let number = self.disk()?.add(parent.0, name, node);
        self.attributes(number)
    }

    fn remove(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        self.disk()?.names(parent.0).and_then(|names| names.remove(name)).map(drop).ok_or(Errno::ENOENT)
    }

    /// The disk, unless this call is to fail.
    fn willing(&self, call: Call, number: INodeNo) -> Result<(), Errno> {
        if self.disk()?.fails(call, number.0) { Err(Errno::EIO) } else { Ok(()) }
    }

    fn readable(&self, number: INodeNo, end: usize) -> Result<(), Errno> {
        self.willing(Call::Read, number)?;
        if self.disk()?.is_bad(number.0, end) { Err(Errno::EIO) } else { Ok(()) }
    }

    /// Every call comes to us, but for the one file that is mapped into memory.
    fn flags(&self, number: u64) -> Result<FopenFlags, Errno> {
        let mapped = self.disk()?.name_of(number).ends_with("-shm");
        Ok(if mapped { FopenFlags::empty() } else { FopenFlags::FOPEN_DIRECT_IO })
    }

    fn write_to(&self, number: INodeNo, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        self.willing(Call::Write, number)?;
        if !self.disk()?.has_room(number.0, at + bytes.len()) {
            return Err(Errno::ENOSPC);
        }
        self.on_file(number, |file| file.write(at, bytes))
    }

    fn set_length(&self, number: INodeNo, length: usize) -> Result<(), Errno> {
        if !self.disk()?.has_room(number.0, length) {
            return Err(Errno::ENOSPC);
        }
        self.on_file(number, |file| file.set_length(length))
    }

    fn sync(&self, number: INodeNo) -> Result<(), Errno> {
        self.willing(Call::Sync, number)?;
        self.disk().map(|mut disk| disk.sync(number.0))
    }

    fn on_file<T>(&self, number: INodeNo, act: impl FnOnce(&mut File) -> T) -> Result<T, Errno> {
        match self.disk()?.nodes.get_mut(&number.0) {
            Some(Node::File(file)) => Ok(act(file)),
            _ => Err(Errno::EISDIR),
        }
    }
}

fn empty(done: Result<(), Errno>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(done: Result<FileAttr, Errno>, reply: ReplyEntry) {
    match done {
        Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn attributes(done: Result<FileAttr, Errno>, reply: ReplyAttr) {
    match done {
        Ok(attributes) => reply.attr(&TTL, &attributes),
        Err(error) => reply.error(error),
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.find(parent, name), reply);
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        attributes(self.attributes(number.0), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let cut = size.map_or(Ok(()), |size| self.set_length(number, place(size)));
        attributes(cut.and_then(|()| self.attributes(number.0)), reply);
    }

    fn mknod(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let node = if mode & FORMAT == SOCKET { Node::Socket } else { Node::File(File::default()) };
        entry(self.make(parent, name, node), reply);
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let node = Node::Directory { now: Names::new(), safe: Names::new() };
        entry(self.make(parent, name, node), reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.remove(parent, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.remove(parent, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        other: INodeNo,
        new: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let moved = self.disk().and_then(|mut disk| {
            let number = disk.names(parent.0).and_then(|names| names.remove(name)).ok_or(Errno::ENOENT)?;
            disk.names(other.0).ok_or(Errno::ENOENT)?.insert(new.to_owned(), number);
            Ok(())
        });
        empty(moved, reply);
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        let made = self.make(parent, name, Node::File(File::default()));
        match made.and_then(|attributes| Ok((attributes, self.flags(attributes.ino.0)?))) {
            Ok((attributes, flags)) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.flags(number.0) {
            Ok(flags) => reply.opened(FileHandle(0), flags),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.readable(number, place(offset) + place(u64::from(size))).and_then(|()| {
            self.on_file(number, |file| {
                let from = place(offset).min(file.now.len());
                let to = (from + place(u64::from(size))).min(file.now.len());
                file.now.get(from..to).unwrap_or_default().to_vec()
            })
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write_to(number, place(offset), data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(0)),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(self.sync(number), reply);
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(self.disk().map(|mut disk| disk.sync(number.0)), reply);
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.disk().map(|mut disk| {
            let names = disk.names(number.0).map(|names| names.clone()).unwrap_or_default();
            names.into_iter().skip(place(offset)).collect::<Vec<_>>()
        });
        match listed {
            Ok(names) => {
                for (at, (name, node)) in names.into_iter().enumerate() {
                    if reply.add(INodeNo(node), offset + at as u64 + 1, FileType::RegularFile, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 24, 1 << 23, 1 << 23, 1 << 20, 1 << 19, 4096, 255, 4096);
    }
}
