//! What is damaged, gathered from the workers.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::DirId;
use crate::catalog::query::Row;
use crate::entry::{EntryKind, Hash};
use crate::event::{Event, Observer};
use crate::verify::report::{DamageKind, Damaged, VerifyReport};

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

impl Finding {
    /// Tells whether it is about a directory that is not there, or something
    /// else in its place: then nothing is told of what is in it.
    pub(super) fn is_missing_directory(&self) -> bool {
        let kind = self
            .place
            .as_ref()
            .map(|place| place.row.version.facts.kind);
        let is_missing = self.damaged.kind == DamageKind::Missing;
        kind == Some(EntryKind::Directory) && (is_missing || self.damaged.is_of_other_kind())
    }
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
        gathered.sort();
        gathered
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    /// Adds what was found later.
    pub(super) fn add(&mut self, later: Gathered) {
        self.count += later.count;
        let room = VerifyReport::MOST_DAMAGED.saturating_sub(self.findings.len());
        self.findings.extend(later.findings.into_iter().take(room));
        self.sort();
    }

    fn sort(&mut self) {
        let key = |finding: &Finding| -> (PathBuf, _) {
            let damaged = &finding.damaged;
            (damaged.path.clone(), damaged.snapshots.clone())
        };
        self.findings.sort_by_cached_key(key);
    }
}
