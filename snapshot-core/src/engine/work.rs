//! A snapshot in the making, and its publication.

use std::ffi::CStr;
use std::io;

use rayon::ThreadPool;

use crate::cancel::CancelToken;
use crate::capabilities::Capabilities;
use crate::engine::space::describe;
use crate::error::{Error, ErrorKind, NO_ROOM_HINT, Result};
use crate::fs::dir::Dir;
use crate::fs::publish::Filesystem;
use crate::fs::smallfile::{self, Flush};
use crate::fs::{make, publish, remove, xattr};
use crate::layout;
use crate::name::SnapshotName;
use crate::options::FullCopies;
use crate::record::{Record, SnapshotInfo};
use crate::store::Store;
use crate::walk::Durability;

/// A tree that is being built in `work`, where nobody takes it for a snapshot.
pub(super) struct Work<'s> {
    store: &'s Store,
    pub(super) name: SnapshotName,
    all: Dir,
    pub(super) tree: Dir,
    /// An error of the writeback is told to handles that were open when it
    /// happened: this one is there before the first byte.
    flush: Dir,
    pub(super) durability: Durability,
    /// The destination's, as it was before the first byte.
    pub(super) filesystem: Filesystem,
}

/// A tree that is complete and has its record; only this can be published.
pub(super) struct Filled<'w, 's> {
    work: &'w Work<'s>,
    info: SnapshotInfo,
}

impl<'s> Work<'s> {
    pub(super) fn make(store: &'s Store, name: SnapshotName) -> Result<Work<'s>> {
        let failed = |error| store.failed("make", &format!("{}/{name}", layout::WORK), error);
        let flush = store.root.reopen().map_err(failed)?;
        let filesystem = store.filesystem(&flush).map_err(failed)?;
        let all = store.open_control(layout::WORK)?;
        let tree = make::directory(&all, &layout::tree(name)).map_err(failed)?;
        let durability = if filesystem.is_fuse() {
            Durability::Each
        } else {
            Durability::Whole
        };
        Ok(Work {
            store,
            name,
            all,
            tree,
            flush,
            durability,
            filesystem,
        })
    }

    /// Puts a tree of `trash` in the place of the empty one, to be reused. It is
    /// there for good before anything in it is changed.
    pub(super) fn adopt(&self, trash: &Dir, file: &CStr) -> Result<Dir> {
        let tree = layout::tree(self.name);
        let failed = |error| self.store.failed("reuse", layout::TRASH, error);
        publish::rename_over(trash, file, &self.all, &tree)
            .and_then(|()| self.all.sync())
            .and_then(|()| trash.sync())
            .and_then(|()| remove::open(&self.all, &tree))
            .map_err(failed)
    }

    /// Puts a tree that cannot be reused out of the way, and makes an empty one
    /// in its place.
    pub(super) fn begin_anew(&self, pool: &ThreadPool) -> Result<Work<'s>> {
        let tree = layout::tree(self.name);
        let failed = |error| self.store.failed("remove", layout::WORK, error);
        let trash = self.store.open_control(layout::TRASH)?;
        let root = self.store.path_of(layout::TRASH);
        publish::rename(&self.all, &tree, &trash, &tree).map_err(failed)?;
        let never = CancelToken::new();
        // What resists there is tried again by the next run.
        let _ = pool.install(|| remove::tree(&trash, &tree, &root, &never));
        Work::make(self.store, self.name)
    }

    /// What the destination can hold.
    pub(super) fn capabilities(&self, full_copies: FullCopies) -> Result<Capabilities> {
        let failed = |error| Error::io("write", self.store.path(), error);
        xattr::drop_inherited_acls(&self.tree).map_err(failed)?;
        let capabilities = self
            .store
            .capabilities(&self.tree, &self.filesystem, full_copies)?;
        self.refuse_foreign_owner(capabilities.made_as.0)?;
        Ok(capabilities)
    }

    /// Who may write the store could exchange what is in it under our hands.
    fn refuse_foreign_owner(&self, ours: u32) -> Result<()> {
        let path = self.store.path();
        let owner = self
            .store
            .root
            .stat_self()
            .map_err(|error| Error::io("read", path, error))?
            .uid;
        if owner == ours || owner == 0 {
            return Ok(());
        }
        let message = format!(
            "the store {} belongs to user {owner}, who could change it meanwhile",
            path.display()
        );
        Err(Error::new(ErrorKind::UnsafeStore, message)
            .with_path(path)
            .with_hint("run as its owner, or make it yours with chown"))
    }

    /// When what is written beside the tree gets to the disk.
    pub(super) fn flush(&self) -> Flush {
        match self.durability {
            Durability::Whole => Flush::Later,
            Durability::Each => Flush::Now,
        }
    }

    /// Adds what is free to an error that the destination is full.
    pub(super) fn explain(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::NoSpace
            || error.hint().is_some()
            || error.raw_os_error().is_none()
        {
            return error;
        }
        match Filesystem::of(&self.tree) {
            Ok(free) => error.with_hint(format!(
                "the destination has {} free; {NO_ROOM_HINT}",
                describe(free.free)
            )),
            Err(_) => error,
        }
    }

    /// Writes the record, after which only flush and rename are left.
    pub(super) fn filled(&self, record: &Record) -> Result<Filled<'_, 's>> {
        let file = layout::record(self.name);
        let failed = |error| {
            self.store
                .failed("write", &format!("{}/{file}", layout::RECORDS), error)
        };
        let text = serde_json::to_string_pretty(record)
            .map_err(|error| failed(io::Error::other(error)))?;
        smallfile::replace(&self.store.records, &file, text.as_bytes(), self.flush())
            .map_err(failed)?;
        let info = SnapshotInfo::of_record(record, self.name, self.store.id())
            .ok_or_else(|| Error::new(ErrorKind::Io, "the new record does not read back"))?;
        Ok(Filled { work: self, info })
    }

    /// Clears away what will not be published, as far as that is possible;
    /// the next run takes care of what remains.
    pub(super) fn abandon(&self, pool: &ThreadPool, error: &Error) {
        if self.store.has_tree(self.name).unwrap_or(true) {
            // It was renamed, and only then something failed: it counts.
            return;
        }
        let _ = smallfile::remove(&self.store.records, &layout::record(self.name));
        // Who cancels wants to be gone within a second.
        if error.kind() != ErrorKind::Cancelled {
            let root = self.store.path_of(layout::WORK);
            let never = CancelToken::new();
            let _ =
                pool.install(|| remove::tree(&self.all, &layout::tree(self.name), &root, &never));
        }
    }
}

impl Filled<'_, '_> {
    /// Flushes everything, then lets the snapshot appear.
    pub(super) fn publish(self) -> Result<SnapshotInfo> {
        let Work {
            store,
            name,
            all,
            flush,
            ..
        } = self.work;
        // Never again after a failure: the kernel tells an error once and
        // forgets what it could not write.
        publish::flush(flush).map_err(|error| {
            Error::io("flush", store.path(), error)
                .with_kind(ErrorKind::FlushFailed)
                .with_hint(
                    "the destination could not store what was written; nothing was published",
                )
        })?;
        let tree = layout::tree(*name);
        let failed = |error| Error::io("publish", store.path().join(name.to_string()), error);
        publish::rename(all, &tree, &store.root, &tree).map_err(failed)?;
        store.root.sync().map_err(|error| {
            // A power cut could undo the rename, so it must not be promised.
            let _ = publish::rename(&store.root, &tree, all, &tree);
            failed(error).with_kind(ErrorKind::FlushFailed)
        })?;
        Ok(self.info)
    }
}
