//! A tree read back as a value.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat};

use crate::cursor::Cursor;

/// What kind of thing a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

/// Everything that two trees are compared by, of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The kind.
    pub kind: Kind,
    /// The permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The time of the last modification: seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// The size of a file or of a symlink's target in bytes; 0 for others,
    /// where it says nothing.
    pub size: u64,
    /// The target of a symlink.
    pub target: Option<Vec<u8>>,
    /// The device that a device node stands for, or 0.
    pub rdev: u64,
    /// A digest of a file's bytes.
    pub content: Option<[u64; 2]>,
    /// The extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What could not be read, with the reason; equal only to the same trouble.
    pub trouble: Option<String>,
}

/// The place of an entry in a [`TreeImage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(usize);

/// One entry with its place.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) entry: Entry,
    /// Device and inode: which names share a file, in this tree and in others.
    pub(crate) inode: (u64, u64),
    /// The time of the last change of the inode, in seconds and nanoseconds.
    pub(crate) ctime: (i64, i64),
    pub(crate) above: Option<Node>,
    pub(crate) name: Vec<u8>,
    pub(crate) below: BTreeMap<Vec<u8>, Node>,
}

/// A whole tree as a value: all that `differences` compares, and the inodes.
///
/// Entries know the entry above and below, so that a tree of 10,000 levels
/// takes no more than its names.
#[derive(Debug, Clone)]
pub struct TreeImage {
    pub(crate) nodes: Vec<Placed>,
}

impl TreeImage {
    /// Reads the tree at `root`, which is left as it is but for access times.
    ///
    /// # Panics
    ///
    /// If `root` cannot be opened, or the tree changes meanwhile.
    #[must_use]
    #[track_caller]
    pub fn of(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        read(root).unwrap_or_else(|error| panic!("cannot read {}: {error}", root.display()))
    }

    /// Returns the place of the tree's root.
    #[must_use]
    pub fn root(&self) -> Node {
        Node(0)
    }

    /// Finds the place of `path`, relative to the root; the empty path is the
    /// root.
    #[must_use]
    pub fn find(&self, path: impl AsRef<[u8]>) -> Option<Node> {
        path.as_ref()
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
            .try_fold(self.root(), |node, name| {
                self.placed(node).below.get(name).copied()
            })
    }

    /// Returns the entry at `path`.
    #[must_use]
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Entry> {
        self.find(path).map(|node| &self.placed(node).entry)
    }

    /// Returns device and inode number of `path`.
    ///
    /// # Panics
    ///
    /// If there is no such path.
    #[must_use]
    #[track_caller]
    pub fn inode(&self, path: impl AsRef<[u8]>) -> (u64, u64) {
        let path = path.as_ref();
        let node = self.find(path);
        self.placed(node.unwrap_or_else(|| panic!("no {} in the tree", path.escape_ascii())))
            .inode
    }

    /// Returns the path of `node`, relative to the root.
    #[must_use]
    pub fn path(&self, node: Node) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = node;
        while let Some(above) = self.placed(at).above {
            names.push(self.placed(at).name.as_slice());
            at = above;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Returns every entry with its path, in the order of the names, without
    /// the root.
    pub fn entries(&self) -> impl Iterator<Item = (Vec<u8>, &Entry)> {
        self.nodes
            .iter()
            .enumerate()
            .skip(1)
            .map(|(index, placed)| (self.path(Node(index)), &placed.entry))
    }

    /// Returns the number of entries below the root.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Returns whether there is nothing below the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of entries of `kind`, the root included.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.nodes
            .iter()
            .filter(|placed| placed.entry.kind == kind)
            .count()
    }

    /// Returns the image with each entry changed by `change`, say without
    /// what is not to be compared.
    #[must_use]
    pub fn map(mut self, change: impl Fn(&[u8], &mut Entry)) -> Self {
        for index in 0..self.nodes.len() {
            let path = self.path(Node(index));
            change(&path, &mut self.nodes[index].entry);
        }
        self
    }

    /// Returns the image without owner and group, for who cannot set them.
    #[must_use]
    pub fn without_owners(mut self) -> Self {
        for placed in &mut self.nodes {
            (placed.entry.uid, placed.entry.gid) = (0, 0);
        }
        self
    }

    /// Returns the image without `path` and all below it.
    #[must_use]
    pub fn without(mut self, path: impl AsRef<[u8]>) -> Self {
        let found = self.find(path);
        if let Some((node, above)) = found.and_then(|node| Some((node, self.placed(node).above?))) {
            let name = std::mem::take(&mut self.nodes[node.0].name);
            self.nodes[above.0].below.remove(&name);
        }
        let root = self.root();
        self.subtree(root)
    }

    /// Returns the part of the image at `path`, as a tree of its own.
    ///
    /// # Panics
    ///
    /// If there is no such path.
    #[must_use]
    #[track_caller]
    pub fn at(&self, path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref();
        let node = self.find(path);
        self.subtree(node.unwrap_or_else(|| panic!("no {} in the tree", path.escape_ascii())))
    }

    /// Returns the entry at `node` with its place.
    pub(crate) fn placed(&self, node: Node) -> &Placed {
        &self.nodes[node.0]
    }

