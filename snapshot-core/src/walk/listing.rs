//! One directory of the walk as the catalog knows it, while it is listed.

use std::collections::HashSet;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::catalog::{Change, DirId, Glance, Rows, name_hash};
use crate::fs::dir::Dir;
use crate::fs::scan::Batch;
use crate::node::Node;
use crate::report::Operation;
use crate::walk::ledger::{BasisLook, Ledger};
use crate::walk::level::{Before, Walked};
use crate::walk::reuse::Reuse;
use crate::walk::state::{Walk, locked};

/// From so many entries on a listing costs less than asking for each.
const FEW: usize = 4;

/// What is known of the entries of a directory, and which of them were met.
pub(crate) struct Listing {
    rows: Rows,
    /// The directory that the rows are of.
    pub(crate) of: DirId,
    /// The rows are of another path: where the directory was before.
    pub(crate) is_adopted: bool,
    /// The place of the row after the last that was asked for: files that were
    /// made one after the other are often called so, too.
    next: AtomicUsize,
    kept: Kept,
    /// Rows whose stored inode the basis still has, once it was listed; none
    /// if it is not.
    confirmed: OnceLock<Option<Box<[bool]>>>,
    /// Entries that the basis was asked for one by one instead.
    asked: AtomicUsize,
    /// What of the target is reused.
    pub(crate) reuse: Reuse,
}

/// Which entries of this very path are in the new tree too.
enum Kept {
    /// One for each of the rows.
    Rows(Box<[AtomicBool]>),
    /// One for each of the rows of this path, as `rows` are of another one.
    Own(Rows, Box<[AtomicBool]>),
    /// Hashes of the names, where there are too many rows to hold.
    Names(Mutex<HashSet<u128>>),
}

/// A row of the listing.
#[derive(Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) glance: Glance,
    /// None where there are too many rows to hold.
    place: Option<usize>,
}

impl Listed {
    pub(crate) fn place(&self) -> Option<usize> {
        self.place
    }
}

impl Listing {
    pub(crate) fn get(&self, ledger: &Ledger<'_>, name: &CStr) -> Option<Listed> {
        if self.rows.are_many {
            let glance = ledger.glance(self.of, name)?;
            return Some(Listed {
                glance,
                place: None,
            });
        }
        let near = self.next.load(Ordering::Relaxed);
        let (place, glance) = self.rows.find_near(name, near)?;
        self.next.store(place + 1, Ordering::Relaxed);
        Some(Listed {
            glance,
            place: Some(place),
        })
    }

    /// Tells whether a listing of the basis, which is made for the first that
    /// asks, has the inode that was recorded; none if it is not listed, or not
    /// for this entry.
    pub(crate) fn is_confirmed(
        &self,
        listed: &Listed,
        list: impl FnOnce(&Rows) -> Option<Box<[bool]>>,
    ) -> Option<bool> {
        let confirmed = self.confirmed.get_or_init(|| list(&self.rows));
        Some(confirmed.as_ref()?[listed.place?])
    }

    /// Tells whether the basis, which is not listed yet, may be asked for one
    /// more entry by itself.
    pub(crate) fn asks_for_another(&self) -> bool {
        self.confirmed.get().is_none() && self.asked.fetch_add(1, Ordering::Relaxed) < FEW
    }

    /// The place of a name among the rows.
    pub(crate) fn place(&self, name: &CStr) -> Option<usize> {
        Some(self.rows.find(name)?.0)
    }

    /// Notes that an entry is in the new tree. False if it was noted before.
    pub(crate) fn keep(&self, name: &CStr, listed: Option<&Listed>) -> bool {
        let is_new = |kept: &[AtomicBool], place: usize| !kept[place].swap(true, Ordering::Relaxed);
        match &self.kept {
            Kept::Rows(kept) => {
                let place = listed.and_then(|listed| listed.place);
                place.is_none_or(|place| is_new(kept, place))
            }
            Kept::Own(rows, kept) => rows.find(name).is_none_or(|(place, _)| is_new(kept, place)),
            Kept::Names(names) => locked(names).insert(name_hash(name)),
        }
    }

    /// Tells of each entry that the newest snapshot has and the new tree not.
    fn each_gone(&self, ledger: &Ledger<'_>, dir: DirId, mut tell: impl FnMut(&CStr)) {
        let (rows, kept) = match &self.kept {
            Kept::Rows(kept) => (&self.rows, kept),
            Kept::Own(rows, kept) => (rows, kept),
            Kept::Names(names) => {
                let names = locked(names);
                return ledger.each_name(dir, |name| {
                    if !names.contains(&name_hash(name)) {
                        tell(name);
                    }
                });
            }
        };
        for ((name, glance), kept) in rows.iter().zip(kept) {
            if glance.is_open && !kept.load(Ordering::Relaxed) {
                tell(name);
            }
        }
    }
}

impl Walk<'_> {
    /// Reads what is known of a directory that is about to be listed.
    pub(super) fn open_listing(&self, node: &Node<Walked>) -> Option<Arc<Listing>> {
        let ledger = self.ledger?;
        let level = &node.level;
        let rows_of = |dir| ledger.rows(dir, &self.allowance);
        let rows = level.rows_of.map(rows_of).unwrap_or_default();
        let own = match level.is_adopted() {
            true if level.is_new => Some(Rows::default()),
            true => Some(rows_of(level.dir)),
            false => None,
        };
        let of_path = own.as_ref().unwrap_or(&rows);
        let flags = (0..of_path.len()).map(|_| AtomicBool::new(false)).collect();
        Some(Arc::new(Listing {
            confirmed: OnceLock::new(),
            asked: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            reuse: Reuse::new(level.before, &rows),
            of: level.rows_of.unwrap_or(level.dir),
            is_adopted: own.is_some(),
            kept: match own {
                _ if of_path.are_many => Kept::Names(Mutex::default()),
                Some(own) => Kept::Own(own, flags),
                None => Kept::Rows(flags),
            },
            rows,
        }))
    }

    /// Ends the listing of a directory: what was not met is gone. Whoever
    /// comes last does.
    pub(super) fn close_listing(&self, node: &Arc<Node<Walked>>, listing: Option<Arc<Listing>>) {
        let Some(listing) = listing.and_then(Arc::into_inner) else {
            return;
        };
        if node.level.before != Before::Nothing {
            match node.handles() {
                Ok(trio) => self.clear_out(node, &trio, &listing),
                Err(error) => self.refused(node, c"", Operation::List, error),
            }
        }
        let Some(ledger) = self.writes() else {
            return;
        };
        let dir = node.level.dir;
        listing.each_gone(ledger, dir, |name| {
            self.log(&Change::Gone {
                dir,
                name: name.to_owned(),
            });
        });
    }
}

/// Lists the basis, where that is how it is looked at.
pub(super) fn confirmed(
    ledger: &Ledger<'_>,
    rows: &Rows,
    basis: Option<&Dir>,
) -> Option<Box<[bool]>> {
    if ledger.look != BasisLook::Listed || rows.are_many {
        return None;
    }
    let mut confirmed = vec![false; rows.len()].into_boxed_slice();
    let Some(basis) = basis.filter(|_| rows.len() > 0) else {
        return Some(confirmed);
    };
    // Of what cannot be listed nothing is confirmed, and it is copied.
    while let Ok(Some(batch)) = Batch::read(basis) {
        for (name, inode) in batch.inodes() {
            if let Some((place, glance)) = rows.find(name) {
                // The number of a directory is no inode, and not asked for.
                confirmed[place] = glance.stored == Some(inode);
            }
        }
    }
    Some(confirmed)
}
