//! Reusing a tree: what an expired snapshot, or a run that was cut short, has
//! in common with the basis stays, and all else is taken out of it.
//!
//! An entry stays if its inode is the one that it would be linked to. No file
//! is written, and nothing that is put in replaces anything.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::catalog::Rows;
use crate::compare::Ownership;
use crate::entry::{EntryKind, Metadata};
use crate::fs::dir::{Access, Dir};
use crate::fs::scan::Batch;
use crate::fs::xattr::{self, Place};
use crate::fs::{make, remove};
use crate::node::Node;
use crate::report::Operation;
use crate::walk::directory::Found;
use crate::walk::entry::Here;
use crate::walk::ledger::{Ledger, Said};
use crate::walk::level::{Before, Ready, Trio, Walked};
use crate::walk::listing::{Listed, Listing};
use crate::walk::numbered::Standing;
use crate::walk::state::Walk;

/// Modes that change what is made in a directory, or who else makes some:
/// set-group-ID, and what group and others may write.
const TELLING: u32 = 0o2022;

/// What the target of a directory held before, and which of it is dealt with.
pub(crate) struct Remains {
    rows: Rows<(u64, Option<EntryKind>)>,
    dealt: Box<[AtomicBool]>,
}

/// One entry of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remain {
    pub(crate) inode: u64,
    kind: Option<EntryKind>,
    place: usize,
}

/// What of it a listing of the walk knows.
#[derive(Default)]
pub(crate) struct Reuse {
    remains: OnceLock<Remains>,
    /// The rows tell of all that the target holds.
    is_told: bool,
    /// Rows of the listing whose entries stay as the catalog says.
    stay: Box<[AtomicBool]>,
}

/// What the target holds under the name of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    /// Something that is or may be a directory.
    Directory,
    Other(EntryKind),
}

impl Remains {
    /// An entry that is not dealt with. What two trees have in common mostly has
    /// the same place in both.
    fn find(&self, name: &CStr, near: Option<usize>) -> Option<Remain> {
        let (place, (inode, kind)) = match near {
            Some(near) => self.rows.find_near(name, near)?,
            None => self.rows.find(name)?,
        };
        let was_dealt = self.dealt[place].load(Ordering::Relaxed);
        (!was_dealt).then_some(Remain { inode, kind, place })
    }

    /// Deals with an entry; false if that was done.
    fn deal(&self, remain: Remain) -> bool {
        !self.dealt[remain.place].swap(true, Ordering::Relaxed)
    }

    /// Deals with an entry; none if that was done, or if there is none.
    fn take(&self, name: &CStr) -> Option<Remain> {
        self.find(name, None).filter(|remain| self.deal(*remain))
    }
}

