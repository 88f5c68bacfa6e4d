//! What will be there on a day to come, if backups go on by a schedule.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::{Serialize, Serializer};

use super::plan::{Plan, plan};
use super::policy::Policy;
use super::serial::utc_text;
use super::snapshot::Snapshot;
use super::span::{Span, Unit};
use super::zone::{Zone, wall_time};

/// Names a snapshot of a preview.
///
/// Written as the id of the one that exists, or as the instant of the one that is imagined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PreviewId<Id> {
    /// It exists, under this id.
    Existing(Id),
    /// It would be made then.
    Imagined(DateTime<Utc>),
}

impl<Id: fmt::Display> fmt::Display for PreviewId<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Existing(id) => id.fmt(f),
            Self::Imagined(time) => f.write_str(&utc_text(time)),
        }
    }
}

impl<Id: Serialize> Serialize for PreviewId<Id> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Existing(id) => id.serialize(serializer),
            Self::Imagined(time) => serializer.serialize_str(&utc_text(time)),
        }
    }
}

/// Describes imagined backups at even distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The distance from one to the next; a span without length makes one backup only.
    pub every: Span,
    /// The first.
    pub from: DateTime<Utc>,
    /// The end; one that falls on it is made.
    pub to: DateTime<Utc>,
}

impl Schedule {
    /// Describes backups from `from` to `to`.
    #[must_use]
    pub const fn new(every: Span, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { every, from, to }
    }

    /// Yields the instants, in order.
    ///
    /// Hours are real; days and longer units keep the time of day in `zone`. Where a clock put
    /// forward leaves that time out, the backup is made as soon as the clock has passed it; where
    /// a month lacks the day, on its last.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardsnap::retention::{Schedule, Span};
    ///
    /// let schedule = Schedule::new(
    ///     Span::days(1),
    ///     "2026-03-28T02:30:00+01:00".parse()?,
    ///     "2026-03-31T00:00:00+02:00".parse()?,
    /// );
    /// let instants = schedule.instants("Europe/Berlin".parse()?);
    /// let texts: Vec<String> = instants.map(|time| time.to_rfc3339()).collect();
    /// assert_eq!(
    ///     texts,
    ///     [
    ///         "2026-03-28T01:30:00+00:00",
    ///         "2026-03-29T01:00:00+00:00",
    ///         "2026-03-30T00:30:00+00:00",
    ///     ]
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn instants(self, zone: Zone) -> impl Iterator<Item = DateTime<Utc>> {
        let Self { every, from, to } = self;
        let wall = wall_time(zone, from);
        let at = move |number: u32| -> Option<DateTime<Utc>> {
            let count = every.count().checked_mul(number)?;
            if number == 0 {
                return Some(from);
            }
            match every.unit() {
                Unit::Hour => from.checked_add_signed(TimeDelta::hours(i64::from(count))),
                unit => {
                    let wall = Span::new(count, unit).clamped_after(wall)?;
                    zone.instant(wall)
                }
            }
        };
        let numbers = if every.is_zero() { 0..=0 } else { 0..=u32::MAX };
        numbers.map_while(at).take_while(move |time| *time <= to)
    }
}

/// Decides what would be there at the instant `at`, if besides the existing snapshots the imagined
/// ones were made and the policy were followed all along.
///
/// It is one plan of both together; no day in between has to be gone through. Imagined instants
/// later than `at` are left out.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Policy, Schedule, Snapshot, Span, preview};
///
/// let existing = [Snapshot::new("first", "2026-01-01T02:00:00Z".parse()?)];
/// let at = "2028-12-31T12:00:00Z".parse()?;
/// let daily = Schedule::new(Span::days(1), "2026-01-02T02:00:00Z".parse()?, at);
///
/// let policy = Policy::default();
/// let plan = preview(&existing, daily.instants(policy.zone()), &policy, at);
/// assert_eq!(plan.keep.len(), 74);
/// assert_eq!(plan.keep[0].id.to_string(), "first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn preview<Id: Ord + Clone>(
    existing: &[Snapshot<Id>],
    imagined: impl IntoIterator<Item = DateTime<Utc>>,
    policy: &Policy,
    at: DateTime<Utc>,
) -> Plan<PreviewId<Id>> {
    let existing = existing.iter().map(|snapshot| {
        Snapshot::new(PreviewId::Existing(snapshot.id.clone()), snapshot.time)
            .with_status(snapshot.status)
            .with_held(snapshot.held)
    });
    let imagined = imagined.into_iter().filter(|time| *time <= at);
    let imagined = imagined.map(|time| Snapshot::new(PreviewId::Imagined(time), time));
    let all: Vec<Snapshot<PreviewId<Id>>> = existing.chain(imagined).collect();
    plan(&all, policy, at)
}
