//! What is being read stays.
//!
//! Who reads a snapshot's tree holds a shared flock on its directory and one on
//! its record, and who removes it takes both for itself for the moment of the
//! rename. The directory is never replaced while the snapshot is there, as the
//! record is by `hold`, but its lock is known to this machine alone where the
//! filesystem is a server's; the record's is known to the server's others too.

use std::io;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::lock::{self, Claim};
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::store::{Store, c_name};

/// How often a reader looks whether a removal in progress is over, and how long
/// it waits in between. The lock of a removal lasts for one rename.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// A snapshot that is not removed while this is held.
///
/// Where locks cannot be had, as on some mounts for reading alone, it is read
/// without: nobody is kept from reading.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Its record, as it was when the reading began.
    pub(crate) snapshot: SnapshotInfo,
    /// Its tree.
    pub(crate) tree: Dir,
    _claims: [Option<Claim>; 2],
}

/// A snapshot that nobody reads or begins to read while this is held.
#[derive(Debug)]
pub(crate) struct Unread {
    _claims: [Option<Claim>; 2],
}

/// What came of an attempt to read.
enum Attempt {
    Begun(Box<Reading>),
    /// It is being removed, or its record rewritten.
    InTheWay,
    Missing,
}

impl Store {
    /// Begins to read a snapshot, which keeps it from removal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`] if it is not there, or not any more;
    /// [`ErrorKind::SnapshotInUse`] if it is being removed and that takes its
    /// time; [`ErrorKind::Io`].
    pub(crate) fn read(&self, name: SnapshotName) -> Result<Reading> {
        for _ in 0..LOOKS {
            match self.attempt_to_read(name)? {
                Attempt::Begun(reading) => return Ok(*reading),
                Attempt::InTheWay => std::thread::sleep(PAUSE),
                Attempt::Missing => return Err(self.unknown(name)),
            }
        }
        let message = format!("the snapshot {name} is being removed");
        Err(Error::new(ErrorKind::SnapshotInUse, message))
    }

    fn attempt_to_read(&self, name: SnapshotName) -> Result<Attempt> {
        let failed = |error| Error::io("open", self.path().join(name.to_string()), error);
        let (tree_name, record_name) = (layout::tree(name), c_name(&layout::record(name)));
        let opened = self
            .root
            .open_dir(&tree_name, Access::Read, Boundary::Stay)
            .and_then(|tree| {
                let record = self.records.open_file(&record_name, Boundary::Stay)?;
                Ok((tree.reopen()?, record, tree))
            });
        let (tree_handle, record_handle, tree) = match opened {
            Ok(opened) => opened,
            Err(error) if is_missing(&error) => return Ok(Attempt::Missing),
            Err(error) => return Err(failed(error)),
        };
        let mut claims = [None, None];
        for (claim, handle) in claims
            .iter_mut()
            .zip([tree_handle.into_handle(), record_handle])
        {
            *claim = match lock::shared(handle) {
                Ok(Some(claimed)) => Some(claimed),
                Ok(None) => return Ok(Attempt::InTheWay),
                // No locks here, or not for us.
                Err(_) => None,
            };
        }
        // What was locked may have been removed or replaced just before.
        let is_there = |at: &Dir, name, found: io::Result<_>| match at.stat(name) {
            Ok(now) => found.map(|id| id == now.id),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        };
        let tree_id = tree.stat_self().map(|found| found.id);
        let mut same = is_there(&self.root, &tree_name, tree_id).map_err(failed)?;
        if let Some(claim) = &claims[1] {
            same &= is_there(&self.records, &record_name, claim.id()).map_err(failed)?;
        }
        if !same {
            return Ok(Attempt::InTheWay);
        }
        Ok(match self.read_record(name)? {
            Some(snapshot) => Attempt::Begun(Box::new(Reading {
                snapshot,
                tree,
                _claims: claims,
            })),
            None => Attempt::Missing,
        })
    }

    /// Keeps others from beginning to read a snapshot; none if somebody reads
    /// it. Under the store's lock.
    ///
    /// # Errors
    ///
    /// What the system says to locking, except that there are no such locks:
    /// then nobody has one.
    pub(crate) fn claim_unread(&self, name: SnapshotName) -> io::Result<Option<Unread>> {
        let record = lock::open_to_claim(&self.records, &c_name(&layout::record(name)));
        let tree = self
            .root
            .open_dir(&layout::tree(name), Access::Read, Boundary::Stay);
        let mut claims = [None, None];
        for (claim, handle) in claims.iter_mut().zip([tree.map(Dir::into_handle), record]) {
            *claim = match handle.and_then(lock::exclusive) {
                Ok(Some(claimed)) => Some(claimed),
                Ok(None) => return Ok(None),
                Err(error) if lock::is_unsupported(&error) => None,
                // Who may not open it may not read it either.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
                Err(error) => return Err(error),
            };
        }
        Ok(Some(Unread { _claims: claims }))
    }

    pub(crate) fn unknown(&self, name: SnapshotName) -> Error {
        let message = format!("there is no snapshot {name} in {}", self.path().display());
        Error::new(ErrorKind::UnknownSnapshot, message)
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a fixture lies at a path")]
mod tests;
