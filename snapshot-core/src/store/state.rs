//! What the store remembers from one run to the next, beside its snapshots.

use std::io;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fs::smallfile::{self, Flush};
use crate::guard::Jump;
use crate::layout;
use crate::record::{FORMAT, SnapshotInfo};
use crate::store::Store;

/// The file `state.json`. It may be lost: the next run begins a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: u32,
    /// The number of the next snapshot, unless a record has a higher one.
    next_sequence: u64,
    /// What pauses the removal of many snapshots at once.
    #[serde(default)]
    pub(crate) jump: Option<Jump>,
}

impl State {
    /// The number that no snapshot has ever had.
    pub(crate) fn next_sequence(&self, snapshots: &[SnapshotInfo]) -> u64 {
        let highest = snapshots.iter().map(|snapshot| snapshot.sequence).max();
        let next = highest.unwrap_or_default().saturating_add(1);
        next.max(self.next_sequence)
    }

    /// Gives up all numbers below this one.
    pub(crate) fn counted_to(self, next_sequence: u64) -> State {
        State {
            next_sequence,
            ..self
        }
    }

    /// Exchanges what pauses the removal of many snapshots.
    pub(crate) fn with_jump(self, jump: Option<Jump>) -> State {
        State { jump, ..self }
    }
}

impl Store {
    /// Reads what is remembered. What says nothing that can be understood is
    /// as good as lost.
    pub(crate) fn state(&self) -> Result<State> {
        match smallfile::read(&self.control, layout::STATE) {
            Ok(content) => {
                let state: Option<State> = serde_json::from_slice(&content).ok();
                Ok(state
                    .filter(|state| state.format == FORMAT)
                    .unwrap_or_default())
            }
            Err(error) if is_lost(&error) => Ok(State::default()),
            Err(error) => Err(self.failed("read", layout::STATE, error)),
        }
    }

    /// Writes what is to be remembered, unless the file, which says what was
    /// `before`, says so already. Under the lock.
    pub(crate) fn remember(&self, before: &State, state: &State, flush: Flush) -> Result<()> {
        let state = State {
            format: FORMAT,
            ..state.clone()
        };
        if *before == state {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&state).map_err(io::Error::other);
        text.and_then(|text| {
            smallfile::replace(&self.control, layout::STATE, text.as_bytes(), flush)
        })
        .map_err(|error| self.failed("write", layout::STATE, error))
    }
}

fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData
    )
}
