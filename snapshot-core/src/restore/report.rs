//! What a restore did, as plain data.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::entry::EntryKind;
use crate::name::SnapshotName;
use crate::report::{Problem, Warning};

/// How many entries of a snapshot were dealt with, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreCounts {
    /// Entries of every kind that were not there before.
    pub written: u64,
    /// Entries that took the place of others. Directories count if they were
    /// there and were given their metadata.
    pub replaced: u64,
    /// Entries that stayed as they were: equal, or not to be overwritten.
    pub left: u64,
    /// The sizes of the files that were written or replaced, in bytes; names
    /// of one file count once.
    pub bytes_written: u64,
}

impl RestoreCounts {
    pub(crate) fn add(&mut self, other: &RestoreCounts) {
        self.written += other.written;
        self.replaced += other.replaced;
        self.left += other.left;
        self.bytes_written += other.bytes_written;
    }
}

/// Something where an entry was to be put.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Obstacle {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is in the way.
    pub reason: ObstacleReason,
}

/// Why something is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObstacleReason {
    /// It differs, and nothing was to be overwritten.
    Differs,
    /// It is a directory and the entry is none. Directories are never replaced,
    /// unless what the snapshot does not have is to be deleted.
    IsDirectory,
    /// It is no directory, and lies above what is restored. Nothing there is
    /// ever replaced.
    IsNoDirectory,
}

impl ObstacleReason {
    /// The word for it that programs read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ObstacleReason::Differs => "differs",
            ObstacleReason::IsDirectory => "is-directory",
            ObstacleReason::IsNoDirectory => "is-no-directory",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.reason {
            ObstacleReason::Differs => write!(f, "{path} is in the way and differs"),
            ObstacleReason::IsDirectory => {
                write!(
                    f,
                    "{path} is in the way: it is a directory, and none in the snapshot"
                )
            }
            ObstacleReason::IsNoDirectory => {
                write!(
                    f,
                    "{path} is in the way: it is no directory, but lies above what is restored"
                )
            }
        }
    }
}

/// What [`Store::restore`](crate::Store::restore) did, or in a dry run would do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The snapshot.
    pub snapshot: SnapshotName,
    /// The directory below which the paths are.
    pub target: PathBuf,
    /// What was done.
    pub counts: RestoreCounts,
    /// What is in the way, sorted: only of a dry run. A run that acts fails
    /// with [`ErrorKind::InTheWay`](crate::ErrorKind::InTheWay) instead.
    pub in_the_way: Vec<Obstacle>,
    /// What was deleted because the snapshot does not have it, sorted.
    pub deleted: Vec<PathBuf>,
    /// Every entry that is not, or not in every respect, as it is in the
    /// snapshot.
    pub skipped: Vec<Problem>,
    /// Those of them whose content in the store is damaged: they were not
    /// restored.
    pub damaged: Vec<PathBuf>,
    /// What else there is to know.
    pub warnings: Vec<Warning>,
    /// Time from the first look to the end.
    pub elapsed: Duration,
}

/// What is at the place of an entry, in the words of a report.
pub(crate) fn noun(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "a file",
        EntryKind::Directory => "a directory",
        EntryKind::Symlink => "a symlink",
        EntryKind::Fifo => "a FIFO",
        EntryKind::Socket => "a socket",
        EntryKind::CharDevice => "a character device",
        EntryKind::BlockDevice => "a block device",
    }
}
