//! What the calculator reads of a snapshot.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Says what a snapshot counts for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Everything is in it.
    #[default]
    Complete,
    /// Something is missing; it represents a period only where no complete one does.
    Partial,
    /// It looks wrong, and no rule counts it until someone accepts it.
    Suspect,
}

/// Describes one snapshot to the calculator.
///
/// The id is the caller's: a name, a number, a path. Ids have to be unique; their order decides
/// between snapshots of the same instant.
///
/// # Examples
///
/// ```
/// use hardsnap::retention::{Snapshot, Status};
///
/// let snapshot = Snapshot::new("tank/home@monday", "2026-03-02T01:00:00Z".parse()?)
///     .with_status(Status::Partial)
///     .with_held(true);
/// assert!(snapshot.held);
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Snapshot<Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// When it was made.
    pub time: DateTime<Utc>,
    /// What it counts for.
    pub status: Status,
    /// Whether someone holds it: then it is kept, whatever the rules say.
    pub held: bool,
}

impl<Id> Snapshot<Id> {
    /// Describes a complete snapshot that nobody holds.
    #[must_use]
    pub const fn new(id: Id, time: DateTime<Utc>) -> Self {
        Self {
            id,
            time,
            status: Status::Complete,
            held: false,
        }
    }

    /// Sets what the snapshot counts for. Default [`Status::Complete`].
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Sets whether someone holds the snapshot. Default: nobody.
    #[must_use]
    pub fn with_held(mut self, held: bool) -> Self {
        self.held = held;
        self
    }
}
