//! What a destination can hold, and under what circumstances that was found out.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compare::{Modes, Names, Ownership, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::options::FullCopies;
use crate::report::Warning;
use crate::xattr::{Namespaces, XattrNamespace};

/// What to do where there are no locks.
pub(crate) const LOCKS_HINT: &str =
    "the destination has to support flock; on NFS 3 its lock service has to run";

/// What a destination can hold, found out by trying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Files can have several names.
    pub hard_links: bool,
    /// Symlinks can have several names too.
    pub symlink_links: bool,
    /// The most names a file can have, where the filesystem's type tells.
    pub link_limit: Option<u64>,
    /// There are symlinks.
    pub symlinks: bool,
    /// Files can be given to other owners, by this caller.
    pub owners: bool,
    /// User and group that new files belong to.
    pub made_as: (u32, u32),
    /// Permission bits stay as they were set.
    pub modes: bool,
    /// The extended attributes that can be set, by this caller.
    pub xattrs: Vec<XattrNamespace>,
    /// How fine mtimes are, in nanoseconds.
    pub mtime_granularity_nanoseconds: u64,
    /// Names that differ in upper and lower case are different names.
    pub case_sensitive: bool,
    /// Names that differ in how accents are encoded are different names.
    pub normalization_sensitive: bool,
    /// Data can be shared between files (`FICLONE`).
    pub reflinks: bool,
    /// A rename can be told not to replace anything (`RENAME_NOREPLACE`).
    pub exclusive_rename: bool,
    /// A rename can exchange two names (`RENAME_EXCHANGE`).
    pub exchanging_rename: bool,
    /// Files can be locked (`flock`).
    pub locks: bool,
    /// One flush of the whole filesystem reaches the disk (`syncfs`).
    /// Otherwise each file is flushed by itself.
    pub whole_flush: bool,
    /// What is free. It is asked for anew each time and never kept.
    #[serde(skip)]
    pub free: FreeSpace,
}

/// What a filesystem has left for the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreeSpace {
    /// In bytes.
    pub bytes: u64,
    /// None where inodes are made as they are needed, as on btrfs.
    pub inodes: Option<u64>,
}

/// Under what circumstances abilities were found out. While these stay the
/// same, so do the abilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Circumstances {
    /// The filesystem's type, as `statfs` tells it.
    pub(crate) filesystem_type: i64,
    /// The filesystem's id, in hexadecimal digits; zeros where it has none.
    pub(crate) filesystem_id: String,
    /// Type, source and options of the mount.
    pub(crate) mount: String,
    /// The caller's user, and its capabilities in hexadecimal digits.
    pub(crate) caller: u32,
    pub(crate) caller_capabilities: String,
    /// Whom new files belong to: a server may have its own mind about that,
    /// and change it.
    pub(crate) made_as: (u32, u32),
}

/// Abilities that are kept in the marker, `[destination]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probed {
    #[serde(flatten)]
    pub(crate) capabilities: Capabilities,
    /// Last: TOML has plain values before tables.
    pub(crate) circumstances: Circumstances,
}

impl Capabilities {
    /// How entries are compared and what they are given, accordingly.
    pub(crate) fn rules(&self) -> Rules {
        let (uid, gid) = self.made_as;
        Rules {
            ownership: if self.owners {
                Ownership::Kept {
                    made_as: self.made_as,
                }
            } else {
                Ownership::Fixed { uid, gid }
            },
            modes: if self.modes {
                Modes::Kept
            } else {
                Modes::Fixed
            },
            mtime_granularity_nanoseconds: self.mtime_granularity_nanoseconds,
            xattrs: self
                .xattrs
                .iter()
                .copied()
                .fold(Namespaces::default(), Namespaces::with),
            names: if self.case_sensitive && self.normalization_sensitive {
                Names::Exact
            } else {
                Names::Folded
            },
        }
    }

    /// Refuses a destination where each snapshot would be a full copy.
    pub(crate) fn refuse_without_links(&self, full_copies: FullCopies, path: &Path) -> Result<()> {
        if self.hard_links || full_copies == FullCopies::Allowed {
            return Ok(());
        }
        let message = format!(
            "the filesystem of {} has no hard links, so each snapshot would be a full copy",
            path.display()
        );
        Err(Error::new(ErrorKind::LinksUnsupported, message)
            .with_path(path)
            .with_hint("use another filesystem, or take the full copies with --allow-full-copies"))
    }

    /// Refuses a destination where two runs could meet.
    pub(crate) fn refuse_without_locks(&self, path: &Path) -> Result<()> {
        if self.locks {
            return Ok(());
        }
        let message = format!("the filesystem of {} cannot lock files", path.display());
        Err(Error::new(ErrorKind::LockUnsupported, message)
            .with_path(path)
            .with_hint(LOCKS_HINT))
    }

    /// What the destination cannot hold, whatever is brought to it.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.modes {
            warnings.push(Warning::ModesNotKept);
        }
        if !self.symlinks {
            warnings.push(Warning::NoSymlinks);
        }
        if !self.case_sensitive {
            warnings.push(Warning::CaseInsensitive);
        }
        if !self.normalization_sensitive {
            warnings.push(Warning::NormalizationInsensitive);
        }
        if self.mtime_granularity_nanoseconds > 1 {
            warnings.push(Warning::CoarseMtimes {
                nanoseconds: self.mtime_granularity_nanoseconds,
            });
        }
        warnings
    }
}
