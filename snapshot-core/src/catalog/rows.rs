//! The entries of a directory, sorted by name, as far as there is memory to hold
//! them.

use std::ffi::CStr;

use crate::catalog::read::Glance;
use crate::fs::scan::{USUAL_ENTRIES, USUAL_NAME_BYTES};
use crate::memory::{Allowance, Taken};

/// So much is held of any directory: some 20,000 entries. So much more is asked
/// for at a time, where more may be held of some.
const STEP_BYTES: usize = 1 << 20;

/// What the catalog knows of the entries of one directory, sorted by name.
#[derive(Debug)]
pub(crate) struct Rows<T = Glance> {
    names: Vec<u8>,
    rows: Vec<(Name, T)>,
    /// There are more rows than are held at once: each is asked for.
    pub(crate) are_many: bool,
    /// What they take beyond what is held of any directory.
    taken: Option<Taken>,
}

/// Where a name begins, and its length.
type Name = (u32, u16);

impl<T> Default for Rows<T> {
    fn default() -> Rows<T> {
        Rows {
            names: Vec::new(),
            rows: Vec::new(),
            are_many: false,
            taken: None,
        }
    }
}

impl<T: Copy> Rows<T> {
    pub(crate) fn many() -> Rows<T> {
        Rows {
            are_many: true,
            ..Rows::default()
        }
    }

    /// Tells whether they take more than is held of any directory.
    pub(crate) fn are_too_many(&self) -> bool {
        self.bytes() > STEP_BYTES
    }

    /// The same, where large directories share an allowance.
    pub(crate) fn are_more_than(&mut self, allowance: &Allowance) -> bool {
        let beyond = self.bytes().saturating_sub(STEP_BYTES);
        let taken = self.taken.as_ref().map_or(0, Taken::bytes);
        if beyond <= taken {
            return false;
        }
        let taken = self.taken.get_or_insert_with(|| allowance.begin());
        !taken.grow(STEP_BYTES)
    }

    /// The memory that they need.
    fn bytes(&self) -> usize {
        self.names.len() + self.rows.len() * size_of::<(Name, T)>()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Finds what is known of a name, and its place.
    pub(crate) fn find(&self, name: &CStr) -> Option<(usize, T)> {
        let place = self.search(name.to_bytes()).ok()?;
        Some((place, self.rows[place].1))
    }

    /// All that is known, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CStr, &T)> {
        self.rows.iter().map(|((start, _), known)| {
            // Every name was put in with its NUL.
            let name = CStr::from_bytes_until_nul(&self.names[*start as usize..]);
            (name.unwrap_or_default(), known)
        })
    }

    /// Tells whether a name is not the next in the order of the names, which an
    /// index that is not damaged keeps.
    pub(super) fn end_with_more_than(&self, name: &[u8]) -> bool {
        let last = self.rows.last();
        last.is_some_and(|&((start, length), _)| {
            &self.names[start as usize..][..usize::from(length)] >= name
        })
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.rows.binary_search_by(|&((start, length), _)| {
            self.names[start as usize..][..usize::from(length)].cmp(name)
        })
    }

    fn keep(&mut self, name: &[u8]) -> Name {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.names.push(0);
        // A name has 255 bytes at most; nobody looks for a damaged one.
        (start, name.len().min(usize::from(u16::MAX)) as u16)
    }

    /// Finds what is known of a name that is likely to have this place.
    pub(crate) fn find_near(&self, name: &CStr, place: usize) -> Option<(usize, T)> {
        match self.rows.get(place) {
            Some(&((start, length), known))
                if self.names[start as usize..][..usize::from(length)] == *name.to_bytes() =>
            {
                Some((place, known))
            }
            _ => self.find(name),
        }
    }

    /// Puts in what comes after all others, or is sorted at last.
    pub(crate) fn push(&mut self, name: &[u8], known: T) {
        if self.rows.is_empty() {
            // Room for a usual directory.
            self.rows.reserve(USUAL_ENTRIES);
            self.names.reserve(USUAL_ENTRIES * USUAL_NAME_BYTES);
        }
        let name = self.keep(name);
        self.rows.push((name, known));
    }
}

impl<T> Rows<T> {
    /// Puts what was put in in any order into that of the names. Of a name that
    /// was put in more than once, as a listing may tell it, one stays.
    pub(crate) fn sort(&mut self) {
        let Rows { names, rows, .. } = self;
        let name = |&(start, length): &Name| &names[start as usize..][..usize::from(length)];
        rows.sort_unstable_by(|(one, _), (other, _)| name(one).cmp(name(other)));
        rows.dedup_by(|(one, _), (other, _)| name(one) == name(other));
    }
}

impl Rows {
    /// Puts in a version that the basis has and the newest snapshot does not.
    pub(super) fn push_past(&mut self, name: &[u8], glance: Glance) {
        match self.search(name) {
            Ok(place) => {
                let known = &mut self.rows[place].1;
                *known = Glance {
                    is_open: known.is_open,
                    is_of_spare: known.is_of_spare,
                    ..glance
                };
            }
            Err(place) => {
                let name = self.keep(name);
                self.rows.insert(place, (name, glance));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_listing_tells_twice_counts_once() {
        let mut rows = Rows::default();
        for (name, known) in [("b", 2), ("a", 1), ("b", 2), ("ba", 3), ("a", 1)] {
            rows.push(name.as_bytes(), known);
        }
        rows.sort();
        let told: Vec<_> = rows.iter().map(|(name, known)| (name, *known)).collect();
        assert_eq!(told, [(c"a", 1), (c"b", 2), (c"ba", 3)]);
        assert_eq!(rows.find(c"b"), Some((1, 2)));
    }
}
