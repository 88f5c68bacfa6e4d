//! Giving up snapshots: the plan is a value that the pure calculator makes,
//! and only what a plan or the user names is ever removed.

use std::io;

use chrono::{DateTime, Utc};

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::{publish, remove, smallfile};
use crate::layout;
use crate::name::SnapshotName;
use crate::options::Jobs;
use crate::record::SnapshotInfo;
use crate::report::{Operation, Problem, RemovalReport};
use crate::retention::{self, Kept, Policy, Removed, Status};
use crate::run::{now_monotonic, pool};
use crate::store::{Store, newest};
use crate::tidy::tidy;

/// What a policy keeps and gives up of a store, at one instant.
///
/// Only [`Store::plan_prune`] makes one, and only [`Store::prune`] carries it
/// out.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    policy: Policy,
    now: DateTime<Utc>,
    keep: Vec<Kept<SnapshotName>>,
    remove: Vec<Removed<SnapshotName>>,
}

impl PrunePlan {
    /// What is kept and why, oldest first.
    #[must_use]
    pub fn keep(&self) -> &[Kept<SnapshotName>] {
        &self.keep
    }

    /// What is given up and why, oldest first.
    #[must_use]
    pub fn remove(&self) -> &[Removed<SnapshotName>] {
        &self.remove
    }

    /// The policy that decided.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The instant that the plan is for.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub(crate) fn removed_names(&self) -> impl Iterator<Item = SnapshotName> {
        self.remove.iter().map(|removed| removed.id)
    }
}

impl Store {
    /// Tells what would be kept and given up at `now`, by `policy` or else by
    /// the store's own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the records cannot be read.
    pub fn plan_prune(&self, policy: Option<&Policy>, now: DateTime<Utc>) -> Result<PrunePlan> {
        Ok(plan_with(
            &self.snapshots()?,
            policy.unwrap_or(self.policy()),
            now,
            None,
        ))
    }

