//! A store that was moved to another disk, or copied: the stored inodes have
//! other numbers there.

mod learn;
mod look;

use crate::cancel::CancelToken;
use crate::catalog::moved::learn::learn;
use crate::catalog::open::{Open, Outcome, Trouble};
use crate::catalog::prepared::apply;
use crate::catalog::rebuild::{Before, rebuild};
use crate::catalog::small::told;
use crate::event::{Event, Observer, Phase};
use crate::fs::smallfile;
use crate::layout;
use crate::name::SnapshotName;
use crate::store::Store;

pub(super) use crate::catalog::moved::look::Way;

/// What the catalog of a moved store has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The versions of which it is known where they are stored.
    pub(crate) versions: u64,
    /// Snapshots that it does not tell of any more, because something in their
    /// trees cannot be read.
    pub(crate) left_out: Vec<SnapshotName>,
}

/// Makes the catalog one of this disk: the numbers are learnt anew by listing
/// directories, in one transaction, and all else stays. If the store was copied
/// without its hard links, one number is not enough for a version, and the
/// catalog is made anew from the trees, which takes over what it knows. Under
/// the lock; `exists` tells whether there is a snapshot of that number and name.
pub(crate) fn settle_in(
    store: &Store,
    exists: impl Fn(u64, SnapshotName) -> bool,
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Outcome<Settled> {
    observer.on_event(&Event::Phase(Phase::Reindexing));
    let (mut connection, _) = store.open_catalog(Open::Write)?;
    // What a run that was killed has left has the numbers of the other disk.
    smallfile::remove(&store.control, layout::CHANGES).map_err(|error| Trouble::of_io(&error))?;
    apply(&mut connection, None, 0, exists)?;
    let living: Vec<(u64, SnapshotName)> = told(&connection)?
        .into_iter()
        .filter_map(|told| Some((told.sequence, told.name.parse().ok()?)))
        .collect();
    match learn(store, &mut connection, &living, cancel) {
        Ok(Some(versions)) => {
            return Ok(Settled {
                versions,
                left_out: Vec::new(),
            });
        }
        Ok(None) | Err(Trouble::Damaged(_)) => {}
        Err(trouble) => return Err(trouble),
    }
    drop(connection);
    // What it counts are entries of old snapshots, and not those of the run.
    let rebuilt = rebuild(store, &living, Before::open(store), &(), cancel)?;
    Ok(Settled {
        versions: rebuilt.census.versions,
        left_out: rebuilt.left_out,
    })
}
