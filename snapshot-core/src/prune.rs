//! Giving up snapshots: the plan is a value that the pure calculator makes,
//! and only what a plan or the user names is ever removed.

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::Dir;
use crate::fs::smallfile::{self, Flush};
use crate::fs::{publish, remove};
use crate::guard::{self, Decision, Intent, Jump, Made, Newest, Pause};
use crate::layout;
use crate::name::SnapshotName;
use crate::options::Jobs;
use crate::record::SnapshotInfo;
use crate::report::{Operation, Problem, RemovalReport};
use crate::retention::{self, Kept, Policy, Removed, Status};
use crate::room::{self, MinFree};
use crate::run::{now_monotonic, pool};
use crate::store::{Spare, Spares, State, Store, newest};
use crate::tidy::{Unfinished, tidy};

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
    pause: Option<Pause>,
    doubts: Doubts,
    min_free: Option<MinFree>,
    for_room: Vec<SnapshotName>,
}

/// What becomes of a plan when something looks wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubts {
    Heeded,
    Overridden,
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

    /// Why nothing will be removed, if something looks wrong.
    #[must_use]
    pub fn pause(&self) -> Option<&Pause> {
        match self.doubts {
            Doubts::Heeded => self.pause.as_ref(),
            Doubts::Overridden => None,
        }
    }

    /// What may go beyond the plan to make room, oldest first.
    #[must_use]
    pub fn candidates_for_room(&self) -> &[SnapshotName] {
        &self.for_room
    }

    /// Carries the plan out even if something looks wrong.
    #[must_use]
    pub fn forced(self) -> PrunePlan {
        PrunePlan {
            doubts: Doubts::Overridden,
            ..self
        }
    }

    /// Has so much free afterwards: if it is not, more snapshots go, oldest
    /// first, but never one that is held, suspect or dated in the future, nor
    /// the newest complete one, nor the newest three.
    #[must_use]
    pub fn min_free(self, min_free: MinFree) -> PrunePlan {
        PrunePlan {
            min_free: Some(min_free),
            ..self
        }
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
        let snapshots = self.snapshots()?;
        let mut plan = plan_with(&snapshots, policy.unwrap_or(self.policy()), now);
        let jump = self.state()?.jump;
        plan.pause = judge(
            &made(&snapshots),
            Newest::Old,
            now,
            Some(&plan),
            jump.as_ref(),
        )
        .pause;
        Ok(plan)
    }

    /// Removes what `plan` gives up, unless something looks wrong. The plan is
    /// made again under the lock, and what has come to be kept meanwhile stays.
    ///
    /// What cannot be removed is listed in the report; it is no snapshot any
    /// more, and the next run tries again. What is being read, by a restore or
    /// a verification, is listed there too, and stays the snapshot that it is.
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
        self.tidied_under_lock(observer, cancel, |snapshots, spare, before, state| {
            let again = plan_with(snapshots, &plan.policy, plan.now);
            let decision = judge(
                &made(snapshots),
                Newest::Old,
                plan.now,
                Some(&again),
                state.jump.as_ref(),
            );
            let (pause, jump) = match plan.doubts {
                Doubts::Heeded => (decision.pause, decision.jump),
                Doubts::Overridden => (None, None),
            };
            self.remember_if_there_is_room(&before, &state.with_jump(jump))?;
            if pause.is_some() {
                return Ok(RemovalReport {
                    prune_paused: pause,
                    ..RemovalReport::default()
                });
            }
            let planned: Vec<_> = plan.removed_names().collect();
            let doomed: Vec<_> = again
                .removed_names()
                .filter(|name| planned.contains(name))
                .collect();
            // Whoever wants room has no use for a tree that takes some.
            let mut spares = match plan.min_free {
                None => self.choose_spare(snapshots, &doomed, spare),
                Some(_) => Spares {
                    there: spare,
                    chosen: None,
                },
            };
            let mut report = remove(self, &doomed, &mut spares, snapshots, observer, cancel)?;
            if let Some(min_free) = plan.min_free {
                let more = &again.for_room;
                room::make(
                    self,
                    min_free,
                    more,
                    (snapshots, spares.there.as_ref()),
                    &mut report,
                    observer,
                    cancel,
                )?;
            }
            Ok(report)
        })
    }

    /// Removes something under the lock, which gets the state as it is and with
    /// the sequence counted on, since the records that tell it may go.
    pub(crate) fn tidied_under_lock(
        &self,
        observer: &dyn Observer,
        cancel: &CancelToken,
        act: impl FnOnce(&[SnapshotInfo], Option<Spare>, State, State) -> Result<RemovalReport> + Send,
    ) -> Result<RemovalReport> {
        let started = now_monotonic();
        let _lock = self.lock()?;
        let pool = pool(Jobs::Auto, &[&self.root])?;
        let tidied = pool.install(|| tidy(self, Unfinished::Removed, observer, cancel))?;
        let (snapshots, unreadable) = (tidied.snapshots, tidied.unreadable);
        self.reconcile_catalog(&snapshots, &unreadable, observer, cancel)?;
        let state = self.state()?;
        let next_sequence = state.next_sequence(&snapshots);
        let counted = state.clone().counted_to(next_sequence);
        let mut report = pool.install(|| act(&snapshots, tidied.spare, state, counted))?;
        if !report.removed.is_empty() {
            let mut left = snapshots;
            left.retain(|snapshot| !report.removed.contains(&snapshot.name));
            let never = CancelToken::new();
            self.reconcile_catalog(&left, &unreadable, observer, &never)?;
        }
        report.left_behind.splice(0..0, tidied.left_behind);
        report.elapsed = started.elapsed();
        Ok(report)
    }

    /// A full disk must not keep snapshots from being removed.
    pub(crate) fn remember_if_there_is_room(&self, before: &State, state: &State) -> Result<()> {
        match self.remember(before, state, Flush::Now) {
            Err(error) if error.kind() == ErrorKind::NoSpace => Ok(()),
            other => other,
        }
    }
}

