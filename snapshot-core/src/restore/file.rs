//! Writing a file beside its place, and checking what was read for it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::fsync;

use crate::entry::{EntryKind, FileId, Hash};
use crate::fs::beside::Beside;
use crate::fs::copy::{self, CopyError, Hashing};
use crate::fs::dir::{Boundary, Dir, stat_handle};
use crate::fs::give::{Receiver, give};
use crate::fs::xattr;
use crate::report::Operation;
use crate::restore::advance::Advance;
use crate::restore::entry::Here;
use crate::restore::run::Restoring;

impl Restoring<'_> {
    /// Writes a file beside its place; none if there is nothing whole to write,
    /// which is noted.
    pub(super) fn write_file<'d>(
        &self,
        here: &Here<'_>,
        target: &'d Dir,
        told: &mut Advance,
    ) -> io::Result<Option<(Beside<'d>, FileId)>> {
        let ground = self.ground(target, here.node.level.device)?;
        let metadata = &here.wanted.metadata;
        let from = match self.open_stored(here) {
            Ok(from) => from,
            Err(error) => {
                self.problem(here.node, here.name, Operation::Open, error);
                return Ok(None);
            }
        };
        let (beside, to) = Beside::file(target, here.name, metadata.mode)?;
        if here.node.level.has_default_acl {
            xattr::drop_inherited_acls(&to)?;
        }
        match self.copy(here, &from, &to, told) {
            Ok(hash) if here.wanted.hash.is_some() && hash != here.wanted.hash => {
                let what = "its content is not what was stored";
                self.damaged(here.node, here.name, what);
                return Ok(None);
            }
            Ok(_) => {}
            Err(CopyError::Read(error)) => {
                self.problem(here.node, here.name, Operation::Read, error);
                return Ok(None);
            }
            Err(CopyError::Shrunk) => {
                self.damaged(here.node, here.name, "it is shorter than it was");
                return Ok(None);
            }
            Err(CopyError::Write(error)) => return Err(error),
            Err(CopyError::Cancelled) => return Ok(None),
        }
        let given = give(Receiver::Open(to.as_fd()), metadata, &here.wanted.xattrs)?;
        if let Some(lacks) = given.lacks {
            self.lacks(here.node, here.name, lacks);
        }
        if ground.is_fuse {
            fsync(&to)?;
        }
        Ok(Some((beside, given.metadata.id)))
    }

    fn open_stored(&self, here: &Here<'_>) -> io::Result<OwnedFd> {
        let from = here.handles.tree.open_file(here.name, Boundary::Stay)?;
        let found = stat_handle(from.as_fd())?;
        if found.kind != EntryKind::File || found.id != here.wanted.metadata.id {
            return Err(io::Error::other("it was exchanged while it was looked at"));
        }
        Ok(from)
    }

    /// Copies the content, and hashes it if there is a hash to compare with.
    fn copy(
        &self,
        here: &Here<'_>,
        from: &OwnedFd,
        to: &OwnedFd,
        told: &mut Advance,
    ) -> Result<Option<Hash>, CopyError> {
        let (from, to, metadata) = (from.as_fd(), to.as_fd(), &here.wanted.metadata);
        let proceed = &mut |bytes| {
            self.hear(told, bytes, metadata.size_bytes);
            !self.is_stopping()
        };
        let is_hashed = here.wanted.hash.is_some();
        if copy::by_reference(from, to, metadata, &self.ways)? {
            if !is_hashed {
                return Ok(None);
            }
            return copy::hash(from, metadata.size_bytes, proceed).map(Some);
        }
        let hashing = Hashing::when(is_hashed);
        copy::contents(from, to, metadata, &self.ways, hashing, proceed)
    }
}
