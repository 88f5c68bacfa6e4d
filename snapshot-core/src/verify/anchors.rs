//! Directories that stay open for a while, so that those below them are reached
//! in a few steps: opening each by its whole path would take the square of a
//! tree's depth.

use std::collections::VecDeque;
use std::ffi::CString;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::query::CatalogSnapshot;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::layout;
use crate::node::open_chain;
use crate::store::Store;

/// Paths up to this length are opened at once.
const SHORT_BYTES: usize = 512;

/// So many directories each worker keeps open. It may have 64 files.
const MOST_EACH: usize = 20;

/// Those of each worker, the last one last.
pub(super) struct Anchors(Vec<Mutex<VecDeque<Anchor>>>);

struct Anchor {
    snapshot: CatalogSnapshot,
    path: Arc<[u8]>,
    dir: Arc<Dir>,
}

impl Anchors {
    pub(super) fn new(workers: usize) -> Anchors {
        Anchors((0..workers).map(|_| Mutex::default()).collect())
    }

    /// Opens a directory of a snapshot by its path, which begins with a slash.
    pub(super) fn open(
        &self,
        store: &Store,
        snapshot: CatalogSnapshot,
        path: &Arc<[u8]>,
    ) -> io::Result<Arc<Dir>> {
        let worker = rayon::current_thread_index().and_then(|worker| self.0.get(worker));
        let Some(worker) = worker.filter(|_| path.len() > SHORT_BYTES) else {
            return Ok(Arc::new(open_in(store, snapshot, path)?));
        };
        let mut anchors = worker.lock().unwrap_or_else(PoisonError::into_inner);
        let above = anchors
            .iter()
            .filter(|anchor| anchor.snapshot == snapshot && anchor.leads_to(path))
            .max_by_key(|anchor| anchor.path.len());
        let dir = match above {
            Some(anchor) => open_below(&anchor.dir, &path[anchor.path.len()..])?,
            None => open_in(store, snapshot, path)?,
        };
        let dir = Arc::new(dir);
        if anchors.len() >= MOST_EACH {
            anchors.pop_front();
        }
        anchors.push_back(Anchor {
            snapshot,
            path: Arc::clone(path),
            dir: Arc::clone(&dir),
        });
        Ok(dir)
    }
}

impl Anchor {
    fn leads_to(&self, path: &[u8]) -> bool {
        let is_longer = path.get(self.path.len()) == Some(&b'/');
        is_longer && path.starts_with(&self.path)
    }
}

/// Opens a directory of a snapshot by its path, which begins with a slash.
pub(super) fn open_in(store: &Store, snapshot: CatalogSnapshot, path: &[u8]) -> io::Result<Dir> {
    let tree = layout::tree(snapshot.name);
    let names = names_of(path)?;
    let way = std::iter::once(&tree).chain(&names);
    let way = way.map(|name| (name.as_c_str(), Boundary::Stay));
    open_chain(&store.root, way, Access::Read)
}

fn open_below(dir: &Dir, path: &[u8]) -> io::Result<Dir> {
    let names = names_of(path)?;
    let way = names.iter().map(|name| (name.as_c_str(), Boundary::Stay));
    open_chain(dir, way, Access::Read)
}

/// The names that a path consists of.
pub(super) fn names_of(path: &[u8]) -> io::Result<Vec<CString>> {
    let names = path.split(|byte| *byte == b'/');
    let names = names.filter(|name| !name.is_empty()).map(CString::new);
    Ok(names.collect::<Result<_, _>>()?)
}
