//! Verification: the trees of snapshots against the catalog.

mod anchors;
mod case;
mod check;
mod compare;
mod content;
mod counting;
mod crowd;
mod findings;
mod good;
mod listing;
mod look;
mod options;
mod progress;
mod repair;
mod report;
mod state;
mod tell;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::cancel::CancelToken;
use crate::catalog::query::{Catalog, CatalogSnapshot, Slice, Slices};
use crate::claims::Claims;
use crate::compare::Rules;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::lock::{self, Claim, Lock};
use crate::fs::publish::Filesystem;
use crate::fs::xattr;
use crate::layout;
use crate::name::SnapshotName;
use crate::record::SnapshotInfo;
use crate::report::Warning;
use crate::run::{Pool, now_monotonic, pool};
use crate::store::Store;
use crate::store::reading::Reading;
use crate::tidy::{Unfinished, tidy};
use crate::verify::anchors::Anchors;
use crate::verify::check::{Check, Checked, Totals};
use crate::verify::content::{Done, Wanted};
use crate::verify::findings::Findings;
use crate::verify::progress::Keeper;

pub use options::{InvalidSampleSize, Repair, SampleSize, VerifyContent, VerifyOptions};
pub use report::{DamageKind, Damaged, GoodCopy, Mending, VerifyReport};

/// So many versions of entries are compared before it is noted how far the run
/// is.
const BATCH: usize = 8192;

