//! The entries of the walk that are no directories: looked at, and compared
//! with what the catalog says of them or with the basis.

use std::ffi::{CStr, CString};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Scope;

use crate::catalog::{Facts, Version};
use crate::entry::{EntryKind, Hash, Metadata};
use crate::event::Outcome;
use crate::fs::dir::{Boundary, Dir};
use crate::fs::xattr::{self, Place};
use crate::node::Node;
use crate::plan::{self, Action};
use crate::report::Operation;
use crate::walk::ledger::{BasisLook, Ledger, Said};
use crate::walk::level::{Before, Trio, Walked};
use crate::walk::listing::{Listed, Listing, confirmed};
use crate::walk::moved::Moved;
use crate::walk::reuse::Remain;
use crate::walk::select::Selection;
use crate::walk::state::{Tally, Walk};
use crate::xattr::Xattrs;

/// A file may be exchanged for another between two looks; so often the new one
/// is taken instead.
const LOOKS: u32 = 3;

/// What became of an entry.
pub(super) enum Placed {
    /// It is there.
    Done {
        outcome: Outcome,
        /// The stored inode, where it was learned.
        inode: Option<u64>,
        /// What the catalog is to be told, if it is not the basis's.
        made: Option<Box<Version>>,
    },
    /// It is not, and why was noted. What the catalog can keep of it all the
    /// same is all there is of a special file.
    Failed(Option<Box<Version>>),
    /// It is another one now.
    Exchanged,
}

/// One entry and all that is known of it.
pub(super) struct Here<'a> {
    pub(super) node: &'a Arc<Node<Walked>>,
    pub(super) trio: &'a Trio,
    /// What the catalog knows of the directory.
    pub(super) listing: Option<&'a Listing>,
    pub(super) name: &'a CStr,
    pub(super) source: Metadata,
    /// The entry of the basis, if it was looked at.
    pub(super) basis: Option<Metadata>,
    pub(super) listed: Option<Listed>,
    /// What the target held under the name.
    pub(super) remain: Option<Remain>,
    pub(super) said: Said,
    /// The version that the basis has, if it took that to tell.
    pub(super) before: Option<Box<Version>>,
    /// Where it was, if that is another path.
    pub(super) moved: Option<Moved>,
    /// What reading it told.
    pub(super) seen: Option<Seen>,
    /// The target of a symlink, if it was read.
    pub(super) target: Option<CString>,
}

/// What only reading an entry tells.
pub(super) struct Seen {
    pub(super) xattrs: Xattrs,
    /// Of its content, which is that of the basis.
    pub(super) hash: Option<Hash>,
}

