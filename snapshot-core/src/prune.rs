//! Giving up snapshots: the plan is a value that the pure calculator makes,
//! and only what a plan or the user names is ever removed.

use chrono::{DateTime, Utc};

use crate::cancel::CancelToken;
use crate::error::{ErrorKind, Result};
use crate::event::Observer;
use crate::fs::smallfile::Flush;
use crate::guard::{self, Decision, Intent, Jump, Made, Newest, Pause};
use crate::name::SnapshotName;
use crate::options::Jobs;
use crate::record::SnapshotInfo;
use crate::removal::{GivenUp, give_up};
use crate::report::RemovalReport;
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
                let report = RemovalReport {
                    prune_paused: pause,
                    ..RemovalReport::default()
                };
                return Ok((report, GivenUp::default()));
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
            let (mut report, given_up) =
                give_up(self, &doomed, &mut spares, snapshots, observer, cancel)?;
            if let Some(min_free) = plan.min_free {
                // What is free is measured.
                given_up.clear(self, &mut report, observer, cancel)?;
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
                return Ok((report, GivenUp::default()));
            }
            Ok((report, given_up))
        })
    }

    /// Gives up something under the lock, which gets the state as it is and with
    /// the sequence counted on, since the records that tell it may go. The
    /// catalog is told while the trees are removed.
    pub(crate) fn tidied_under_lock(
        &self,
        observer: &dyn Observer,
        cancel: &CancelToken,
        act: impl FnOnce(
            &[SnapshotInfo],
            Option<Spare>,
            State,
            State,
        ) -> Result<(RemovalReport, GivenUp)>
        + Send,
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
        let (mut report, given_up) =
            pool.install(|| act(&snapshots, tidied.spare, state, counted))?;
        if !report.removed.is_empty() {
            let mut left = snapshots;
            left.retain(|snapshot| !report.removed.contains(&snapshot.name));
            let mut cleared = Ok(());
            let told = pool.in_place_scope(|scope| {
                scope.spawn(|_| cleared = given_up.clear(self, &mut report, observer, cancel));
                let never = CancelToken::new();
                self.reconcile_catalog(&left, &unreadable, observer, &never)
            });
            cleared.and(told)?;
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
