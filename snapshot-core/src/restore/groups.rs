//! Files of the snapshot with several names.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex};

use crate::entry::FileId;
use crate::node::Node;
use crate::restore::level::Restored;
use crate::walk::locked;

const SHARDS: usize = 16;

/// Where a file with several names was put first, or was found.
pub(super) struct Put {
    pub(super) node: Arc<Node<Restored>>,
    pub(super) name: CString,
    /// What it is there.
    pub(super) id: FileId,
}

type Group = Arc<Mutex<Option<Put>>>;

/// All files that may have several names, by what they are in the store.
#[derive(Default)]
pub(super) struct Groups([Mutex<HashMap<FileId, Group>>; SHARDS]);

impl Groups {
    /// Deals with one more name of a file. Whoever comes with another name
    /// meanwhile waits: the first copy may be long.
    pub(super) fn with<T>(&self, id: FileId, deal: impl FnOnce(&mut Option<Put>) -> T) -> T {
        let shard = &self.0[(id.inode % SHARDS as u64) as usize];
        let group = Arc::clone(locked(shard).entry(id).or_default());
        let mut group = locked(&group);
        deal(&mut group)
    }
}
