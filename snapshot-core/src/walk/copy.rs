//! Copying a regular file: data and metadata of one and the same version of it.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::catalog::Version;
use crate::entry::{EntryKind, Hash, Metadata};
use crate::error::{Error, ErrorKind, NO_ROOM_HINT};
use crate::event::{Event, Outcome};
use crate::fs::copy::{self, CopyError, Hashing, Ways};
use crate::fs::dir::{Boundary, Dir, stat_handle};
use crate::fs::publish::Filesystem;
use crate::fs::xattr::{self, Place};
use crate::fs::{make, mounts};
use crate::options::Hashes;
use crate::report::{Counts, Operation};
use crate::walk::entry::{Here, Placed};
use crate::walk::state::{Durability, Tally, Walk, locked};
use crate::xattr::Xattrs;

/// A file that changes while it is read is read again so often.
const READS: u32 = 2;

/// From this size on it is worth a call to find out if there is room.
const LARGE_BYTES: u64 = 8 << 20;

/// What was copied.
struct Copied {
    version: Metadata,
    xattrs: Xattrs,
    hash: Option<Hash>,
}

/// Where the bytes come from.
struct Data<'a> {
    from: BorrowedFd<'a>,
    ways: &'a Ways,
    /// Their hash, where it is known already.
    hash: Option<Hash>,
}