impl Reuse {
    pub(super) fn new(before: Before, rows: &Rows) -> Reuse {
        let is_told = before == Before::Basis && !rows.are_many;
        let stay = if is_told { rows.len() } else { 0 };
        Reuse {
            remains: OnceLock::new(),
            is_told,
            stay: (0..stay).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Notes that an entry stays as the catalog says, unless that is not enough.
    fn stays(&self, listed: Option<&Listed>) -> bool {
        let Some(listed) = listed.filter(|_| self.remains.get().is_none()) else {
            return false;
        };
        let is_same = listed.glance.is_current() && listed.glance.is_of_spare;
        let place = listed.place().filter(|_| is_same);
        let Some(stay) = place.and_then(|place| self.stay.get(place)) else {
            return false;
        };
        stay.store(true, Ordering::Relaxed);
        true
    }
}

impl Walk<'_> {
    /// The directory of the target; none in a dry run.
    pub(super) fn target<'t>(
        &self,
        node: &Node<Walked>,
        trio: &'t Trio,
    ) -> io::Result<Option<&'t Dir>> {
        trio.target(node, |dir| self.look_at_found(node, dir))
    }

    /// Looks at a directory of the tree that is reused.
    fn look_at_found(&self, node: &Node<Walked>, dir: &Dir) -> io::Result<()> {
        if node.level.before == Before::Nothing || node.level.found.get().is_some() {
            return Ok(());
        }
        let found = self.prepare(dir)?;
        if !self.is_open_to_us(&found) {
            self.touch(node);
        }
        let _ = node.level.found.set(found);
        Ok(())
    }

    /// Opens a directory that was found to us, and tells what it was like.
    pub(super) fn prepare(&self, dir: &Dir) -> io::Result<Metadata> {
        let found = dir.stat_self()?;
        if !self.is_open_to_us(&found) {
            rustix::fs::fchmod(dir, rustix::fs::Mode::RWXU)?;
        }
        if let Some((ledger, _)) = self.believed() {
            let bytes = found.allocated_bytes;
            ledger.directory_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// Sees to it that what is made in a directory that was found inherits
    /// nothing: neither its group nor an ACL.
    pub(super) fn make_ready(&self, node: &Node<Walked>, target: &Dir) -> io::Result<()> {
        let level = &node.level;
        if level.before == Before::Nothing || level.is_ready.get().is_some() {
            return Ok(());
        }
        self.touch(node);
        let has_no_xattrs = self.has_no_xattrs(level);
        if !has_no_xattrs {
            xattr::drop_inherited_acls(target)?;
        }
        let found = level.found.get();
        let may_keep_mode =
            |found: &Metadata| found.mode & TELLING == 0 && self.is_open_to_us(found);
        let keeps_mode = has_no_xattrs && found.is_some_and(may_keep_mode);
        if !keeps_mode {
            rustix::fs::fchmod(target, rustix::fs::Mode::RWXU)?;
        }
        let _ = level.is_ready.set(Ready { keeps_mode });
        Ok(())
    }

    /// Tells whether the directory that was found has the attributes of the
    /// source's, says the catalog.
    fn are_xattrs_known(&self, level: &Walked) -> bool {
        let has_same_rules = self.reused.is_some_and(|reused| reused.has_same_rules);
        has_same_rules && level.is_recorded && level.is_of_spare
    }

    /// Tells whether it has none, and is to have none.
    fn has_no_xattrs(&self, level: &Walked) -> bool {
        level.xattrs.is_empty() && self.are_xattrs_known(level)
    }

    /// What root may do needs no permission.
    pub(super) fn is_open_to_us(&self, found: &Metadata) -> bool {
        found.mode & 0o700 == 0o700 || matches!(self.rules.ownership, Ownership::Kept { .. })
    }

    /// The catalog, and the sequence of the tree of which it is believed.
    pub(super) fn believed(&self) -> Option<(&Ledger<'_>, u64)> {
        self.writes().zip(self.reused?.word)
    }

    /// Notes that a directory of the target is not as it was.
    pub(super) fn touch(&self, node: &Node<Walked>) {
        node.level.is_touched.store(true, Ordering::Relaxed);
    }

    /// What the target of a directory held under a name, as far as that has to
    /// be known to look at the entry.
    pub(super) fn remain(
        &self,
        node: &Node<Walked>,
        trio: &Trio,
        listing: Option<&Listing>,
        name: &CStr,
        listed: Option<&Listed>,
    ) -> Option<Remain> {
        if node.level.before != Before::Remains {
            return None;
        }
        let near = listed.and_then(Listed::place);
        self.remains(node, trio, listing?)?.find(name, near)
    }

    fn remains<'l>(
        &self,
        node: &Node<Walked>,
        trio: &Trio,
        listing: &'l Listing,
    ) -> Option<&'l Remains> {
        if node.level.before == Before::Nothing {
            return None;
        }
        Some(listing.reuse.remains.get_or_init(|| {
            let listed = self.target(node, trio).and_then(|target| match target {
                Some(target) => self.list_remains(node, target),
                None => Ok(Rows::default()),
            });
            let rows = listed.unwrap_or_else(|error| {
                self.spoil(node, c"", error);
                Rows::default()
            });
            let dealt = (0..rows.len()).map(|_| AtomicBool::new(false)).collect();
            Remains { rows, dealt }
        }))
    }

    fn list_remains(
        &self,
        node: &Node<Walked>,
        target: &Dir,
    ) -> io::Result<Rows<(u64, Option<EntryKind>)>> {
        let mut rows = Rows::default();
        let mut is_whole = true;
        while let Some(batch) = Batch::read(target)? {
            for (name, kind, inode) in batch.entries() {
                // What there is no memory for is taken out at once.
                if rows.are_more_than(&self.allowance) {
                    is_whole = false;
                } else {
                    rows.push(name.to_bytes(), (inode, kind));
                }
            }
            if !is_whole {
                break;
            }
        }
        rows.sort();
        // A listing may miss what comes behind what is removed.
        while !is_whole && !self.is_stopping() {
            is_whole = true;
            let from_the_start = target.reopen()?;
            while let Some(batch) = Batch::read(&from_the_start)? {
                for (name, kind, _) in batch.entries() {
                    if rows.find(name).is_none() {
                        is_whole = false;
                        self.evict(node, target, name, kind)?;
                    }
                }
            }
        }
        Ok(rows)
    }

    /// Tells whether the target has an entry already: linked to this inode.
    pub(super) fn stays(&self, here: &Here<'_>, inode: u64) -> bool {
        let (Some(listing), before) = (here.listing, here.node.level.before) else {
            return false;
        };
        let is_as_told = here.said == Said::Unchanged
            && here
                .listed
                .is_some_and(|listed| listed.glance.stored == Some(inode));
        if before == Before::Basis && is_as_told && listing.reuse.stays(here.listed.as_ref()) {
            return true;
        }
        let Some(remains) = self.remains(here.node, here.trio, listing) else {
            return false;
        };
        let remain = here.remain.or_else(|| remains.find(here.name, None));
        remain.is_some_and(|remain| remain.inode == inode && remains.deal(remain))
    }

    /// The directory of the target, in which nothing has the entry's name; none
    /// in a dry run.
    pub(super) fn cleared<'t>(&self, here: &Here<'t>) -> io::Result<Option<&'t Dir>> {
        let Some(target) = self.target(here.node, here.trio)? else {
            return Ok(None);
        };
        if here.node.level.before != Before::Nothing {
            self.make_ready(here.node, target)?;
            let remains = here
                .listing
                .and_then(|listing| self.remains(here.node, here.trio, listing));
            if let Some(remain) = remains.and_then(|remains| remains.take(here.name)) {
                self.evict(here.node, target, here.name, remain.kind)?;
            }
        }
        Ok(Some(target))
    }

    /// What the target holds under the name of a directory, which is dealt with.
    pub(super) fn there(
        &self,
        node: &Node<Walked>,
        trio: &Trio,
        listing: Option<&Listing>,
        name: &CStr,
        listed: Option<&Listed>,
    ) -> There {
        let Some(listing) = listing.filter(|_| node.level.before != Before::Nothing) else {
            return There::Nothing;
        };
        if listing.reuse.stays(listed) {
            return There::Directory;
        }
        let remains = self.remains(node, trio, listing);
        match remains.and_then(|remains| remains.take(name)) {
            Some(Remain { kind, .. }) => match kind {
                None | Some(EntryKind::Directory) => There::Directory,
                Some(other) => There::Other(other),
            },
            None => There::Nothing,
        }
    }

    /// Finds a directory's target in the tree that is reused, or makes it. The
    /// second is what it was like; without a handle it is as the catalog says.
    pub(super) fn reuse_directory(
        &self,
        up: &Node<Walked>,
        trio: &Trio,
        found: &Found<'_>,
        standing: &Standing,
        access: Access,
    ) -> io::Result<Option<(Dir, Option<Metadata>)>> {
        let name = found.name.as_c_str();
        if found.there == There::Directory && self.is_as_told(found, standing, access) {
            return Ok(None);
        }
        let Some(target) = self.target(up, trio)? else {
            return Ok(None);
        };
        match found.there {
            There::Directory => match remove::open(target, name) {
                Ok(dir) => {
                    let found = self.prepare(&dir)?;
                    return Ok(Some((dir, Some(found))));
                }
                Err(_) => self.evict(up, target, name, None)?,
            },
            There::Other(kind) => self.evict(up, target, name, Some(kind))?,
            There::Nothing => {}
        }
        self.make_ready(up, target)?;
        make::directory(target, name).map(|made| Some((made, None)))
    }

    /// Tells whether the catalog says that nothing in a directory has another
    /// name or version than in the basis.
    fn is_as_told(&self, found: &Found<'_>, standing: &Standing, access: Access) -> bool {
        let Some((ledger, spare)) = self.believed() else {
            return false;
        };
        let is_of_spare = found.known.is_some_and(|known| known.glance.is_of_spare);
        is_of_spare
            && access == Access::Read
            && standing.is_recorded
            && standing.rows_of == Some(standing.dir)
            && ledger.changed(standing.dir).is_some_and(|at| at <= spare)
    }

    /// Takes out of the target what is left of the tree that is reused.
    pub(super) fn clear_out(&self, node: &Node<Walked>, trio: &Trio, listing: &Listing) {
        let reuse = &listing.reuse;
        let stay = |place: usize| reuse.stay[place].load(Ordering::Relaxed);
        let is_as_told = reuse.is_told
            && reuse.remains.get().is_none()
            && self.ledger.is_some_and(Ledger::has_answered)
            && (0..reuse.stay.len()).all(stay);
        if self.is_stopping() || is_as_told {
            return;
        }
        let Some(remains) = self.remains(node, trio, listing) else {
            return;
        };
        for ((name, (_, kind)), dealt) in remains.rows.iter().zip(&remains.dealt) {
            let stays = reuse.is_told && listing.place(name).is_some_and(stay);
            if dealt.load(Ordering::Relaxed) || stays {
                continue;
            }
            let evicted = self.target(node, trio).and_then(|target| match target {
                Some(target) => self.evict(node, target, name, *kind),
                None => Ok(()),
            });
            if evicted.is_err() {
                return;
            }
        }
    }

    /// Tells whether a directory of the target has all that it is to have.
    pub(super) fn is_as_it_was(&self, node: &Node<Walked>, trio: &Trio) -> bool {
        let level = &node.level;
        if level.before == Before::Nothing || level.is_touched.load(Ordering::Relaxed) {
            return false;
        }
        let Some(found) = level.found.get() else {
            return level.before == Before::Basis;
        };
        self.rules.is_directory_given(&level.metadata, found) && self.has_xattrs(node, trio)
    }

    /// Tells whether a directory of the target has the attributes that it is to
    /// have.
    fn has_xattrs(&self, node: &Node<Walked>, trio: &Trio) -> bool {
        let level = &node.level;
        if self.are_xattrs_known(level) {
            return true;
        }
        let Ok(Some(target)) = self.target(node, trio) else {
            return false;
        };
        xattr::read(Place::Open(target.as_fd())).is_ok_and(|found| {
            let found = found.unwrap_or_default();
            level.xattrs.equal_in(&found, self.rules.xattrs)
        })
    }

    /// Gives a directory that was found what it has not of its metadata.
    pub(super) fn give_again(&self, node: &Node<Walked>, target: &Dir) -> io::Result<()> {
        let level = &node.level;
        let source = &level.metadata;
        let has_owner = level
            .found
            .get()
            .is_some_and(|found| (found.uid, found.gid) == (source.uid, source.gid));
        if !has_owner && matches!(self.rules.ownership, Ownership::Kept { .. }) {
            make::give_away(target.as_fd(), source)?;
        }
        let has_no_xattrs = self.has_no_xattrs(level);
        if !has_no_xattrs {
            xattr::remove_others(target, &level.xattrs)?;
            let place = Place::Open(target.as_fd());
            if let Err(error) = xattr::set(place, &level.xattrs, self.rules.xattrs) {
                self.refused(node, c"", Operation::SetMetadata, error);
            }
        }
        // A change of owner, or of an ACL, may have changed it.
        let has_mode = has_owner
            && has_no_xattrs
            && level.is_ready.get().is_none_or(|ready| ready.keeps_mode)
            && level.found.get().is_some_and(|found| {
                found.mode == self.rules.stored_mode(source) && self.is_open_to_us(found)
            });
        match has_mode {
            true => make::set_mtime_of(target.as_fd(), source.mtime),
            false => make::set_mode_and_mtime(target.as_fd(), source, &self.rules),
        }
    }
}
