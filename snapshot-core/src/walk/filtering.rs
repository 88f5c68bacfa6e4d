//! What the filter leaves out. Costs nothing where there is no filter.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::entry::{EntryKind, Metadata};
use crate::event::Event;
use crate::filter::{LeftOutBy, Marker, MarkerSign, Verdict};
use crate::fs::dir::{Access, Boundary, Dir, stat_handle};
use crate::node::Node;
use crate::report::Operation;
use crate::walk::level::{Trio, Walked};
use crate::walk::state::{Tally, Walk};

impl Walk<'_> {
    /// Decides about an entry by its path alone, and tells if it is left out.
    pub(super) fn leaves_out_path(
        &self,
        node: &Node<Walked>,
        name: &CStr,
        kind: EntryKind,
    ) -> bool {
        if !self.filter.wants_paths() || !is_in_source(node) {
            return false;
        }
        let path = path_in_source(node, name);
        match self.filter.verdict_by_path(&path, kind) {
            Verdict::Take => false,
            Verdict::LeaveOut(by) => {
                self.leave_out(node, name, by);
                true
            }
        }
    }

    /// Decides about an entry by its metadata, and tells if it is left out.
    pub(super) fn leaves_out_metadata(
        &self,
        node: &Node<Walked>,
        name: &CStr,
        metadata: &Metadata,
    ) -> bool {
        if self.filter.is_empty() {
            return false;
        }
        let by = if self.filter.wants_nodump() && metadata.nodump {
            Some(LeftOutBy::Nodump)
        } else {
            self.filter
                .verdict_by_size(metadata.kind, metadata.size_bytes)
                .left_out_by()
        };
        if let Some(by) = by {
            self.leave_out(node, name, by);
        }
        by.is_some()
    }

    /// Finds the entry that empties a directory, and tells it.
    pub(super) fn marker_in(&self, node: &Node<Walked>, trio: &Trio) -> Option<&Marker> {
        let markers = self.filter.markers();
        if markers.is_empty() {
            return None;
        }
        let dir = trio.source().ok()?;
        let found = markers.iter().find(|marker| match is_marker(dir, marker) {
            Ok(is_marker) => is_marker,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                self.problem(node, marker.name(), Operation::Read, error);
                false
            }
        })?;
        self.leave_out(node, c"", found.left_out_by());
        Some(found)
    }

    fn leave_out(&self, node: &Node<Walked>, name: &CStr, by: LeftOutBy<'_>) {
        let mut tally = Tally::default();
        tally.counts.excluded += 1;
        self.add(node.level.belongs, &tally);
        if self.observer.wants_entries() {
            let path = node.path_of(self.source_path, name);
            self.observer.on_event(&Event::LeftOut { path: &path, by });
        }
    }
}

/// Tells whether a directory is the root of a source or lies below it; those
/// above are only searched.
fn is_in_source(node: &Node<Walked>) -> bool {
    node.level.access == Access::Read
}

/// The path of an entry from the root of its source.
///
/// It is put together for each entry: kept with each directory, the paths of a
/// chain of directories would take room by the square of its length.
fn path_in_source(node: &Node<Walked>, name: &CStr) -> PathBuf {
    let mut names = vec![name];
    let mut node = node;
    while let Some(up) = node.up().filter(|up| is_in_source(up)) {
        names.push(node.name());
        node = up;
    }
    names.into_iter().rev().map(os_str).collect()
}

fn is_marker(dir: &Dir, marker: &Marker) -> io::Result<bool> {
    let kind = dir.stat(marker.name())?.kind;
    match marker.sign() {
        MarkerSign::Name => Ok(true),
        MarkerSign::FirstBytes(_) if kind != EntryKind::File => Ok(false),
        MarkerSign::FirstBytes(signature) => {
            let tag = dir.open_file(marker.name(), Boundary::Stay)?;
            if stat_handle(tag.as_fd())?.kind != EntryKind::File {
                return Ok(false);
            }
            let mut begins = Vec::new();
            File::from(tag)
                .take(signature.len() as u64)
                .read_to_end(&mut begins)?;
            Ok(begins == signature)
        }
    }
}

fn os_str(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}
