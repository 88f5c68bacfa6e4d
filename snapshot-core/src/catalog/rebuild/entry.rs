//! One entry of a tree: is it the version that the snapshot before has, one
//! that the catalog before knows, or one of which only the tree tells?

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;

use crate::catalog::change::{Change, Origin};
use crate::catalog::open::Outcome;
use crate::catalog::rebuild::shelf::Known;
use crate::catalog::rebuild::tree::{Listing, Shown, Step, Tree};
use crate::catalog::row::{DirId, Facts, NO_MOUNT, TOP, Version, encode_xattrs};
use crate::compare::Modes;
use crate::entry::{EntryKind, FileTime, Metadata};
use crate::fs::dir::Dir;
use crate::fs::publish::InodeNumbers;
use crate::fs::xattr::{self, Place};
use crate::report::Operation;

/// The number of what the top of a tree lies in.
const ABOVE_TOP: DirId = 0;

impl Tree<'_, '_> {
    /// Deals with one entry of a listing; a directory has to wait.
    pub(super) fn entry(
        &mut self,
        step: &mut Step,
        listing: &mut Listing,
        name: &CStr,
        kind: Option<EntryKind>,
        listed: u64,
    ) -> Outcome<()> {
        let found = listing.shelf.find(self.now, name)?;
        if let Some((place, _)) = found {
            listing.met.add(place, name);
        }
        if kind == Some(EntryKind::Directory) {
            step.below.push(name.to_owned());
            return Ok(());
        }
        let current = found.map(|(_, known)| known);
        let before = self.before.find(listing.before.as_ref(), name);
        // The same inode under the same name: nothing of it has changed since
        // the snapshot before, and no more needs to be asked.
        if let Some(current) = current.filter(|_| self.numbers == InodeNumbers::Listed) {
            let is_same = kind == Some(current.facts.kind) && current.facts.stored == Some(listed);
            if is_same && self.is_no_news(before.as_ref(), &current) {
                self.count(current.facts.kind, current.facts.size_bytes);
                return Ok(());
            }
        }
        let metadata = match listing.dir().stat(name) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.problem(&step.node, name, Operation::Stat, error);
                return Ok(());
            }
        };
        if metadata.kind == EntryKind::Directory {
            step.below.push(name.to_owned());
            return Ok(());
        }
        self.count(metadata.kind, metadata.size_bytes);
        let current = current.filter(|current| self.is_same(&current.facts, &metadata));
        if current.is_some_and(|current| self.is_no_news(before.as_ref(), &current)) {
            return Ok(());
        }
        let level = &step.node.level;
        match self.carried_over(level, listing.dir(), name, &metadata, before) {
            Ok(Some(version)) => self.put(level.dir, name, version),
            // What is known of the inode is still all there is.
            Ok(None) if current.is_some() => {}
            Ok(None) => match self.of_tree(listing.dir(), name, &metadata) {
                Ok(version) => self.put(level.dir, name, version),
                Err(error) => self.problem(&step.node, name, Operation::Read, error),
            },
            Err(error) => self.problem(&step.node, name, Operation::Read, error),
        }
        Ok(())
    }

    /// Takes over what the destination could not hold: of such an entry the
    /// catalog before is all there is.
    pub(super) fn keep_refused(
        &mut self,
        level: &Shown,
        listing: &mut Listing,
        name: &CStr,
    ) -> Outcome<()> {
        let is_missing = listing
            .dir()
            .stat(name)
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if !is_missing {
            return Ok(());
        }
        let found = listing.shelf.find(self.now, name)?;
        if let Some((place, _)) = found {
            listing.met.add(place, name);
        }
        let before = self.before.find(listing.before.as_ref(), name);
        let is_known = found.is_some_and(|(_, current)| {
            current.facts.stored.is_none() && self.is_no_news(before.as_ref(), &current)
        });
        if !is_known {
            let version = self.before.version(level.before, name);
            version
                .into_iter()
                .for_each(|version| self.put(level.dir, name, version));
        }
        Ok(())
    }

    /// Deals with a directory that was opened: its own row, and what there is
    /// to know for those of its entries.
    pub(super) fn directory(
        &mut self,
        up: Option<&Shown>,
        name: &CStr,
        dir: &Dir,
        metadata: &Metadata,
    ) -> Outcome<io::Result<Shown>> {
        let above = up.map_or(ABOVE_TOP, |up| up.dir);
        let above_before = match up {
            Some(up) => up.before,
            None => self.before.top().map(|_| ABOVE_TOP),
        };
        let is_directory = |known: &Known| known.facts.kind == EntryKind::Directory;
        let current = match up {
            Some(up) if up.is_new => None,
            _ => self.now.known(above, name)?,
        };
        let current = current.filter(is_directory);
        let before = self.before.known(above_before, name).filter(is_directory);
        let (id, is_new) = match (current.and_then(|current| current.number()), up) {
            (Some(id), _) => (id, false),
            (None, None) => (TOP, self.now.standing.basis.is_none()),
            (None, Some(up)) => self.number(up, name)?,
        };
        self.read.directory_bytes += metadata.allocated_bytes;
        let carried = before.filter(|before| self.confirms(metadata, &before.facts));
        let is_carried = carried
            .zip(current)
            .is_some_and(|(before, current)| is_carried(&before, &current));
        if !is_carried {
            let version = carried.and_then(|_| self.before.version(above_before, name));
            let version = match version {
                Some(version) => Version {
                    facts: Facts {
                        stored: Some(id as u64),
                        ..version.facts
                    },
                    ..version
                },
                None => match self.of_directory(dir, metadata, id) {
                    Ok(version) => version,
                    Err(error) => return Ok(Err(error)),
                },
            };
            // Attributes are compared when it is merged.
            let is_same = current.is_some_and(|current| {
                current.facts == version.facts && !current.has_xattrs && version.xattrs.is_none()
            });
            if !is_same {
                self.put(above, name, version);
            }
        }
        Ok(Ok(Shown {
            dir: id,
            is_new,
            before: match up {
                Some(_) => before.and_then(|before| before.number()),
                None => self.before.top(),
            },
        }))
    }

    /// The number of a directory's path that the snapshot before does not have,
    /// and whether no snapshot has it.
    fn number(&mut self, up: &Shown, name: &CStr) -> Outcome<(DirId, bool)> {
        let known = match up.is_new {
            true => None,
            false => self.now.directory(up.dir, name)?,
        };
        if let Some(id) = known {
            return Ok((id, false));
        }
        let id = self.read.next_directory;
        self.read.next_directory += 1;
        let change = Change::Directory {
            id,
            up: up.dir,
            name: name.to_owned(),
        };
        change.write(&mut self.changes);
        Ok((id, true))
    }

    /// Tells whether an entry is what the snapshot before has.
    fn is_same(&self, current: &Facts, metadata: &Metadata) -> bool {
        match self.numbers {
            InodeNumbers::Listed | InodeNumbers::Told => {
                current.kind == metadata.kind && current.stored == Some(metadata.id.inode)
            }
            InodeNumbers::Passing => self.looks_like(metadata, current),
        }
    }

    /// Tells whether the catalog before knows nothing of a version that is not
    /// known already.
    fn is_no_news(&self, before: Option<&Known>, current: &Known) -> bool {
        before.is_none_or(|before| {
            let is_same_inode =
                !self.goes_by_number(&before.facts) || before.facts.stored == current.facts.stored;
            is_same_inode && is_carried(before, current)
        })
    }

    /// Tells whether the stored inode in a row of the catalog before can be
    /// compared with those of the tree.
    fn goes_by_number(&self, before: &Facts) -> bool {
        let is_file = before.kind != EntryKind::Directory;
        let are_lasting = self.numbers.are_lasting();
        is_file && are_lasting && self.before.has_numbers && before.stored.is_some()
    }

    /// Tells whether what the tree has is what the catalog before says.
    fn confirms(&self, metadata: &Metadata, before: &Facts) -> bool {
        if self.goes_by_number(before) {
            before.stored == Some(metadata.id.inode) && has_same_data(metadata, before)
        } else {
            self.looks_like(metadata, before)
        }
    }

    /// Tells whether a stored entry looks like one that was recorded, apart
    /// from what a destination need not hold.
    fn looks_like(&self, metadata: &Metadata, recorded: &Facts) -> bool {
        let source = Metadata {
            mode: recorded.mode,
            uid: recorded.uid,
            gid: recorded.gid,
            ..*metadata
        };
        let has_same_mode = recorded.kind == EntryKind::Symlink
            || self.rules.modes == Modes::Fixed
            || self.rules.stored_mode(&source) == metadata.mode;
        has_same_mode && has_same_data(metadata, recorded)
    }

    /// The version that the catalog before knows, if the tree confirms it.
    fn carried_over(
        &mut self,
        level: &Shown,
        dir: &Dir,
        name: &CStr,
        metadata: &Metadata,
        before: Option<Known>,
    ) -> io::Result<Option<Version>> {
        let confirmed = before.filter(|before| self.confirms(metadata, &before.facts));
        let version = confirmed.and_then(|_| self.before.version(level.before, name));
        let Some(mut version) = version else {
            return Ok(None);
        };
        if metadata.kind == EntryKind::Symlink && version.target != Some(target(dir, name)?) {
            return Ok(None);
        }
        version.facts = Facts {
            stored: Some(metadata.id.inode),
            allocated_bytes: metadata.allocated_bytes,
            ..version.facts
        };
        Ok(Some(version))
    }

    /// The version that the tree alone tells.
    fn of_tree(&mut self, dir: &Dir, name: &CStr, metadata: &Metadata) -> io::Result<Version> {
        Ok(Version {
            facts: Facts {
                stored: Some(metadata.id.inode),
                allocated_bytes: metadata.allocated_bytes,
                ..of_tree(metadata)
            },
            target: match metadata.kind {
                EntryKind::Symlink => Some(target(dir, name)?),
                _ => None,
            },
            xattrs: self.xattrs(Place::Entry(dir, name))?,
            hash: None,
        })
    }

    /// The version of a directory that the tree alone tells. Its inode and size
    /// are those of one snapshot.
    fn of_directory(&mut self, dir: &Dir, metadata: &Metadata, id: DirId) -> io::Result<Version> {
        Ok(Version {
            facts: Facts {
                size_bytes: 0,
                stored: Some(id as u64),
                ..of_tree(metadata)
            },
            target: None,
            xattrs: self.xattrs(Place::Open(dir.as_fd()))?,
            hash: None,
        })
    }

    fn xattrs(&mut self, place: Place<'_>) -> io::Result<Option<Vec<u8>>> {
        if self.read.has_no_xattrs {
            return Ok(None);
        }
        let read = xattr::read(place)?;
        self.read.has_no_xattrs = read.is_none();
        Ok(read.as_ref().and_then(encode_xattrs))
    }

    fn put(&mut self, dir: DirId, name: &CStr, version: Version) {
        let put = Change::Put {
            dir,
            name: name.to_owned(),
            version: Box::new(version),
            // Who shares the inode is found out at the end.
            origin: Origin::New,
        };
        put.write(&mut self.changes);
    }

    fn count(&mut self, kind: EntryKind, size_bytes: u64) {
        match kind {
            EntryKind::File => {
                self.news.files_linked += 1;
                self.news.bytes_linked += size_bytes;
            }
            EntryKind::Symlink => self.news.symlinks += 1,
            _ => self.news.specials += 1,
        }
    }
}

