//! What is restored, to where, and what becomes of what is there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::options::{Jobs, Mode};

/// Where the paths of a snapshot are put.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreTarget {
    /// Below a directory, each at its whole path: `/home/alice/letter` becomes
    /// `DIR/home/alice/letter`. It is made, open to its owner alone, if it is
    /// missing, but not the directories above it.
    Into(PathBuf),
    /// Back to where they came from.
    InPlace,
}

/// What becomes of something that is where an entry is to be put, and differs
/// from it.
///
/// An entry that is as the snapshot has it in kind, size, mtime, mode, owner and
/// extended attributes is left as it is, except by [`Overwrite::Always`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overwrite {
    /// It is in the way: it is told, with all others, before anything is
    /// written, and nothing is. What has the content of the snapshot, by size
    /// and mtime, and other metadata is left, and told as a problem.
    #[default]
    Never,
    /// It is replaced, whatever it is.
    Always,
    /// It is replaced if anything about it differs.
    Changed,
    /// It is replaced if the snapshot's mtime is the later one, and else left.
    Newer,
}

impl Overwrite {
    /// The word for it: `never`, `always`, `changed`, `newer`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Overwrite::Never => "never",
            Overwrite::Always => "always",
            Overwrite::Changed => "changed",
            Overwrite::Newer => "newer",
        }
    }
}

/// What becomes of entries in restored directories that the snapshot does not
/// have. Anything but [`Extraneous::Kept`] is for [`RestoreTarget::InPlace`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extraneous {
    /// They stay.
    #[default]
    Kept,
    /// They go, with all that is in them. Mount points stay, the store, and
    /// what the snapshot lacks because it could not be read.
    Deleted,
    /// Of those that would go, these paths do: what a dry run listed and
    /// somebody has agreed to.
    DeletedIf(BTreeSet<PathBuf>),
}

/// What [`Store::restore`](crate::Store::restore) does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoreOptions {
    pub(crate) target: RestoreTarget,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) overwrite: Overwrite,
    pub(crate) extraneous: Extraneous,
    pub(crate) mode: Mode,
    pub(crate) jobs: Jobs,
}

impl RestoreOptions {
    /// Restores everything in the snapshot to a target.
    #[must_use]
    pub fn new(target: RestoreTarget) -> RestoreOptions {
        RestoreOptions {
            target,
            paths: Vec::new(),
            overwrite: Overwrite::default(),
            extraneous: Extraneous::default(),
            mode: Mode::default(),
            jobs: Jobs::default(),
        }
    }

    /// Restores everything below a directory.
    #[must_use]
    pub fn into_directory(directory: impl Into<PathBuf>) -> RestoreOptions {
        RestoreOptions::new(RestoreTarget::Into(directory.into()))
    }

    /// Restores everything to where it came from.
    #[must_use]
    pub fn in_place() -> RestoreOptions {
        RestoreOptions::new(RestoreTarget::InPlace)
    }

    /// Restores only these paths, with all that is in them, and the way to
    /// them. They are the absolute paths of the source; of another path that no
    /// snapshot has, symlinks are followed, and a relative one is taken from
    /// the current directory. Without any, everything is restored.
    #[must_use]
    pub fn paths<I>(mut self, paths: I) -> RestoreOptions
    where
        I: IntoIterator,
        I::Item: Into<PathBuf>,
    {
        self.paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what becomes of what differs. Default: [`Overwrite::Never`].
    #[must_use]
    pub fn overwrite(mut self, overwrite: Overwrite) -> RestoreOptions {
        self.overwrite = overwrite;
        self
    }

    /// Sets what becomes of what the snapshot does not have. Default:
    /// [`Extraneous::Kept`].
    #[must_use]
    pub fn extraneous(mut self, extraneous: Extraneous) -> RestoreOptions {
        self.extraneous = extraneous;
        self
    }

    /// Sets whether anything is done, or only told. Default: [`Mode::Act`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> RestoreOptions {
        self.mode = mode;
        self
    }

    /// Sets the number of worker threads. Default: [`Jobs::Auto`].
    #[must_use]
    pub fn jobs(mut self, jobs: Jobs) -> RestoreOptions {
        self.jobs = jobs;
        self
    }
}
