//! A new inode with what was recorded.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::AtFlags;

use crate::entry::{EntryKind, Metadata};
use crate::fs::copy::{self, CopyError, Hashing, Ways};
use crate::fs::dir::{Boundary, stat_handle};
use crate::fs::make;
use crate::fs::xattr::{self, Place};
use crate::verify::case::{Case, From};
use crate::verify::look::recorded_xattrs;
use crate::verify::repair::Mender;
use crate::verify::repair::put::MADE;

impl Mender<'_, '_> {
    /// Makes it in `work`, flushed.
    pub(super) fn make(&self, case: &Case, from: &From) -> io::Result<Metadata> {
        let _ = rustix::fs::unlinkat(&self.work, MADE, AtFlags::empty());
        let version = &case.recorded.row.version;
        match version.facts.kind {
            EntryKind::File => self.file(case, from)?,
            EntryKind::Symlink => {
                let target = version.target.clone().unwrap_or_default();
                let (source, rules) = (source_of(case), self.rules(case));
                make::symlink(&self.work, MADE, &CString::new(target)?, &source, &rules)?;
                self.unopened(case)?;
            }
            _ => {
                make::special(&self.work, MADE, &source_of(case), &self.rules(case))?;
                self.unopened(case)?;
            }
        }
        self.work.sync()?;
        self.work.stat(MADE)
    }

    fn unopened(&self, case: &Case) -> io::Result<()> {
        let kept = self.rules(case).xattrs;
        let xattrs = recorded_xattrs(&case.recorded.row.version);
        xattr::set(Place::Entry(&self.work, MADE), &xattrs, kept)?;
        make::set_mtime(&self.work, MADE, &source_of(case))
    }

    fn file(&self, case: &Case, from: &From) -> io::Result<()> {
        match from {
            From::Data(spot) => {
                let dir = spot.open(self.check)?;
                let file = dir.open_file(&spot.name, Boundary::Stay)?;
                self.fill(case, file.as_fd())
            }
            From::Source => {
                let (file, _) = case.open_source()?;
                self.fill(case, file.as_fd())
            }
            From::Whole(_) | From::Record => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Copies the data, which have to be those that were recorded.
    fn fill(&self, case: &Case, from: BorrowedFd<'_>) -> io::Result<()> {
        let version = &case.recorded.row.version;
        let (source, rules) = (source_of(case), self.rules(case));
        let found = stat_handle(from)?;
        let other = || io::Error::other("the copy is not what was recorded");
        if found.kind != EntryKind::File || found.size_bytes != version.facts.size_bytes {
            return Err(other());
        }
        let to = make::file(&self.work, MADE, source.mode)?;
        let mut proceed = |_| !self.check.is_stopping();
        let ways = Ways::default();
        let hash = copy::contents(
            from,
            to.as_fd(),
            &found,
            &ways,
            Hashing::Wanted,
            &mut proceed,
        )
        .map_err(|error| match error {
            CopyError::Read(error) | CopyError::Write(error) => error,
            CopyError::Shrunk => other(),
            CopyError::Cancelled => io::ErrorKind::Interrupted.into(),
        })?;
        if hash.is_none() || version.hash != hash {
            return Err(other());
        }
        make::set_owner(to.as_fd(), &source, &rules)?;
        xattr::set(
            Place::Open(to.as_fd()),
            &recorded_xattrs(version),
            rules.xattrs,
        )?;
        make::set_mode_and_mtime(to.as_fd(), &source, &rules)?;
        Ok(rustix::fs::fsync(&to)?)
    }

    /// What is kept where it was stored.
    fn rules(&self, case: &Case) -> crate::compare::Rules {
        let snapshot = case.places.last().map(|at| at.spot.snapshot);
        let rules = snapshot.map(|snapshot| self.check.rules_of(snapshot));
        rules.unwrap_or_else(|| self.check.store.likely_rules())
    }
}

/// The metadata as they were recorded.
fn source_of(case: &Case) -> Metadata {
    case.recorded.row.version.facts.as_metadata()
}
