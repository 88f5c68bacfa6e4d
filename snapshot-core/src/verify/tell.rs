//! Telling what is wrong, and with which entries of which snapshots.

use std::ffi::CStr;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::catalog::query::{Aspect, Row, Slice};
use crate::verify::check::{Check, Checked, Extent, Here, Look, path_of, unreadable};
use crate::verify::findings::{Finding, Recorded};
use crate::verify::report::{DamageKind, Damaged};

impl Check<'_> {
    /// Tells what was found, also of an entry with which nothing is wrong but
    /// that it was stored anew.
    pub(super) fn conclude(&self, here: &Here<'_>, look: Look) {
        if look.is_replaced && look.differs.is_empty() {
            self.at_place(here, DamageKind::Replaced);
        } else {
            self.judge(here, look.extent, Ok(look.differs));
        }
    }

    /// Tells what is wrong with an inode, if anything is.
    pub(super) fn judge(&self, here: &Here<'_>, extent: Extent, found: io::Result<Vec<Aspect>>) {
        let version = &here.row.version;
        let kind = match found {
            Ok(differs) if differs.is_empty() => return,
            Ok(differs) => {
                let is_content = differs.contains(&Aspect::Content);
                if !is_content && self.was_skipped(here) {
                    return;
                }
                if let Some(hash) = version.hash.filter(|_| is_content) {
                    self.findings.note(hash);
                }
                DamageKind::Altered { differs }
            }
            // It may be that it is just being removed.
            Err(_) if self.is_gone(here.one) => return,
            Err(error) => {
                version
                    .hash
                    .into_iter()
                    .for_each(|hash| self.findings.note(hash));
                unreadable(&error)
            }
        };
        let name = here.name.to_bytes();
        let sharers = match extent {
            Extent::Place => None,
            // If nobody can tell who shares it, that of here is known.
            Extent::Inode => self.catalog.sharers(here.slice.dir, name, here.row).ok(),
        };
        let Some(sharers) = sharers else {
            return self.at_place(here, kind);
        };
        for sharer in sharers {
            let names = sharer.snapshots.iter().map(|snapshot| snapshot.name);
            let there = names.filter(|name| self.store.has_tree(*name).unwrap_or(true));
            let damaged = Damaged {
                path: sharer.path,
                snapshots: there.collect(),
                kind: kind.clone(),
                good_copy: None,
                mending: None,
            };
            if damaged.snapshots.is_empty() {
                continue;
            }
            let mut row = here.row.clone();
            (row.first, row.until) = (sharer.first, sharer.until);
            let place = Some(Recorded {
                dir: sharer.dir,
                name: sharer.name,
                row,
            });
            self.findings.add(self.observer, Finding { damaged, place });
        }
    }

    /// Tells whether the run that stored it said that it could not do it right.
    fn was_skipped(&self, here: &Here<'_>) -> bool {
        let path = here.path();
        let began = self
            .snapshots
            .iter()
            .find(|one| here.row.is_in(one.known.sequence));
        [Some(here.one), began]
            .into_iter()
            .flatten()
            .any(|one| one.skipped.contains(&path))
    }

    pub(super) fn at_place(&self, here: &Here<'_>, kind: DamageKind) {
        let place = Recorded {
            dir: here.slice.dir,
            name: here.name.to_bytes().to_vec(),
            row: here.row.clone(),
        };
        self.found(here.one, here.path(), kind, Some(place));
    }

    pub(super) fn at_directory(&self, one: &Checked, slice: &Slice, own: &Row, kind: DamageKind) {
        let path = path_of(&slice.path);
        let name = path
            .file_name()
            .map(|name| name.as_encoded_bytes().to_vec());
        let place = Recorded {
            dir: slice.above,
            name: name.unwrap_or_default(),
            row: own.clone(),
        };
        self.found(one, path, kind, Some(place));
    }

    pub(super) fn unexpected(&self, one: &Checked, path: &[u8], name: &CStr) {
        let path = path_of(path).join(path_of(name.to_bytes()));
        self.found(one, path, DamageKind::Unexpected, None);
    }

    /// Tells what is wrong in one snapshot, if that is still there: what is
    /// being removed is no damage.
    fn found(&self, one: &Checked, path: PathBuf, kind: DamageKind, place: Option<Recorded>) {
        if self.is_gone(one) {
            return;
        }
        let damaged = Damaged {
            path,
            snapshots: vec![one.known.name],
            kind,
            good_copy: None,
            mending: None,
        };
        self.findings.add(self.observer, Finding { damaged, place });
    }

    fn is_gone(&self, one: &Checked) -> bool {
        if !one.is_gone.load(Ordering::Relaxed) {
            let is_there = self.store.has_tree(one.known.name).unwrap_or(true);
            one.is_gone.store(!is_there, Ordering::Relaxed);
        }
        one.is_gone.load(Ordering::Relaxed)
    }
}
