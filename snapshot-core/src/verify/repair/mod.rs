//! Good copies in the place of what is damaged.
//!
//! What is wanted is made or linked in `work`, flushed, and renamed over each
//! path that shared what is damaged; that one is kept in `damaged`. Then the
//! catalog learns which inode it is now. Whatever the run is stopped at, the
//! next one finds an inode that is good at some of the places, and goes on from
//! there.

mod directory;
mod make;
mod missing;
mod put;

use std::collections::HashSet;
use std::path::PathBuf;

use crate::catalog::{Renumbered, renumber};
use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::Dir;
use crate::fs::{make as fs_make, remove, xattr};
use crate::layout;
use crate::verify::case::{At, Case, Verdict};
use crate::verify::check::Check;
use crate::verify::findings::Finding;
use crate::verify::good::About;
use crate::verify::report::{DamageKind, Mending};

/// The directory in `work` that all is made in.
const PLACE: &std::ffi::CStr = c"repair";

/// A repair under way. Under the store's lock.
pub(super) struct Mender<'c, 'a> {
    check: &'c Check<'a>,
    /// Where things are made.
    work: Dir,
    /// Where things are kept aside.
    aside: Dir,
    /// Inodes that are there.
    kept: HashSet<u64>,
    renumbered: Vec<Renumbered>,
}

/// Repairs what can be; tells where the damaged files are kept, if there are
/// any.
pub(super) fn repair(
    check: &Check<'_>,
    findings: &mut [Finding],
    cases: &[About],
) -> Result<Option<PathBuf>> {
    let store = check.store;
    let failed = |error| store.failed("make", layout::WORK, error);
    // It may have what is damaged, and the catalog is going to tell of other
    // inodes.
    if let Some(spare) = store.spare()? {
        let trash = store.open_control(layout::TRASH)?;
        store.give_up_spare(&trash, &spare, check.cancel)?;
    }
    let all = store.open_control(layout::WORK)?;
    let path = store.path_of(layout::WORK);
    remove::tree(&all, PLACE, &path, check.cancel).map_err(failed)?;
    let work = fs_make::directory(&all, PLACE).map_err(failed)?;
    xattr::drop_inherited_acls(&work).map_err(failed)?;
    let mut mender = Mender {
        check,
        work,
        aside: store.open_control(layout::DAMAGED)?,
        kept: HashSet::new(),
        renumbered: Vec::new(),
    };
    let mut stopped = None;
    for (case, places) in cases {
        if let Err(error) = check.cancel.check() {
            stopped = Some(error);
            break;
        }
        let mending = mender.mend(case);
        for place in places {
            findings[*place].damaged.mending = Some(mending.clone());
        }
    }
    if stopped.is_none() {
        stopped = mender.missing_directories(findings).err();
        mender.others(findings);
    }
    // What was done is done, also if the run was stopped.
    renumber(store, &mender.renumbered).map_err(|trouble| {
        let message = format!(
            "cannot write the catalog of {}: {trouble}",
            store.path().display()
        );
        Error::new(ErrorKind::CatalogUnusable, message)
            .with_path(store.path())
            .with_hint("the files are repaired; another `verify --repair` tells the catalog")
    })?;
    let kept = !mender.kept.is_empty();
    drop(mender);
    // What resists is tidied away by the next run.
    let _ = remove::tree(&all, PLACE, &path, check.cancel);
    match stopped {
        Some(error) => Err(error),
        None => Ok(kept.then(|| store.path_of(layout::DAMAGED))),
    }
}

impl Mender<'_, '_> {
    fn mend(&mut self, case: &Case) -> Mending {
        let done = match &case.from {
            Some(from) => self.put_everywhere(case, from),
            None => return failed("there is no good copy"),
        };
        match done {
            Ok(()) => Mending::Repaired,
            Err(error) => failed(&crate::report::describe(&error)),
        }
    }

    /// Deals with what is about no stored inode.
    fn others(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut() {
            if finding.damaged.mending.is_some() {
                continue;
            }
            let is_directory = finding
                .place
                .as_ref()
                .is_some_and(|recorded| recorded.row.version.facts.kind == EntryKind::Directory);
            finding.damaged.mending = Some(match (&finding.damaged.kind, is_directory) {
                (DamageKind::Altered { .. }, true) if finding.damaged.good_copy.is_some() => {
                    match self.directory(finding) {
                        Ok(()) => Mending::Repaired,
                        Err(error) => failed(&crate::report::describe(&error)),
                    }
                }
                (DamageKind::Unexpected, _) => failed("it is no part of the snapshot"),
                (DamageKind::Miscounted { .. }, _) => {
                    failed("the catalog does not tell of the snapshot")
                }
                (DamageKind::Unreadable { .. }, true) => failed("it cannot be read"),
                (_, true) => failed("the catalog does not tell what was in it"),
                (_, false) => failed("there is no good copy"),
            });
        }
    }
}

impl Case {
    /// Tells whether what is at a place has to go, when the inode `target` is
    /// what is wanted.
    fn is_in_the_way(&self, at: &At, target: u64, by_number: bool) -> bool {
        let inode = at.found.map(|found| found.id.inode);
        match at.verdict {
            // It is good, but no more the one that the others share.
            Verdict::Good => by_number && inode != Some(target),
            Verdict::GoodData | Verdict::Bad => true,
        }
    }
}

fn failed(reason: &str) -> Mending {
    Mending::Failed {
        reason: reason.to_owned(),
    }
}
