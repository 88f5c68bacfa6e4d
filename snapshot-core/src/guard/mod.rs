//! When nothing is removed although a policy says so: a pure decision from
//! what the store holds, the plan, the clock, and what was remembered.

use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::name::SnapshotName;
use crate::suspicion::Suspicion;

/// So many snapshots may go at once whatever their share is.
const FEW: usize = 5;
/// So many times the usual interval is far.
const FAR: i32 = 10;
/// Nothing nearer is far: machines have holidays.
const NEAR: TimeDelta = TimeDelta::days(7);

/// Why nothing is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pause {
    /// The newest snapshot is suspect, until somebody accepts it, deletes it,
    /// or a newer one is as it should be.
    Suspect {
        /// The snapshot.
        snapshot: SnapshotName,
        /// What is suspect about it.
        suspicions: Vec<Suspicion>,
    },
    /// The clock is behind the snapshot made before.
    ClockBehind {
        /// What the clock says.
        now: DateTime<Utc>,
        /// The snapshot made before.
        previous: SnapshotName,
    },
    /// A snapshot lies far after the one before it, as if the clock had jumped,
    /// and more than half of all snapshots would go.
    MassRemoval {
        /// How many would go.
        removals: usize,
        /// How many there are.
        snapshots: usize,
        /// The place, in the order of making, of the one that lies far.
        sequence: u64,
    },
    /// A failing disk or server kept back a directory of the sources.
    DirectoryLost {
        /// The directory.
        path: PathBuf,
    },
    /// Something failed on the way.
    Failed {
        /// What failed, with its cause.
        message: String,
    },
}

impl Pause {
    /// What the user can do about it, as one sentence without a full stop.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Pause::Suspect { .. } => Some(
                "if that is as it should be, `hardsnap accept STORE SNAPSHOT`; if not, mend the source and back up again",
            ),
            Pause::ClockBehind { .. } => {
                Some("set the clock right; `hardsnap prune --force STORE` prunes all the same")
            }
            Pause::MassRemoval { .. } => Some(
                "`hardsnap prune --dry-run --explain STORE` shows what would go; `hardsnap prune --force STORE` lets it go",
            ),
            Pause::DirectoryLost { .. } | Pause::Failed { .. } => None,
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pause::Suspect {
                snapshot,
                suspicions,
            } => {
                write!(f, "the newest snapshot, {snapshot}, is suspect")?;
                let mut sign = ":";
                for suspicion in suspicions {
                    write!(f, "{sign} {suspicion}")?;
                    sign = ";";
                }
                Ok(())
            }
            Pause::ClockBehind { now, previous } => write!(
                f,
                "the clock says {} and is behind the snapshot made before, {previous}",
                now.to_rfc3339_opts(SecondsFormat::Secs, true)
            ),
            Pause::MassRemoval {
                removals,
                snapshots,
                ..
            } => write!(
                f,
                "{removals} of {snapshots} snapshots would go at once, after a jump of the clock or a long gap"
            ),
            Pause::DirectoryLost { path } => {
                write!(f, "the directory {} could not be read", path.display())
            }
            Pause::Failed { message } => f.write_str(message),
        }
    }
}

/// A snapshot as the guard sees it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) name: SnapshotName,
    pub(crate) sequence: u64,
    /// Why it is suspect; none if it is not.
    pub(crate) suspect: Option<Vec<Suspicion>>,
}

/// A jump in time, remembered until a plan is harmless again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Jump {
    /// The snapshot after the jump.
    pub(crate) sequence: u64,
    /// The policy that would have removed too much; only a plan by the same
    /// one can show that it is harmless again.
    #[serde(default)]
    pub(crate) policy: Option<String>,
}

impl Jump {
    fn is_of_another(&self, policy: &str) -> bool {
        self.policy.as_deref().is_some_and(|ours| ours != policy)
    }
}

/// Whether the newest snapshot is the work of the run that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newest {
    /// It was there before.
    Old,
    /// This run made it, and the clock is compared with the one before it.
    JustMade,
}

/// What a policy would do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intent<'a> {
    pub(crate) removals: usize,
    pub(crate) policy: &'a str,
}

/// The decision, and what is to be remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) pause: Option<Pause>,
    pub(crate) jump: Option<Jump>,
}

