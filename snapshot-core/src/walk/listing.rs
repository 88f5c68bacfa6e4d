//! One directory of the walk as the catalog knows it, while it is listed.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::catalog::{Change, DirId, Known, Rows};
use crate::entry::EntryKind;
use crate::fs::dir::Dir;
use crate::fs::scan::Batch;
use crate::node::Node;
use crate::walk::ledger::{BasisLook, Ledger};
use crate::walk::level::{Trio, Walked};
use crate::walk::state::{Tally, Walk};

/// What is known of the entries of a directory, and which of them were met.
pub(crate) struct Listing {
    rows: Rows,
    /// The directory that the rows are of.
    pub(crate) of: DirId,
    /// The rows are of another path: where the directory was before.
    pub(crate) is_adopted: bool,
    /// What is known of this very path, if the rows are of another one.
    own: Option<Rows>,
    /// The entries, of this very path, that are in the new tree too.
    kept: Box<[AtomicBool]>,
    /// Rows whose stored inode the basis still has, if it was listed.
    confirmed: Option<Box<[bool]>>,
}

impl Listing {
    pub(crate) fn get(&self, name: &CStr) -> Option<Known<'_>> {
        self.rows.get(name)
    }

    /// Tells whether the basis still has the inode that was recorded.
    pub(crate) fn is_confirmed(&self, known: &Known<'_>) -> bool {
        self.confirmed.as_ref().is_none_or(|confirmed| confirmed[known.place])
    }

    /// Notes that an entry is in the new tree. False if it was noted before.
    pub(crate) fn keep(&self, name: &CStr, known: Option<&Known<'_>>) -> bool {
        let place = match &self.own {
            Some(own) => own.get(name).map(|known| known.place),
            None => known.map(|known| known.place),
        };
        place.is_none_or(|place| !self.kept[place].swap(true, Ordering::Relaxed))
    }

    /// The entries that the newest snapshot has and the new tree does not.
    fn gone(&self) -> impl Iterator<Item = Known<'_>> {
        let own = self.own.as_ref().unwrap_or(&self.rows);
        own.iter()
            .zip(&self.kept)
            .filter(|(known, kept)| known.is_open && !kept.load(Ordering::Relaxed))
            .map(|(known, _)| known)
    }
}

impl Walk<'_> {
    /// Reads what is known of a directory that is about to be listed.
    pub(super) fn open_listing(&self, node: &Node<Walked>, trio: &Trio) -> Option<Arc<Listing>> {
        let ledger = self.ledger?;
        let level = &node.level;
        let (rows, own) = match level.rows_of {
            Some(of) if of != level.dir && !level.is_new => (ledger.rows(of), Some(ledger.rows(level.dir))),
            Some(of) if of != level.dir => (ledger.rows(of), Some(Rows::default())),
            Some(of) => (ledger.rows(of), None),
            None => (Rows::default(), None),
        };
        let of_path = own.as_ref().unwrap_or(&rows);
        if of_path.damaged {
            self.log(&Change::Mistrust { dir: level.dir });
        }
        let kept = (0..of_path.len()).map(|_| AtomicBool::new(false)).collect();
        Some(Arc::new(Listing {
            confirmed: confirmed(ledger, &rows, trio.basis.as_ref()),
            of: level.rows_of.unwrap_or(level.dir),
            is_adopted: own.is_some(),
            rows,
            own,
            kept,
        }))
    }

    /// Ends the listing of a directory: what was not met is gone. Whoever
    /// comes last does.
    pub(super) fn close_listing(&self, node: &Node<Walked>, listing: Option<Arc<Listing>>) {
        let Some(listing) = listing.and_then(Arc::into_inner) else {
            return;
        };
        let mut tally = Tally::default();
        for known in listing.gone() {
            tally.change(&Change::Gone {
                dir: node.level.dir,
                name: known.name.to_owned(),
            });
        }
        self.add(node.level.belongs, &tally);
    }
}

/// Lists the basis, where that is how it is looked at.
fn confirmed(ledger: &Ledger<'_>, rows: &Rows, basis: Option<&Dir>) -> Option<Box<[bool]>> {
    if ledger.look != BasisLook::Listed {
        return None;
    }
    let mut confirmed = vec![false; rows.len()].into_boxed_slice();
    let Some(basis) = basis.filter(|_| !rows.is_empty()) else {
        return Some(confirmed);
    };
    // Of what cannot be listed nothing is confirmed, and it is copied.
    while let Ok(Some(batch)) = Batch::read(basis) {
        for (name, inode) in batch.inodes() {
            let Some(known) = rows.get(name) else {
                continue;
            };
            let is_stored = known
                .facts
                .is_some_and(|facts| facts.kind != EntryKind::Directory && facts.stored == Some(inode));
            confirmed[known.place] = is_stored;
        }
    }
    Some(confirmed)
}