    fn subtree(&self, root: Node) -> Self {
        let mut nodes: Vec<Placed> = Vec::new();
        let mut pending: Vec<(Node, Option<Node>)> = vec![(root, None)];
        while let Some((from, above)) = pending.pop() {
            let to = Node(nodes.len());
            let mut placed = self.placed(from).clone();
            placed.above = above;
            placed.below = BTreeMap::new();
            if let Some(above) = above {
                nodes[above.0].below.insert(placed.name.clone(), to);
            }
            nodes.push(placed);
            pending.extend(
                self.placed(from)
                    .below
                    .values()
                    .rev()
                    .map(|below| (*below, Some(to))),
            );
        }
        Self { nodes }
    }
}

fn read(root: &Path) -> std::io::Result<TreeImage> {
    let mut cursor = Cursor::open(root)?;
    let mut nodes = vec![place(&cursor, b".", &cursor.stat_self()?, None)];
    // The directory being read, and its names that are still to be read.
    let mut trail: Vec<(Node, Vec<Vec<u8>>)> = vec![(Node(0), reversed(cursor.names()?))];
    while let Some((above, names)) = trail.last_mut() {
        let Some(name) = names.pop() else {
            trail.pop();
            if !trail.is_empty() {
                cursor.up()?;
            }
            continue;
        };
        let node = Node(nodes.len());
        let above = *above;
        let placed = place(&cursor, &name, &cursor.stat(&name)?, Some(above));
        let kind = placed.entry.kind;
        nodes.push(placed);
        if kind == Kind::Directory {
            match cursor.down(&name) {
                Ok(()) => trail.push((node, reversed(cursor.names()?))),
                Err(error) => nodes[node.0].entry.trouble = Some(error.to_string()),
            }
        }
        nodes[above.0].below.insert(name, node);
    }
    Ok(TreeImage { nodes })
}

fn reversed(mut names: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    names.reverse();
    names
}

fn place(cursor: &Cursor, name: &[u8], stat: &Stat, above: Option<Node>) -> Placed {
    let kind = kind(stat);
    let mut entry = Entry {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: (
            stat.st_mtime,
            u32::try_from(stat.st_mtime_nsec).expect("nanoseconds"),
        ),
        size: 0,
        target: None,
        rdev: 0,
        content: None,
        xattrs: BTreeMap::new(),
        trouble: None,
    };
    let mut troubles = Vec::new();
    match kind {
        Kind::File | Kind::Symlink => entry.size = u64::try_from(stat.st_size).expect("a size"),
        Kind::CharacterDevice | Kind::BlockDevice => entry.rdev = stat.st_rdev,
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
    }
    if kind == Kind::Symlink {
        let target = rustix::fs::readlinkat(cursor, name, Vec::new());
        entry.target = note(
            target
                .map(std::ffi::CString::into_bytes)
                .map_err(Into::into),
            &mut troubles,
        );
    }
    if kind == Kind::File {
        entry.content = note(digest(cursor, name), &mut troubles);
    }
    entry.xattrs = note(xattrs(cursor, name), &mut troubles).unwrap_or_default();
    entry.trouble = (!troubles.is_empty()).then(|| troubles.join(", "));
    Placed {
        entry,
        inode: (stat.st_dev, stat.st_ino),
        ctime: (
            stat.st_ctime,
            i64::try_from(stat.st_ctime_nsec).expect("nanoseconds"),
        ),
        above,
        name: name.to_vec(),
        below: BTreeMap::new(),
    }
}

fn note<T>(result: std::io::Result<T>, troubles: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|error| troubles.push(error.to_string()))
        .ok()
}

fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => panic!("an entry of unknown kind"),
    }
}

/// Digests a file's bytes: two differently seeded 64-bit hashes.
fn digest(cursor: &Cursor, name: &[u8]) -> std::io::Result<[u64; 2]> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(rustix::fs::openat(cursor, name, flags, Mode::empty())?);
    let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
    hashers[1].write(b"second");
    let mut buffer = vec![0; 65_536];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(hashers.map(|hasher| hasher.finish()));
        }
        for hasher in &mut hashers {
            hasher.write(&buffer[..length]);
        }
    }
}

fn xattrs(cursor: &Cursor, name: &[u8]) -> std::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    // No call reads attributes relative to a handle before Linux 6.13; the
    // handle's own link in /proc keeps the path short at any depth.
    let mut path = format!("/proc/self/fd/{}/", cursor.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    let mut list = vec![0; 65_536];
    let length = match rustix::fs::llistxattr(path.as_slice(), list.as_mut_slice()) {
        Err(rustix::io::Errno::OPNOTSUPP) => 0,
        other => other?,
    };
    let mut found = BTreeMap::new();
    for key in list[..length]
        .split(|byte| *byte == 0)
        .filter(|key| !key.is_empty())
    {
        // A label that the system itself gives by the path is no part of a copy,
        // nor is the form in which xfs keeps an ACL and shows it to root again.
        if key != b"security.selinux" && !key.starts_with(b"trusted.SGI_ACL_") {
            let mut value = vec![0; 65_536];
            let length = rustix::fs::lgetxattr(path.as_slice(), key, value.as_mut_slice())?;
            value.truncate(length);
            found.insert(key.to_vec(), value);
        }
    }
    Ok(found)
}