impl Store {
    /// Compares snapshots with what was recorded of them.
    ///
    /// Structure and metadata are compared always, as far as the destination can
    /// hold them: every entry that the catalog tells of has to be there, and no
    /// other. What files are read, to compare their content, is chosen by
    /// [`VerifyOptions::content`]; each one is read once, however many snapshots
    /// share it. A run that was stopped is gone on with by the next one of the
    /// same choice. Files without a recorded hash cannot be compared, and are
    /// counted.
    ///
    /// Damage is no error: the report lists it, with all snapshots that share
    /// what is stored, and where a good copy is. With
    /// [`Repair::FromGoodCopies`] that is put in its place.
    ///
    /// Nothing is written but how far the run is, and it takes no lock that
    /// would keep a backup from running. A snapshot that is removed meanwhile
    /// drops out; one that was named stays until the end. A repair takes the
    /// store's lock.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CatalogUnusable`] if there is no catalog, or it is damaged;
    /// [`ErrorKind::UnsupportedFormat`] if a newer version wrote it;
    /// [`ErrorKind::UnknownSnapshot`]; [`ErrorKind::StoreLocked`] if another
    /// verification is under way, or for a repair another run;
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> hardsnap::Result<()> {
    /// use hardsnap::{CancelToken, Store, VerifyContent, VerifyOptions};
    ///
    /// let store = Store::open("/mnt/backup")?;
    /// let options = VerifyOptions::new().content(VerifyContent::Full);
    /// let report = store.verify(&options, &(), &CancelToken::new())?;
    /// for damaged in &report.damaged {
    ///     println!("{} is {}", damaged.path.display(), damaged.kind.as_str());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn verify(
        &self,
        options: &VerifyOptions,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<VerifyReport> {
        let started = now_monotonic();
        let only_one = self.claim_verification()?;
        let mut report = VerifyReport::default();
        let pool = pool(options.jobs, &[&self.root])?;
        let repairing = match options.repair {
            Repair::Off => None,
            Repair::FromGoodCopies => Some(self.hold_for_repair(&pool, observer, cancel)?),
        };
        let (snapshots, unreadable) = self.sorted_out()?;
        if snapshots.is_empty() && unreadable.is_empty() && options.snapshots.is_empty() {
            report.elapsed = started.elapsed();
            return Ok(report);
        }
        let catalog = self.catalog()?.with_cancel(cancel);
        let chosen = self.choose(&catalog, &options.snapshots, &snapshots)?;
        report.warnings = warnings(&catalog, unreadable)?;
        let findings = Findings::default();
        let mut keeper = Keeper::begin(self, options, &chosen.known, only_one.is_some())?;
        report.continued = keeper.is_continued();
        let rules = recorded_rules(&catalog)?;
        let mut check = Check {
            store: self,
            catalog: &catalog,
            snapshots: checked(self, &rules, &chosen.known, &snapshots),
            rules,
            numbers: Filesystem::of(&self.root)
                .map_err(|error| Error::io("look at", self.path(), error))?
                .inode_numbers(),
            wanted: Wanted {
                part: keeper.part(),
                suspected: keeper.suspected(),
                done: keeper.stopped().map(Done::from),
                large: Mutex::default(),
            },
            claims: Claims::new(),
            findings: &findings,
            totals: Totals::default(),
            waiting: AtomicUsize::new(0),
            anchors: Anchors::new(pool.current_num_threads()),
            failure: Mutex::default(),
            is_failing: AtomicBool::new(false),
            observer,
            cancel,
        };
        observer.on_event(&Event::Phase(Phase::Verifying));
        let expected = progress::expected(&catalog, &chosen.known, keeper.part())?;
        observer.on_event(&Event::Expected(&expected));
        let compared = compare(&check, &catalog, &chosen.known, &pool, &mut keeper);
        let counted = compared.and_then(|()| {
            let counting = || counting::count(&check, &chosen.unknown, &snapshots);
            pool.install(counting)
        });
        pool.broadcast(|_| xattr::leave_directory());
        keeper.stop(counted.is_ok(), &check.wanted, &findings);
        report.warnings.extend(keeper.warning());
        counted?;
        let totals = std::mem::take(&mut check.totals);
        report.checked_entries = totals.entries.into_inner();
        report.checked_files = totals.files.into_inner();
        report.checked_bytes = totals.bytes.into_inner();
        report.unhashed_files = totals.unhashed.into_inner();
        let is_there = |one: &&Checked| !one.is_gone.load(Ordering::Relaxed);
        let there = check.snapshots.iter().filter(is_there);
        report.snapshots = there.map(|one| one.known.name).collect();
        report.counted_only = chosen.unknown;
        let mut gathered = findings.take();
        if !gathered.findings.is_empty() {
            observer.on_event(&Event::Phase(Phase::Repairing));
            let findings = &mut gathered.findings;
            report.kept_aside = pool.install(|| {
                let cases = good::find(&check, findings)?;
                match repairing {
                    Some(_) => repair::repair(&check, findings, &cases),
                    None => Ok(None),
                }
            })?;
            gathered.add(check.findings.take());
        }
        drop(repairing);
        report.damaged_entries = gathered.count;
        let damaged = gathered.findings.into_iter();
        report.damaged = damaged.map(|finding| finding.damaged).collect();
        report.elapsed = started.elapsed();
        Ok(report)
    }

    /// Keeps other verifications away; none where nothing can be written.
    fn claim_verification(&self) -> Result<Option<Claim>> {
        let claimed = match lock::make_to_claim(&self.control, layout::VERIFY_LOCK) {
            Ok(handle) => lock::exclusive(handle),
            Err(_) => return Ok(None),
        };
        match claimed {
            Ok(Some(claim)) => Ok(Some(claim)),
            Ok(None) => {
                let path = self.path();
                let message = format!("another verification of {} is under way", path.display());
                Err(Error::new(ErrorKind::StoreLocked, message).with_path(path))
            }
            Err(_) => Ok(None),
        }
    }

    /// Takes the store's lock, and makes the catalog tell of what there is.
    fn hold_for_repair(
        &self,
        pool: &Pool,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<Lock> {
        let lock = self.lock()?;
        pool.install(|| tidy(self, Unfinished::Kept, observer, cancel))?;
        let (snapshots, unreadable) = self.sorted_out()?;
        self.reconcile_catalog(&snapshots, &unreadable, observer, cancel)?;
        Ok(lock)
    }

    /// Sorts the snapshots that are wanted by whether the catalog tells of them.
    fn choose(
        &self,
        catalog: &Catalog,
        wanted: &[SnapshotName],
        snapshots: &[SnapshotInfo],
    ) -> Result<Chosen> {
        let mut chosen = Chosen::default();
        if wanted.is_empty() {
            chosen.known = catalog.snapshots().to_vec();
            let unknown = catalog.unknown_snapshots().iter().copied();
            let has_record = |name: &SnapshotName| snapshots.iter().any(|one| one.name == *name);
            chosen.unknown = unknown.filter(has_record).collect();
            return Ok(chosen);
        }
        for name in wanted {
            chosen._kept.push(self.read(*name)?);
            match catalog.known(*name) {
                Ok(known) if chosen.known.contains(&known) => {}
                Ok(known) => chosen.known.push(known),
                Err(error) if error.kind() != ErrorKind::CatalogUnusable => return Err(error),
                Err(_) if chosen.unknown.contains(name) => {}
                Err(_) => chosen.unknown.push(*name),
            }
        }
        chosen.known.sort_by_key(|known| known.sequence);
        chosen.unknown.sort();
        Ok(chosen)
    }
}

/// The snapshots to verify.
#[derive(Default)]
struct Chosen {
    /// By their sequences.
    known: Vec<CatalogSnapshot>,
    unknown: Vec<SnapshotName>,
    /// Those that were named stay until the end. All at once would keep
    /// retention waiting for days, and take too many handles.
    _kept: Vec<Reading>,
}

fn warnings(catalog: &Catalog, unreadable: Vec<SnapshotName>) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    if !unreadable.is_empty() {
        let snapshots = unreadable;
        warnings.push(Warning::RecordsUnreadable { snapshots });
    }
    let entries = catalog.lost_rows()?;
    if entries > 0 {
        warnings.push(Warning::CatalogDamaged { entries });
    }
    Ok(warnings)
}

/// What was kept in each snapshot, where that is known.
fn recorded_rules(catalog: &Catalog) -> Result<HashMap<u64, Rules>> {
    let told = catalog.rules()?.into_iter();
    let recorded = told.filter_map(|(sequence, text)| Some((sequence, Rules::recorded(&text)?)));
    Ok(recorded.collect())
}

/// What is to be known of the snapshots that are compared.
fn checked(
    store: &Store,
    rules: &HashMap<u64, Rules>,
    known: &[CatalogSnapshot],
    snapshots: &[SnapshotInfo],
) -> Vec<Checked> {
    let likely = store.likely_rules();
    let checked = known.iter().map(|known| {
        let info = snapshots.iter().find(|one| one.name == known.name);
        Checked {
            known: *known,
            rules: rules.get(&known.sequence).copied().unwrap_or(likely),
            skipped: info.map_or_else(HashSet::new, |info| info.skipped.iter().cloned().collect()),
            is_gone: AtomicBool::new(false),
        }
    });
    checked.collect()
}

/// Goes through all directories, some at a time: while they are compared, the
/// rows of the next are read.
fn compare(
    check: &Check<'_>,
    catalog: &Catalog,
    known: &[CatalogSnapshot],
    pool: &Pool,
    keeper: &mut Keeper<'_>,
) -> Result<()> {
    let mut slices = catalog.slices(known);
    // How much of a directory each snapshot has, of which the parts come apart.
    let mut present = vec![0; known.len()];
    let mut next = some_of(&mut slices);
    loop {
        let batch = next?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        let counts: Vec<Mutex<Vec<u64>>> = batch.iter().map(|_| Mutex::default()).collect();
        next = pool.in_place_scope(|scope| {
            for (slice, count) in batch.iter().zip(&counts) {
                scope.spawn(move |scope| {
                    let found = check.slice(slice, scope);
                    *count.lock().unwrap_or_else(PoisonError::into_inner) = found;
                });
            }
            some_of(&mut slices)
        });
        check.tell_bytes();
        check.check_on()?;
        for (slice, count) in batch.iter().zip(counts) {
            let count = count.into_inner().unwrap_or_else(PoisonError::into_inner);
            crowd(check, slice, &count, &mut present);
        }
        check.check_on()?;
        // Parts of it may be still to come.
        let done = if last.is_last { last.dir } else { last.dir - 1 };
        keeper.reached(done, &check.wanted, check.findings);
    }
}

/// The next directories; none at the end.
fn some_of(slices: &mut Slices) -> Result<Vec<Slice>> {
    let mut batch = Vec::new();
    let mut size = 0;
    while size < BATCH {
        let Some(slice) = slices.next().transpose()? else {
            break;
        };
        size += slice.len();
        batch.push(slice);
    }
    Ok(batch)
}

/// Adds the parts of a directory up, and compares the sum with what there is.
fn crowd(check: &Check<'_>, slice: &Slice, count: &[u64], present: &mut [u64]) {
    if slice.is_whole() {
        return;
    }
    for (sum, part) in present.iter_mut().zip(count) {
        *sum += part;
    }
    if slice.is_last {
        check.crowd(slice, present);
        present.fill(0);
    }
}
