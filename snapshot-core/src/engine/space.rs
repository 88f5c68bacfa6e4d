//! Whether there is room for a snapshot, as far as that can be known before
//! anything is copied.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rayon::ThreadPool;

use crate::capabilities::{Capabilities, FreeSpace};
use crate::engine::work::Work;
use crate::engine::{Run, open_source_root};
use crate::error::{Error, ErrorKind, NO_ROOM_HINT, Result};
use crate::fs::dir::{Dir, c_path, stat_handle};
use crate::fs::mounts;
use crate::fs::publish::Filesystem;
use crate::options::Mounts;
use crate::record::SnapshotInfo;
use crate::run::dry_rules;
use crate::walk::{Durability, Replication};

impl Run<'_> {
    /// Refuses early what cannot succeed.
    ///
    /// Every directory of a snapshot is new, and takes an inode and a block;
    /// what files take is known only when they were compared, which is the
    /// work itself. A first snapshot takes everything: where the sources may
    /// not fit, they are added up first.
    pub(super) fn refuse_if_full(
        &self,
        work: &Work<'_>,
        basis: Option<&SnapshotInfo>,
        capabilities: &Capabilities,
        pool: &ThreadPool,
    ) -> Result<()> {
        let filesystem = &work.filesystem;
        let needed = match basis {
            Some(basis) => FreeSpace {
                bytes: basis
                    .counts
                    .directories
                    .saturating_mul(filesystem.block_bytes),
                inodes: Some(basis.counts.directories),
            },
            // What is shared or compressed takes less than it seems.
            None if capabilities.reflinks || !filesystem.takes_what_is_written() => return Ok(()),
            None => match self.used_by_sources() {
                Ok(Some(used)) if fits(used, filesystem.free) => return Ok(()),
                _ => self.add_up(filesystem, pool)?,
            },
        };
        if fits(needed, filesystem.free) {
            return Ok(());
        }
        let path = self.store.path();
        let what = match basis {
            Some(_) => "the directories of a snapshot alone need",
            None => "the sources need",
        };
        let message = format!(
            "{what} {}, and {} has {} free",
            describe(needed),
            path.display(),
            describe(filesystem.free)
        );
        Err(Error::new(ErrorKind::NoSpace, message)
            .with_path(path)
            .with_hint(NO_ROOM_HINT))
    }

    /// What is taken on the sources' filesystems, and so at most what is in the
    /// sources; none if they reach over more than their own, or if there is one
    /// that does not count its inodes.
    fn used_by_sources(&self) -> io::Result<Option<FreeSpace>> {
        let root = Dir::open_root()?;
        let mut used = BTreeMap::new();
        for path in &self.sources.paths {
            if self.options.mounts != Mounts::OneFileSystem && !mounts::below(path)?.is_empty() {
                return Ok(None);
            }
            let below = path.strip_prefix("/").unwrap_or(path);
            let reference = match below.as_os_str().is_empty() {
                true => root.open_reference(c".")?,
                false => root.open_reference(&c_path(below)?)?,
            };
            let device = stat_handle(reference.as_fd())?.id.device;
            used.insert(device, Filesystem::of(&reference)?);
        }
        let inodes: Option<u64> = used.values().map(|used| used.used_inodes).sum();
        Ok(inodes.map(|inodes| FreeSpace {
            bytes: used.values().map(|used| used.used_bytes).sum(),
            inodes: Some(inodes),
        }))
    }

    /// Walks the sources without copying, and adds up what they would take.
    fn add_up(&self, filesystem: &Filesystem, pool: &ThreadPool) -> Result<FreeSpace> {
        let replication = Replication {
            source: open_source_root(&self.sources.selection)?,
            source_path: Path::new("/"),
            selection: &self.sources.selection,
            basis: None,
            target: None,
            target_path: Path::new("/"),
            rules: dry_rules(),
            mounts: self.options.mounts,
            named: &self.sources.named,
            filter: &self.options.filter,
            durability: Durability::Whole,
            left_out: Some(self.store.file_id),
            sources: &[],
            distrusted: Vec::new(),
            ledger: None,
            reused: None,
            // The walk that copies tells all there is to tell.
            observer: &(),
            cancel: self.cancel,
        };
        let found = replication.run(pool)?;
        let counts = found.counts;
        let directories = counts.directories.saturating_mul(filesystem.block_bytes);
        Ok(FreeSpace {
            bytes: found.needed_bytes.saturating_add(directories),
            inodes: Some(counts.entries() - counts.files_linked),
        })
    }
}

fn fits(needed: FreeSpace, free: FreeSpace) -> bool {
    let inodes = needed.inodes.unwrap_or_default();
    needed.bytes <= free.bytes && free.inodes.is_none_or(|free| inodes <= free)
}

/// Space in words.
pub(super) fn describe(room: FreeSpace) -> String {
    match room.inodes {
        Some(inodes) => format!("{} bytes and {inodes} inodes", room.bytes),
        None => format!("{} bytes", room.bytes),
    }
}
