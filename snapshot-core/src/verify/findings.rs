//! What is damaged, gathered from the workers.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::DirId;
use crate::catalog::query::Row;
use crate::entry::Hash;
use crate::event::{Event, Observer};
use crate::verify::report::{Damaged, VerifyReport};

/// Damage, and the row that tells how it should be.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) damaged: Damaged,
    pub(super) place: Option<Recorded>,
}

/// A row of the catalog, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) dir: DirId,
    pub(super) name: Vec<u8>,
    pub(super) row: Row,
}

#[derive(Default)]
pub(super) struct Findings {
    gathered: Mutex<Gathered>,
}

#[derive(Default)]
pub(super) struct Gathered {
    pub(super) findings: Vec<Finding>,
    /// All there are, also those that are too many to be kept.
    pub(super) count: u64,
    /// Of files whose content is not what was recorded.
    pub(super) hashes: HashSet<Hash>,
}

impl Findings {
    pub(super) fn add(&self, observer: &dyn Observer, finding: Finding) {
        observer.on_event(&Event::Damaged(&finding.damaged));
        let mut gathered = self.lock();
        gathered.count += 1;
        if gathered.findings.len() < VerifyReport::MOST_DAMAGED {
            gathered.findings.push(finding);
        }
    }

    /// Notes content that is damaged, wherever it is.
    pub(super) fn note(&self, hash: Hash) {
        self.lock().hashes.insert(hash);
    }

    pub(super) fn hashes(&self) -> HashSet<Hash> {
        self.lock().hashes.clone()
    }

    /// All of it, in the order of the paths.
    pub(super) fn take(&self) -> Gathered {
        let mut gathered = std::mem::take(&mut *self.lock());
        let key = |finding: &Finding| -> (PathBuf, _) {
            let damaged = &finding.damaged;
            (damaged.path.clone(), damaged.snapshots.clone())
        };
        gathered.findings.sort_by_cached_key(key);
        gathered
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
