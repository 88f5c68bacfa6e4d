//! Removing the snapshots that the user names.

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Observer;
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::removal::give_up;
use crate::report::RemovalReport;
use crate::retention::Status;
use crate::store::{Spares, Store};

/// Which snapshots [`Store::delete`] may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deletion {
    /// Any, as long as a complete one remains.
    #[default]
    SparingTheLast,
    /// Any, the last complete one too.
    OfAny,
}

impl Store {
    /// Removes the snapshots named.
    ///
    /// The spare goes as well: it may hold what was to be deleted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownSnapshot`] if one is not there;
    /// [`ErrorKind::SnapshotHeld`] if one is held; [`ErrorKind::SnapshotInUse`]
    /// if one is being read; [`ErrorKind::LastSnapshot`]
    /// if no complete one would remain although there is one now, and
    /// `deletion` spares it; [`ErrorKind::StoreLocked`],
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Io`]. Nothing was removed in the
    /// first four cases.
    pub fn delete(
        &self,
        names: &[SnapshotName],
        deletion: Deletion,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<RemovalReport> {
        self.tidied_under_lock(observer, cancel, |snapshots, there, before, state| {
            self.refuse_to_delete(names, deletion, snapshots)?;
            self.remember_if_there_is_room(&before, &state)?;
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            let mut spares = Spares {
                there,
                chosen: None,
            };
            let (report, given_up) =
                give_up(self, &names, &mut spares, snapshots, observer, cancel)?;
            // Who deletes by name may want something to be gone from the disk, and
            // it may be in there too.
            if let Some(spare) = spares.there.filter(|_| !report.removed.is_empty()) {
                let trash = self.open_control(layout::TRASH)?;
                self.give_up_spare(&trash, &spare, cancel)?;
            }
            Ok((report, given_up))
        })
    }

    /// Tells whether deleting these would leave no complete snapshot although
    /// there is one now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the records cannot be read.
    pub fn would_lose_the_last(&self, names: &[SnapshotName]) -> Result<bool> {
        Ok(takes_the_last(names, &self.snapshots()?))
    }

    fn refuse_to_delete(
        &self,
        names: &[SnapshotName],
        deletion: Deletion,
        snapshots: &[SnapshotInfo],
    ) -> Result<()> {
        for name in names {
            let Some(snapshot) = snapshots.iter().find(|snapshot| snapshot.name == *name) else {
                return Err(self.unknown(*name));
            };
            if snapshot.held {
                let message = format!("the snapshot {name} is held");
                return Err(Error::new(ErrorKind::SnapshotHeld, message)
                    .with_hint("`hardsnap release STORE SNAPSHOT` lets it go"));
            }
            let unread = self
                .claim_unread(*name)
                .map_err(|error| Error::io("lock", self.path().join(name.to_string()), error))?;
            if unread.is_none() {
                let message = format!("the snapshot {name} is being read");
                return Err(Error::new(ErrorKind::SnapshotInUse, message).with_hint(
                    "a restore or a verification is under way: try again when it is over",
                ));
            }
        }
        if deletion == Deletion::SparingTheLast && takes_the_last(names, snapshots) {
            return Err(Error::new(
                ErrorKind::LastSnapshot,
                "this would remove the last complete snapshot",
            )
            .with_hint("make another one first; or say it twice, `--yes --yes`"));
        }
        Ok(())
    }
}

fn takes_the_last(names: &[SnapshotName], snapshots: &[SnapshotInfo]) -> bool {
    let mut complete = snapshots
        .iter()
        .filter(|snapshot| snapshot.status == Status::Complete)
        .peekable();
    complete.peek().is_some() && complete.all(|snapshot| names.contains(&snapshot.name))
}
