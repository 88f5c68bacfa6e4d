//! Whether a file has the content that was recorded: what decides where its
//! metadata does not.

use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::catalog::{Facts, Version, decode_xattrs};
use crate::compare::Change;
use crate::entry::{EntryKind, Hash, Metadata};
use crate::fs::copy;
use crate::fs::dir::stat_handle;
use crate::fs::xattr::{self, Place};
use crate::plan::Action;
use crate::walk::entry::{Here, Seen, xattrs_unless};
use crate::walk::state::Walk;

impl Walk<'_> {
    /// Reads a file whose size and mtime are those of a version of the basis,
    /// and decides what is to be done with it.
    pub(super) fn decide_by_content(&self, here: &mut Here<'_>, recorded: &Version) -> Action {
        let Some(hash) = recorded.hash else {
            return Action::Make;
        };
        let Some(seen) = self.read_content(here, &hash) else {
            return Action::Make;
        };
        let change = self.change_since(&here.source, &recorded.facts);
        let xattrs = match &recorded.xattrs {
            Some(xattrs) => decode_xattrs(xattrs),
            None => Some(Default::default()),
        };
        let is_same = change.is_none()
            && xattrs.is_some_and(|xattrs| seen.xattrs.equal_in(&xattrs, self.rules.xattrs));
        here.seen = Some(seen);
        if is_same {
            Action::Link
        } else {
            Action::MakeFromBasis
        }
    }

    /// Tells whether the basis has all that the destination can hold of an entry
    /// that did not change. Some of it may not have been held when it was stored.
    pub(super) fn is_stored_whole(&self, here: &Here<'_>) -> bool {
        // An older snapshot may have been made by other rules than the basis.
        let is_earlier = here.moved.as_ref().is_some_and(|moved| moved.is_earlier);
        if self.goes_by_word() && !is_earlier {
            return true;
        }
        let Some((at, name, _)) = here.basis_entry() else {
            return false;
        };
        let read;
        let new = match &here.seen {
            Some(seen) => Ok(&seen.xattrs),
            None => {
                read = self.source_xattrs(here);
                read.as_ref()
            }
        };
        let old = xattrs_unless(&self.inside.no_xattrs, Place::Entry(at, name));
        let has_xattrs =
            matches!((new, &old), (Ok(new), Ok(old)) if new.equal_in(old, self.rules.xattrs));
        let is_same =
            |stored: Metadata| Change::between(&here.source, &stored, &self.rules).is_none();
        has_xattrs && at.stat(name).is_ok_and(is_same)
    }

    /// What differs between a file and a recorded version of it, as far as the
    /// destination can hold it.
    fn change_since(&self, source: &Metadata, facts: &Facts) -> Change {
        let before = Metadata {
            kind: facts.kind,
            mode: facts.mode,
            uid: facts.uid,
            gid: facts.gid,
            size_bytes: facts.size_bytes,
            mtime: facts.mtime,
            device_number: facts.device_number,
            ..*source
        };
        let stored = Metadata {
            mode: self.rules.stored_mode(&before),
            ..before
        };
        Change::between(source, &stored, &self.rules)
    }

    /// Reads a file and its attributes; none if its content is another one, or
    /// does not hold still, or cannot be read: copying tells why.
    fn read_content(&self, here: &Here<'_>, hash: &Hash) -> Option<Seen> {
        let from = self.open_source(here).ok()?;
        let found = stat_handle(from.as_fd()).ok()?;
        if found.kind != EntryKind::File || !found.is_same_version(&here.source) {
            return None;
        }
        let read = copy::hash(from.as_fd(), found.size_bytes, &mut |_| !self.is_stopping()).ok()?;
        let xattrs = match xattr::read(Place::Open(from.as_fd())) {
            Ok(xattrs) => xattrs.unwrap_or_default(),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::OPNOTSUPP) => {
                Default::default()
            }
            Err(_) => return None,
        };
        let after = stat_handle(from.as_fd()).ok()?;
        (read == *hash && after.is_same_version(&found)).then(|| Seen {
            xattrs: self.seen(xattrs),
            hash: Some(read),
        })
    }
}
