//! Trees described in a few lines.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat};

/// What a described entry is.
#[derive(Debug, Clone)]
enum What {
    File(Vec<u8>),
    Directory,
    Symlink(Vec<u8>),
    Special(FileType, u64),
    HardLink(PathBuf),
}

#[derive(Debug, Clone)]
struct Described {
    path: PathBuf,
    what: What,
    mode: Option<u32>,
    mtime: (i64, u32),
    owner: Option<(u32, u32)>,
    xattrs: Vec<(String, Vec<u8>)>,
}

/// Describes a tree entry by entry, then makes it.
///
/// Names are bytes. Directories above an entry need no mention. Every entry
/// has a modification time of its own, to the nanosecond, always the same for
/// the same description; files are 0644 and directories 0755 unless told.
///
/// # Examples
///
/// ```
/// let scratch = hardsnap_tests::Scratch::new();
/// let source = scratch
///     .tree("source")
///     .file("a/b.txt", b"text")
///     .mode(0o640)
///     .symlink("a/link", "b.txt")
///     .hard_link("a/c.txt", "a/b.txt")
///     .build();
/// assert_eq!(std::fs::read(source.join("a/link")).unwrap(), b"text");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TreeBuilder {
    root: PathBuf,
    entries: Vec<Described>,
    /// Where each path is in `entries`.
    known: HashMap<PathBuf, usize>,
    /// The entry that attributes are for.
    last: usize,
}

impl TreeBuilder {
    /// Starts a tree whose root is `root`; what is there already stays.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let mut builder = Self {
            root: root.into(),
            entries: Vec::new(),
            known: HashMap::new(),
            last: 0,
        };
        builder.push("", What::Directory);
        builder
    }

    /// Adds a regular file.
    pub fn file(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.with(path, What::File(content.as_ref().to_vec()))
    }

    /// Adds a directory, or mentions one to set its attributes.
    pub fn directory(self, path: impl AsRef<[u8]>) -> Self {
        self.with(path, What::Directory)
    }

    /// Adds a symlink to `target`, as it stands.
    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.with(path, What::Symlink(target.as_ref().to_vec()))
    }

    /// Adds a named pipe.
    pub fn fifo(self, path: impl AsRef<[u8]>) -> Self {
        self.with(path, What::Special(FileType::Fifo, 0))
    }

    /// Adds a socket.
    pub fn socket(self, path: impl AsRef<[u8]>) -> Self {
        self.with(path, What::Special(FileType::Socket, 0))
    }

    /// Adds a character device, which only root can make.
    pub fn character_device(self, path: impl AsRef<[u8]>, major: u32, minor: u32) -> Self {
        self.with(
            path,
            What::Special(FileType::CharacterDevice, rustix::fs::makedev(major, minor)),
        )
    }

    /// Adds a block device, which only root can make.
    pub fn block_device(self, path: impl AsRef<[u8]>, major: u32, minor: u32) -> Self {
        self.with(
            path,
            What::Special(FileType::BlockDevice, rustix::fs::makedev(major, minor)),
        )
    }

    /// Adds another name for the earlier entry `of`, which is not a directory.
    pub fn hard_link(self, path: impl AsRef<[u8]>, of: impl AsRef<[u8]>) -> Self {
        let of = self.root.join(OsStr::from_bytes(of.as_ref()));
        self.with(path, What::HardLink(of))
    }

    /// Sets the mode of the entry described last, setuid bits included.
    pub fn mode(mut self, mode: u32) -> Self {
        self.last().mode = Some(mode);
        self
    }

    /// Sets the modification time of the entry described last, in seconds and
    /// nanoseconds since 1970.
    pub fn mtime(mut self, seconds: i64, nanoseconds: u32) -> Self {
        self.last().mtime = (seconds, nanoseconds);
        self
    }

    /// Sets owner and group of the entry described last, which only root can.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.last().owner = Some((uid, gid));
        self
    }

    /// Sets an extended attribute of the entry described last.
    pub fn xattr(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.last()
            .xattrs
            .push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Makes the tree and returns the path of its root.
    ///
    /// # Panics
    ///
    /// If anything cannot be made.
    #[track_caller]
    pub fn build(&self) -> PathBuf {
        for entry in &self.entries {
            make(entry)
                .unwrap_or_else(|error| panic!("cannot make {}: {error}", entry.path.display()));
        }
        // What is made in a directory moves its time; a mode may lock us out.
        let directories = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.what, What::Directory));
        for entry in directories.rev() {
            finish(entry)
                .unwrap_or_else(|error| panic!("cannot finish {}: {error}", entry.path.display()));
        }
        self.root.clone()
    }

    fn with(mut self, path: impl AsRef<[u8]>, what: What) -> Self {
        self.push(path, what);
        self
    }

    fn push(&mut self, path: impl AsRef<[u8]>, what: What) {
        let path = self.root.join(OsStr::from_bytes(path.as_ref()));
        let above = path
            .parent()
            .filter(|above| above.starts_with(&self.root) && **above != self.root);
        if let Some(above) = above.map(Path::to_path_buf) {
            let relative = above.strip_prefix(&self.root).expect("a path in the tree");
            self.push(relative.as_os_str().as_bytes(), What::Directory);
        }
        if let Some(known) = self.known.get(&path) {
            assert!(
                matches!(what, What::Directory),
                "{} described twice",
                path.display()
            );
            self.last = *known;
            return;
        }
        let tick = i64::try_from(self.entries.len()).expect("a few entries");
        let nanoseconds = 123_456_789 + u32::try_from(tick).expect("a few entries");
        let mtime = (1_700_000_000 + 61 * tick, nanoseconds);
        self.last = self.entries.len();
        self.known.insert(path.clone(), self.last);
        self.entries.push(Described {
            path,
            what,
            mode: None,
            mtime,
            owner: None,
            xattrs: Vec::new(),
        });
    }

    fn last(&mut self) -> &mut Described {
        &mut self.entries[self.last]
    }
}

fn make(entry: &Described) -> std::io::Result<()> {
    let path = &entry.path;
    match &entry.what {
        What::Directory => return fs::create_dir_all(path),
        What::File(content) => fs::write(path, content)?,
        What::Symlink(target) => symlink(OsStr::from_bytes(target), path)?,
        What::Special(kind, device) => mknodat(CWD, path, *kind, Mode::RWXU, *device)?,
        What::HardLink(of) => return fs::hard_link(of, path),
    }
    finish(entry)
}

/// Gives an entry its attributes: the owner first, whose change clears setuid
/// and capabilities, and the time at last.
fn finish(entry: &Described) -> std::io::Result<()> {
    let path = &entry.path;
    let is_symlink = matches!(entry.what, What::Symlink(_));
    if let Some((uid, gid)) = entry.owner {
        let change = if is_symlink { lchown } else { chown };
        change(path, Some(uid), Some(gid))?;
    }
    for (name, value) in &entry.xattrs {
        rustix::fs::lsetxattr(path, name.as_str(), value, XattrFlags::empty())?;
    }
    if !is_symlink {
        let mode = entry
            .mode
            .unwrap_or(if matches!(entry.what, What::Directory) {
                0o755
            } else {
                0o644
            });
        fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
    }
    let mtime = FileTime::from_unix_time(entry.mtime.0, entry.mtime.1);
    filetime::set_symlink_file_times(path, mtime, mtime)
}
