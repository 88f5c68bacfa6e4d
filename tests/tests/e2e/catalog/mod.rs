//! The catalog: read as anybody may read it, and compared with the trees.

mod agreement;
mod days;
mod ledger;
mod sums;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;

use filetime::FileTime;
use hardsnap_tests::{Hardsnap, have, skip_unless};

pub(crate) use agreement::{Agreement, unsound_in};
pub(crate) use days::Days;
pub(crate) use ledger::{Ledger, Version, file, journal};

/// Returns whether files can be made to look old; if not, says so.
pub(crate) fn can_age() -> bool {
    skip_unless(
        has_faketime(),
        "faketime is not installed: no file is older than a minute",
    )
}

/// Runs it two minutes ahead of the clock that the filesystems go by, so that
/// all that there is was changed more than a minute ago. Without faketime, files
/// are read that need not be.
pub(crate) fn aged(command: Hardsnap) -> Hardsnap {
    // faketime makes two files with its number in their names, and gives up if
    // they are there: one that was killed had the same number and left them.
    const SCRIPT: &str = "for left in faketime_shm sem.faketime_sem; do \
         [ ! -e /dev/shm/${left}_$$ ] || rm -f /dev/shm/${left}_$$; done; \
         exec faketime -f +2m \"$@\"";
    match has_faketime() {
        true => command.within(["sh", "-c", SCRIPT, "sh"]),
        false => command,
    }
}

fn has_faketime() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| have("faketime"))
}

/// Removes the catalog of a store.
pub(crate) fn forget(store: &Path) {
    match fs::remove_file(file(store)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        other => other.unwrap(),
    }
}

/// Writes other bytes into a file, as many as before, and puts its mtime back.
pub(crate) fn edit_quietly(path: &Path) {
    let mtime = FileTime::from_last_modification_time(&path.metadata().unwrap());
    let mut content = fs::read(path).unwrap();
    content[0] ^= 1;
    fs::write(path, content).unwrap();
    filetime::set_file_mtime(path, mtime).unwrap();
}
