//! What a caller may choose.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::filter::Filter;
use crate::retention::Policy;

/// How a store is made.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InitOptions {
    pub(crate) policy: Policy,
    pub(crate) full_copies: FullCopies,
    pub(crate) spare: Spare,
}

impl InitOptions {
    /// Options with the default policy, its days those of UTC.
    #[must_use]
    pub fn new() -> InitOptions {
        InitOptions::default()
    }

    /// Sets whether a spare is kept. Default: [`Spare::Kept`].
    #[must_use]
    pub fn spare(mut self, spare: Spare) -> InitOptions {
        self.spare = spare;
        self
    }

    /// Sets what to do where there are no hard links. Default:
    /// [`FullCopies::Refused`].
    #[must_use]
    pub fn full_copies(mut self, full_copies: FullCopies) -> InitOptions {
        self.full_copies = full_copies;
        self
    }

    /// Sets the retention policy that the store keeps.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> InitOptions {
        self.policy = policy;
        self
    }
}

/// The number of worker threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jobs {
    /// As many as the process may use processors, and at least two; where a file
    /// server has to be waited for, up to 32, by how long it takes to answer.
    #[default]
    Auto,
    /// Exactly so many.
    Exactly(NonZeroUsize),
}

/// Whether a run acts or only tells what it would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Acts.
    #[default]
    Act,
    /// Writes nothing, takes no lock, and reports what would be done.
    DryRun,
}

/// Which mounts below a source are entered.
///
/// Pseudo filesystems such as proc and sysfs are never entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mounts {
    /// Local disks; network, FUSE and autofs mounts become empty directories.
    #[default]
    Local,
    /// None: every mount point becomes an empty directory, a bind mount too.
    /// (A btrfs subvolume that is not mounted is no mount point.)
    OneFileSystem,
    /// Network, FUSE and autofs mounts as well. A server that does not answer
    /// can then stop the run.
    All,
}

impl Mounts {
    /// The word for it in records.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mounts::Local => "local",
            Mounts::OneFileSystem => "one-file-system",
            Mounts::All => "all",
        }
    }
}

/// What to do where the destination has no hard links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FullCopies {
    /// Refuse: each snapshot would take as much room as the sources.
    #[default]
    Refused,
    /// Copy everything each time.
    Allowed,
}

/// Whether a run may change the set of sources that the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Series {
    /// The sources must be those of the snapshots before.
    #[default]
    Same,
    /// Other sources are taken from now on.
    Change,
}

/// Which files a run reads to find out whether they have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reading {
    /// Those that may have changed, by what is known of them.
    #[default]
    Changed,
    /// Every file, to compare its content by its hash with what was recorded. A
    /// file without a recorded hash is copied.
    Everything,
}

/// Whether a run looks at what the basis holds, or relies on the record of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BasisCheck {
    /// Looks at an entry where the record of it is not enough.
    #[default]
    AsNeeded,
    /// Looks at every entry.
    EveryEntry,
}

/// Whether a store keeps the newest tree that retention gave up, for the next
/// snapshot to be made of it.
///
/// Most of an old tree is what the next one is to be: correcting it takes far
/// less time than to make one and remove another. It takes the room of what no
/// snapshot has any more; little of it where runs follow each other closely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spare {
    /// It is, where there is room: while a tenth of the filesystem is free.
    #[default]
    Kept,
    /// What retention gives up is removed at once.
    Off,
}

/// Whether a snapshot may be made of the spare, or of what a run has left that
/// was cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recycling {
    /// If there is one.
    #[default]
    IfPossible,
    /// A new tree is made. The spare stays for the next run.
    Off,
}

/// What becomes of the hashes (BLAKE3) of the files that are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hashes {
    /// Each is computed while the file is copied, and recorded.
    #[default]
    Kept,
    /// None is computed.
    Off,
}

/// What happens to expired snapshots after a backup.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Pruning {
    /// The store's own policy decides.
    #[default]
    ByStore,
    /// This policy decides, for this run.
    By(Policy),
    /// Nothing is removed.
    Off,
}

/// When a snapshot is dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dated {
    /// Now; if a snapshot has that second, the run waits for the next.
    Now(DateTime<Utc>),
    /// Exactly then; refused if it is taken.
    Exactly(DateTime<Utc>),
}

/// What [`Store::backup`](crate::Store::backup) does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackupOptions {
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) dated: Dated,
    pub(crate) jobs: Jobs,
    pub(crate) mode: Mode,
    pub(crate) mounts: Mounts,
    pub(crate) full_copies: FullCopies,
    pub(crate) series: Series,
    pub(crate) pruning: Pruning,
    pub(crate) note: Option<String>,
    pub(crate) reading: Reading,
    pub(crate) basis_check: BasisCheck,
    pub(crate) recycling: Recycling,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) hashes: Hashes,
}

