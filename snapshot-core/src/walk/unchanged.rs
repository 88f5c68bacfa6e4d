//! Files that look unchanged: many of them wait until their attributes are
//! read together, which spares going to and fro between source and basis.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Scope;

use crate::entry::EntryKind;
use crate::fs::dir::Dir;
use crate::fs::xattr;
use crate::plan::Action;
use crate::walk::entry::{Here, Placed, Seen};
use crate::walk::ledger::Said;
use crate::walk::select::Selection;
use crate::walk::state::{Tally, Walk};
use crate::xattr::Xattrs;

/// So many files wait at most: enough that going there costs nothing, few
/// enough that what was seen of them is not old.
pub(super) const MOST_WAITING: usize = 256;

impl Walk<'_> {
    /// Tells whether only the attributes of a file can still differ from the
    /// basis. One of several names is not for waiting: its group does.
    pub(super) fn looks_unchanged(&self, here: &Here<'_>) -> bool {
        let is_compared = match here.said {
            Said::Nothing => true,
            Said::Unchanged if self.goes_by_word() => false,
            Said::Unchanged => here.basis.is_some() && self.has_stored(here),
            Said::Touched | Said::Changed => false,
        };
        is_compared
            && here.source.kind == EntryKind::File
            && here.source.links == 1
            && self.decide_by_metadata(here) == Action::Link
    }

    /// Deals with files of one directory that look unchanged.
    pub(super) fn settle<'s>(
        &'s self,
        scope: &Scope<'s>,
        waiting: &mut Vec<Here<'_>>,
        tally: &mut Tally,
    ) {
        let Some(Here { node, trio, .. }) = waiting.first() else {
            return;
        };
        let new = all_xattrs(trio.source().ok(), &node.level.ways.no_xattrs, waiting);
        let old = all_xattrs(trio.basis(node), &self.inside.no_xattrs, waiting);
        for (mut here, (new, old)) in waiting.drain(..).zip(new.into_iter().zip(old)) {
            if self.is_stopping() {
                break;
            }
            let new = new.map(|new| self.seen(new));
            let equal = matches!((&new, &old),
                (Ok(new), Ok(old)) if new.equal_in(old, self.rules.xattrs));
            here.seen = new.ok().map(|xattrs| Seen { xattrs, hash: None });
            let action = if equal {
                Action::Link
            } else {
                Action::MakeFromBasis
            };
            match self.place(&here, action, tally) {
                Placed::Done { outcome, made, .. } => self.count(&here, outcome, made, tally),
                Placed::Failed(_) => {}
                Placed::Exchanged => {
                    let Here {
                        node,
                        trio,
                        listing,
                        name,
                        ..
                    } = here;
                    self.entry(scope, node, trio, listing, name, &Selection::Whole, tally);
                }
            }
        }
    }
}

/// Reads the attributes of files of one directory, unless its filesystem is
/// known to have none.
fn all_xattrs(
    dir: Option<&Dir>,
    missing: &AtomicBool,
    files: &[Here<'_>],
) -> Vec<io::Result<Xattrs>> {
    let (Some(dir), false) = (dir, missing.load(Ordering::Relaxed)) else {
        return files.iter().map(|_| Ok(Xattrs::default())).collect();
    };
    let names = files.iter().map(|here| here.name);
    xattr::read_entries(dir, names)
        .into_iter()
        .map(|read| {
            let xattrs = read?;
            if xattrs.is_none() {
                missing.store(true, Ordering::Relaxed);
            }
            Ok(xattrs.unwrap_or_default())
        })
        .collect()
}
