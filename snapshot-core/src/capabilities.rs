//! What a destination can hold.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compare::{Modes, Ownership, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::options::FullCopies;
use crate::report::Warning;
use crate::xattr::{Namespaces, XattrNamespace};

/// What a destination can hold, found out by trying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Files can have several names.
    pub hard_links: bool,
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
        if self.mtime_granularity_nanoseconds > 1 {
            warnings.push(Warning::CoarseMtimes {
                nanoseconds: self.mtime_granularity_nanoseconds,
            });
        }
        warnings
    }
}