impl Walk<'_> {
    /// Copies a file. With `reuse` its data are known to be those of the
    /// basis, and never leave the destination.
    pub(super) fn copy(&self, here: &Here<'_>, reuse: bool, tally: &mut Tally) -> Placed {
        if !here.node.level.has_target {
            tally.counts.bytes_copied += here.source.size_bytes;
            self.needed_bytes
                .fetch_add(here.source.stored_bytes(), Ordering::Relaxed);
            return Placed::Done {
                outcome: Outcome::Copied,
                inode: None,
                made: None,
            };
        }
        let opened = self
            .open_source(here)
            .and_then(|from| Ok((stat_handle(from.as_fd())?, from)));
        let (found, from) = match opened {
            Ok(opened) => opened,
            // A symlink has taken its place.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                return Placed::Exchanged;
            }
            Err(error) => {
                self.problem(here.node, here.name, Operation::Open, error);
                return Placed::Failed(None);
            }
        };
        let is_other = found.kind != EntryKind::File || found.id != here.source.id;
        // What other names get has to be exactly what was looked at.
        if is_other || (here.source.links > 1 && !found.is_same_version(&here.source)) {
            return Placed::Exchanged;
        }
        // The data of the basis are those of the version that was compared.
        let reuse = match reuse && found.is_same_version(&here.source) {
            true => here.basis_file().and_then(open_basis(here)),
            false => None,
        };
        let made = self.cleared(here).and_then(|target| {
            let target = target.ok_or(Errno::NOENT)?;
            Ok((target, make::file(target, here.name, found.mode)?))
        });
        let (target, to) = match made {
            Ok(made) => made,
            Err(error) => {
                // What has the name may be the file of another name, so it stays.
                self.refused(here.node, here.name, Operation::Create, error);
                return Placed::Failed(None);
            }
        };
        let copied = self
            .copy_stable(here, &from, reuse.as_ref(), found, &to, tally)
            .and_then(|copied| Ok((copied, self.look_at_copy(here, &to)?)));
        match copied {
            Ok((copied, stored)) => {
                tally.counts.bytes_copied += copied.version.size_bytes;
                let made = stored.map(|stored| {
                    Box::new(Version {
                        hash: copied.hash,
                        ..self.version_of(here, &copied.version, Some(&stored), &copied.xattrs)
                    })
                });
                Placed::Done {
                    outcome: Outcome::Copied,
                    inode: stored.map(|stored| stored.id.inode),
                    made,
                }
            }
            Err(error) => {
                self.discard(here, target, error);
                Placed::Failed(None)
            }
        }
    }

    /// Removes what is there of a file, so that it does not pass for it.
    fn discard(&self, here: &Here<'_>, target: &Dir, error: CopyError) {
        let removed = rustix::fs::unlinkat(target, here.name, AtFlags::empty());
        match error {
            CopyError::Read(error) => {
                self.problem(here.node, here.name, Operation::Read, error);
                if let Err(error) = removed {
                    self.refused(here.node, here.name, Operation::Remove, error.into());
                }
            }
            CopyError::Write(error) => self.refused(here.node, here.name, Operation::Create, error),
            CopyError::Shrunk => self.unstable(here.node, here.name),
            CopyError::Cancelled => {}
        }
    }

    /// Copies data and metadata until both are of one version of the file, or
    /// that has failed too often.
    fn copy_stable(
        &self,
        here: &Here<'_>,
        from: &OwnedFd,
        mut reuse: Option<&OwnedFd>,
        found: Metadata,
        to: &OwnedFd,
        tally: &mut Tally,
    ) -> Result<Copied, CopyError> {
        let mut version = found;
        let mut reads = 0;
        let (xattrs, hash) = loop {
            let data = match reuse {
                Some(basis) => Data {
                    from: basis.as_fd(),
                    ways: &self.inside,
                    hash: here.recorded_hash(),
                },
                None => Data {
                    from: from.as_fd(),
                    ways: &here.node.level.ways,
                    hash: None,
                },
            };
            let copied = self
                .copy_once(here, &data, &version, to, tally)
                .and_then(|hash| {
                    let xattrs = xattr::read(Place::Open(from.as_fd())).map_err(CopyError::Read)?;
                    Ok((xattrs, data.hash.or(hash)))
                });
            if reuse.take().is_some()
                && matches!(copied, Err(CopyError::Read(_) | CopyError::Shrunk))
            {
                // The basis is damaged; the source has the data too.
                empty(to)?;
                continue;
            }
            let after = stat_handle(from.as_fd()).map_err(CopyError::Read)?;
            reads += 1;
            match copied {
                Ok(copied) if version.is_same_version(&after) => break copied,
                Ok(_) | Err(CopyError::Shrunk) if reads < READS => {
                    empty(to)?;
                    version = after;
                }
                Ok((xattrs, _)) => {
                    // Its older mtime keeps the copy from ever passing for
                    // the file as it is now.
                    self.unstable(here.node, here.name);
                    break (xattrs, None);
                }
                Err(error) => return Err(error),
            }
        };
        let xattrs = self.seen(xattrs.unwrap_or_default());
        self.give(here.node, here.name, to.as_fd(), &version, &xattrs)
            .map_err(CopyError::Write)?;
        if self.durability == Durability::Each {
            rustix::fs::fsync(to).map_err(|error| CopyError::Write(error.into()))?;
        }
        Ok(Copied {
            version,
            xattrs,
            hash,
        })
    }

    fn copy_once(
        &self,
        here: &Here<'_>,
        data: &Data<'_>,
        version: &Metadata,
        to: &OwnedFd,
        tally: &mut Tally,
    ) -> Result<Option<Hash>, CopyError> {
        let is_hashed = data.hash.is_none() && self.hashes() && copy::is_hashed(version);
        let told = tally.told_bytes;
        let mut copied_bytes = 0;
        let mut proceed = |chunk_bytes| {
            copied_bytes += chunk_bytes;
            // Small files are told with their batch.
            if copied_bytes < version.size_bytes {
                tally.told_bytes += chunk_bytes;
                let news = Counts {
                    bytes_copied: chunk_bytes,
                    ..Counts::default()
                };
                self.observer.on_event(&Event::Progress(&news));
            }
            !self.is_stopping()
        };
        let result = if copy::by_reference(data.from, to.as_fd(), version, data.ways)? {
            if !is_hashed {
                return Ok(None);
            }
            copy::hash(data.from, version.size_bytes, &mut proceed).map(Some)
        } else {
            self.refuse_if_too_large(here, version, to)?;
            let hashing = Hashing::when(is_hashed);
            copy::contents(
                data.from,
                to.as_fd(),
                version,
                data.ways,
                hashing,
                &mut proceed,
            )
        };
        if result.is_err() {
            // What was told of it is not going to be counted.
            tally.told_bytes = told;
        }
        result
    }

    fn hashes(&self) -> bool {
        self.writes()
            .is_some_and(|ledger| ledger.hashes == Hashes::Kept)
    }

    /// Looks at a copy, if others will be linked to it or the catalog is to
    /// know it.
    fn look_at_copy(&self, here: &Here<'_>, to: &OwnedFd) -> Result<Option<Metadata>, CopyError> {
        if here.source.links < 2 && self.writes().is_none() {
            return Ok(None);
        }
        stat_handle(to.as_fd()).map(Some).map_err(CopyError::Write)
    }

    /// Ends the run before a file is written for which there is no room.
    fn refuse_if_too_large(
        &self,
        here: &Here<'_>,
        version: &Metadata,
        to: &OwnedFd,
    ) -> Result<(), CopyError> {
        let needed = version.stored_bytes();
        if needed < LARGE_BYTES {
            return Ok(());
        }
        let filesystem = Filesystem::of(to).map_err(CopyError::Write)?;
        let free = filesystem.free.bytes;
        if needed <= free || !filesystem.takes_what_is_written() {
            return Ok(());
        }
        let path = here.node.path_of(self.source_path, here.name);
        let message = format!(
            "{} needs {needed} bytes, and the destination has {free} bytes free",
            path.display()
        );
        self.fail(
            Error::new(ErrorKind::NoSpace, message)
                .with_path(path)
                .with_hint(NO_ROOM_HINT),
        );
        Err(CopyError::Cancelled)
    }

    pub(super) fn open_source(&self, here: &Here<'_>) -> io::Result<OwnedFd> {
        let dir = here.trio.source()?;
        match dir.open_file(here.name, Boundary::Stay) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::XDEV) => {
                // A file that is a mount point.
                let kind = mounts::type_at(dir, here.name)?;
                if self.enters(&kind) {
                    return dir.open_file(here.name, Boundary::Cross);
                }
                let path = here.node.path_of(self.source_path, here.name);
                locked(&self.notes.mounts_left_out).push((path, kind));
                Err(error)
            }
            other => other,
        }
    }
}

/// Opens the file of the basis, if it is still the one that was compared.
fn open_basis<'a>(here: &'a Here<'_>) -> impl FnOnce((&Dir, &CStr, u64)) -> Option<OwnedFd> + 'a {
    |(dir, name, inode)| {
        let file = dir.open_file(name, Boundary::Stay).ok()?;
        let found = stat_handle(file.as_fd()).ok()?;
        let is_same = found.kind == EntryKind::File && found.id.inode == inode;
        (is_same && found.size_bytes == here.source.size_bytes).then_some(file)
    }
}

fn empty(to: &OwnedFd) -> Result<(), CopyError> {
    rustix::fs::ftruncate(to, 0).map_err(|error| CopyError::Write(error.into()))
}
