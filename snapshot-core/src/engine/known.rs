//! The catalog's part in a backup: what it lets the walk spare, and what it is
//! told of the new snapshot.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cancel::CancelToken;
use crate::catalog::{
    CatalogCopy, Change, Log, Made, Prepared, Session, SessionKind, Settled, Trouble, reconcile,
    settle_in,
};
use crate::compare::{Names, Rules};
use crate::engine::Run;
use crate::engine::work::Work;
use crate::entry::FileTime;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};
use crate::fs::dir::Dir;
use crate::fs::publish::{Filesystem, InodeNumbers};
use crate::name::SnapshotName;
use crate::options::BasisCheck;
use crate::record::SnapshotInfo;
use crate::report::Warning;
use crate::run::now_wall;
use crate::store::{Spare, Store};
use crate::walk::{BasisLook, Ledger, Manner, locked};

/// A change that is younger when it is read may not be the last one within its
/// tick of the clock; one through a mapping is told late by as much.
const RACY_SECONDS: i64 = 60;

impl Store {
    /// Makes the catalog tell of these snapshots and no others. Under the lock.
    /// What cannot be done now is done by the next run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnsupportedFormat`] if a newer version wrote it.
    pub(crate) fn reconcile_catalog(
        &self,
        snapshots: &[SnapshotInfo],
        unreadable: &[SnapshotName],
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<()> {
        let spare = self.spare()?;
        match reconcile(self, exists(snapshots, unreadable, spare.as_ref())) {
            Err(trouble @ Trouble::Newer { .. }) => Err(self.newer_catalog(&trouble)),
            Err(Trouble::Moved) => {
                let published = exists(snapshots, unreadable, None);
                if let Ok(settled) = settle_in(self, published, observer, cancel) {
                    observer.on_event(&Event::Warning(&settled.into()));
                }
                cancel.check()
            }
            _ => Ok(()),
        }
    }

    /// Takes the catalog for a run that has the lock. The second is what there
    /// is to say of it.
    pub(crate) fn begin_catalog(
        &self,
        snapshots: &[SnapshotInfo],
        unreadable: &[SnapshotName],
        spare: Option<&Spare>,
        cache: Option<&Path>,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<(Session<'_>, Option<Warning>)> {
        let copy = cache.and_then(|cache| CatalogCopy::of(self, cache).map(Arc::new));
        let begin = || {
            let exists = exists(snapshots, unreadable, spare);
            Session::begin(self, copy.clone(), exists)
        };
        let mut session = self.refuse_newer(begin())?;
        if session.kind != SessionKind::New(Trouble::Moved) {
            return Ok((session, None));
        }
        let published = exists(snapshots, unreadable, None);
        match settle_in(self, published, observer, cancel) {
            Ok(settled) => Ok((begin(), Some(settled.into()))),
            Err(trouble) => {
                cancel.check()?;
                session.kind = match trouble {
                    Trouble::Damaged(_) => SessionKind::New(trouble),
                    // The next run may have more luck.
                    _ => SessionKind::Off(trouble),
                };
                Ok((session, None))
            }
        }
    }

    /// Takes the catalog for a look at what a run would do.
    pub(crate) fn look_at_catalog(&self) -> Result<Session<'_>> {
        self.refuse_newer(Session::look(self))
    }

    fn refuse_newer<'s>(&self, session: Session<'s>) -> Result<Session<'s>> {
        match &session.kind {
            SessionKind::Off(trouble @ Trouble::Newer { .. }) => Err(self.newer_catalog(trouble)),
            _ => Ok(session),
        }
    }

    pub(crate) fn newer_catalog(&self, trouble: &Trouble) -> Error {
        let message = format!(
            "the catalog of {} cannot be used: {trouble}",
            self.path().display()
        );
        Error::new(ErrorKind::UnsupportedFormat, message)
            .with_path(self.path())
            .with_hint("use the version of hardsnap that wrote it, or a later one")
    }
}

impl From<Settled> for Warning {
    fn from(settled: Settled) -> Warning {
        Warning::StoreMoved {
            versions: settled.versions,
            left_out: settled.left_out,
        }
    }
}

