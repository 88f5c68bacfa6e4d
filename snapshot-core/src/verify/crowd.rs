//! What nobody recorded, in directories that are not held as a whole.

use std::sync::atomic::Ordering;

use crate::catalog::query::Slice;
use crate::verify::check::{Check, Checked, unreadable};
use crate::verify::listing::Listing;

impl Check<'_> {
    /// Finds what nobody recorded in a directory of which the parts had to be
    /// looked at one by one; `present` is how much of it each snapshot has.
    pub(super) fn crowd(&self, slice: &Slice, present: &[u64]) {
        for (one, present) in self.snapshots.iter().zip(present) {
            let own = slice.own_at(one.known.sequence);
            let Some(own) = own.filter(|_| *present > 0 && !one.is_gone.load(Ordering::Relaxed))
            else {
                continue;
            };
            let counted = self
                .open(one, &slice.path)
                .and_then(|dir| Listing::count(&dir));
            match counted {
                Ok(counted) if counted == *present => {}
                Ok(_) => self.search(one, slice),
                Err(error) => self.at_directory(one, slice, own, unreadable(&error)),
            }
        }
    }

    /// Asks for each name that is there whether it was recorded.
    pub(super) fn search(&self, one: &Checked, slice: &Slice) {
        let sequence = one.known.sequence;
        let searched = self.open(one, &slice.path).and_then(|dir| {
            Listing::each(&dir, |name| {
                match self.catalog.has_name(slice.dir, name.to_bytes(), sequence) {
                    Ok(true) => {}
                    Ok(false) => self.unexpected(one, &slice.path, name),
                    Err(error) => self.fail(error),
                }
                !self.is_stopping()
            })
        });
        if let (Err(error), Some(own)) = (searched, slice.own_at(sequence)) {
            self.at_directory(one, slice, own, unreadable(&error));
        }
    }
}