impl BackupOptions {
    /// A backup of `sources`, dated `now`.
    ///
    /// A source is resolved to its absolute path, symlinks in it followed, and
    /// lands at that path inside the snapshot.
    #[must_use]
    pub fn new<I>(sources: I, now: DateTime<Utc>) -> BackupOptions
    where
        I: IntoIterator,
        I::Item: Into<PathBuf>,
    {
        BackupOptions {
            sources: sources.into_iter().map(Into::into).collect(),
            filter: Filter::default(),
            dated: Dated::Now(now),
            jobs: Jobs::default(),
            mode: Mode::default(),
            mounts: Mounts::default(),
            full_copies: FullCopies::default(),
            series: Series::default(),
            pruning: Pruning::default(),
            note: None,
            reading: Reading::default(),
            basis_check: BasisCheck::default(),
            recycling: Recycling::default(),
            cache: None,
            hashes: Hashes::default(),
        }
    }

    /// Adds a source.
    #[must_use]
    pub fn source(mut self, source: impl Into<PathBuf>) -> BackupOptions {
        self.sources.push(source.into());
        self
    }

    /// Sets what of the sources is taken, each seen from its own root. Default:
    /// everything.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> BackupOptions {
        self.filter = filter;
        self
    }

    /// Dates the snapshot exactly `time`, which is then also the `now` of
    /// pruning. The run is refused if there is a snapshot of that second.
    #[must_use]
    pub fn time(mut self, time: DateTime<Utc>) -> BackupOptions {
        self.dated = Dated::Exactly(time);
        self
    }

    /// Sets the number of worker threads. Default: [`Jobs::Auto`].
    #[must_use]
    pub fn jobs(mut self, jobs: Jobs) -> BackupOptions {
        self.jobs = jobs;
        self
    }

    /// Sets whether to act. Default: [`Mode::Act`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> BackupOptions {
        self.mode = mode;
        self
    }

    /// Sets which mounts are entered. Default: [`Mounts::Local`].
    #[must_use]
    pub fn mounts(mut self, mounts: Mounts) -> BackupOptions {
        self.mounts = mounts;
        self
    }

    /// Sets what to do where the destination has no hard links any more. Where
    /// full copies were allowed once, they stay so. Default:
    /// [`FullCopies::Refused`].
    #[must_use]
    pub fn full_copies(mut self, full_copies: FullCopies) -> BackupOptions {
        self.full_copies = full_copies;
        self
    }

    /// Sets whether the sources may be others than before. Default:
    /// [`Series::Same`].
    #[must_use]
    pub fn series(mut self, series: Series) -> BackupOptions {
        self.series = series;
        self
    }

    /// Sets which files are read to find out whether they have changed. Default:
    /// [`Reading::Changed`].
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> BackupOptions {
        self.reading = reading;
        self
    }

    /// Sets whether each entry of the basis is looked at. Default:
    /// [`BasisCheck::AsNeeded`].
    #[must_use]
    pub fn basis_check(mut self, basis_check: BasisCheck) -> BackupOptions {
        self.basis_check = basis_check;
        self
    }

    /// Sets a folder for a copy of the catalog, which is kept there for the next
    /// run if the store is on a file server. It takes some 200 bytes a file, may
    /// be lost, and is made if it is missing. Default: none.
    #[must_use]
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> BackupOptions {
        self.cache = Some(folder.into());
        self
    }

    /// Sets whether the snapshot may be made of an expired tree. Default:
    /// [`Recycling::IfPossible`].
    #[must_use]
    pub fn recycling(mut self, recycling: Recycling) -> BackupOptions {
        self.recycling = recycling;
        self
    }

    /// Sets whether the hashes of copied files are kept. Default:
    /// [`Hashes::Kept`].
    #[must_use]
    pub fn hashes(mut self, hashes: Hashes) -> BackupOptions {
        self.hashes = hashes;
        self
    }

    /// Sets what happens to expired snapshots. Default: [`Pruning::ByStore`].
    #[must_use]
    pub fn pruning(mut self, pruning: Pruning) -> BackupOptions {
        self.pruning = pruning;
        self
    }

    /// Sets a note that the snapshot's record keeps. Default: none.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> BackupOptions {
        self.note = Some(note.into());
        self
    }
}

/// What [`replicate_tree`](crate::replicate_tree) does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TreeOptions {
    pub(crate) filter: Filter,
    pub(crate) jobs: Jobs,
    pub(crate) mode: Mode,
    pub(crate) mounts: Mounts,
}

impl TreeOptions {
    /// Options as every default says.
    #[must_use]
    pub fn new() -> TreeOptions {
        TreeOptions::default()
    }

    /// Sets what of the source is taken. Default: everything.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> TreeOptions {
        self.filter = filter;
        self
    }

    /// Sets the number of worker threads. Default: [`Jobs::Auto`].
    #[must_use]
    pub fn jobs(mut self, jobs: Jobs) -> TreeOptions {
        self.jobs = jobs;
        self
    }

    /// Sets whether to act. Default: [`Mode::Act`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> TreeOptions {
        self.mode = mode;
        self
    }

    /// Sets which mounts are entered. Default: [`Mounts::Local`].
    #[must_use]
    pub fn mounts(mut self, mounts: Mounts) -> TreeOptions {
        self.mounts = mounts;
        self
    }
}