/// Asks the calculator.
pub(crate) fn plan_with(
    snapshots: &[SnapshotInfo],
    policy: &Policy,
    now: DateTime<Utc>,
) -> PrunePlan {
    let known = snapshots.iter().map(|snapshot| {
        retention::Snapshot::new(snapshot.name, snapshot.name.time())
            .with_status(snapshot.status)
            .with_held(snapshot.held)
    });
    let known: Vec<_> = known.collect();
    // By time the newest may be another one than by sequence, if a clock was
    // set back; the next snapshot needs the latter.
    let basis = newest(snapshots).map(|basis| basis.name);
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
        for_room: room::candidates(snapshots, &keep),
        keep,
        remove,
        pause: None,
        doubts: Doubts::Heeded,
        min_free: None,
    }
}

/// Asks the guard. Without a plan nothing is to be removed.
pub(crate) fn judge(
    snapshots: &[Made],
    newest: Newest,
    now: DateTime<Utc>,
    plan: Option<&PrunePlan>,
    remembered: Option<&Jump>,
) -> Decision {
    let policy = plan.map(|plan| plan.policy.to_string()).unwrap_or_default();
    let intent = plan.map(|plan| Intent {
        removals: plan.remove.len(),
        policy: &policy,
    });
    guard::decide(snapshots, newest, now, intent, remembered)
}

/// What the guard has to know of snapshots.
pub(crate) fn made(snapshots: &[SnapshotInfo]) -> Vec<Made> {
    snapshots.iter().map(Made::from).collect()
}

impl From<&SnapshotInfo> for Made {
    fn from(snapshot: &SnapshotInfo) -> Made {
        let is_suspect = snapshot.status == Status::Suspect;
        Made {
            name: snapshot.name,
            sequence: snapshot.sequence,
            suspect: is_suspect.then(|| snapshot.suspicions.clone()),
        }
    }
}

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

/// Removes snapshots, on the current thread pool and under the lock: out of
/// sight by one rename each, then the records, then the trees. What is being
/// read stays, and is listed. The tree of one of them may be kept as the spare.
pub(crate) fn remove(
    store: &Store,
    doomed: &[SnapshotName],
    spares: &mut Spares,
    snapshots: &[SnapshotInfo],
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<RemovalReport> {
    let mut report = RemovalReport::default();
    if doomed.is_empty() {
        return Ok(report);
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
    for &name in &report.removed {
        if spare.as_ref().is_some_and(|spare| spare.name == name) {
            observer.on_event(&Event::Removed(name));
            continue;
        }
        let left = remove::tree(&trash, &layout::tree(name), &trash_path, cancel)
            .map_err(|error| store.failed("remove", layout::TRASH, error))?;
        report.left_behind.extend(left);
        observer.on_event(&Event::Removed(name));
    }
    cancel.check()?;
    Ok(report)
}
