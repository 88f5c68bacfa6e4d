//! What a run did, as plain data.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::guard::Pause;
use crate::name::SnapshotName;
use crate::retention::Status;
use crate::room::Room;
use crate::suspicion::Suspicion;
use crate::xattr::XattrNamespace;

/// Totals of a walk.
///
/// An entry counts once it is in place; in a dry run, once it is known what
/// would be done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Counts {
    /// Names of regular files that were made hard links: to the same name in the
    /// basis, or to another name of the same file in this snapshot.
    pub files_linked: u64,
    /// Regular files whose data was copied.
    pub files_copied: u64,
    /// Regular files that were linked to an entry that the basis has under
    /// another name. They are not among `files_linked`.
    pub files_moved: u64,
    /// Sizes of the files that were linked, moved ones included, a name at a
    /// time, in bytes.
    pub bytes_linked: u64,
    /// Sizes of the files that were copied, in bytes.
    pub bytes_copied: u64,
    /// Directories.
    pub directories: u64,
    /// Symlinks.
    pub symlinks: u64,
    /// FIFOs, sockets and devices.
    pub specials: u64,
    /// Entries left out on purpose: the store itself, mounts that are not crossed.
    pub excluded: u64,
}

impl Counts {
    /// The number of regular files, a name at a time.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.files_linked + self.files_copied + self.files_moved
    }

    /// The number of entries of every kind.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.files() + self.directories + self.symlinks + self.specials
    }

    /// The sizes of all files, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes_linked + self.bytes_copied
    }

    pub(crate) fn add(&mut self, other: &Counts) {
        let Counts {
            files_linked,
            files_copied,
            files_moved,
            bytes_linked,
            bytes_copied,
            directories,
            symlinks,
            specials,
            excluded,
        } = other;
        self.files_linked += files_linked;
        self.files_copied += files_copied;
        self.files_moved += files_moved;
        self.bytes_linked += bytes_linked;
        self.bytes_copied += bytes_copied;
        self.directories += directories;
        self.symlinks += symlinks;
        self.specials += specials;
        self.excluded += excluded;
    }
}

/// What was being done with an entry when trouble came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Operation {
    /// Reading the metadata.
    Stat,
    /// Opening a file or directory for reading.
    Open,
    /// Reading a file's data or a symlink's target.
    Read,
    /// Reading a directory's entries.
    List,
    /// The file kept changing while it was read: what is stored is one of its
    /// versions, perhaps a mixed one, and is never linked to.
    Unstable,
    /// Making the entry at the destination.
    Create,
    /// Setting owner, mode or times at the destination.
    SetMetadata,
    /// Removing an expired entry.
    Remove,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Stat => "stat",
            Operation::Open => "open",
            Operation::Read => "read",
            Operation::List => "list",
            Operation::Unstable => "unstable",
            Operation::Create => "create",
            Operation::SetMetadata => "set-metadata",
            Operation::Remove => "remove",
        })
    }
}

/// Trouble with one entry; the others went on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The path in the source; for removals, in the store.
    pub path: PathBuf,
    /// What was being done.
    pub operation: Operation,
    /// What the system or the engine said.
    pub error: String,
    /// The system's error number, where there is one.
    pub raw_os_error: Option<i32>,
}

impl Problem {
    pub(crate) fn new(path: PathBuf, operation: Operation, error: impl Into<io::Error>) -> Problem {
        let error = error.into();
        Problem {
            path,
            operation,
            raw_os_error: error.raw_os_error(),
            error: describe(&error),
        }
    }

    pub(crate) fn saying(path: PathBuf, operation: Operation, text: &str) -> Problem {
        Problem {
            path,
            operation,
            raw_os_error: None,
            error: text.to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let error = &self.error;
        match self.operation {
            Operation::Unstable => write!(f, "{path} {error}"),
            Operation::SetMetadata => write!(f, "cannot set metadata of {path}: {error}"),
            operation => write!(f, "cannot {operation} {path}: {error}"),
        }
    }
}

/// The system's words without "(os error 13)": the number is kept beside them.
pub(crate) fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) if error.raw_os_error().is_some() => text[..end].to_owned(),
        _ => text,
    }
}

