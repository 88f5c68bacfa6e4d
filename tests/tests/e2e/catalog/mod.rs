//! The catalog: read as anybody may read it, and compared with the trees.

mod agreement;
mod ledger;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use hardsnap_tests::{Hardsnap, have, skip_unless};

pub(crate) use agreement::Agreement;
pub(crate) use ledger::{Ledger, Version, file};

/// Returns whether files can be made to look old; if not, says so.
pub(crate) fn can_age() -> bool {
    skip_unless(
        have("faketime"),
        "faketime is not installed: no file is older than a minute",
    )
}

/// Runs it two minutes ahead of the clock that the filesystems go by, so that
/// all that there is was changed more than a minute ago.
pub(crate) fn aged(command: Hardsnap) -> Hardsnap {
    command.within(["faketime", "-f", "+2m"])
}

/// Removes the catalog of a store.
pub(crate) fn forget(store: &Path) {
    match fs::remove_file(file(store)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        other => other.unwrap(),
    }
}
