//! What a walk learns from the catalog, and what it tells it.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::catalog::{
    DirId, Facts, Glance, Log, MountId, NO_MOUNT, NewMount, Reader, Rows, TOP, Trouble, Version,
    Whereabouts, mark,
};
use crate::entry::{EntryKind, FileTime, Metadata, RootId};
use crate::fs::dir::Dir;
use crate::memory::Allowance;
use crate::name::SnapshotName;
use crate::options::{Hashes, Reading};
use crate::report::Warning;
use crate::walk::state::locked;

/// How the basis is looked at where the catalog says that an entry did not
/// change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BasisLook {
    /// Not at all: asking a file server costs more than all else.
    Word,
    /// Listing it tells whether the stored inode is still the one recorded.
    Listed,
    /// Each entry is compared, as if there were no catalog, and with the inode
    /// recorded.
    Stat,
    /// The same, on a filesystem whose inode numbers do not last.
    StatWithoutInodes,
}

/// What the catalog says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing: source and basis are compared.
    Nothing,
    /// All of it is what was recorded.
    Unchanged,
    /// Size, mtime and kind are, but something else is not, or the record was
    /// made too soon after a change: the content tells.
    Touched,
    /// It is another version.
    Changed,
}

/// The catalog as one walk uses it.
pub(crate) struct Ledger<'run> {
    /// None where there is no catalog, or nothing is known of the basis.
    pub(crate) reader: Option<Reader<'run>>,
    /// None in a dry run, and where nothing can be written down.
    pub(crate) log: Option<Log>,
    pub(crate) look: BasisLook,
    pub(crate) reading: Reading,
    pub(crate) hashes: Hashes,
    /// What changed at this time or later may have changed again unseen.
    pub(crate) racy_since: FileTime,
    /// The top of the basis, for finding what was moved.
    pub(crate) basis: Option<Arc<Dir>>,
    /// The store itself, for finding what only older snapshots have.
    pub(crate) store: Option<Arc<Dir>>,
    pub(crate) next_directory: AtomicI64,
    pub(crate) mounts: Mutex<SourceMounts>,
    /// What the directories of the new tree take.
    pub(crate) directory_bytes: AtomicU64,
    pub(crate) failure: Mutex<Option<Trouble>>,
    has_failed: AtomicBool,
    /// Entries whose rows are not what was written.
    pub(crate) damaged_rows: AtomicU64,
    /// Entries of the basis that have no row although they should.
    pub(crate) missing_rows: AtomicU64,
    /// Stored files that are not those that were recorded.
    pub(crate) replaced_files: AtomicU64,
    /// Entries whose filesystem is not the one they were recorded on.
    pub(crate) moved_entries: AtomicU64,
    /// Entries that are known from a tree alone.
    pub(crate) unrecorded_entries: AtomicU64,
}

/// The filesystems of the sources.
#[derive(Debug, Default)]
pub(crate) struct SourceMounts {
    pub(crate) known: HashMap<RootId, MountId>,
    pub(crate) new: Vec<NewMount>,
}

/// How a run goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) look: BasisLook,
    pub(crate) reading: Reading,
    pub(crate) hashes: Hashes,
    pub(crate) racy_since: FileTime,
}