/// Something the user should know that concerns no single entry's data; said
/// once a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Owner and group are neither set nor compared, because the caller may
    /// not or the destination refuses it.
    OwnersNotKept,
    /// The destination does not keep permission bits, so they are not compared.
    ModesNotKept,
    /// The destination has no symlinks: those of the sources are listed as
    /// skipped, and there is no `latest`.
    NoSymlinks,
    /// The destination takes names that differ in case for the same: of such
    /// entries one is there, and the others are listed as skipped.
    CaseInsensitive,
    /// The destination takes names that differ only in how accents are encoded
    /// for the same: of such entries one is there, and the others are listed
    /// as skipped.
    NormalizationInsensitive,
    /// The destination's mtimes are coarser than a nanosecond, and compared no
    /// finer.
    CoarseMtimes {
        /// The step between two mtimes.
        nanoseconds: u64,
    },
    /// The destination, or the caller's rights there, cannot hold extended
    /// attributes of these namespaces, and there were some.
    XattrsNotKept {
        /// The namespaces.
        namespaces: Vec<XattrNamespace>,
    },
    /// The store lies inside a source and was left out.
    StoreLeftOut {
        /// Where it lies.
        path: PathBuf,
    },
    /// A pattern was given as an absolute path in a source and matches nothing
    /// there: patterns are seen from the source itself.
    PatternAboveSource {
        /// The pattern, and where it came from.
        pattern: String,
        /// The source.
        source: PathBuf,
        /// The pattern that would match.
        instead: String,
    },
    /// A source that lies in another one is left out by the filter.
    SourceLeftOut {
        /// The source.
        path: PathBuf,
        /// What leaves it, or a directory above it, out.
        rule: String,
    },
    /// The destination refused hard links, so files that did not change were
    /// copied.
    LinksRefused {
        /// The number of files.
        files: u64,
        /// What the system said the first time.
        error: String,
    },
    /// Files have more links than the destination's filesystem allows; they
    /// were copied anew, and later snapshots link to the copy.
    LinkLimit {
        /// The number of files.
        files: u64,
    },
    /// The mount points of these types below the sources were left as empty
    /// directories.
    MountsLeftOut {
        /// The mount points and their filesystems' types, in no order.
        mounts: Vec<(PathBuf, String)>,
    },
    /// The store was open to others and is now only its owner's.
    StoreTightened {
        /// The mode before, as permission bits.
        from_mode: u32,
    },
    /// Directories that look like snapshots have records that cannot be read.
    /// No command counts, follows or removes them.
    RecordsUnreadable {
        /// Their names.
        snapshots: Vec<SnapshotName>,
    },
    /// Snapshots are dated after the one that was made, as if a clock had been
    /// ahead. They are kept, and no rule counts from them.
    DatedInFuture {
        /// Their names.
        snapshots: Vec<SnapshotName>,
    },
    /// The catalog could not be relied on, so that what changed was told by
    /// size, mtime and attributes. If it can be, it is made anew.
    CatalogUnusable {
        /// Why.
        reason: String,
    },
    /// The new snapshot could not be written into the catalog. The next run may
    /// be able to.
    CatalogNotWritten {
        /// Why.
        reason: String,
    },
    /// What only the catalog before knew could not be taken over into a new one,
    /// or not all of it.
    CatalogNotCarriedOver {
        /// Why.
        reason: String,
    },
    /// The store was moved to another disk, or copied, and what the catalog
    /// tells of it was learnt anew.
    StoreMoved {
        /// The number of versions of entries.
        versions: u64,
        /// Snapshots that the catalog does not tell of any more, because
        /// something in their trees cannot be read.
        left_out: Vec<SnapshotName>,
    },
    /// Entries that the catalog knows from their tree alone: what changed of them
    /// was told by size, mtime and attributes.
    EntriesUnrecorded {
        /// The number of entries.
        entries: u64,
    },
    /// What the catalog says of entries is not what had been written there: they
    /// were compared with the basis. What it tells of older snapshots may lack
    /// them until it is made anew.
    CatalogDamaged {
        /// The number of entries since it was made.
        entries: u64,
    },
    /// Sources are on another filesystem than when the basis was made, so that
    /// ctimes and inodes say nothing about their entries: what changed was told
    /// by size, mtime and attributes.
    SourcesMoved {
        /// The number of entries.
        entries: u64,
    },
    /// An expired tree could not be reused, and a new one was made. What is left
    /// of it is removed.
    NotRecycled {
        /// Why, as one line.
        reason: String,
    },
    /// Files in the basis are not those that were stored: they were copied anew.
    StoredFilesReplaced {
        /// The number of files.
        files: u64,
    },
    /// A restore had no catalog: what the tree could not hold was not restored.
    RestoredFromTreeAlone {
        /// Why not.
        reason: String,
    },
    /// A restore found nothing of some entries in the catalog: what the tree
    /// could not hold of them was not restored.
    EntriesFromTreeAlone {
        /// How many there are.
        entries: u64,
        /// Why not.
        reason: String,
    },
    /// How far the snapshots were verified could not be written down, so that the
    /// next run reads the same files again.
    VerificationNotNoted {
        /// Why.
        reason: String,
    },
    /// Something that a run which did not end well left behind was tidied away.
    TidiedUp {
        /// The number of trees and records.
        leftovers: u64,
    },
}

