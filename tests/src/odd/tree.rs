//! The tree of a filesystem with quirks: what is in it, and what it refuses.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{Errno, FileAttr, FileType, INodeNo};

use crate::odd::Quirk;
use crate::program::NOBODY;

const BLOCK_BYTES: u32 = 4096;

/// An inode and what it holds.
pub(super) struct Inode {
    pub(super) attributes: FileAttr,
    pub(super) data: Vec<u8>,
    pub(super) xattrs: BTreeMap<OsString, Vec<u8>>,
    pub(super) entries: Entries,
}

/// The entries of a directory. Each has a number that never comes again, so
/// that a listing goes on where it stood whatever is removed meanwhile.
#[derive(Default)]
pub(super) struct Entries {
    listed: BTreeMap<u64, (OsString, INodeNo)>,
    /// By what the filesystem takes the name for.
    by_key: HashMap<Vec<u8>, u64>,
    last: u64,
}

/// What is to be made.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) kind: FileType,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) device: u32,
    pub(super) data: &'a [u8],
}

/// What `setattr` sets.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) atime: Option<SystemTime>,
    pub(super) mtime: Option<SystemTime>,
}

pub(super) struct Tree {
    quirks: Vec<Quirk>,
    inodes: HashMap<u64, Inode>,
    used_bytes: u64,
}

impl Tree {
    pub(super) fn new(quirks: &[Quirk]) -> Self {
        let mut tree = Self {
            quirks: quirks.to_vec(),
            inodes: HashMap::new(),
            used_bytes: 0,
        };
        let root = New {
            kind: FileType::Directory,
            mode: 0o755,
            owner: (
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw(),
            ),
            device: 0,
            data: &[],
        };
        tree.add(&root);
        tree
    }

    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    fn number(&self, number: impl Fn(&Quirk) -> Option<u64>) -> Option<u64> {
        self.quirks.iter().find_map(number)
    }

    pub(super) fn get(&self, ino: INodeNo) -> Result<&Inode, Errno> {
        self.inodes.get(&ino.0).ok_or(Errno::ENOENT)
    }

    pub(super) fn get_mut(&mut self, ino: INodeNo) -> Result<&mut Inode, Errno> {
        self.inodes.get_mut(&ino.0).ok_or(Errno::ENOENT)
    }

    pub(super) fn find(&self, at: INodeNo, name: &OsStr) -> Result<INodeNo, Errno> {
        let entries = &self.get(at)?.entries;
        let number = entries.by_key.get(&self.key(name)).ok_or(Errno::ENOENT)?;
        Ok(entries.listed[number].1)
    }

    /// What a name is taken for.
    fn key(&self, name: &OsStr) -> Vec<u8> {
        let mut key = name.to_string_lossy().into_owned();
        if self.has(Quirk::FoldsAccents) {
            key = key.replace("e\u{301}", "\u{e9}");
        }
        if self.has(Quirk::FoldsCase) {
            key = key.to_lowercase();
        }
        if key.contains(char::REPLACEMENT_CHARACTER) {
            return name.as_bytes().to_vec();
        }
        key.into_bytes()
    }

    /// The entries behind a place in a listing.
    pub(super) fn list(
        &self,
        at: INodeNo,
        behind: u64,
    ) -> Result<Vec<(u64, INodeNo, FileType, OsString)>, Errno> {
        let entries = self.get(at)?.entries.listed.range(behind + 1..);
        entries
            .map(|(number, (name, ino))| {
                Ok((*number, *ino, self.get(*ino)?.attributes.kind, name.clone()))
            })
            .collect()
    }

    fn add(&mut self, new: &New<'_>) -> INodeNo {
        // Inodes stay for good: somebody may have them open.
        let ino = INodeNo(self.inodes.len() as u64 + 1);
        let now = self.coarse(SystemTime::now());
        let (uid, gid) = if self.has(Quirk::Squash) && ino != INodeNo::ROOT {
            (NOBODY, NOBODY)
        } else {
            new.owner
        };
        let attributes = FileAttr {
            ino,
            size: new.data.len() as u64,
            blocks: (new.data.len() as u64).div_ceil(512),
            atime: now,
            mtime: now,
            ctime: now,
            crtime: now,
            kind: new.kind,
            perm: self.mode(new.mode),
            nlink: if new.kind == FileType::Directory {
                2
            } else {
                1
            },
            uid,
            gid,
            rdev: new.device,
            blksize: BLOCK_BYTES,
            flags: 0,
        };
        let inode = Inode {
            attributes,
            data: new.data.to_vec(),
            xattrs: BTreeMap::new(),
            entries: Entries::default(),
        };
        self.inodes.insert(ino.0, inode);
        ino
    }

    fn mode(&self, mode: u32) -> u16 {
        if self.has(Quirk::NoModes) {
            0o700
        } else {
            (mode & 0o7777) as u16
        }
    }

    fn coarse(&self, time: SystemTime) -> SystemTime {
        let steps = self.number(|quirk| match quirk {
            Quirk::Seconds(seconds) => Some(*seconds),
            _ => None,
        });
        match (steps, time.duration_since(UNIX_EPOCH)) {
            (Some(step), Ok(since)) => {
                UNIX_EPOCH + Duration::from_secs(since.as_secs() / step * step)
            }
            _ => time,
        }
    }

    fn name(&mut self, at: INodeNo, name: &OsStr, ino: INodeNo) -> Result<(), Errno> {
        let key = self.key(name);
        let entries = &mut self.get_mut(at)?.entries;
        if entries.by_key.contains_key(&key) {
            return Err(Errno::EEXIST);
        }
        entries.last += 1;
        entries.by_key.insert(key, entries.last);
        entries.listed.insert(entries.last, (name.to_owned(), ino));
        Ok(())
    }

