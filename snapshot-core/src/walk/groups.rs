//! Files of the source that have several names.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{DirId, Version};
use crate::entry::{FileId, FileTime};
use crate::node::Node;
use crate::walk::level::Walked;

const SHARDS: usize = 16;

/// Where a file with several names was stored first.
pub(crate) struct Stored {
    /// The inode it got at the destination; none in a dry run.
    pub(crate) inode: Option<u64>,
    /// The source's ctime then. An inode number is given to another file as
    /// soon as the first is gone; its ctime is later.
    pub(crate) ctime: FileTime,
    pub(crate) node: Arc<Node<Walked>>,
    pub(crate) name: CString,
    /// What the catalog is told of it, unless that stands in it already: under
    /// this name in the directory `of`.
    pub(crate) version: Option<Box<Version>>,
    pub(crate) of: Option<DirId>,
}

/// One file of the source with several names.
#[derive(Default)]
pub(crate) struct Group {
    names_seen: u32,
    pub(crate) stored: Option<Stored>,
}

/// All files of the source with several names, by their identity. A group is
/// forgotten once all its names have been seen.
pub(crate) struct Groups([Mutex<HashMap<FileId, Arc<Mutex<Group>>>>; SHARDS]);

impl Groups {
    pub(crate) fn new() -> Groups {
        Groups(std::array::from_fn(|_| Mutex::default()))
    }

    /// Deals with one more name of a file that has `links` of them. Whoever
    /// comes with another name meanwhile waits: the first copy may be long.
    pub(crate) fn with<T>(&self, id: FileId, links: u32, deal: impl FnOnce(&mut Group) -> T) -> T {
        let shard = &self.0[(id.inode % SHARDS as u64) as usize];
        let group = Arc::clone(
            shard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(id)
                .or_default(),
        );
        let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
        let result = deal(&mut group);
        group.names_seen += 1;
        if group.names_seen >= links {
            shard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id);
        }
        result
    }
}
