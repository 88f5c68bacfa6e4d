//! Why a snapshot is kept and why one is removed: data first, text as its formatter.

use std::fmt;

use chrono::{DateTime, FixedOffset, Timelike};
use serde::Serialize;

use super::bucket::Bucket;
use super::policy::{Every, Rule, Window};
use super::serial::{utc, utc_text};

/// Gives one reason to keep a snapshot.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Policy, Snapshot, plan};
///
/// let policy: Policy = "daily for 2 weeks, all monthly".parse()?;
/// let snapshots = [
///     Snapshot::new("a", "2026-03-03T02:00:01Z".parse()?),
///     Snapshot::new("b", "2026-03-04T02:00:01Z".parse()?),
/// ];
/// let plan = plan(&snapshots, &policy, "2026-03-04T03:00:00Z".parse()?);
/// assert_eq!(
///     plan.keep[0].explain(),
///     "daily (first of 2026-03-03, until 2026-03-17); monthly (first of 2026-03, for ever)"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It is the newest live one, or the newest complete one.
    Newest,
    /// It is dated after now, so that no rule can tell its age.
    Future,
    /// Someone holds it.
    Held,
    /// It is suspect, and no live one is newer.
    Suspect,
    /// The next one is compared with it. No rule says so; whoever keeps a store does.
    Basis,
    /// A rule keeps it.
    Rule(RuleReason),
}

/// Says how a rule keeps a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleReason {
    /// The rule.
    pub rule: Rule,
    /// The period that the snapshot represents.
    pub bucket: Bucket,
    /// The period's place among those that have a live snapshot, 0 for the newest.
    pub rank: usize,
    /// Until when the rule keeps it.
    pub until: Until,
}

/// Says how long a rule keeps a period.
///
/// A rule with a floor ([`Rule::at_least`]) may keep it longer than this, one with a ceiling
/// ([`Rule::at_most`]) less long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// Until the anchor of the ages reaches this instant, given in the policy's zone.
    Time(DateTime<FixedOffset>),
    /// For ever, or beyond the calendar's end.
    Forever,
    /// As long as it is one of the newest [`Rule::at_least`] periods; its age keeps it no longer.
    Count,
}

/// Gives the cause for which a snapshot is removed.
///
/// Of the rules that could explain it, the one with the finest period does whose representative
/// is kept; if there is none, the one that reaches back the farthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why<Id> {
    /// Another snapshot of the same period is kept.
    Represented {
        /// The period.
        bucket: Bucket,
        /// The snapshot that represents the period.
        represented_by: Id,
    },
    /// The period is older than any rule reaches back.
    Expired {
        /// The period, of the rule that reaches back the farthest.
        bucket: Bucket,
        /// When it expired, given in the policy's zone.
        #[serde(serialize_with = "utc")]
        since: DateTime<FixedOffset>,
    },
    /// There are enough newer periods.
    Outnumbered {
        /// The period, of the rule that reaches back the farthest.
        bucket: Bucket,
        /// How many of the newest periods the rule keeps.
        count: u32,
    },
    /// It is suspect, and a live one is newer.
    Superseded {
        /// The newest live snapshot.
        newer: Id,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("newest"),
            Self::Future => f.write_str("dated in the future"),
            Self::Held => f.write_str("held"),
            Self::Suspect => f.write_str("suspect, and none is newer"),
            Self::Basis => f.write_str("basis of the next one"),
            Self::Rule(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for RuleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            bucket,
            until,
            ..
        } = self;
        let name = match (rule.every, rule.within) {
            (Every::Snapshot, Window::None) => "last",
            (every, _) => every.adjective(),
        };
        write!(f, "{name} (")?;
        if *until == Until::Count {
            Newest(rule.at_least, rule.every).fmt(f)?;
        } else {
            if rule.every != Every::Snapshot {
                write!(f, "{} of {bucket}, ", rule.pick)?;
            }
            match until {
                Until::Time(time) => write!(f, "until {}", Moment(*time))?,
                _ => f.write_str("for ever")?,
            }
            if let Some(count) = rule.at_most {
                write!(f, " while {}", Newest(count, rule.every))?;
            }
        }
        f.write_str(")")
    }
}

impl<Id: fmt::Display> fmt::Display for Why<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Represented {
                bucket,
                represented_by,
                ..
            } => write!(f, "{bucket} is represented by {represented_by}"),
            Self::Expired { bucket, since, .. } => {
                write!(f, "{bucket} expired {}", Moment(*since))
            }
            Self::Outnumbered { bucket, count } => {
                write!(f, "{bucket} is not {}", Newest(*count, bucket.every()))
            }
            Self::Superseded { newer } => write!(f, "suspect, and {newer} is newer"),
        }
    }
}

/// Writes `one of the 14 newest days`.
struct Newest(u32, Every);

impl fmt::Display for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.1.noun();
        match self.0 {
            1 => write!(f, "the newest {name}"),
            count => write!(f, "one of the {count} newest {name}s"),
        }
    }
}

/// Writes a date where the instant is the start of a day, else the instant.
struct Moment(DateTime<FixedOffset>);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.time();
        if time.num_seconds_from_midnight() == 0 && time.nanosecond() == 0 {
            return write!(f, "{}", self.0.format("%Y-%m-%d"));
        }
        f.write_str(&utc_text(&self.0))
    }
}