/// Tells whether a version is one of the catalog before that was taken over.
fn is_carried(before: &Known, current: &Known) -> bool {
    let facts = Facts {
        stored: current.facts.stored,
        allocated_bytes: current.facts.allocated_bytes,
        shared: current.facts.shared,
        ..before.facts
    };
    facts == current.facts
        && (before.has_hash, before.has_xattrs) == (current.has_hash, current.has_xattrs)
}

/// Tells whether a stored entry has the data that were recorded, as far as one
/// look tells.
fn has_same_data(metadata: &Metadata, recorded: &Facts) -> bool {
    let is_sized = matches!(metadata.kind, EntryKind::File | EntryKind::Symlink);
    metadata.kind == recorded.kind
        && metadata.device_number == recorded.device_number
        && (!is_sized || metadata.size_bytes == recorded.size_bytes)
        && is_kept(recorded.mtime, metadata.mtime)
}

/// Tells whether a stored mtime is that of the source, which a filesystem may
/// have cut off.
fn is_kept(source: FileTime, stored: FileTime) -> bool {
    // ntfs, network filesystems, exfat, ext4 with small inodes, vfat.
    const STEPS_NANOSECONDS: [i128; 6] = [
        100,
        1_000,
        1_000_000,
        10_000_000,
        1_000_000_000,
        2_000_000_000,
    ];
    let (source, stored) = (source.total_nanoseconds(), stored.total_nanoseconds());
    let is_cut_off = |step: i128| source.div_euclid(step) * step == stored;
    source == stored || STEPS_NANOSECONDS.into_iter().any(is_cut_off)
}

