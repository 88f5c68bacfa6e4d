//! Making room: more than the policy gives up goes only when the user asked
//! for it, one snapshot at a time and down to a floor.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::event::Observer;
use crate::filter::ByteSize;
use crate::fs::publish::{self, Filesystem};
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::removal;
use crate::report::RemovalReport;
use crate::retention::{Kept, Reason, Status};
use crate::store::{Spare, Spares, Store};

/// So many of the newest snapshots never go to make room.
const FLOOR: usize = 3;
/// How long what is free may stand still before it is believed, in steps.
const STILL: u32 = 5;
const STEP: Duration = Duration::from_millis(100);

/// How much of the destination is to be free.
///
/// As text it is a [`ByteSize`] or a share of the filesystem: `50G`, `10%`.
///
/// # Examples
///
/// ```
/// use hardsnap::{ByteSize, MinFree};
///
/// assert_eq!("50G".parse(), Ok(MinFree::Bytes(ByteSize::from_bytes(50 << 30))));
/// assert_eq!("10%".parse(), Ok(MinFree::Percent(10)));
/// assert!("100%".parse::<MinFree>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MinFree {
    /// So many bytes.
    Bytes(ByteSize),
    /// So much of the filesystem's size, from 1 to 99.
    Percent(u8),
}

/// The text is neither a size nor a share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a size above zero, such as 50G, nor a share from 1% to 99%")]
pub struct InvalidMinFree(String);

impl FromStr for MinFree {
    type Err = InvalidMinFree;

    fn from_str(text: &str) -> Result<MinFree, InvalidMinFree> {
        let read = match text.strip_suffix('%') {
            Some(share) => share
                .parse()
                .ok()
                .filter(|share| (1..=99).contains(share))
                .map(MinFree::Percent),
            None => text
                .parse()
                .ok()
                .filter(|size: &ByteSize| size.bytes() > 0)
                .map(MinFree::Bytes),
        };
        read.ok_or_else(|| InvalidMinFree(text.to_owned()))
    }
}

impl MinFree {
    fn of(self, total_bytes: u64) -> u64 {
        match self {
            MinFree::Bytes(size) => size.bytes(),
            MinFree::Percent(share) => {
                let bytes = u128::from(total_bytes) * u128::from(share) / 100;
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }
}

/// What is free at the destination, and what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Room {
    /// What the caller could write.
    pub free_bytes: u64,
    /// What is to be free.
    pub wanted_bytes: u64,
}

impl Room {
    /// Tells whether enough is free.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.free_bytes >= self.wanted_bytes
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room {
            free_bytes,
            wanted_bytes,
        } = self;
        write!(
            f,
            "{free_bytes} bytes are free, and {wanted_bytes} are wanted"
        )
    }
}

impl Store {
    /// Asks what is free at the destination.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn room(&self, min_free: MinFree) -> Result<Room> {
        let filesystem = Filesystem::of(&self.root)
            .map_err(|error| Error::io("ask for the room of", self.path(), error))?;
        Ok(Room {
            free_bytes: filesystem.available_bytes,
            wanted_bytes: min_free.of(filesystem.total_bytes),
        })
    }
}

/// What may go to make room, oldest first. Never what is held, suspect or
/// dated in the future, never the newest complete one, and never the newest
/// three that are not suspect, of which the first is the basis.
pub(crate) fn candidates(
    snapshots: &[SnapshotInfo],
    keep: &[Kept<SnapshotName>],
) -> Vec<SnapshotName> {
    let mut newest = snapshots
        .iter()
        .rev()
        .filter(|snapshot| snapshot.status != Status::Suspect);
    let complete = newest
        .clone()
        .find(|snapshot| snapshot.status == Status::Complete);
    let spared: Vec<SnapshotName> = newest
        .by_ref()
        .take(FLOOR)
        .chain(complete)
        .map(|snapshot| snapshot.name)
        .collect();
    let is_bound = |reason: &Reason| {
        matches!(
            reason,
            Reason::Held | Reason::Future | Reason::Suspect | Reason::Basis
        )
    };
    keep.iter()
        .filter(|kept| !kept.reasons.iter().any(is_bound) && !spared.contains(&kept.id))
        .map(|kept| kept.id)
        .collect()
}

/// Removes candidates until enough is free, on the current thread pool and
/// under the lock. Sizes of linked trees do not add, so after each one it is
/// measured anew. What is being read is passed over, and listed only if it was
/// needed.
pub(crate) fn make(
    store: &Store,
    min_free: MinFree,
    candidates: &[SnapshotName],
    (snapshots, spare): (&[SnapshotInfo], Option<&Spare>),
    report: &mut RemovalReport,
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<()> {
    let mut room = match report.removed.is_empty() {
        true => store.room(min_free)?,
        false => settled(store, min_free, cancel)?,
    };
    let mut passed_over = Vec::new();
    if let Some(spare) = spare.filter(|_| !room.is_enough()) {
        store.give_up_spare(&store.open_control(layout::TRASH)?, spare, cancel)?;
        room = settled(store, min_free, cancel)?;
    }
    for &name in candidates {
        if room.is_enough() {
            break;
        }
        let path = store.path().join(name.to_string());
        let unread = store.claim_unread(name);
        if unread
            .map_err(|error| Error::io("lock", &path, error))?
            .is_none()
        {
            passed_over.push((name, path));
            continue;
        }
        let gone = &report.removed;
        let left: Vec<_> = snapshots
            .iter()
            .filter(|snapshot| !gone.contains(&snapshot.name))
            .cloned()
            .collect();
        let one = removal::remove(
            store,
            &[name],
            &mut Spares::default(),
            &left,
            observer,
            cancel,
        )?;
        report.removed_for_room.extend(&one.removed);
        report.removed.extend(one.removed);
        report.left_behind.extend(one.left_behind);
        report.being_read.extend(one.being_read);
        room = settled(store, min_free, cancel)?;
    }
    if !room.is_enough() {
        for (name, path) in passed_over {
            report.passed_over(name, path);
        }
        report.short_of_room = Some(room);
    }
    report.removed.sort();
    Ok(())
}

/// Measures after a removal. Many filesystems free what was removed only some
/// time later: ext4 and btrfs when they commit, xfs in the background, a
/// server when it likes.
fn settled(store: &Store, min_free: MinFree, cancel: &CancelToken) -> Result<Room> {
    publish::flush(&store.root).map_err(|error| Error::io("flush", store.path(), error))?;
    let mut room = store.room(min_free)?;
    let mut still = 0;
    while !room.is_enough() && still < STILL {
        cancel.check()?;
        std::thread::sleep(STEP);
        let now = store.room(min_free)?;
        still = if now.free_bytes > room.free_bytes {
            0
        } else {
            still + 1
        };
        room = now;
    }
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_for_room_is_a_size_or_a_share() {
        for (text, total, wanted) in [
            ("1", 10, 1),
            ("50G", 10, 50 << 30),
            ("1%", 1000, 10),
            ("99%", 1000, 990),
            ("50%", u64::MAX, u64::MAX / 2),
        ] {
            assert_eq!(text.parse::<MinFree>().unwrap().of(total), wanted, "{text}");
        }
        for text in [
            "", "%", "0", "0%", "100%", "-1", "-1%", "1.5%", "50GB", "many", "5 %",
        ] {
            let error = text.parse::<MinFree>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