    fn unname(&mut self, at: INodeNo, name: &OsStr) -> Result<INodeNo, Errno> {
        let key = self.key(name);
        let entries = &mut self.get_mut(at)?.entries;
        let number = entries.by_key.remove(&key).ok_or(Errno::ENOENT)?;
        let (_, ino) = entries.listed.remove(&number).ok_or(Errno::ENOENT)?;
        Ok(ino)
    }

    pub(super) fn make(
        &mut self,
        at: INodeNo,
        name: &OsStr,
        new: &New<'_>,
    ) -> Result<FileAttr, Errno> {
        if new.kind == FileType::Symlink && self.has(Quirk::NoSymlinks) {
            return Err(Errno::EPERM);
        }
        if self.find(at, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.take(new.data.len() as u64)?;
        let ino = self.add(new);
        self.name(at, name, ino)?;
        Ok(self.get(ino)?.attributes)
    }

    pub(super) fn link(
        &mut self,
        ino: INodeNo,
        at: INodeNo,
        name: &OsStr,
    ) -> Result<FileAttr, Errno> {
        if self.has(Quirk::NoLinks) {
            return Err(Errno::EPERM);
        }
        let most = self.number(|quirk| match quirk {
            Quirk::LinkLimit(links) => Some(u64::from(*links)),
            _ => None,
        });
        if most.is_some_and(|most| {
            self.get(ino)
                .is_ok_and(|inode| u64::from(inode.attributes.nlink) >= most)
        }) {
            return Err(Errno::EMLINK);
        }
        self.name(at, name, ino)?;
        let inode = self.get_mut(ino)?;
        inode.attributes.nlink += 1;
        inode.attributes.ctime = SystemTime::now();
        Ok(inode.attributes)
    }

    pub(super) fn remove(&mut self, at: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let ino = self.find(at, name)?;
        if !self.get(ino)?.entries.listed.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.unname(at, name)?;
        let inode = self.get_mut(ino)?;
        inode.attributes.nlink -= 1;
        if inode.attributes.nlink == 0 {
            let bytes = std::mem::take(&mut inode.data).len() as u64;
            inode.attributes.size = 0;
            self.used_bytes -= bytes;
        }
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        from: (INodeNo, &OsStr),
        to: (INodeNo, &OsStr),
    ) -> Result<(), Errno> {
        let ino = self.find(from.0, from.1)?;
        match self.find(to.0, to.1) {
            Ok(other) if other == ino => {}
            Ok(_) => self.remove(to.0, to.1)?,
            Err(_) => {}
        }
        self.unname(from.0, from.1)?;
        self.name(to.0, to.1, ino)
    }

    pub(super) fn exchange(
        &mut self,
        one: (INodeNo, &OsStr),
        two: (INodeNo, &OsStr),
    ) -> Result<(), Errno> {
        let second = self.find(two.0, two.1)?;
        let first = self.unname(one.0, one.1)?;
        self.unname(two.0, two.1)?;
        self.name(one.0, one.1, second)?;
        self.name(two.0, two.1, first)
    }

    pub(super) fn set(&mut self, ino: INodeNo, to: &Settings) -> Result<FileAttr, Errno> {
        let was = self.get(ino)?.attributes;
        let gives_away =
            to.uid.is_some_and(|uid| uid != was.uid) || to.gid.is_some_and(|gid| gid != was.gid);
        if gives_away && self.has(Quirk::Squash) {
            return Err(Errno::EPERM);
        }
        if let Some(size) = to.size {
            self.resize(ino, size)?;
        }
        let mode = to.mode.map(|mode| self.mode(mode));
        let times = [to.atime, to.mtime].map(|time| time.map(|time| self.coarse(time)));
        let attributes = &mut self.get_mut(ino)?.attributes;
        attributes.perm = mode.unwrap_or(attributes.perm);
        attributes.uid = to.uid.unwrap_or(attributes.uid);
        attributes.gid = to.gid.unwrap_or(attributes.gid);
        attributes.atime = times[0].unwrap_or(attributes.atime);
        attributes.mtime = times[1].unwrap_or(attributes.mtime);
        attributes.ctime = SystemTime::now();
        Ok(*attributes)
    }

    pub(super) fn write(&mut self, ino: INodeNo, at: u64, data: &[u8]) -> Result<(), Errno> {
        let end = at + data.len() as u64;
        if end > self.get(ino)?.data.len() as u64 {
            self.resize(ino, end)?;
        }
        let now = self.coarse(SystemTime::now());
        let inode = self.get_mut(ino)?;
        inode.data[at as usize..end as usize].copy_from_slice(data);
        inode.attributes.mtime = now;
        Ok(())
    }

    fn resize(&mut self, ino: INodeNo, size: u64) -> Result<(), Errno> {
        let was = self.get(ino)?.data.len() as u64;
        self.take(size.saturating_sub(was))?;
        self.used_bytes -= was.saturating_sub(size);
        let inode = self.get_mut(ino)?;
        inode.data.resize(size as usize, 0);
        inode.attributes.size = size;
        inode.attributes.blocks = size.div_ceil(512);
        Ok(())
    }

    fn take(&mut self, bytes: u64) -> Result<(), Errno> {
        if bytes > self.free_bytes() {
            return Err(Errno::ENOSPC);
        }
        self.used_bytes += bytes;
        Ok(())
    }

    pub(super) fn free_bytes(&self) -> u64 {
        let all = self.number(|quirk| match quirk {
            Quirk::Bytes(bytes) => Some(*bytes),
            _ => None,
        });
        all.unwrap_or(1 << 30).saturating_sub(self.used_bytes)
    }
}
