//! Tidying up after a run that did not end well. Under the lock.

use std::ffi::{CStr, CString};
use std::io;

use crate::cancel::CancelToken;
use crate::entry::EntryKind;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::Dir;
use crate::fs::{publish, remove, smallfile};
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::report::{Problem, Warning};
use crate::store::{Inventory, Spare, Store, disown, names_in, newest_spare};

/// What tidying up came to.
#[derive(Default)]
pub(crate) struct Tidied {
    /// What to say of it.
    pub(crate) warning: Option<Warning>,
    /// What resisted.
    pub(crate) left_behind: Vec<Problem>,
    pub(crate) spare: Option<Spare>,
    /// The tree of a run that was cut short is in `trash`, and can be gone on
    /// with.
    pub(crate) has_unfinished: bool,
    /// The published snapshots, in the order in which they were made.
    pub(crate) snapshots: Vec<SnapshotInfo>,
    /// Those whose records say nothing that this version understands.
    pub(crate) unreadable: Vec<SnapshotName>,
}

/// What becomes of the tree of a run that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    Removed,
    Kept,
}

/// Removes what is in `work` and `trash` and the records without a tree, and
/// lets `latest` name what it should.
pub(crate) fn tidy(
    store: &Store,
    unfinished: Unfinished,
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<Tidied> {
    let mut leftovers = 0;
    let mut left_behind = Vec::new();
    let remove_record = |file: &str| {
        smallfile::remove(&store.records, file)
            .map_err(|error| store.failed("remove", &format!("{}/{file}", layout::RECORDS), error))
    };
    let Inventory {
        snapshots,
        unreadable,
        treeless,
        drafts,
    } = store.take_inventory()?;
    for name in treeless {
        leftovers += 1;
        remove_record(&layout::record(name))?;
    }
    for draft in drafts {
        remove_record(&draft)?;
    }
    // Of a new catalog that was not completed nothing is of use.
    smallfile::remove(&store.control, layout::CATALOG_DRAFT)
        .map_err(|error| store.failed("remove", layout::CATALOG_DRAFT, error))?;
    let work = store.open_control(layout::WORK)?;
    let trash = store.open_control(layout::TRASH)?;
    let listed =
        |dir: &Dir, place| names_in(dir).map_err(|error| store.failed("tidy", place, error));
    let mut in_work = listed(&work, layout::WORK)?;
    let mut in_trash = listed(&trash, layout::TRASH)?;
    let spare = newest_spare(&in_trash).filter(|_| store.keeps_spare);
    in_trash.retain(|name| spare.as_ref().is_none_or(|spare| spare.file() != *name));
    let mut has_unfinished = false;
    if unfinished == Unfinished::Kept && spare.is_none() {
        in_work.sort();
        // What was begun last has most of it.
        let is_tree = |name: &CString| {
            // A repair has a directory there too.
            let is_named = name
                .to_str()
                .is_ok_and(|name| name.parse::<SnapshotName>().is_ok());
            let found = work.stat(name);
            is_named && found.is_ok_and(|found| found.kind == EntryKind::Directory)
        };
        let newest = in_work.iter().rposition(is_tree);
        match newest {
            Some(place) => {
                let newest = &in_work[place];
                // What cannot be put aside is removed like the others.
                if keep_unfinished(store, &work, newest, &trash, cancel).is_ok() {
                    in_work.remove(place);
                    leftovers += 1;
                    in_trash.retain(|name| name.as_c_str() != layout::UNFINISHED);
                    has_unfinished = true;
                }
            }
            None => in_trash.retain(|name| {
                let is_it = name.as_c_str() == layout::UNFINISHED
                    && trash
                        .stat(name)
                        .is_ok_and(|found| found.kind == EntryKind::Directory);
                has_unfinished |= is_it;
                !is_it
            }),
        }
    }
    for (place, dir, names) in [
        (layout::WORK, work, in_work),
        (layout::TRASH, trash, in_trash),
    ] {
        let failed = |error| store.failed("tidy", place, error);
        if !names.is_empty() {
            observer.on_event(&Event::Phase(Phase::TidyingUp));
        }
        for mut name in names {
            cancel.check()?;
            if place == layout::TRASH && layout::spare_of(&name).is_some() {
                name = disown(&dir, &name).map_err(failed)?;
            }
            // What resists stays where it harms nobody, and is tried again
            // by the next run.
            let left = remove::tree(&dir, &name, &store.path_of(place), cancel);
            let left = left.map_err(failed)?;
            left_behind.extend(left);
            if place == layout::WORK {
                leftovers += 1;
            }
        }
    }
    cancel.check()?;
    store.repair_latest(&snapshots)?;
    let warning = (leftovers > 0).then_some(Warning::TidiedUp { leftovers });
    Ok(Tidied {
        warning,
        left_behind,
        spare,
        has_unfinished,
        snapshots,
        unreadable,
    })
}

/// Puts the tree of a run that was cut short aside.
fn keep_unfinished(
    store: &Store,
    work: &Dir,
    name: &CStr,
    trash: &Dir,
    cancel: &CancelToken,
) -> io::Result<()> {
    let path = store.path_of(layout::TRASH);
    remove::tree(trash, layout::UNFINISHED, &path, cancel)?;
    publish::rename(work, name, trash, layout::UNFINISHED)
}
