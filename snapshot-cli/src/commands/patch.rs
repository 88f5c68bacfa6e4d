//! `diff --patch`: how the text of one file was changed.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use hardsnap::{Catalog, CatalogEntry, EntryKind, SnapshotName, Store};

use super::printed;
use crate::exit::{Ending, Failure};
use crate::output::patch::{Comparison, Patch, Side};
use crate::output::{Console, json, patch};

/// What is larger is not compared line by line: both contents are in memory.
const LARGEST_BYTES: u64 = 64 << 20;

pub(super) fn run(
    store: &Store,
    before: SnapshotName,
    after: SnapshotName,
    path: &Path,
    console: &Arc<Console>,
) -> Result<Ending, Failure> {
    let catalog = store.catalog()?;
    let path = catalog.resolve(path)?;
    let [old, new] = sides(&catalog, before, after, &path)?;
    let comparison = compare(store, &old, &new)?;
    let patch = Patch {
        path: &path,
        old,
        new,
        comparison,
    };
    if console.is_json() {
        console.print_json(&json::Line::summary(patch::Fields::new(&patch)));
    } else {
        let shown = patch::shown(&patch, console.paint(), console.is_looked_at());
        console.put(|out| out.write_all(&shown));
        if console.wants_summary() {
            console.print(&patch::remark(&patch));
        }
    }
    printed(console, Ending::Done)
}

/// What the two snapshots have of a file, also if it was moved in between.
fn sides(
    catalog: &Catalog,
    before: SnapshotName,
    after: SnapshotName,
    path: &Path,
) -> Result<[Side; 2], Failure> {
    let mut old = catalog.entry(before, path)?;
    let mut new = catalog.entry(after, path)?;
    if old.is_none() && new.is_none() {
        return Err(Failure::InNeither(path.to_owned()));
    }
    if old.is_none() || new.is_none() {
        for change in catalog.changes(before, after)? {
            let change = change?;
            let is_moved = change.from.is_some();
            if is_moved && (change.path == path || change.from.as_deref() == Some(path)) {
                (old, new) = (change.before, change.after);
                break;
            }
        }
    }
    for entry in old.iter().chain(&new) {
        if entry.kind != EntryKind::File {
            return Err(Failure::NotAFile(entry.path.clone(), entry.kind));
        }
    }
    Ok([
        Side {
            snapshot: before,
            entry: old,
        },
        Side {
            snapshot: after,
            entry: new,
        },
    ])
}

fn compare(store: &Store, old: &Side, new: &Side) -> Result<Comparison, Failure> {
    if let (Some(old), Some(new)) = (&old.entry, &new.entry) {
        if is_known_to_be_same(old, new) {
            return Ok(Comparison::Same);
        }
    }
    let sizes = [old, new].map(Side::size_bytes);
    if sizes.into_iter().flatten().any(|size| size > LARGEST_BYTES) {
        return Ok(Comparison::Large);
    }
    let (old, new) = (content(store, old)?, content(store, new)?);
    Ok(patch::compare(&old, &new))
}

/// Tells what the catalog knows without a look at the contents.
fn is_known_to_be_same(old: &CatalogEntry, new: &CatalogEntry) -> bool {
    let same_file = old.stored_inode.is_some() && old.stored_inode == new.stored_inode;
    same_file || (old.blake3.is_some() && old.blake3 == new.blake3)
}

/// The content of a file; nothing if there is none.
fn content(store: &Store, side: &Side) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    if let Some(entry) = &side.entry {
        let file = store.open_file(side.snapshot, &entry.path)?;
        let failed = |error: io::Error| {
            let below = entry.path.strip_prefix("/").unwrap_or(&entry.path);
            let tree = store.path().join(side.snapshot.to_string());
            Failure::Unreadable(tree.join(below), error)
        };
        // What the catalog tells of its size need not be so.
        file.take(LARGEST_BYTES)
            .read_to_end(&mut content)
            .map_err(failed)?;
    }
    Ok(content)
}
