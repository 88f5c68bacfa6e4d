//! The tree as the kernel asks for it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite, ReplyXattr, Request,
    TimeOrNow, WriteFlags,
};

use crate::odd::Quirk;
use crate::odd::tree::{New, Settings, Tree};

/// The kernel asks each time: what it remembers could be out of date, since a
/// name may stand for the file of another one.
const NEVER: Duration = Duration::ZERO;

pub(super) struct Served(Mutex<Tree>);

impl Served {
    pub(super) fn new(quirks: &[Quirk]) -> Self {
        Self(Mutex::new(Tree::new(quirks)))
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, request: &Request, at: INodeNo, name: &OsStr, new: New<'_>, reply: ReplyEntry) {
        let owner = (request.uid(), request.gid());
        let made = self.tree().make(at, name, &New { owner, ..new });
        match made {
            Ok(attributes) => reply.entry(&NEVER, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }
}

fn answer(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn answer_bytes(reply: ReplyXattr, size: u32, bytes: &[u8]) {
    match size {
        0 => reply.size(bytes.len() as u32),
        _ if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        _ => reply.data(bytes),
    }
}

fn kind(mode: u32) -> FileType {
    match mode & 0o170_000 {
        0o010_000 => FileType::NamedPipe,
        0o020_000 => FileType::CharDevice,
        0o060_000 => FileType::BlockDevice,
        0o140_000 => FileType::Socket,
        _ => FileType::RegularFile,
    }
}

fn time(time: TimeOrNow) -> SystemTime {
    match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    }
}

impl Filesystem for Served {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        if self.tree().has(Quirk::NoLocks) {
            // Without this the kernel keeps the locks itself.
            config
                .add_capabilities(InitFlags::FUSE_FLOCK_LOCKS)
                .map_err(|_| io::ErrorKind::Unsupported)?;
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, at: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let tree = self.tree();
        let found = tree.find(at, name).and_then(|ino| tree.get(ino));
        match found {
            Ok(inode) => reply.entry(&NEVER, &inode.attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.tree().get(ino) {
            Ok(inode) => reply.attr(&NEVER, &inode.attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let settings = Settings {
            mode,
            uid,
            gid,
            size,
            atime: atime.map(time),
            mtime: mtime.map(time),
        };
        match self.tree().set(ino, &settings) {
            Ok(attributes) => reply.attr(&NEVER, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.tree().get(ino) {
            Ok(inode) => reply.data(&inode.data),
            Err(error) => reply.error(error),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        at: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        let new = New {
            kind: kind(mode),
            mode: mode & !umask,
            owner: (0, 0),
            device,
            data: &[],
        };
        self.make(request, at, name, new, reply);
    }

    fn mkdir(
        &self,
        request: &Request,
        at: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let new = New {
            kind: FileType::Directory,
            mode: mode & !umask,
            owner: (0, 0),
            device: 0,
            data: &[],
        };
        self.make(request, at, name, new, reply);
    }

    fn symlink(
        &self,
        request: &Request,
        at: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let new = New {
            kind: FileType::Symlink,
            mode: 0o777,
            owner: (0, 0),
            device: 0,
            data: target.as_os_str().as_bytes(),
        };
        self.make(request, at, name, new, reply);
    }

    fn create(
        &self,
        request: &Request,
        at: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let new = New {
            kind: FileType::RegularFile,
            mode: mode & !umask,
            owner: (request.uid(), request.gid()),
            device: 0,
            data: &[],
        };
        match self.tree().make(at, name, &new) {
            Ok(attributes) => reply.created(
                &NEVER,
                &attributes,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, at: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.tree().remove(at, name));
    }

    fn rmdir(&self, _: &Request, at: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.tree().remove(at, name));
    }

    fn rename(
        &self,
        _: &Request,
        at: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mut tree = self.tree();
        let (from, to) = ((at, name), (to, new_name));
        let done = if flags.is_empty() {
            tree.rename(from, to)
        } else if tree.has(Quirk::PlainRename) {
            Err(Errno::EINVAL)
        } else if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            tree.exchange(from, to)
        } else if tree.find(to.0, to.1).is_ok() {
            Err(Errno::EEXIST)
        } else {
            tree.rename(from, to)
        };
        answer(reply, done);
    }

    fn link(&self, _: &Request, ino: INodeNo, at: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.tree().link(ino, at, name) {
            Ok(attributes) => reply.entry(&NEVER, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.tree().get(ino) {
            Ok(inode) => {
                let rest = inode.data.get(offset as usize..).unwrap_or_default();
                reply.data(&rest[..rest.len().min(size as usize)]);
            }
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.tree().write(ino, offset, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(
        &self,
        _: &Request,
        at: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        match self.tree().list(at, offset) {
            Ok(entries) => {
                for (number, ino, kind, name) in entries {
                    if reply.add(ino, number, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = self.tree().free_bytes() / 512;
        reply.statfs(free, free, free, 1 << 20, 1 << 20, 512, 255, 512);
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        _: i32,
        _: u32,
        reply: ReplyEmpty,
    ) {
        let mut tree = self.tree();
        if tree.has(Quirk::NoXattrs) {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let done = tree
            .get_mut(ino)
            .map(|inode| drop(inode.xattrs.insert(name.to_owned(), value.to_vec())));
        answer(reply, done);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let tree = self.tree();
        if tree.has(Quirk::NoXattrs) {
            return reply.error(Errno::EOPNOTSUPP);
        }
        match tree.get(ino).map(|inode| inode.xattrs.get(name)) {
            Ok(Some(value)) => answer_bytes(reply, size, value),
            Ok(None) => reply.error(Errno::ENODATA),
            Err(error) => reply.error(error),
        }
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let tree = self.tree();
        if tree.has(Quirk::NoXattrs) {
            return reply.error(Errno::EOPNOTSUPP);
        }
        match tree.get(ino) {
            Ok(inode) => {
                let names = inode.xattrs.keys();
                let names: Vec<u8> = names
                    .flat_map(|name| [name.as_bytes(), b"\0"].concat())
                    .collect();
                answer_bytes(reply, size, &names);
            }
            Err(error) => reply.error(error),
        }
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self
            .tree()
            .get_mut(ino)
            .and_then(|inode| inode.xattrs.remove(name).map(drop).ok_or(Errno::ENODATA));
        answer(reply, done);
    }

    fn setlk(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: LockOwner,
        _: u64,
        _: u64,
        _: i32,
        _: u32,
        _: bool,
        reply: ReplyEmpty,
    ) {
        // Asked only where locks are not the kernel's own.
        reply.error(Errno::ENOLCK);
    }
}
