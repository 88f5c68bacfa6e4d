//! The parallel walk: source, basis and target together, one task a directory
//! (and one a full buffer of a large directory).

mod content;
mod copy;
mod directory;
mod entry;
mod evict;
mod filtering;
mod finish;
mod groups;
mod ledger;
mod level;
mod listing;
mod mount;
mod moved;
mod numbered;
mod place;
mod recording;
mod reuse;
mod select;
mod state;
mod totals;
mod unchanged;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rayon::ThreadPool;

use crate::cancel::CancelToken;
use crate::claims::Claims;
use crate::compare::Rules;
use crate::entry::FileId;
use crate::error::{Error, Result};
use crate::event::Observer;
use crate::filter::Filter;
use crate::fs::copy::Ways;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::xattr;
use crate::memory::Allowance;
use crate::node::{Budget, Node};
use crate::options::Mounts;
use crate::report::{Counts, Operation, Problem, Warning};
pub(crate) use crate::walk::evict::{Leftovers, Reused};
use crate::walk::groups::Groups;
pub(crate) use crate::walk::ledger::{BasisLook, Ledger, Manner};
use crate::walk::level::{Before, Trio, Walked, basis_names, visit_target};
use crate::walk::mount::MountPoints;
pub(crate) use crate::walk::select::Selection;
pub(crate) use crate::walk::state::{Durability, locked};
use crate::walk::state::{Ending, Notes, Walk};
use crate::walk::totals::Totals;

/// What is to be replicated, and how.
pub(crate) struct Replication<'run> {
    pub(crate) source: Dir,
    pub(crate) source_path: &'run Path,
    pub(crate) selection: &'run Selection,
    /// What is counted apart; absolute paths in order, none inside another.
    pub(crate) sources: &'run [PathBuf],
    pub(crate) basis: Option<Dir>,
    /// An empty directory, unless it is reused; none in a dry run.
    pub(crate) target: Option<Dir>,
    /// What the target is, if it is not empty.
    pub(crate) reused: Option<&'run Reused>,
    pub(crate) target_path: &'run Path,
    pub(crate) rules: Rules,
    pub(crate) mounts: Mounts,
    /// What the user named, also inside of other sources: mounts there are
    /// entered.
    pub(crate) named: &'run [PathBuf],
    pub(crate) filter: &'run Filter,
    pub(crate) durability: Durability,
    /// A directory that is left out wherever it is met.
    pub(crate) left_out: Option<FileId>,
    /// Inodes of the basis that are not to be relied on.
    pub(crate) distrusted: Vec<u64>,
    /// The catalog; none for a tree without a store.
    pub(crate) ledger: Option<&'run Ledger<'run>>,
    pub(crate) observer: &'run dyn Observer,
    pub(crate) cancel: &'run CancelToken,
}

/// What came of it.
pub(crate) struct Replicated {
    pub(crate) counts: Counts,
    /// What of it belongs to each of the sources.
    pub(crate) sources: Vec<Counts>,
    /// The room that the copied files take; counted in a dry run only.
    pub(crate) needed_bytes: u64,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
    /// A directory that a failing disk or server kept back, if any.
    pub(crate) directory_lost: Option<PathBuf>,
}

