//! One inode to all the places that should share it.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::catalog::Renumbered;
use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::Dir;
use crate::fs::make::{self, Linked};
use crate::verify::case::{At, Case, From, Spot};
use crate::verify::repair::Mender;

/// What was made.
pub(super) const MADE: &CStr = c"made";
/// A name of it on its way to its place.
const NEXT: &CStr = c"next";

/// The longest name.
const NAME_BYTES: usize = 255;

impl Mender<'_, '_> {
    /// Puts what was recorded to each place where it is not.
    pub(super) fn put_everywhere(&mut self, case: &Case, from: &From) -> io::Result<()> {
        let (source, name, target) = match from {
            From::Whole(spot) => {
                let dir = spot.open(self.check)?;
                let found = dir.stat(&spot.name)?;
                (dir, spot.name.clone(), found)
            }
            From::Data(_) | From::Source | From::Record => {
                let made = self.make(case, from)?;
                (self.work.reopen()?, MADE.to_owned(), made)
            }
        };
        let by_number = self.check.goes_by_number();
        let inode = target.id.inode;
        let in_the_way = |at: &&At| case.is_in_the_way(at, inode, by_number);
        for at in case.places.iter().filter(in_the_way) {
            self.put(&source, &name, at)?;
        }
        let _ = rustix::fs::unlinkat(&self.work, MADE, AtFlags::empty());
        if by_number && case.recorded.row.version.facts.stored == Some(inode) {
            // The catalog knows.
            return Ok(());
        }
        for sharer in &case.sharers {
            self.renumbered.push(Renumbered {
                dir: sharer.dir,
                name: sharer.name.clone(),
                first: sharer.first,
                stored: inode,
                allocated_bytes: target.allocated_bytes,
            });
        }
        Ok(())
    }

    /// Puts one more name of a file to a place, whatever is there.
    fn put(&mut self, source: &Dir, name: &CStr, at: &At) -> io::Result<()> {
        let Spot {
            name: place_name, ..
        } = &at.spot;
        let dir = at.spot.open(self.check)?;
        let before = dir.stat_self()?;
        match make::link(source, name, &self.work, NEXT) {
            Ok(Linked::Done) => {}
            Ok(Linked::TooMany) => return Err(Errno::MLINK.into()),
            // Where there are no links there is only one place.
            Ok(Linked::Refused(error)) if name != MADE => return Err(error),
            Ok(Linked::Refused(_)) => rustix::fs::renameat(source, name, &self.work, NEXT)?,
            Ok(Linked::Gone) => return Err(Errno::NOENT.into()),
            Err(error) => return Err(error),
        }
        let opened = Opened::new(&dir, before)?;
        let done = self.keep_aside(&dir, &at.spot.name).and_then(|()| {
            rustix::fs::renameat(&self.work, NEXT, &dir, place_name)?;
            Ok(())
        });
        let closed = opened.close();
        done.and(closed)?;
        dir.sync()
    }

    /// Keeps what is at a place.
    pub(super) fn keep_aside(&mut self, dir: &Dir, name: &CStr) -> io::Result<()> {
        // It may have come meanwhile; that is not lost either.
        let found = match dir.stat(name) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.kept.contains(&found.id.inode) {
            return Ok(());
        }
        let aside = self.free_name(&found, name)?;
        let Some(aside) = aside else {
            self.kept.insert(found.id.inode);
            return Ok(());
        };
        let linked = match found.kind {
            EntryKind::Directory => Linked::Refused(io::ErrorKind::IsADirectory.into()),
            _ => make::link(dir, name, &self.aside, &aside)?,
        };
        if !matches!(linked, Linked::Done) {
            rustix::fs::renameat(dir, name, &self.aside, &aside)?;
        }
        self.aside.sync()?;
        self.kept.insert(found.id.inode);
        Ok(())
    }

    /// A name for what is kept aside: `INODE-NAME`. None if it is there already.
    fn free_name(&self, found: &Metadata, name: &CStr) -> io::Result<Option<CString>> {
        for attempt in 0_u32.. {
            let mut text = match attempt {
                0 => format!("{}-", found.id.inode),
                _ => format!("{}.{attempt}-", found.id.inode),
            }
            .into_bytes();
            text.extend_from_slice(name.to_bytes());
            text.truncate(NAME_BYTES);
            let aside = CString::new(text)?;
            match self.aside.stat(&aside) {
                // A run that was stopped has put it there.
                Ok(there) if there.id == found.id => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(aside)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// A directory in which something is exchanged, and that gets its mode and mtime
/// back.
pub(super) struct Opened<'d> {
    dir: &'d Dir,
    before: Metadata,
}

impl<'d> Opened<'d> {
    /// An ordinary user may have stored directories that he must not write.
    pub(super) fn new(dir: &'d Dir, before: Metadata) -> io::Result<Opened<'d>> {
        let opened = Opened { dir, before };
        if opened.is_closed() {
            let mode = rustix::fs::Mode::from_raw_mode(before.mode | 0o300);
            rustix::fs::fchmod(dir, mode)?;
        }
        Ok(opened)
    }

    fn is_closed(&self) -> bool {
        !rustix::process::geteuid().is_root() && self.before.mode & 0o300 != 0o300
    }

    pub(super) fn close(self) -> io::Result<()> {
        if self.is_closed() {
            let mode = rustix::fs::Mode::from_raw_mode(self.before.mode);
            rustix::fs::fchmod(self.dir, mode)?;
        }
        make::set_mtime_of(self.dir.as_fd(), self.before.mtime)
    }
}
