//! What happens to old snapshots once the new one is there.

use std::path::PathBuf;

use rayon::ThreadPool;

use crate::engine::Run;
use crate::engine::choose::dated;
use crate::error::Result;
use crate::guard::{Jump, Newest, Pause};
use crate::name::SnapshotName;
use crate::options::Pruning;
use crate::prune::{self, PrunePlan};
use crate::record::SnapshotInfo;
use crate::removal;
use crate::report::RemovalReport;
use crate::retention::Policy;
use crate::store::{Spares, State};

/// What pruning would do, and what speaks against it.
pub(super) struct Judged {
    pub(super) plan: Option<PrunePlan>,
    pub(super) pause: Option<Pause>,
    jump: Option<Jump>,
}

impl Run<'_> {
    /// The policy that prunes after this run, if one does.
    fn policy(&self) -> Option<&Policy> {
        match &self.options.pruning {
            Pruning::By(policy) => Some(policy),
            Pruning::ByStore => Some(self.store.policy()),
            Pruning::Off => None,
        }
    }

    /// Plans the pruning, and decides whether anything looks wrong.
    pub(super) fn judge(
        &self,
        made: SnapshotName,
        snapshots: &[SnapshotInfo],
        state: &State,
        lost: Option<PathBuf>,
    ) -> Judged {
        // The run may have had to wait for a free second.
        let now = dated(self.options).max(made.time());
        let plan = self
            .policy()
            .map(|policy| prune::plan_with(snapshots, policy, now));
        let decision = prune::judge(
            &prune::made(snapshots),
            Newest::JustMade,
            now,
            plan.as_ref(),
            state.jump.as_ref(),
        );
        let lost = lost.filter(|_| plan.is_some());
        Judged {
            plan,
            pause: decision
                .pause
                .or(lost.map(|path| Pause::DirectoryLost { path })),
            jump: decision.jump,
        }
    }

    pub(super) fn prune(
        &self,
        made: SnapshotName,
        snapshots: &[SnapshotInfo],
        lost: Option<PathBuf>,
        before: &State,
        spares: &mut Spares,
        pool: &ThreadPool,
    ) -> Result<RemovalReport> {
        let judged = self.judge(made, snapshots, before, lost);
        let state = before.clone().with_jump(judged.jump);
        self.store.remember_if_there_is_room(before, &state)?;
        match (judged.plan, judged.pause) {
            (Some(plan), None) => {
                let doomed: Vec<_> = plan.removed_names().collect();
                *spares = self
                    .store
                    .choose_spare(snapshots, &doomed, spares.there.take());
                pool.install(|| {
                    removal::remove(
                        self.store,
                        &doomed,
                        spares,
                        snapshots,
                        self.observer,
                        self.cancel,
                    )
                })
            }
            (_, prune_paused) => Ok(RemovalReport {
                prune_paused,
                ..RemovalReport::default()
            }),
        }
    }
}
