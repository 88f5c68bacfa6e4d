//! Watching a run.

use std::path::Path;

use crate::filter::LeftOutBy;
use crate::name::SnapshotName;
use crate::report::{Counts, Problem, Warning};
use crate::restore::Obstacle;
use crate::verify::Damaged;

/// What a run tells while it goes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run has the lock and knows what it compares with.
    Started {
        /// The snapshot in the making.
        snapshot: SnapshotName,
        /// The snapshot it is compared with.
        basis: Option<SnapshotName>,
        /// What the basis holds: an estimate of what is to come.
        expected: Option<Counts>,
    },
    /// A part of the run begins.
    Phase(Phase),
    /// What all snapshots that are read again hold together: an estimate of
    /// what is to come.
    Expected(&'a Counts),
    /// What was done since the last such event; the sum of all of them is the
    /// state of the run. Bytes of a large file come before the file itself
    /// counts; of one that fails in the end they may be told in vain.
    Progress(&'a Counts),
    /// One entry was dealt with. Told only to an observer that
    /// [wants it](Observer::wants_entries).
    Entry {
        /// The path in the source.
        path: &'a Path,
        /// What was done, or in a dry run would be done, with it.
        outcome: Outcome,
    },
    /// One entry was left out by the [filter](crate::Filter); told instead of
    /// [`Event::Entry`], and only to an observer that wants entries.
    LeftOut {
        /// The path in the source.
        path: &'a Path,
        /// The rule. Where it names an entry that
        /// [stays](LeftOutBy::all_but), `path` is a directory that is made,
        /// and all else in it is left out.
        by: LeftOutBy<'a>,
    },
    /// Trouble with one entry.
    Problem(&'a Problem),
    /// Something that keeps a restore from beginning.
    InTheWay(&'a Obstacle),
    /// An entry of a snapshot is not as it was recorded. Where it is to be had
    /// as it was is found out later.
    Damaged(&'a Damaged),
    /// Something to know.
    Warning(&'a Warning),
    /// A snapshot has left the store.
    Removed(SnapshotName),
}

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Leftovers of a run that did not end well are removed.
    TidyingUp,
    /// Sources are walked, compared, linked and copied.
    Walking,
    /// What was written is flushed to the destination.
    Flushing,
    /// Expired snapshots are removed.
    Removing,
    /// The trees of the snapshots are read, for a new catalog.
    Reindexing,
    /// What is where entries are to be restored is looked at.
    Looking,
    /// Entries are restored.
    Restoring,
    /// The trees of the snapshots are compared with what was recorded.
    Verifying,
    /// Good copies of what is damaged are looked for, and put in its place if
    /// that is wanted.
    Repairing,
}

/// What was done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Linked to the basis.
    Linked,
    /// Linked to an entry that the basis has under another name.
    Moved,
    /// Linked to another name of the same file in this snapshot.
    LinkedWithin,
    /// Copied: new, or changed.
    Copied,
    /// A directory, symlink, FIFO, socket or device was made.
    Made,
    /// Left out on purpose.
    LeftOut,
    /// Restored where nothing was.
    Written,
    /// Restored in place of something else; of a directory that was there, its
    /// metadata.
    Replaced,
    /// Not restored: it is there, or something that was not to be overwritten.
    Left,
    /// Deleted, because the snapshot does not have it.
    Deleted,
}

/// Somebody who watches a run.
///
/// Events come from the engine's worker threads, several at a time. A closure
/// is an observer, and `()` is one that does not look.
///
/// # Examples
///
/// ```
/// use hardsnap::{Event, Observer};
///
/// fn watch(_: &dyn Observer) {}
///
/// watch(&|event: &Event<'_>| if let Event::Problem(problem) = event { eprintln!("{problem}") });
/// watch(&());
/// ```
pub trait Observer: Send + Sync {
    /// Is told what happens. Must be quick: a worker waits.
    fn on_event(&self, event: &Event<'_>);

    /// Tells whether [`Event::Entry`] is wanted, which costs a path each.
    fn wants_entries(&self) -> bool {
        false
    }
}

impl Observer for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}