impl Replication<'_> {
    /// Walks until all is done. An error means that the target is of no use.
    pub(crate) fn run(self, pool: &ThreadPool) -> Result<Replicated> {
        #[allow(
            clippy::disallowed_methods,
            reason = "for finding mounts below an argument of the user's"
        )]
        let mount_root = std::fs::canonicalize(self.source_path);
        let mount_root = mount_root.map_err(|error| Error::io("read", self.source_path, error))?;
        let mount_points = MountPoints::below(&mount_root, self.selection)
            .map_err(|error| Error::io("read the mounts below", self.source_path, error))?;
        let walk = Walk {
            filter: self.filter,
            mount_root,
            mount_points,
            source_path: self.source_path,
            target_path: self.target_path,
            rules: self.rules,
            mounts: self.mounts,
            named: self.named,
            durability: self.durability,
            left_out: self.left_out,
            sources: self.sources,
            ledger: self.ledger,
            reused: self.reused,
            observer: self.observer,
            cancel: self.cancel,
            claims: Claims::new(),
            allowance: Allowance::default(),
            groups: Groups::new(),
            distrusted: self.distrusted.into_iter().collect(),
            inside: Ways::default(),
            totals: Totals::new(pool.current_num_threads(), self.sources.len()),
            needed_bytes: AtomicU64::new(0),
            closed_last: Mutex::default(),
            notes: Notes::default(),
            ending: Ending::default(),
        };
        let metadata = self
            .source
            .stat_self()
            .map_err(|error| Error::io("read", self.source_path, error))?;
        let access = match self.selection {
            Selection::Whole => Access::Read,
            Selection::Only(_) => Access::Search,
        };
        let found = match (&self.target, self.reused) {
            (Some(target), Some(_)) => Some(walk.prepare(target)),
            _ => None,
        };
        let found = found
            .transpose()
            .map_err(|error| Error::io("read", self.target_path, error))?;
        let is_touched = found
            .as_ref()
            .is_some_and(|found| !walk.is_open_to_us(found));
        let recorded = walk.top_in_catalog(&self.source, &metadata);
        let level = Walked {
            mount: recorded.mount,
            dir: recorded.dir,
            above: 0,
            is_new: recorded.is_new,
            rows_of: recorded.rows_of,
            is_recorded: recorded.is_recorded,
            is_of_spare: recorded.is_of_spare,
            elsewhere: None,
            before: match self.reused {
                Some(_) => Before::Remains,
                None => Before::Nothing,
            },
            found: found.map(OnceLock::from).unwrap_or_default(),
            is_touched: AtomicBool::new(is_touched),
            is_ready: OnceLock::new(),
            metadata,
            mount_points: walk.mount_points.in_directory(|| walk.mount_root.clone()),
            xattrs: walk
                .directory_xattrs(&self.source, access)
                .map_err(|error| Error::io("read", self.source_path, error))?,
            access,
            belongs: walk.belongs(&walk.mount_root),
            boundary: Boundary::Stay,
            has_basis: self.basis.is_some(),
            basis_names: basis_names(self.basis.as_ref(), self.rules.names),
            has_target: self.target.is_some(),
            lost: AtomicBool::new(false),
            ways: Arc::default(),
        };
        let budget = Budget::new(3, pool.current_num_threads());
        let top = Node::top(
            level,
            Trio::new(self.source, self.basis, self.target),
            &budget,
        );
        pool.in_place_scope(|scope| {
            let (walk, top) = (&walk, Arc::clone(&top));
            scope.spawn(move |scope| walk.list(scope, &top, self.selection));
        });
        pool.broadcast(|_| xattr::leave_directory());
        walk.outcome()?;
        if top.level.lost.load(Ordering::Relaxed) {
            let problem = walk.problems().pop();
            let cause = problem.map_or_else(String::new, |problem| problem.to_string());
            return Err(Error::io(
                "read",
                self.source_path,
                std::io::Error::other(cause),
            ));
        }
        close_last(&walk);
        walk.outcome()?;
        let (counts, sources) = walk.totals.sums();
        Ok(Replicated {
            counts,
            sources,
            needed_bytes: walk.needed_bytes.load(Ordering::Relaxed),
            problems: walk.problems(),
            warnings: walk.warnings(),
            directory_lost: locked(&walk.notes.directory_lost).take(),
        })
    }
}

/// Gives the directories that keep even their owner out their modes, the
/// deepest first, so that each can still be reached.
fn close_last(walk: &Walk<'_>) {
    let mut nodes = std::mem::take(&mut *locked(&walk.closed_last));
    nodes.sort_by_cached_key(|node| {
        std::cmp::Reverse(std::iter::successors(Some(node), |node| node.up()).count())
    });
    for node in nodes {
        let done = visit_target(&node).and_then(|target| walk.seal(&node, &target));
        if let Err(error) = done {
            walk.refused(&node, c"", Operation::SetMetadata, error);
        }
    }
}
