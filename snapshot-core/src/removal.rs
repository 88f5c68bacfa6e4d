//! Removing snapshots: out of sight by one rename each, then the records, then
//! the trees.

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::Dir;
use crate::fs::smallfile;
use crate::fs::{publish, remove};
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::report::{Operation, Problem, RemovalReport};
use crate::store::{Spares, Store};

impl RemovalReport {
    /// Lists a snapshot that stays because it is being read.
    pub(crate) fn passed_over(&mut self, name: SnapshotName, path: PathBuf) {
        self.being_read.push(name);
        let problem = Problem::saying(path, Operation::Remove, "it is being read");
        self.left_behind.push(problem);
    }
}

/// What came of moving a tree out of sight.
enum Moved {
    Away,
    /// Somebody reads it.
    NotWhileRead,
}

fn move_away(
    store: &Store,
    trash: &Dir,
    trash_path: &Path,
    tree: &CStr,
    to: &CStr,
    name: SnapshotName,
    cancel: &CancelToken,
) -> io::Result<Moved> {
    remove::tree(trash, to, trash_path, cancel)?;
    // Held until it is gone, so that nobody begins to read it in between.
    let Some(_unread) = store.claim_unread(name)? else {
        return Ok(Moved::NotWhileRead);
    };
    publish::rename(&store.root, tree, trash, to)?;
    Ok(Moved::Away)
}

/// Trees in `trash/` of which no record tells any more.
#[derive(Default)]
#[must_use = "what is not cleared takes room until the next run"]
pub(crate) struct GivenUp(Vec<SnapshotName>);

impl GivenUp {
    /// Removes the trees, on the current thread pool.
    pub(crate) fn clear(
        self,
        store: &Store,
        report: &mut RemovalReport,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let trash = store.open_control(layout::TRASH)?;
        let trash_path = store.path_of(layout::TRASH);
        for name in self.0 {
            let left = remove::tree(&trash, &layout::tree(name), &trash_path, cancel)
                .map_err(|error| store.failed("remove", layout::TRASH, error))?;
            report.left_behind.extend(left);
            observer.on_event(&Event::Removed(name));
        }
        cancel.check()
    }
}

/// Removes snapshots, on the current thread pool and under the lock: gives them
/// up and clears their trees away.
pub(crate) fn remove(
    store: &Store,
    doomed: &[SnapshotName],
    spares: &mut Spares,
    snapshots: &[SnapshotInfo],
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<RemovalReport> {
    let (mut report, given_up) = give_up(store, doomed, spares, snapshots, observer, cancel)?;
    given_up.clear(store, &mut report, observer, cancel)?;
    Ok(report)
}

/// Takes snapshots out of sight by one rename each, and then their records.
/// What is being read stays, and is listed. The tree of one of them may be kept
/// as the spare.
pub(crate) fn give_up(
    store: &Store,
    doomed: &[SnapshotName],
    spares: &mut Spares,
    snapshots: &[SnapshotInfo],
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<(RemovalReport, GivenUp)> {
    let mut report = RemovalReport::default();
    if doomed.is_empty() {
        return Ok((report, GivenUp::default()));
    }
    observer.on_event(&Event::Phase(Phase::Removing));
    let trash = store.open_control(layout::TRASH)?;
    let trash_path = store.path_of(layout::TRASH);
    // `latest` must not dangle, not even between two system calls.
    let remaining = |gone: &[SnapshotName]| {
        let left = snapshots.iter();
        let left = left.filter(|snapshot| !gone.contains(&snapshot.name));
        left.cloned().collect::<Vec<_>>()
    };
    store.repair_latest(&remaining(doomed))?;
    for &name in doomed {
        cancel.check()?;
        let tree = layout::tree(name);
        let path = store.path().join(name.to_string());
        // Our record is the proof that the directory is ours to remove.
        if !snapshots.iter().any(|snapshot| snapshot.name == name) {
            continue;
        }
        let spare = spares.chosen.as_ref();
        let to = match spare.filter(|spare| spare.name == name) {
            Some(spare) => spare.file(),
            None => tree.clone(),
        };
        match move_away(store, &trash, &trash_path, &tree, &to, name, cancel) {
            Ok(Moved::Away) => report.removed.push(name),
            Ok(Moved::NotWhileRead) => report.passed_over(name, path),
            Err(error) => report
                .left_behind
                .push(Problem::new(path, Operation::Remove, error)),
        }
    }
    if report.removed.len() < doomed.len() {
        store.repair_latest(&remaining(&report.removed))?;
    }
    let failed = |error: io::Error| Error::io("flush", store.path(), error);
    store
        .root
        .sync()
        .and_then(|()| trash.sync())
        .map_err(failed)?;
    for &name in &report.removed {
        let file = layout::record(name);
        smallfile::remove(&store.records, &file).map_err(|error| {
            store.failed("remove", &format!("{}/{file}", layout::RECORDS), error)
        })?;
    }
    let chosen = spares.chosen.take();
    let spare = chosen.filter(|spare| report.removed.contains(&spare.name));
    if let Some(spare) = &spare {
        if let Some(old) = spares.there.replace(spare.clone()) {
            store.give_up_spare(&trash, &old, cancel)?;
        }
    }
    let mut given_up = report.removed.clone();
    if let Some(spare) = spare {
        given_up.retain(|&name| name != spare.name);
        observer.on_event(&Event::Removed(spare.name));
    }
    Ok((report, GivenUp(given_up)))
}