impl Walk<'_> {
    /// Deals with an entry of which is not known that it is a directory.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn entry<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<Node<Walked>>,
        trio: &Trio,
        listing: Option<&Listing>,
        name: &CStr,
        selection: &'s Selection,
        tally: &mut Tally,
    ) {
        if let Some(here) = self.look(scope, node, trio, listing, name, selection, None) {
            self.deal(scope, here, selection, tally);
        }
    }

    /// Looks at an entry in source and basis. None if it is dealt with: left
    /// out, not readable, or a directory, which is queued. `judged` is the kind
    /// as which its path passed the filter.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn look<'s, 'a>(
        &'s self,
        scope: &Scope<'s>,
        node: &'a Arc<Node<Walked>>,
        trio: &'a Trio,
        listing: Option<&'a Listing>,
        name: &'a CStr,
        selection: &'s Selection,
        judged: Option<EntryKind>,
    ) -> Option<Here<'a>> {
        let source = match trio.source().and_then(|dir| dir.stat(name)) {
            Ok(source) => source,
            // What the user named is no entry among others.
            Err(error) if *selection != Selection::Whole => {
                let path = node.path_of(self.source_path, name);
                self.lost(Some(node), path, Operation::Stat, error);
                return None;
            }
            Err(error) => {
                self.problem(node, name, Operation::Stat, error);
                return None;
            }
        };
        // What the user named is taken, whatever the filter says.
        if *selection == Selection::Whole
            && ((judged != Some(source.kind) && self.leaves_out_path(node, name, source.kind))
                || self.leaves_out_metadata(node, name, &source))
        {
            return None;
        }
        if source.kind == EntryKind::Directory {
            if let Some(below) = selection.below(name) {
                // What the user named is entered whatever is mounted there.
                let named = matches!(selection, Selection::Only(_));
                let boundary = if named {
                    Boundary::Cross
                } else {
                    Boundary::Stay
                };
                let found = self.found(node, trio, name, below, boundary, listing);
                self.queue(scope, node, found);
            }
            return None;
        }
        let known = self.ledger.zip(listing);
        let listed = known.and_then(|(ledger, listing)| listing.get(ledger, name));
        let (said, before) = match known.zip(listed.as_ref()) {
            Some(((ledger, listing), listed)) => {
                ledger.said(&source, node.level.mount, listing.of, name, &listed.glance)
            }
            None => (Said::Nothing, None),
        };
        let mut here = Here {
            node,
            trio,
            listing,
            name,
            source,
            basis: None,
            listed,
            remain: self.remain(node, trio, listing, name, listed.as_ref()),
            said,
            before,
            moved: None,
            seen: None,
            target: None,
        };
        let is_word_enough = match said {
            Said::Nothing => false,
            Said::Changed => true,
            Said::Unchanged | Said::Touched => self.goes_by_word() && !self.has_to_ask(&here),
        };
        if !is_word_enough {
            here.basis = self.stat_basis(&here);
        }
        let is_known = here.listed.is_some_and(|listed| listed.glance.is_of_basis);
        if let (Some(ledger), Some(_), Some(_), false) =
            (self.ledger, listing, &here.basis, is_known)
        {
            ledger.note_missing();
        }
        Some(here)
    }

    fn stat_basis(&self, here: &Here<'_>) -> Option<Metadata> {
        let dir = here.basis()?;
        let is_there = here.node.level.basis_has(here.name);
        is_there.then(|| dir.stat(here.name).ok()).flatten()
    }

    /// Tells whether the basis is believed to hold what the catalog says.
    pub(super) fn goes_by_word(&self) -> bool {
        self.ledger.is_some_and(Ledger::is_word_enough)
    }

    /// Tells whether the basis itself is asked for the stored inode: where most
    /// entries are confirmed by what is reused, and where the directory is too
    /// large for a listing that is kept.
    fn has_to_ask(&self, here: &Here<'_>) -> bool {
        let Some(ledger) = self.ledger else {
            return false;
        };
        ledger.look == BasisLook::Listed
            && !self.is_confirmed_by_reuse(here)
            && (self.is_among_few(here) || self.is_confirmed(ledger, here).is_none())
    }

    /// Tells whether so few entries of a directory are not as in what is reused
    /// that asking for each costs less than a listing.
    fn is_among_few(&self, here: &Here<'_>) -> bool {
        here.node.level.before == Before::Remains
            && here.listing.is_some_and(Listing::asks_for_another)
    }

    /// Tells whether the stored inode was seen, in the target or in the basis,
    /// under its name; none if listings do not tell.
    fn is_confirmed(&self, ledger: &Ledger<'_>, here: &Here<'_>) -> Option<bool> {
        let (listing, listed) = here.listing.zip(here.listed.as_ref())?;
        if self.is_confirmed_by_reuse(here) {
            return Some(true);
        }
        listing.is_confirmed(listed, |rows| confirmed(ledger, rows, here.basis()))
    }

    /// Tells whether a tree that was a snapshot has the stored inode.
    fn is_confirmed_by_reuse(&self, here: &Here<'_>) -> bool {
        let was_published = self.reused.is_some_and(|reused| reused.was_published);
        let stored = here.listed.and_then(|listed| listed.glance.stored);
        was_published && stored.is_some() && here.remain.map(|remain| remain.inode) == stored
    }

    /// Puts an entry into the target, looking again if it was exchanged.
    pub(super) fn deal<'s>(
        &'s self,
        scope: &Scope<'s>,
        mut here: Here<'_>,
        selection: &'s Selection,
        tally: &mut Tally,
    ) {
        for _ in 0..LOOKS {
            let placed = if here.source.links > 1 {
                let (id, links) = (here.source.id, here.source.links);
                self.groups.with(id, links, |group| {
                    self.place_in_group(&mut here, group, tally)
                })
            } else {
                let action = self.decide(&mut here);
                self.place(&here, action, tally)
            };
            match placed {
                Placed::Done { outcome, made, .. } => {
                    return self.count(&here, outcome, made, tally);
                }
                Placed::Failed(kept) => return self.missed(&here, kept, tally),
                Placed::Exchanged => {}
            }
            let Here {
                node,
                trio,
                listing,
                name,
                ..
            } = here;
            match self.look(scope, node, trio, listing, name, selection, None) {
                Some(new) => here = new,
                None => return,
            }
        }
        self.unstable(here.node, here.name);
        self.missed(&here, None, tally);
    }

    /// Sees to it that the catalog does not tell of an entry that could not be
    /// had. Where a directory is listed, that is noticed at its end.
    fn missed(&self, here: &Here<'_>, kept: Option<Box<Version>>, tally: &mut Tally) {
        if kept.is_some() {
            self.record(here, Outcome::Made, kept, tally);
        } else if here.listing.is_none() {
            self.record_gone(here.node, here.name);
        }
    }

    pub(super) fn count(
        &self,
        here: &Here<'_>,
        outcome: Outcome,
        made: Option<Box<Version>>,
        tally: &mut Tally,
    ) {
        self.record(here, outcome, made, tally);
        let counts = &mut tally.counts;
        match (here.source.kind, outcome) {
            (EntryKind::File, Outcome::Copied) => counts.files_copied += 1,
            (EntryKind::File, outcome) => {
                match outcome {
                    Outcome::Moved => counts.files_moved += 1,
                    _ => counts.files_linked += 1,
                }
                counts.bytes_linked += here.source.size_bytes;
            }
            (EntryKind::Symlink, _) => counts.symlinks += 1,
            _ => counts.specials += 1,
        }
        self.tell(here.node, here.name, outcome);
    }

    /// Decides what is to be done with an entry, looking up only what the
    /// outcome depends on.
    pub(super) fn decide(&self, here: &mut Here<'_>) -> Action {
        match here.said {
            Said::Changed => self.decide_changed(here),
            Said::Unchanged | Said::Touched if !self.has_stored(here) => {
                // What could not be stored may be now.
                if here
                    .listed
                    .is_some_and(|listed| listed.glance.stored.is_some())
                {
                    self.note_replaced();
                }
                Action::Make
            }
            Said::Unchanged if self.goes_by_word() => Action::Link,
            Said::Touched => self.decide_touched(here),
            Said::Unchanged | Said::Nothing => self.decide_by_comparing(here),
        }
    }

    /// Tells whether the basis still has the inode that the catalog says.
    pub(super) fn has_stored(&self, here: &Here<'_>) -> bool {
        let Some((ledger, listed)) = self.ledger.zip(here.listed.as_ref()) else {
            return false;
        };
        let Some(stored) = listed.glance.stored else {
            return false;
        };
        let is_in_basis = || here.basis.is_some_and(|basis| basis.id.inode == stored);
        let is_there = match ledger.look {
            BasisLook::Word => true,
            // It was asked.
            BasisLook::Listed if here.basis.is_some() => is_in_basis(),
            BasisLook::Listed => self.is_confirmed(ledger, here).unwrap_or(false),
            BasisLook::Stat => is_in_basis(),
            BasisLook::StatWithoutInodes => here.basis.is_some(),
        };
        is_there && !self.distrusted.contains(&stored)
    }

    /// What changed may have been exchanged for a file that was elsewhere.
    fn decide_changed(&self, here: &mut Here<'_>) -> Action {
        if here
            .facts()
            .is_some_and(|facts| facts.inode == here.source.id.inode)
        {
            return Action::Make;
        }
        self.decide_moved(here)
    }

    /// Lets the content decide.
    fn decide_touched(&self, here: &mut Here<'_>) -> Action {
        // Where the tree itself is looked at, it has to have that content too.
        let tree = match self.goes_by_word() {
            true => Action::Link,
            false => self.decide_by_metadata(here),
        };
        let before = here.before.take().filter(|_| tree != Action::Make);
        let action = match &before {
            Some(before) => self.decide_by_content(here, before),
            None => Action::Make,
        };
        here.before = before;
        match action {
            Action::Link if !self.is_stored_whole(here) => Action::MakeFromBasis,
            Action::Link => tree,
            Action::Make => self.decide_changed(here),
            action => action,
        }
    }

    /// Compares an entry with its basis.
    fn decide_by_comparing(&self, here: &mut Here<'_>) -> Action {
        let action = self.decide_by_metadata(here);
        if action == Action::Make && here.basis.is_none() {
            return self.decide_moved(here);
        }
        if action != Action::Link || (self.has_same_target(here) && self.has_same_xattrs(here)) {
            return action;
        }
        match here.source.kind {
            EntryKind::File => Action::MakeFromBasis,
            _ => Action::Make,
        }
    }

    /// Compares what one look at an entry and at its basis tells.
    pub(super) fn decide_by_metadata(&self, here: &Here<'_>) -> Action {
        let basis = here.basis.as_ref().filter(|basis| {
            self.distrusted.is_empty() || !self.distrusted.contains(&basis.id.inode)
        });
        let action = plan::decide(&here.source, basis, &self.rules);
        match (here.said, here.source.kind) {
            // Its content is nowhere recorded: what is read anew is copied.
            (Said::Nothing, EntryKind::File) if self.reads_everything() => Action::Make,
            _ => action,
        }
    }

    fn has_same_target(&self, here: &mut Here<'_>) -> bool {
        if here.source.kind != EntryKind::Symlink {
            return true;
        }
        let old = here.basis().map(|dir| read_link(dir, here.name));
        let new = here.trio.source().and_then(|dir| read_link(dir, here.name));
        let is_same = matches!((&old, &new), (Some(Ok(old)), Ok(new)) if old == new);
        here.target = new.ok();
        is_same
    }

    fn has_same_xattrs(&self, here: &mut Here<'_>) -> bool {
        let Some(basis) = here.basis() else {
            return false;
        };
        let new = self.source_xattrs(here);
        let old = xattrs_unless(&self.inside.no_xattrs, Place::Entry(basis, here.name));
        let is_same =
            matches!((&old, &new), (Ok(old), Ok(new)) if new.equal_in(old, self.rules.xattrs));
        here.seen = new.ok().map(|xattrs| Seen { xattrs, hash: None });
        is_same
    }

    /// Reads the attributes of an entry that is not open.
    pub(super) fn source_xattrs(&self, here: &Here<'_>) -> io::Result<Xattrs> {
        let dir = here.trio.source()?;
        let read = xattrs_unless(
            &here.node.level.ways.no_xattrs,
            Place::Entry(dir, here.name),
        );
        read.map(|xattrs| self.seen(xattrs))
    }
}

