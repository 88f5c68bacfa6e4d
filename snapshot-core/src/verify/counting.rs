//! Snapshots that the catalog does not tell of: their entries are counted, and
//! compared with what their records say.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::entry::EntryKind;
use crate::error::Result;
use crate::event::Event;
use crate::fs::dir::{Access, Boundary, Dir};
use crate::fs::scan::Batch;
use crate::layout;
use crate::name::SnapshotName;
use crate::node::{Budget, Level, Node, open_nodes};
use crate::record::SnapshotInfo;
use crate::report::Counts;
use crate::verify::check::{Check, path_of, unreadable};
use crate::verify::findings::Finding;
use crate::verify::report::{DamageKind, Damaged};

/// A directory of which nothing is kept but its handle.
struct Plain;

impl Level for Plain {
    type Handles = Dir;

    fn reopen(from: &Dir, levels: &[&Node<Plain>]) -> io::Result<Dir> {
        open_nodes(from, levels)
    }
}

/// Counts the entries of these snapshots.
pub(super) fn count(
    check: &Check<'_>,
    names: &[SnapshotName],
    snapshots: &[SnapshotInfo],
) -> Result<()> {
    for snapshot in snapshots.iter().filter(|one| names.contains(&one.name)) {
        let mut counting = Counting {
            check,
            snapshot,
            counts: Counts::default(),
            is_all: true,
        };
        counting.walk()?;
        let counts = counting.counts;
        if counting.is_all {
            for what in miscounts(&counts, &snapshot.counts) {
                counting.tell(PathBuf::from("/"), DamageKind::Miscounted { what });
            }
        }
        let totals = &check.totals;
        totals
            .entries
            .fetch_add(counts.entries(), Ordering::Relaxed);
    }
    Ok(())
}

struct Counting<'c, 'a> {
    check: &'c Check<'a>,
    snapshot: &'c SnapshotInfo,
    counts: Counts,
    /// Nothing was unreadable.
    is_all: bool,
}

/// A directory, and those in it that were not entered yet.
type Step = (Arc<Node<Plain>>, Vec<CString>);

impl Counting<'_, '_> {
    fn walk(&mut self) -> Result<()> {
        let root = &self.check.store.root;
        let tree = layout::tree(self.snapshot.name);
        let top = match root.open_dir(&tree, Access::Read, Boundary::Stay) {
            Ok(top) => top,
            Err(error) => {
                self.unreadable(PathBuf::from("/"), &error);
                return Ok(());
            }
        };
        let top = Node::top(Plain, top, &Budget::new(1, 1));
        let mut stack: Vec<Step> = vec![self.list(top)];
        while let Some((node, below)) = stack.last_mut() {
            self.check.cancel.check()?;
            let Some(name) = below.pop() else {
                stack.pop();
                continue;
            };
            let opened = node
                .handles()
                .and_then(|dir| dir.open_dir(&name, Access::Read, Boundary::Stay));
            match opened {
                Ok(dir) => {
                    let node = node.below(name, Plain, dir);
                    stack.push(self.list(node));
                }
                Err(error) => {
                    let path = node.path_of(&path_of(b"/"), &name);
                    self.unreadable(path, &error);
                }
            }
        }
        Ok(())
    }

    /// Counts what is in a directory.
    fn list(&mut self, node: Arc<Node<Plain>>) -> Step {
        let mut news = Counts {
            directories: 1,
            ..Counts::default()
        };
        let mut below = Vec::new();
        let listed = node.handles().and_then(|dir| {
            while let Some(batch) = Batch::read(&**dir)? {
                for (name, _) in batch.iter() {
                    let found = dir.stat(name)?;
                    match found.kind {
                        EntryKind::Directory => below.push(name.to_owned()),
                        EntryKind::File => {
                            news.files_linked += 1;
                            news.bytes_linked += found.size_bytes;
                        }
                        EntryKind::Symlink => news.symlinks += 1,
                        _ => news.specials += 1,
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = listed {
            let path = node.path_of(&path_of(b"/"), c"");
            self.unreadable(path, &error);
        }
        self.counts.add(&news);
        self.check.observer.on_event(&Event::Progress(&Counts {
            bytes_linked: 0,
            ..news
        }));
        (node, below)
    }

    fn unreadable(&mut self, path: PathBuf, error: &io::Error) {
        self.is_all = false;
        self.tell(path, unreadable(error));
    }

    fn tell(&self, path: PathBuf, kind: DamageKind) {
        // It may be being removed.
        let name = self.snapshot.name;
        if !self.check.store.has_tree(name).unwrap_or(true) {
            return;
        }
        let damaged = Damaged {
            path,
            snapshots: vec![name],
            kind,
            good_copy: None,
            mending: None,
        };
        let finding = Finding {
            damaged,
            place: None,
        };
        self.check.findings.add(self.check.observer, finding);
    }
}

/// In what a count differs from a record.
fn miscounts(counted: &Counts, recorded: &Counts) -> Vec<String> {
    let pairs = [
        ("directories", counted.directories, recorded.directories),
        ("files", counted.files(), recorded.files()),
        ("bytes in files", counted.bytes(), recorded.bytes()),
        ("symlinks", counted.symlinks, recorded.symlinks),
        ("special files", counted.specials, recorded.specials),
    ];
    pairs
        .into_iter()
        .filter(|(_, counted, recorded)| counted != recorded)
        .map(|(what, counted, recorded)| format!("{what}: {counted}, and {recorded} recorded"))
        .collect()
}
