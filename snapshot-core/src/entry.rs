//! What is known of one entry of a tree.

use chrono::{DateTime, Utc};

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix domain socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl EntryKind {
    /// The word for it that programs read: `file`, `char-device`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EntryKind::File => "file",
            EntryKind::Directory => "directory",
            EntryKind::Symlink => "symlink",
            EntryKind::Fifo => "fifo",
            EntryKind::Socket => "socket",
            EntryKind::CharDevice => "char-device",
            EntryKind::BlockDevice => "block-device",
        }
    }
}

/// A time as filesystems store it, exact to the nanosecond.
///
/// Some filesystems hold times that no calendar does, and anybody may set them.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> hardsnap::Result<()> {
/// # let store = hardsnap::Store::open("/mnt/backup")?;
/// # let newest = store.resolve("latest")?.name;
/// let entry = store.catalog()?.entry(newest, "/home/alice/letter")?;
/// if let Some(time) = entry.and_then(|entry| entry.mtime.to_utc()) {
///     println!("modified {time}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

impl FileTime {
    /// Whole seconds since 1970, rounded down: negative before that.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds after the whole seconds, below 1,000,000,000.
    #[must_use]
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// The instant; none if it is too far away for `chrono`, more than 260,000
    /// years.
    #[must_use]
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.seconds, self.nanoseconds)
    }

    pub(crate) fn total_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }
}

/// The BLAKE3 of a file's content.
pub(crate) type Hash = [u8; 32];

/// What tells a filesystem, by its root, from all others. A device number would
/// not do: it changes between boots, and with snapshots of LVM and btrfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RootId {
    pub(crate) inode: u64,
    /// When it was made, where the filesystem tells.
    pub(crate) born: Option<FileTime>,
}

/// Device and inode: what makes an entry that entry while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The metadata of one entry, as one `statx` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) kind: EntryKind,
    pub(crate) id: FileId,
    /// Permission bits with setuid, setgid and sticky: 12 bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size_bytes: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) links: u32,
    pub(crate) mtime: FileTime,
    pub(crate) ctime: FileTime,
    /// Whether the attribute `nodump` is set, where the filesystem tells it.
    pub(crate) nodump: bool,
    /// Number of the device that the entry is; 0 for other kinds.
    pub(crate) device_number: u64,
}

impl Metadata {
    /// The room that a copy of a file takes: less than its size if it has
    /// holes, and not more if blocks are reserved behind its end.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.size_bytes.min(self.allocated_bytes)
    }

    /// Tells whether a file was left alone between two looks at it.
    pub(crate) fn is_same_version(&self, later: &Metadata) -> bool {
        self.kind == later.kind
            && self.id == later.id
            && self.size_bytes == later.size_bytes
            && self.mtime == later.mtime
            && self.ctime == later.ctime
    }
}