impl Warning {
    /// What a snapshot lacks by it, in words that records keep.
    pub(crate) fn lacks(&self) -> Vec<String> {
        let one = match self {
            Warning::OwnersNotKept => "owners",
            Warning::ModesNotKept => "modes",
            Warning::NoSymlinks => "symlinks",
            Warning::CaseInsensitive => "case",
            Warning::NormalizationInsensitive => "normalization",
            Warning::CoarseMtimes { .. } => "mtimes",
            Warning::XattrsNotKept { namespaces } => {
                return namespaces
                    .iter()
                    .map(|namespace| format!("xattrs:{}", namespace.as_str()))
                    .collect();
            }
            _ => return Vec::new(),
        };
        vec![one.to_owned()]
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::OwnersNotKept => f.write_str(
                "owners and groups are not kept: only root may give files away, and only where the destination allows it",
            ),
            Warning::ModesNotKept => f.write_str("permission bits are not kept: the destination has none"),
            Warning::NoSymlinks => f.write_str("the destination has no symlinks: none are kept, and there is no `latest`"),
            Warning::CaseInsensitive => f.write_str(
                "the destination does not tell upper from lower case: of names that differ in case alone, one is kept",
            ),
            Warning::NormalizationInsensitive => f.write_str(
                "the destination does not tell how accents are encoded: of names that differ in that alone, one is kept",
            ),
            Warning::CoarseMtimes { nanoseconds } => {
                write!(f, "the destination keeps mtimes in steps of {nanoseconds} ns, and they are compared no finer")
            }
            Warning::XattrsNotKept { namespaces } => {
                f.write_str("extended attributes that the destination cannot hold, or that only root may set, are not kept:")?;
                namespaces.iter().try_for_each(|namespace| write!(f, " {}", namespace.as_str()))
            }
            Warning::StoreLeftOut { path } => {
                write!(f, "{} is the store itself and was left out", path.display())
            }
            Warning::PatternAboveSource { pattern, source, instead } => write!(
                f,
                "`{pattern}` matches nothing in {}, from where patterns are seen: it would have to be {instead}",
                source.display()
            ),
            Warning::SourceLeftOut { path, rule } => write!(
                f,
                "the source {} is left out by `{rule}`, because it lies in another source",
                path.display()
            ),
            Warning::LinksRefused { files, error } => {
                write!(f, "{files} unchanged files were copied because the destination refused to link them: {error}")
            }
            Warning::LinkLimit { files } => write!(
                f,
                "{files} files have as many links as the destination's filesystem allows and were copied once more"
            ),
            Warning::MountsLeftOut { mounts } => {
                f.write_str("mounts left out (a directory is there, but empty):")?;
                for (path, kind) in mounts {
                    write!(f, " {} ({kind})", path.display())?;
                }
                Ok(())
            }
            Warning::StoreTightened { from_mode } => {
                write!(f, "the store was open to others (mode {from_mode:04o}) and is now private (0700)")
            }
            Warning::RecordsUnreadable { snapshots } => {
                f.write_str("left alone, because their records cannot be read:")?;
                snapshots.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Warning::DatedInFuture { snapshots } => {
                f.write_str("kept, because they are dated in the future:")?;
                snapshots.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Warning::CatalogUnusable { reason } => write!(
                f,
                "the catalog cannot be used ({reason}); what changed is told by size, mtime and attributes this time"
            ),
            Warning::CatalogNotWritten { reason } => write!(
                f,
                "the snapshot is not in the catalog ({reason}); `hardsnap reindex` puts it there"
            ),
            Warning::CatalogNotCarriedOver { reason } => write!(
                f,
                "what only the catalog before knew (ctimes, inodes and hashes of the sources, attributes that the destination refused) is lost, or some of it: {reason}"
            ),
            Warning::StoreMoved { versions, left_out } => {
                write!(
                    f,
                    "the store was moved to another disk, or copied: the catalog has learnt anew where {versions} versions of entries are stored"
                )?;
                if !left_out.is_empty() {
                    f.write_str("; it tells no more of what cannot be read:")?;
                }
                left_out.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Warning::EntriesUnrecorded { entries } => write!(
                f,
                "of {entries} entries the catalog knows no more than the basis tells: what changed of them is told by size, mtime and attributes this time"
            ),
            Warning::CatalogDamaged { entries } => write!(
                f,
                "the catalog is damaged: it lost {entries} entries, and what it tells of older snapshots may lack them; `hardsnap reindex` makes it anew"
            ),
            Warning::SourcesMoved { entries } => write!(
                f,
                "{entries} entries are on another filesystem than before: what changed of them is told by size, mtime and attributes this time"
            ),
            Warning::NotRecycled { reason } => write!(
                f,
                "an expired tree could not be reused, and a new one was made: {reason}"
            ),
            Warning::StoredFilesReplaced { files } => write!(
                f,
                "{files} files of the basis are not those that were stored, and were copied anew; `hardsnap verify` tells which"
            ),
            Warning::RestoredFromTreeAlone { reason } => write!(
                f,
                "{reason}: owners, attributes and special files that the store's disk could not hold are missing, and contents are not compared with their hashes"
            ),
            Warning::EntriesFromTreeAlone { entries, reason } => write!(
                f,
                "of {entries} entries the catalog cannot tell ({reason}): they have what the store's disk could hold"
            ),
            Warning::VerificationNotNoted { reason } => write!(
                f,
                "how far the snapshots were verified could not be written down, and is not known to the next run: {reason}"
            ),
            Warning::TidiedUp { leftovers } => {
                write!(f, "an earlier run did not end well; removed what it left ({leftovers} trees and records)")
            }
        }
    }
}

/// What [`Store::backup`](crate::Store::backup) did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackupReport {
    /// The snapshot that was published (in a dry run: would be).
    pub snapshot: SnapshotName,
    /// Complete, or partial if anything is listed in `skipped`, or suspect if
    /// anything is in `suspicions`.
    pub status: Status,
    /// What looks as if a source had been lost.
    pub suspicions: Vec<Suspicion>,
    /// The snapshot it was compared with and linked to.
    pub basis: Option<SnapshotName>,
    /// The expired snapshot that it was made of.
    pub recycled: Option<SnapshotName>,
    /// What is in it.
    pub counts: Counts,
    /// Every entry that is missing or unstable in it.
    pub skipped: Vec<Problem>,
    /// What else there is to know.
    pub warnings: Vec<Warning>,
    /// Snapshots that the policy gave up, oldest first.
    pub removed: Vec<SnapshotName>,
    /// Why pruning was not done or not completed, if so.
    pub prune_paused: Option<Pause>,
    /// Expired entries that could not be removed; the next run tries again.
    pub left_behind: Vec<Problem>,
    /// Time from the lock to the end.
    pub elapsed: Duration,
}

/// What [`replicate_tree`](crate::replicate_tree) did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TreeReport {
    /// What is in the tree.
    pub counts: Counts,
    /// Every entry that is missing or unstable in it.
    pub skipped: Vec<Problem>,
    /// What else there is to know.
    pub warnings: Vec<Warning>,
    /// Time from the first look to the end.
    pub elapsed: Duration,
}

/// What [`Store::prune`](crate::Store::prune) or
/// [`Store::delete`](crate::Store::delete) did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RemovalReport {
    /// Snapshots that are gone, oldest first.
    pub removed: Vec<SnapshotName>,
    /// Those of them that no policy gave up: they went to make room.
    pub removed_for_room: Vec<SnapshotName>,
    /// Why nothing was removed, if something looks wrong.
    pub prune_paused: Option<Pause>,
    /// What is free, if that is less than was wanted and nothing more may go.
    pub short_of_room: Option<Room>,
    /// Entries that could not be removed; the next run tries again.
    pub left_behind: Vec<Problem>,
    /// Snapshots that are still there because they are being read; each is in
    /// `left_behind` too.
    pub being_read: Vec<SnapshotName>,
    /// Time from the lock to the end.
    pub elapsed: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_file_is_a_file_and_an_entry_of_its_own() {
        let mut counts = Counts {
            files_linked: 1,
            directories: 1,
            ..Counts::default()
        };
        counts.add(&Counts {
            files_moved: 2,
            bytes_linked: 10,
            ..Counts::default()
        });
        assert_eq!((counts.files(), counts.entries()), (3, 4));
        assert_eq!((counts.files_linked, counts.bytes()), (1, 10));
    }
}