/// Tells what the catalog may go on telling of: the snapshots there are, and
/// those of which nobody can say what they are, and the spare.
fn exists(
    snapshots: &[SnapshotInfo],
    unreadable: &[SnapshotName],
    spare: Option<&Spare>,
) -> impl Fn(u64, SnapshotName) -> bool {
    move |sequence, name| {
        unreadable.contains(&name)
            || spare.is_some_and(|spare| spare.is(sequence, name))
            || snapshots
                .iter()
                .any(|snapshot| snapshot.sequence == sequence && snapshot.name == name)
    }
}

impl Run<'_> {
    /// Opens the catalog for the walk.
    pub(super) fn ledger<'s>(
        &self,
        session: &mut Session<'s>,
        basis: Option<&SnapshotInfo>,
        tree: Option<&Dir>,
        rules: &Rules,
        work: Option<&Work<'_>>,
        spare: Option<&Spare>,
    ) -> Result<(Ledger<'s>, Told)> {
        let failed = |error| Error::io("open the basis", self.store.path(), error);
        let filesystem = match work {
            Some(work) => work.filesystem,
            None => Filesystem::of(&self.store.root).map_err(failed)?,
        };
        let told = basis.and_then(|basis| session.rules(basis.sequence, basis.name));
        let is_same = told.is_some_and(|told| told == rules.describe());
        let look = match (filesystem.inode_numbers(), self.options.basis_check) {
            (InodeNumbers::Passing, _) => BasisLook::StatWithoutInodes,
            (_, BasisCheck::EveryEntry) => BasisLook::Stat,
            // What the destination could not hold then it may hold now.
            _ if !is_same || rules.names == Names::Folded => BasisLook::Stat,
            (InodeNumbers::Listed, _) => BasisLook::Listed,
            (InodeNumbers::Told, _) => BasisLook::Word,
        };
        let known = told.and(basis).map(|basis| basis.sequence);
        let reopened = |dir: Option<&Dir>| dir.map(Dir::duplicate).transpose().map_err(failed);
        let basis = reopened(tree.filter(|_| known.is_some()))?;
        let store = reopened(known.map(|_| &self.store.root))?;
        // What keeps the catalog from being used was told already.
        let is_written = work.is_some() && !matches!(session.kind, SessionKind::Off(_));
        let (log, failure) = match is_written.then(|| session.log()) {
            Some(Ok(log)) => (Some(log), None),
            Some(Err(trouble)) => (None, Some(trouble)),
            None => (None, None),
        };
        // What a tree was given by other rules has to be looked at.
        let is_told = spare.is_some_and(|spare| {
            session.rules(spare.sequence, spare.name) == Some(rules.describe().as_str())
        });
        let word = spare.filter(|_| is_told && look == BasisLook::Word);
        let told = Told {
            has_same_rules: is_told,
            word: word.map(|spare| spare.sequence),
        };
        let directory_bytes = told
            .word
            .map_or(0, |sequence| session.directory_bytes(sequence));
        let now = now_wall();
        let manner = Manner {
            look,
            reading: self.options.reading,
            hashes: self.options.hashes,
            racy_since: FileTime {
                seconds: now.seconds.saturating_sub(RACY_SECONDS),
                ..now
            },
        };
        let ledger = Ledger::new(
            session.reader(
                known,
                is_told
                    .then_some(spare)
                    .flatten()
                    .map(|spare| spare.sequence),
            ),
            log,
            std::mem::take(&mut session.mounts),
            session.last_directory,
            manner,
            basis,
            store,
        );
        *locked(&ledger.failure) = failure;
        ledger
            .directory_bytes
            .store(directory_bytes, Ordering::Relaxed);
        Ok((ledger, told))
    }

    /// Writes down what the walk found, for the catalog to be told once the
    /// snapshot is published; whether or not that can be done, it is.
    pub(super) fn complete_log<'s>(
        &self,
        ledger: &mut Ledger<'_>,
        work: &Work<'_>,
        rules: &Rules,
        sequence: u64,
    ) -> Result<Option<News<'s>>, Warning> {
        // Readers keep others from writing.
        let standing = ledger.reader.take().map(|reader| reader.standing);
        let failure = ledger.take_failure();
        let Some(log) = ledger.log.take() else {
            return match failure {
                Some(trouble) => Err(self.not_written(&trouble)),
                None => Ok(None),
            };
        };
        for mount in ledger.take_new_mounts() {
            let mut text = Vec::new();
            Change::Mount(mount).write(&mut text);
            log.append(&text);
        }
        let made = Made {
            sequence,
            name: work.name,
            after: standing.map_or(0, |standing| standing.newest),
            is_after_gap: standing.is_some_and(|standing| standing.basis.is_none()),
            rules: rules.describe(),
            directory_bytes: ledger.directory_bytes.load(Ordering::Relaxed),
        };
        let completed = match failure {
            Some(trouble) => Err(trouble),
            None => log.complete(&made, work.flush()),
        };
        match completed {
            Ok(()) => Ok(Some(News {
                made,
                log,
                prepared: Ok(None),
                missing: ledger.missing_rows.load(Ordering::Relaxed),
            })),
            Err(trouble) => Err(self.not_written(&trouble)),
        }
    }

    /// Tells the catalog of the new snapshot, and of those that are gone.
    pub(super) fn settle_catalog<'s>(
        &self,
        session: &Session<'s>,
        news: Option<News<'s>>,
        snapshots: &[SnapshotInfo],
        unreadable: &[SnapshotName],
        spare: Option<&Spare>,
        warnings: &mut Vec<Warning>,
    ) {
        let Some(news) = news else {
            return;
        };
        let settled = news.prepared.and_then(|prepared| {
            let exists = exists(snapshots, unreadable, spare);
            session.settle(&news.made, news.log, prepared, news.missing, exists)
        });
        match settled {
            Ok(damaged) => warn_of_damage(warnings, damaged),
            Err(trouble) => warnings.push(self.not_written(&trouble)),
        }
    }

    fn not_written(&self, trouble: &Trouble) -> Warning {
        // Of what is damaged nothing is left but to begin anew.
        if matches!(trouble, Trouble::Damaged(_)) {
            let _ = self.store.discard_catalog();
        }
        Warning::CatalogNotWritten {
            reason: trouble.to_string(),
        }
    }
}

