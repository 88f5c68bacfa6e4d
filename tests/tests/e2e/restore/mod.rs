//! Getting data back.

mod crash;
mod deleting;
mod hostile;
mod overwriting;
mod round_trip;
mod trouble;

use std::path::{Path, PathBuf};

use hardsnap_tests::{Hardsnap, Scratch, TreeImage};

/// The start of `restore STORE latest --to DIR`.
fn restore(scratch: &Scratch, store: &Path, to: &Path) -> Hardsnap {
    let command = scratch.hardsnap("restore").arg(store).arg("latest");
    command.arg("--to").arg(to)
}

/// The start of `restore STORE latest PATH --in-place`.
fn restore_in_place(scratch: &Scratch, store: &Path, path: &Path) -> Hardsnap {
    let command = scratch.hardsnap("restore").arg(store).arg("latest");
    command.arg(path).arg("--in-place")
}

/// Where a path of the source is below the directory that it was restored to.
fn below(to: &Path, source: &Path) -> PathBuf {
    to.join(source.strip_prefix("/").unwrap())
}

/// A source as it was restored.
fn restored(to: &Path, source: &Path) -> TreeImage {
    TreeImage::of(below(to, source))
}