    /// Removes what `plan` gives up. The plan is made again under the lock, and
    /// what has come to be kept meanwhile stays.
    ///
    /// What cannot be removed is listed in the report; it is no snapshot any
    /// more, and the next run tries again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreLocked`], [`ErrorKind::Cancelled`], [`ErrorKind::Io`].
    pub fn prune(
        &self,
        plan: &PrunePlan,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<RemovalReport> {
        let planned: Vec<_> = plan.removed_names().collect();
        self.remove_under_lock(observer, cancel, |snapshots| {
            let again = plan_with(snapshots, &plan.policy, plan.now, None);
            Ok(again
                .removed_names()
                .filter(|name| planned.contains(name))
                .collect())
        })
    }

    /// Removes the snapshots named.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`] if one is not there;
    /// [`ErrorKind::LastSnapshot`] if no complete one would remain although
    /// there is one now; [`ErrorKind::StoreLocked`], [`ErrorKind::Cancelled`],
    /// [`ErrorKind::Io`]. Nothing was removed in the first two cases.
    pub fn delete(
        &self,
        names: &[SnapshotName],
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<RemovalReport> {
        self.remove_under_lock(observer, cancel, |snapshots| {
            if let Some(name) = names
                .iter()
                .find(|name| !snapshots.iter().any(|snapshot| snapshot.name == **name))
            {
                let message = format!("there is no snapshot {name} in {}", self.path().display());
                return Err(Error::new(ErrorKind::UnknownSnapshot, message));
            }
            let complete = || {
                snapshots
                    .iter()
                    .filter(|snapshot| snapshot.status == Status::Complete)
            };
            if complete().count() > 0 && complete().all(|snapshot| names.contains(&snapshot.name)) {
                return Err(Error::new(
                    ErrorKind::LastSnapshot,
                    "this would remove the last complete snapshot",
                )
                .with_hint("make another one first; or remove the whole store by hand"));
            }
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            Ok(names)
        })
    }

    fn remove_under_lock(
        &self,
        observer: &dyn Observer,
        cancel: &CancelToken,
        choose: impl FnOnce(&[SnapshotInfo]) -> Result<Vec<SnapshotName>>,
    ) -> Result<RemovalReport> {
        let started = now_monotonic();
        let _lock = self.lock()?;
        let pool = pool(Jobs::Auto)?;
        let tidied = pool.install(|| tidy(self, observer, cancel))?;
        let doomed = choose(&self.snapshots()?)?;
        let mut report = pool.install(|| remove(self, &doomed, observer, cancel))?;
        report.left_behind.splice(0..0, tidied.left_behind);
        report.elapsed = started.elapsed();
        Ok(report)
    }
}

/// Asks the calculator; `imagined` is a snapshot that a dry run would add.
pub(crate) fn plan_with(
    snapshots: &[SnapshotInfo],
    policy: &Policy,
    now: DateTime<Utc>,
    imagined: Option<(SnapshotName, Status)>,
) -> PrunePlan {
    let known = snapshots.iter().map(|snapshot| {
        retention::Snapshot::new(snapshot.name, snapshot.name.time())
            .with_status(snapshot.status)
            .with_held(snapshot.held)
    });
    let imagined = imagined
        .map(|(name, status)| retention::Snapshot::new(name, name.time()).with_status(status));
    // By time the newest may be another one than by sequence, if a clock was
    // set back; the next snapshot needs the latter.
    let basis = imagined
        .as_ref()
        .map(|snapshot| snapshot.id)
        .or_else(|| newest(snapshots));
    let known: Vec<_> = known.chain(imagined).collect();
    let plan = retention::plan(&known, policy, now);
    let (basis, remove): (Vec<_>, Vec<_>) = plan
        .remove
        .into_iter()
        .partition(|removed| Some(removed.id) == basis);
    let mut keep = plan.keep;
    keep.extend(
        basis
            .into_iter()
            .map(|basis| Kept::basis(basis.id, basis.time)),
    );
    keep.sort_by_key(|kept| (kept.time, kept.id));
    PrunePlan {
        policy: policy.clone(),
        now,
        keep,
        remove,
    }
}

/// Removes snapshots, on the current thread pool and under the lock: out of
/// sight by one rename each, then the records, then the trees.
pub(crate) fn remove(
    store: &Store,
    doomed: &[SnapshotName],
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<RemovalReport> {
    let mut report = RemovalReport::default();
    if doomed.is_empty() {
        return Ok(report);
    }
    observer.on_event(&Event::Phase(Phase::Removing));
    let trash = store.open_control(layout::TRASH)?;
    let trash_path = store.path().join(layout::CONTROL).join(layout::TRASH);
    // `latest` must not dangle, not even between two system calls.
    let mut remaining = store.snapshots()?;
    remaining.retain(|snapshot| !doomed.contains(&snapshot.name));
    store.repair_latest(&remaining)?;
    for &name in doomed {
        cancel.check()?;
        let tree = layout::tree(name);
        let path = store.path().join(name.to_string());
        // Our record is the proof that the directory is ours to remove.
        if store.read_record(name)?.is_none() || !store.has_tree(name)? {
            continue;
        }
        let moved = remove::tree(&trash, &tree, &trash_path, cancel)
            .and_then(|_| publish::rename(&store.root, &tree, &trash, &tree));
        match moved {
            Ok(()) => report.removed.push(name),
            Err(error) => report
                .left_behind
                .push(Problem::new(path, Operation::Remove, error)),
        }
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
    for &name in &report.removed {
        let left = remove::tree(&trash, &layout::tree(name), &trash_path, cancel)
            .map_err(|error| store.failed("remove", layout::TRASH, error))?;
        report.left_behind.extend(left);
        observer.on_event(&Event::Removed(name));
    }
    cancel.check()?;
    Ok(report)
}