/// What the catalog says of the spare.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// It was given what the new tree is to be given.
    pub(super) has_same_rules: bool,
    /// Its sequence, if that is believed without a look at it.
    pub(super) word: Option<u64>,
}

/// What the catalog is to be told once a snapshot is published.
pub(super) struct News<'s> {
    made: Made,
    log: Log,
    /// What is written into the catalog already.
    prepared: Result<Option<Prepared<'s>>, Trouble>,
    /// Rows that were found to be lost.
    missing: u64,
}

impl<'s> News<'s> {
    /// Writes it into the catalog as far as nobody sees it.
    pub(super) fn prepare(&mut self, session: &mut Session<'s>) {
        self.prepared = session.prepare(&self.made, &self.log);
    }
}

/// Says how many rows were lost, unless more were said to be already.
pub(super) fn warn_of_damage(warnings: &mut Vec<Warning>, lost: u64) {
    for warning in warnings.iter_mut() {
        if let Warning::CatalogDamaged { entries } = warning {
            *entries = lost.max(*entries);
            return;
        }
    }
    if lost > 0 {
        warnings.push(Warning::CatalogDamaged { entries: lost });
    }
}

/// What to say of a catalog before anything is done with it.
pub(super) fn first_warning(
    session: &Session<'_>,
    basis: Option<&SnapshotInfo>,
) -> Option<Warning> {
    let reason = match (&session.kind, basis) {
        // An older one was put back, or the last run could not write it.
        (SessionKind::Kept, Some(basis)) if session.rules(basis.sequence, basis.name).is_none() => {
            format!("it does not tell of the snapshot {}", basis.name)
        }
        // The first snapshot has none to go by.
        (SessionKind::Kept, _) | (SessionKind::New(Trouble::Missing), None) => return None,
        (SessionKind::New(trouble) | SessionKind::Off(trouble), _) => trouble.to_string(),
    };
    Some(Warning::CatalogUnusable { reason })
}
