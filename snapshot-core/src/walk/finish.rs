//! Finishing a directory: its metadata come last.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::compare::Ownership;
use crate::entry::Metadata;
use crate::event::Outcome;
use crate::fs::dir::{Access, Dir};
use crate::fs::make;
use crate::fs::xattr::{self, Place};
use crate::node::Node;
use crate::report::Operation;
use crate::walk::level::{Before, Walked};
use crate::walk::state::{Durability, Tally, Walk, locked};
use crate::xattr::Xattrs;

impl Walk<'_> {
    /// Gives a directory its metadata, now that nothing in it will change.
    pub(super) fn finish(&self, node: &Arc<Node<Walked>>) {
        if node.level.lost.load(Ordering::Relaxed) {
            if let Some(up) = node.up() {
                self.remove_lost(up, node.name());
                self.record_gone(up, node.name());
            }
            return;
        }
        let mut tally = Tally::default();
        tally.counts.directories += 1;
        self.record_directory(node, &mut tally);
        self.add(node.level.belongs, &tally);
        self.tell(node, c"", Outcome::Made);
        if !node.level.has_target {
            return;
        }
        if self.is_done_already(node) {
            return;
        }
        let metadata = &node.level.metadata;
        if matches!(self.rules.ownership, Ownership::Fixed { .. }) && metadata.mode & 0o700 != 0o700
        {
            return locked(&self.closed_last).push(Arc::clone(node));
        }
        let finished = node.handles().and_then(|trio| {
            let target = self.target(node, &trio)?;
            target.map_or(Ok(()), |target| self.seal(node, target))
        });
        if let Err(error) = finished {
            self.refused(node, c"", Operation::SetMetadata, error);
        }
    }

    /// Tells whether a directory that was found is as it is to be.
    fn is_done_already(&self, node: &Arc<Node<Walked>>) -> bool {
        if node.level.before == Before::Nothing {
            return false;
        }
        let is_done = node
            .handles()
            .is_ok_and(|trio| self.is_as_it_was(node, &trio));
        if let (true, Some(found)) = (is_done, node.level.found.get()) {
            self.weigh_as(found);
        }
        is_done
    }

    /// Gives a directory of the target its metadata; nothing follows in it.
    pub(super) fn seal(&self, node: &Node<Walked>, target: &Dir) -> io::Result<()> {
        let Walked {
            metadata, xattrs, ..
        } = &node.level;
        match node.level.before {
            Before::Nothing => self.give(node, c"", target.as_fd(), metadata, xattrs)?,
            Before::Remains | Before::Basis => self.give_again(node, target)?,
        }
        self.weigh(target)?;
        self.sync_each(target)
    }

    pub(super) fn sync_each(&self, target: &Dir) -> io::Result<()> {
        match self.durability {
            Durability::Each => target.sync(),
            Durability::Whole => Ok(()),
        }
    }

    /// Gives what is open in the target its metadata.
    pub(super) fn give(
        &self,
        node: &Node<Walked>,
        name: &CStr,
        target: BorrowedFd<'_>,
        metadata: &Metadata,
        xattrs: &Xattrs,
    ) -> io::Result<()> {
        make::set_owner(target, metadata, &self.rules)?;
        if let Err(error) = xattr::set(Place::Open(target), xattrs, self.rules.xattrs) {
            self.refused(node, name, Operation::SetMetadata, error);
        }
        make::set_mode_and_mtime(target, metadata, &self.rules)
    }

    /// Reads the attributes of a directory of the source.
    pub(super) fn directory_xattrs(&self, source: &Dir, access: Access) -> io::Result<Xattrs> {
        let read = match access {
            Access::Read => xattr::read(Place::Open(source.as_fd()))?,
            // Such handles cannot be asked themselves.
            Access::Search => xattr::read(Place::Entry(source, c"."))?,
        };
        Ok(self.seen(read.unwrap_or_default()))
    }
}
