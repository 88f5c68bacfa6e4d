//! Mount points below a source.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::Scope;

use crate::entry::Metadata;
use crate::event::Outcome;
use crate::fs::dir::Boundary;
use crate::fs::make;
use crate::fs::mounts::{self, MountClass};
use crate::node::Node;
use crate::options::Mounts;
use crate::report::Operation;
use crate::walk::directory::Found;
use crate::walk::level::{Trio, Walked};
use crate::walk::select::Selection;
use crate::walk::state::{Tally, Walk, locked};
use crate::xattr::Xattrs;

/// The mount points below the sources, by the directory that they are in. None
/// must even be asked for its metadata if a server behind it may not answer.
/// (Directories that become mount points meanwhile are found out by opening
/// them, where the kernel has openat2.)
#[derive(Default)]
pub(crate) struct MountPoints(HashMap<PathBuf, Vec<MountPoint>>);

/// A mount point: its name and the type of what is mounted there.
#[derive(Clone)]
pub(crate) struct MountPoint {
    name: CString,
    kind: String,
}

impl MountPoint {
    pub(crate) fn is(&self, name: &CStr) -> bool {
        self.name.as_c_str() == name
    }
}

impl MountPoints {
    /// Reads what is mounted in the selected part of what is below an absolute
    /// path.
    pub(crate) fn below(root: &Path, selection: &Selection) -> io::Result<MountPoints> {
        let mut points: HashMap<PathBuf, Vec<MountPoint>> = HashMap::new();
        for (path, kind) in mounts::below(root)? {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            if !selection.covers(relative) {
                continue;
            }
            if let (Some(above), Some(name)) = (path.parent(), path.file_name()) {
                let name = CString::new(name.as_bytes())?;
                // Of several at one place the last is on top.
                let there = points.entry(above.to_path_buf()).or_default();
                there.retain(|point| point.name != name);
                there.push(MountPoint { name, kind });
            }
        }
        Ok(MountPoints(points))
    }

    /// The mount points in a directory.
    pub(crate) fn in_directory(&self, path: impl FnOnce() -> PathBuf) -> Vec<MountPoint> {
        if self.0.is_empty() {
            return Vec::new();
        }
        self.0.get(&path()).cloned().unwrap_or_default()
    }
}

impl Walk<'_> {
    /// Tells if an entry that is no directory is a mount point that is left
    /// out. Nothing of it is touched.
    pub(super) fn leaves_out_mount(&self, node: &Node<Walked>, name: &CStr) -> bool {
        let point = node.level.mount_points.iter().find(|point| point.is(name));
        let Some(point) =
            point.filter(|point| !self.enters(&point.kind) && !self.is_named(node, name))
        else {
            return false;
        };
        let path = node.path_of(self.source_path, name);
        locked(&self.notes.mounts_left_out).push((path, point.kind.clone()));
        self.count_left_out(node, name);
        true
    }

    /// Decides whether a mount is entered, before anything of it is touched;
    /// false if nothing of it is going to be in the new tree.
    pub(super) fn mount_point<'s>(
        &'s self,
        scope: &Scope<'s>,
        up: &Arc<Node<Walked>>,
        trio: &Trio,
        found: Found<'s>,
    ) -> bool {
        let kind = trio
            .source()
            .and_then(|dir| mounts::type_at(dir, &found.name));
        match kind {
            Ok(kind) if self.enters(&kind) || self.is_named(up, &found.name) => {
                self.queue(
                    scope,
                    up,
                    Found {
                        boundary: Boundary::Cross,
                        ..found
                    },
                );
                true
            }
            Ok(kind) => {
                let path = up.path_of(self.source_path, &found.name);
                locked(&self.notes.mounts_left_out).push((path, kind));
                self.count_left_out(up, &found.name);
                // Its own metadata cannot be read without touching it.
                let metadata = Metadata {
                    mode: 0o755,
                    ..up.level.metadata
                };
                self.evict_there(up, &found.name, found.there);
                let made = self.target(up, trio).and_then(|target| {
                    let Some(target) = target else {
                        return Ok(());
                    };
                    self.make_ready(up, target)?;
                    let dir = make::directory(target, &found.name)?;
                    self.give(up, &found.name, dir.as_fd(), &metadata, &Xattrs::default())?;
                    self.weigh(&dir)?;
                    self.sync_each(&dir)
                });
                if let Err(error) = made {
                    self.refused(up, &found.name, Operation::Create, error);
                    return false;
                }
                self.record_mount_point(up, &found, &metadata);
                let mut tally = Tally::default();
                tally.counts.directories += 1;
                self.add(up.level.belongs, &tally);
                true
            }
            Err(error) => {
                self.problem(up, &found.name, Operation::Open, error);
                false
            }
        }
    }

    /// Tells whether mounts of a type are entered in this walk.
    pub(super) fn enters(&self, kind: &str) -> bool {
        match mounts::classify(kind) {
            MountClass::Local => self.mounts != Mounts::OneFileSystem,
            MountClass::Remote => self.mounts == Mounts::All,
            MountClass::Pseudo => false,
        }
    }

    /// Tells whether the user named an entry as a source of its own.
    fn is_named(&self, node: &Node<Walked>, name: &CStr) -> bool {
        !self.named.is_empty() && self.named.contains(&node.path_of(&self.mount_root, name))
    }

    pub(super) fn count_left_out(&self, node: &Node<Walked>, name: &CStr) {
        let mut tally = Tally::default();
        tally.counts.excluded += 1;
        self.add(node.level.belongs, &tally);
        self.tell(node, name, Outcome::LeftOut);
    }
}
