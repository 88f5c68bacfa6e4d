//! What a verification found, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use crate::catalog::query::Aspect;
use crate::name::SnapshotName;
use crate::report::Warning;

/// What is wrong with an entry of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// It is not there. Of a directory, nothing below it is told of but what a
    /// repair cannot put back.
    Missing,
    /// It is there, and nothing of the kind was recorded. Of a directory, nothing
    /// below it is told of.
    Unexpected,
    /// Something else has its name: a file that was stored anew, as an editor
    /// does it. Content and metadata may be the same.
    Replaced,
    /// It differs from what was recorded, in this.
    Altered {
        /// In what; not empty.
        differs: Vec<Aspect>,
    },
    /// It cannot be read.
    Unreadable {
        /// What the system said.
        error: String,
    },
    /// A snapshot that the catalog does not tell of has not what its record
    /// counts.
    Miscounted {
        /// What was counted, and what was recorded.
        what: String,
    },
}

impl DamageKind {
    /// The word for it that programs read: `missing`, `altered`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            DamageKind::Missing => "missing",
            DamageKind::Unexpected => "unexpected",
            DamageKind::Replaced => "replaced",
            DamageKind::Altered { .. } => "altered",
            DamageKind::Unreadable { .. } => "unreadable",
            DamageKind::Miscounted { .. } => "miscounted",
        }
    }
}

/// Where what is damaged is to be had as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoodCopy {
    /// The file that was backed up: it has the recorded size, mtime and hash.
    Source,
    /// Another stored file.
    Stored {
        /// A snapshot that has it.
        snapshot: SnapshotName,
        /// Its path there.
        path: PathBuf,
    },
    /// The catalog: all that is wrong is recorded there.
    Catalog,
}

/// What became of damage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mending {
    /// It is as it was recorded again.
    Repaired,
    /// It is as it was.
    Failed {
        /// Why.
        reason: String,
    },
}

/// An entry that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// The path in the source, which is the one below the snapshot.
    pub path: PathBuf,
    /// The snapshots in which it is damaged, oldest first: those that share what
    /// is stored, also where they were not to be verified.
    pub snapshots: Vec<SnapshotName>,
    /// What is wrong.
    pub kind: DamageKind,
    /// Where it is to be had as it was, if anywhere. Nothing is looked for where
    /// an entry is unexpected. Of a directory that is missing it is the catalog:
    /// a repair looks for what was in it, entry by entry.
    pub good_copy: Option<GoodCopy>,
    /// What became of it; none unless it was to be repaired.
    pub mending: Option<Mending>,
}

impl Damaged {
    /// Tells whether it is as it was recorded again.
    #[must_use]
    pub fn is_repaired(&self) -> bool {
        self.mending == Some(Mending::Repaired)
    }

    /// Tells whether it is another kind of entry than was recorded.
    pub(super) fn is_of_other_kind(&self) -> bool {
        matches!(&self.kind, DamageKind::Altered { differs } if differs.contains(&Aspect::Kind))
    }
}

/// What [`Store::verify`](crate::Store::verify) found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The snapshots that were compared with the catalog, in the order in which
    /// they were made.
    pub snapshots: Vec<SnapshotName>,
    /// Those that the catalog does not tell of: their entries were counted, and
    /// compared with what their records say.
    pub counted_only: Vec<SnapshotName>,
    /// The entries of all these snapshots, in each one anew.
    pub checked_entries: u64,
    /// The files whose content was read and compared. Several names of one file
    /// count once.
    pub checked_files: u64,
    /// The sizes of these files, in bytes.
    pub checked_bytes: u64,
    /// The files that would have been read, if their hashes were recorded.
    pub unhashed_files: u64,
    /// What is damaged; no more than [`VerifyReport::MOST_DAMAGED`] entries.
    /// An observer is told of each, as long as it lasts.
    pub damaged: Vec<Damaged>,
    /// The number of damaged entries, all of them.
    pub damaged_entries: u64,
    /// Whether it went on where a run had been stopped.
    pub continued: bool,
    /// Where the damaged files are kept that were replaced; none if there were
    /// none.
    pub kept_aside: Option<PathBuf>,
    /// What else there is to know.
    pub warnings: Vec<Warning>,
    /// Time from the first look to the end.
    pub elapsed: Duration,
}

impl VerifyReport {
    /// So many damaged entries are listed at the most.
    pub const MOST_DAMAGED: usize = 10_000;

    /// The number of damaged entries that are not as they were recorded now.
    #[must_use]
    pub fn unrepaired_entries(&self) -> u64 {
        let repaired = self.damaged.iter().filter(|damaged| damaged.is_repaired());
        self.damaged_entries - repaired.count() as u64
    }
}
