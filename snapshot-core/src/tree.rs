//! One tree, without a store: the plumbing below a backup.

use std::io;
use std::path::Path;

use rustix::fs::Mode;
use rustix::io::Errno;

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Phase};
use crate::fs::dir::Dir;
use crate::fs::publish::Filesystem;
use crate::fs::scan;
use crate::fs::{probe, publish, xattr};
use crate::options::{self, TreeOptions};
use crate::report::TreeReport;
use crate::run::{dry_rules, now_monotonic, pool};
use crate::sources::patterns_above_sources;
use crate::walk::{Durability, Replication, Selection};

/// Makes `target` equal to the directory `source`; what is equal to its
/// counterpart in `basis` becomes a hard link to it.
///
/// `target` is made if it is missing, and has to be empty otherwise. It lies
/// on the filesystem of `basis`, or else everything is copied. What was written
/// is flushed before the call returns.
///
/// # Errors
///
/// [`ErrorKind::SourceUnavailable`], [`ErrorKind::TargetNotEmpty`],
/// [`ErrorKind::NoSpace`], [`ErrorKind::FlushFailed`],
/// [`ErrorKind::Cancelled`], [`ErrorKind::Io`]. What was made of the target by
/// then stays; without its record nobody takes it for a snapshot.
///
/// # Examples
///
/// ```no_run
/// use std::path::Path;
/// use hardsnap::{CancelToken, TreeOptions, replicate_tree};
///
/// # fn main() -> hardsnap::Result<()> {
/// let basis = Path::new("/backup/monday");
/// let options = TreeOptions::new();
/// let report = replicate_tree("/home", Some(basis), "/backup/tuesday", &options, &(), &CancelToken::new())?;
/// println!("{} of {} files linked", report.counts.files_linked, report.counts.entries());
/// # Ok(())
/// # }
/// ```
pub fn replicate_tree(
    source: impl AsRef<Path>,
    basis: Option<&Path>,
    target: impl AsRef<Path>,
    options: &TreeOptions,
    observer: &dyn Observer,
    cancel: &CancelToken,
) -> Result<TreeReport> {
    let started = now_monotonic();
    let (source_path, target_path) = (source.as_ref(), target.as_ref());
    let source = Dir::open(source_path).map_err(|error| {
        Error::io("read source", source_path, error).with_kind(ErrorKind::SourceUnavailable)
    })?;
    let basis =
        basis.map(|path| Dir::open(path).map_err(|error| Error::io("open the basis", path, error)));
    let basis = basis.transpose()?;
    let failed = |error: io::Error| Error::io("write", target_path, error);
    let target = match options.mode {
        options::Mode::Act => Some(open_empty(target_path)?),
        options::Mode::DryRun => {
            refuse_full(target_path)?;
            None
        }
    };
    let rules = match &target {
        Some(target) => {
            xattr::drop_inherited_acls(target).map_err(failed)?;
            probe::probe(target).map_err(failed)?.capabilities.rules()
        }
        None => dry_rules(),
    };
    let filesystem = target
        .as_ref()
        .map(Filesystem::of)
        .transpose()
        .map_err(failed)?;
    let left_out = target
        .as_ref()
        .map(|target| target.stat_self().map(|found| found.id))
        .transpose()
        .map_err(failed)?;
    let flush = target
        .as_ref()
        .map(Dir::reopen)
        .transpose()
        .map_err(failed)?;
    let places: Vec<&Dir> = target.iter().chain([&source]).collect();
    let pool = pool(options.jobs, &places)?;
    observer.on_event(&Event::Phase(Phase::Walking));
    let replication = Replication {
        source,
        source_path,
        selection: &Selection::Whole,
        sources: &[],
        basis,
        target,
        target_path,
        rules,
        mounts: options.mounts,
        named: &[],
        filter: &options.filter,
        durability: if filesystem.is_some_and(|filesystem| filesystem.is_fuse()) {
            Durability::Each
        } else {
            Durability::Whole
        },
        left_out,
        distrusted: Vec::new(),
        ledger: None,
        reused: None,
        observer,
        cancel,
    };
    let mut replicated = replication.run(&pool)?;
    replicated
        .warnings
        .extend(patterns_above_sources([source_path], &options.filter));
    if let Some(flush) = flush {
        observer.on_event(&Event::Phase(Phase::Flushing));
        publish::flush(&flush).map_err(|error| failed(error).with_kind(ErrorKind::FlushFailed))?;
    }
    Ok(TreeReport {
        counts: replicated.counts,
        skipped: replicated.problems,
        warnings: replicated.warnings,
        elapsed: started.elapsed(),
    })
}

/// Makes and opens a directory that is empty.
fn open_empty(path: &Path) -> Result<Dir> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(Error::io("make", path, error)),
    }
    refuse_full(path)?;
    Dir::open(path).map_err(|error| Error::io("open", path, error))
}

fn refuse_full(path: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io("read", path, error);
    let dir = match Dir::open(path) {
        Ok(dir) => dir,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if scan::is_empty(&dir).map_err(failed)? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TargetNotEmpty,
        format!("the target {} is not empty", path.display()),
    )
    .with_path(path)
    .with_hint("name one that does not exist yet"))
}