/// Decides whether anything may be removed.
///
/// `snapshots` are those that are there, in the order of their sequence;
/// without an `intent` nothing is to be removed, and only what has to be
/// remembered is found out.
pub(crate) fn decide(
    snapshots: &[Made],
    newest: Newest,
    now: DateTime<Utc>,
    intent: Option<Intent<'_>>,
    remembered: Option<&Jump>,
) -> Decision {
    let jump = match snapshots.split_last() {
        Some((last, before)) if lies_far(last, before) => Some(Jump {
            sequence: last.sequence,
            policy: remembered.and_then(|jump| jump.policy.clone()),
        }),
        _ => remembered.cloned(),
    };
    let Some(intent) = intent else {
        let pause = suspect(snapshots);
        return Decision { pause, jump };
    };
    let looks_wrong = suspect(snapshots).or_else(|| clock_behind(snapshots, newest, now));
    let is_mass = intent.removals > FEW && intent.removals > snapshots.len() / 2;
    let (mass, jump) = match jump {
        Some(jump) if is_mass => {
            let mass = Pause::MassRemoval {
                removals: intent.removals,
                snapshots: snapshots.len(),
                sequence: jump.sequence,
            };
            let policy = Some(intent.policy.to_owned());
            (Some(mass), Some(Jump { policy, ..jump }))
        }
        // Neither a plan that leaves the newest out of account nor another
        // policy's proves anything.
        Some(jump) if looks_wrong.is_some() || jump.is_of_another(intent.policy) => {
            (None, Some(jump))
        }
        _ => (None, None),
    };
    let pause = looks_wrong.or(mass);
    Decision { pause, jump }
}

fn suspect(snapshots: &[Made]) -> Option<Pause> {
    let newest = snapshots.last()?;
    Some(Pause::Suspect {
        snapshot: newest.name,
        suspicions: newest.suspect.clone()?,
    })
}

/// By sequence and not by time: one that is dated in the future is the one
/// before only once.
fn clock_behind(snapshots: &[Made], newest: Newest, now: DateTime<Utc>) -> Option<Pause> {
    let previous = match newest {
        Newest::Old => snapshots.last(),
        Newest::JustMade => snapshots.iter().rev().nth(1),
    }?;
    (now < previous.name.time()).then_some(Pause::ClockBehind {
        now,
        previous: previous.name,
    })
}

/// Tells whether a snapshot lies far after its predecessor compared with the
/// rhythm so far: the median interval from one run to the next.
fn lies_far(last: &Made, before: &[Made]) -> bool {
    let Some(predecessor) = before.last() else {
        return false;
    };
    let Some(usual) = rhythm(before) else {
        return false;
    };
    let gap = last.name.time() - predecessor.name.time();
    gap > NEAR && interval(predecessor, last).is_some_and(|interval| interval > usual * FAR)
}

/// The median of the intervals between runs. What was pruned in between shows
/// in the sequence, so that thinned history has the rhythm it was made in.
fn rhythm(snapshots: &[Made]) -> Option<TimeDelta> {
    let mut intervals: Vec<(TimeDelta, u64)> = snapshots
        .windows(2)
        .filter_map(|pair| Some((interval(&pair[0], &pair[1])?, steps(&pair[0], &pair[1]))))
        .filter(|(interval, _)| *interval >= TimeDelta::zero())
        .collect();
    intervals.sort_unstable();
    let runs = intervals
        .iter()
        .fold(0_u64, |sum, (_, steps)| sum.saturating_add(*steps));
    let (half, mut passed) = (runs.div_ceil(2), 0_u64);
    intervals
        .iter()
        .find(|(_, steps)| {
            passed = passed.saturating_add(*steps);
            passed >= half
        })
        .map(|(interval, _)| *interval)
}

/// The time from one run to the next, on the way between two snapshots.
fn interval(from: &Made, to: &Made) -> Option<TimeDelta> {
    // A damaged record may hold any number.
    let steps = i64::try_from(steps(from, to)).ok()?;
    let seconds = (to.name.time() - from.name.time()).num_seconds();
    TimeDelta::try_seconds(seconds / steps)
}

fn steps(from: &Made, to: &Made) -> u64 {
    to.sequence.saturating_sub(from.sequence).max(1)
}

#[cfg(test)]
mod tests;