impl<'run> Ledger<'run> {
    pub(crate) fn new(
        reader: Option<Reader<'run>>,
        log: Option<Log>,
        mounts: HashMap<RootId, MountId>,
        last_directory: DirId,
        manner: Manner,
        basis: Option<Dir>,
        store: Option<Dir>,
    ) -> Ledger<'run> {
        let Manner {
            look,
            reading,
            hashes,
            racy_since,
        } = manner;
        Ledger {
            reader,
            log,
            look,
            reading,
            hashes,
            racy_since,
            basis: basis.map(Arc::new),
            store: store.map(Arc::new),
            next_directory: AtomicI64::new(last_directory + 1),
            mounts: Mutex::new(SourceMounts {
                known: mounts,
                new: Vec::new(),
            }),
            directory_bytes: AtomicU64::new(0),
            failure: Mutex::default(),
            has_failed: AtomicBool::new(false),
            damaged_rows: AtomicU64::new(0),
            missing_rows: AtomicU64::new(0),
            replaced_files: AtomicU64::new(0),
            moved_entries: AtomicU64::new(0),
            unrecorded_entries: AtomicU64::new(0),
        }
    }

    /// Asks, as long as there are answers. Without one an entry is compared
    /// with its basis.
    fn ask<T>(&self, question: impl FnOnce(&Reader<'run>) -> Result<T, Trouble>) -> Option<T> {
        let reader = self.reader.as_ref()?;
        if self.has_failed.load(Ordering::Relaxed) {
            return None;
        }
        question(reader)
            .map_err(|trouble| {
                locked(&self.failure).get_or_insert(trouble);
                self.has_failed.store(true, Ordering::Relaxed);
            })
            .ok()
    }

    /// Tells whether there was an answer to all that was asked.
    pub(crate) fn has_answered(&self) -> bool {
        !self.has_failed.load(Ordering::Relaxed)
    }

    /// Reads what is known of a directory.
    pub(crate) fn rows(&self, dir: DirId, allowance: &Allowance) -> Rows {
        self.ask(|reader| reader.rows(dir, allowance))
            .unwrap_or_default()
    }

    /// Reads what is known of one entry.
    pub(crate) fn glance(&self, dir: DirId, name: &CStr) -> Option<Glance> {
        self.ask(|reader| reader.glance(dir, name)).flatten()
    }

    /// Reads which snapshot was the last to change something in a directory.
    pub(crate) fn changed(&self, dir: DirId) -> Option<u64> {
        self.ask(|reader| reader.changed(dir)).flatten()
    }

    /// Tells each name that the newest snapshot has in a directory.
    pub(crate) fn each_name(&self, dir: DirId, tell: impl FnMut(&CStr)) {
        self.ask(|reader| reader.each_name(dir, tell));
    }

    /// Reads all of a version that the basis has, as a glance told.
    pub(crate) fn version(&self, dir: DirId, name: &CStr) -> Option<Box<Version>> {
        let version = self.ask(|reader| reader.version(dir, name))?;
        if version.is_none() {
            self.damaged_rows.fetch_add(1, Ordering::Relaxed);
        }
        version.map(Box::new)
    }

    /// Finds where an inode was in the basis.
    pub(crate) fn find(&self, mount: MountId, inode: u64) -> Vec<Whereabouts> {
        if mount == NO_MOUNT || self.basis.is_none() {
            return Vec::new();
        }
        self.ask(|reader| reader.by_inode(mount, inode))
            .unwrap_or_default()
    }

    /// Finds the newest version with a file's size and mtime that a path had
    /// before the basis, and snapshots that may have it.
    pub(crate) fn earlier(
        &self,
        dir: DirId,
        name: &CStr,
        source: &Metadata,
    ) -> Option<(Vec<SnapshotName>, Version)> {
        let (size_bytes, mtime) = (source.size_bytes, source.mtime);
        self.ask(|reader| reader.earlier(dir, name, size_bytes, mtime))
            .flatten()
    }

    /// The way from the top to a directory.
    pub(crate) fn path(&self, dir: DirId) -> Option<Vec<CString>> {
        self.ask(|reader| reader.path(dir))
    }

    /// The number of a directory's path, and whether it has just been given.
    /// What lies in a directory that is new is new.
    pub(crate) fn directory(&self, up: DirId, up_is_new: bool, name: &CStr) -> (DirId, bool) {
        let known = match up_is_new {
            true => None,
            false => self.ask(|reader| reader.directory(up, name)).flatten(),
        };
        match known {
            Some(id) => (id, false),
            None => (self.next_directory.fetch_add(1, Ordering::Relaxed), true),
        }
    }

    /// Tells which filesystem has this directory as its root.
    pub(crate) fn identify(&self, root: &Dir, path: &Path) -> MountId {
        use std::os::unix::ffi::OsStrExt;
        let Ok(identity) = root.root_id() else {
            return NO_MOUNT;
        };
        let mut mounts = locked(&self.mounts);
        if let Some(id) = mounts.known.get(&identity) {
            return *id;
        }
        let id = mounts.known.values().copied().max().unwrap_or(NO_MOUNT) + 1;
        mounts.known.insert(identity, id);
        mounts.new.push(NewMount {
            id,
            root: identity,
            path: path.as_os_str().as_bytes().to_vec(),
        });
        id
    }

    /// Tells whether an entry was changed so late that a second change within
    /// the same tick of the clock, or one through a mapping that is not told
    /// yet, would not be seen.
    pub(crate) fn is_racy(&self, version: &Metadata) -> bool {
        const HAND_SET_SECONDS: i64 = 60;
        // A write sets both times; a later mtime was set by hand and says
        // nothing about when that was.
        let by_hand =
            version.mtime.seconds > version.ctime.seconds.saturating_add(HAND_SET_SECONDS);
        version.ctime >= self.racy_since || (!by_hand && version.mtime >= self.racy_since)
    }

    /// Tells what the catalog says of an entry, and the version in full if it
    /// took that to tell.
    pub(crate) fn said(
        &self,
        source: &Metadata,
        mount: MountId,
        of: DirId,
        name: &CStr,
        glance: &Glance,
    ) -> (Said, Option<Box<Version>>) {
        if !glance.is_of_basis {
            return (Said::Nothing, None);
        }
        let is_read = source.kind == EntryKind::File && self.reading == Reading::Everything;
        if !is_read && is_marked(source, mount, glance) {
            return (Said::Unchanged, None);
        }
        let Some(version) = self.version(of, name) else {
            return (Said::Nothing, None);
        };
        let facts = &version.facts;
        if facts.mount == NO_MOUNT {
            self.unrecorded_entries.fetch_add(1, Ordering::Relaxed);
            return (Said::Nothing, Some(version));
        }
        if facts.mount != mount {
            self.moved_entries.fetch_add(1, Ordering::Relaxed);
            return (Said::Nothing, Some(version));
        }
        (judge(source, facts, self.reading), Some(version))
    }

    /// Notes an entry that the basis has, and that the catalog would know if
    /// nothing of it were lost.
    pub(crate) fn note_missing(&self) {
        let tells = |reader: &Reader<'_>| reader.standing.basis.is_some();
        if self.reader.as_ref().is_some_and(tells) && !self.has_failed.load(Ordering::Relaxed) {
            self.missing_rows.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_word_enough(&self) -> bool {
        matches!(self.look, BasisLook::Word | BasisLook::Listed)
    }

    /// The top of a tree has a number that never changes.
    pub(crate) fn top(&self) -> DirId {
        TOP
    }

    /// The filesystems that the catalog does not know yet.
    pub(crate) fn take_new_mounts(&self) -> Vec<NewMount> {
        std::mem::take(&mut locked(&self.mounts).new)
    }

    /// Why there were no more answers, if so.
    pub(crate) fn take_failure(&self) -> Option<Trouble> {
        locked(&self.failure).take()
    }

    /// What there is to say once at the end.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let count =
            |number: &AtomicU64| Some(number.load(Ordering::Relaxed)).filter(|count| *count > 0);
        let damaged =
            self.damaged_rows.load(Ordering::Relaxed) + self.missing_rows.load(Ordering::Relaxed);
        let damaged = Some(damaged).filter(|count| *count > 0);
        let replaced = count(&self.replaced_files);
        let moved = count(&self.moved_entries);
        let unrecorded = count(&self.unrecorded_entries);
        [
            damaged.map(|entries| Warning::CatalogDamaged { entries }),
            replaced.map(|files| Warning::StoredFilesReplaced { files }),
            moved.map(|entries| Warning::SourcesMoved { entries }),
            unrecorded.map(|entries| Warning::EntriesUnrecorded { entries }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Compares an entry, all at once, with a row that was written when it was like
/// that.
pub(super) fn is_marked(source: &Metadata, mount: MountId, glance: &Glance) -> bool {
    let facts = Facts {
        stored: glance.stored,
        ..Facts::of_source(source, mount)
    };
    glance.mark != 0 && mark(&facts, false) == glance.mark
}

/// Compares an entry with what was recorded of it, on the same filesystem.
fn judge(source: &Metadata, facts: &Facts, reading: Reading) -> Said {
    let is_same_kind = source.kind == facts.kind && source.device_number == facts.device_number;
    let is_same_data =
        is_same_kind && source.size_bytes == facts.size_bytes && source.mtime == facts.mtime;
    let is_same = is_same_data
        && source.ctime == facts.ctime
        && source.id.inode == facts.inode
        && source.mode == facts.mode
        && (source.uid, source.gid) == (facts.uid, facts.gid);
    let is_file = source.kind == EntryKind::File;
    let is_read = facts.racy || (is_file && reading == Reading::Everything);
    match (is_same, is_same_data) {
        (true, _) if !is_read => Said::Unchanged,
        (_, true) if is_file => Said::Touched,
        // To look at a symlink costs as much as to think about it.
        (_, true) => Said::Nothing,
        _ => Said::Changed,
    }
}