/// What a tree tells of a version; nothing of where it came from.
fn of_tree(metadata: &Metadata) -> Facts {
    Facts {
        ctime: FileTime {
            seconds: 0,
            nanoseconds: 0,
        },
        inode: 0,
        ..Facts::of_source(metadata, NO_MOUNT)
    }
}

fn target(dir: &Dir, name: &CStr) -> io::Result<Vec<u8>> {
    let target: CString = rustix::fs::readlinkat(dir, name, Vec::new())?;
    Ok(target.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mtime_that_a_filesystem_cut_off_is_the_same() {
        let time = |seconds, nanoseconds| FileTime {
            seconds,
            nanoseconds,
        };
        let source = time(1_700_000_001, 123_456_789);
        for stored in [
            source,
            time(1_700_000_001, 123_456_700),
            time(1_700_000_001, 123_456_000),
            time(1_700_000_001, 123_000_000),
            time(1_700_000_001, 120_000_000),
            time(1_700_000_001, 0),
            time(1_700_000_000, 0),
        ] {
            assert!(is_kept(source, stored), "{stored:?}");
        }
        for other in [
            time(1_700_000_001, 123_456_788),
            time(1_700_000_001, 130_000_000),
            time(1_700_000_002, 0),
            time(1_699_999_999, 0),
        ] {
            assert!(!is_kept(source, other), "{other:?}");
        }
        // Before 1970, too.
        assert!(is_kept(time(-2, 999), time(-2, 900)));
    }
}