impl<'a> Here<'a> {
    /// The directory of the basis.
    pub(super) fn basis(&self) -> Option<&'a Dir> {
        self.trio.basis(self.node)
    }

    /// What the basis has, if it had to be looked up.
    pub(super) fn facts(&self) -> Option<&Facts> {
        self.before.as_ref().map(|before| &before.facts)
    }

    /// The hash of what the basis holds of it, as far as that is at hand.
    pub(super) fn recorded_hash(&self) -> Option<Hash> {
        let inode = self.basis_inode()?;
        let moved = self.moved.as_ref().map(|moved| &moved.version);
        let before = moved.or(self.before.as_deref())?;
        before.hash.filter(|_| before.facts.stored == Some(inode))
    }

    /// The entry of the basis that this one may become another name of, and
    /// its inode.
    pub(super) fn basis_entry(&self) -> Option<(&Dir, &CStr, u64)> {
        let inode = self.basis_inode()?;
        match &self.moved {
            Some(moved) => Some((&moved.at, &moved.name, inode)),
            None => Some((self.basis()?, self.name, inode)),
        }
    }

    /// Its inode.
    pub(super) fn basis_inode(&self) -> Option<u64> {
        if let Some(moved) = &self.moved {
            return Some(moved.inode);
        }
        let known = || self.listed.as_ref()?.glance.stored;
        match (&self.basis, self.said) {
            (Some(basis), _) => Some(basis.id.inode),
            (None, Said::Unchanged | Said::Touched) => known(),
            (None, Said::Nothing | Said::Changed) => None,
        }
    }
}

/// Reads attributes, unless the filesystem is known to have none.
pub(super) fn xattrs_unless(missing: &AtomicBool, place: Place<'_>) -> io::Result<Xattrs> {
    if missing.load(Ordering::Relaxed) {
        return Ok(Xattrs::default());
    }
    let read = xattr::read(place)?;
    if read.is_none() {
        missing.store(true, Ordering::Relaxed);
    }
    Ok(read.unwrap_or_default())
}

pub(super) fn read_link(at: &Dir, name: &CStr) -> io::Result<CString> {
    Ok(rustix::fs::readlinkat(at, name, Vec::new())?)
}
