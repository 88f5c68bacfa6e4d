//! What is decided before anything is written: whether the sources are those
//! of the series, and the snapshot's name.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::name::SnapshotName;
use crate::options::{BackupOptions, Dated, Mode, Series};
use crate::record::SnapshotInfo;
use crate::run::now_monotonic;
use crate::sources::Sources;
use crate::store::Store;

/// Refuses other sources than before: they would look like mass removal.
pub(super) fn check_series(
    store: &Store,
    options: &BackupOptions,
    sources: &Sources,
    snapshots: &[SnapshotInfo],
) -> Result<()> {
    let Some(last) = snapshots.last() else {
        return Ok(());
    };
    if options.series == Series::Change || last.sources == sources.paths {
        return Ok(());
    }
    let message = format!(
        "the store {} holds snapshots of {}, not of {}",
        store.path().display(),
        list(&last.sources),
        list(&sources.paths)
    );
    Err(Error::new(ErrorKind::SourcesChanged, message)
        .with_path(store.path())
        .with_hint("--change-sources takes the new ones from now on; or use another store"))
}

fn list(paths: &[PathBuf]) -> String {
    let texts: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    texts.join(", ")
}

/// Finds the snapshot's name; a second run in the same second waits.
pub(super) fn free_name(
    store: &Store,
    options: &BackupOptions,
    cancel: &CancelToken,
) -> Result<SnapshotName> {
    let mut name = name_of(dated(options))?;
    while is_taken(store, name)? {
        if matches!(options.dated, Dated::Exactly(_)) {
            let message = format!("there is a snapshot {name} already");
            return Err(Error::new(ErrorKind::TimeTaken, message)
                .with_path(store.path().join(name.to_string()))
                .with_hint("give another time"));
        }
        let waiting_since = now_monotonic();
        while options.mode == Mode::Act && waiting_since.elapsed() < Duration::from_secs(1) {
            cancel.check()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        name = name.next().map_err(invalid)?;
    }
    Ok(name)
}

fn is_taken(store: &Store, name: SnapshotName) -> Result<bool> {
    match store.root.stat(&layout::tree(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(
            "look for",
            store.path().join(name.to_string()),
            error,
        )),
    }
}

/// The time of a snapshot that is to be made, also the `now` of its pruning.
pub(super) fn dated(options: &BackupOptions) -> DateTime<Utc> {
    match options.dated {
        Dated::Now(time) | Dated::Exactly(time) => time,
    }
}

pub(super) fn name_of(time: DateTime<Utc>) -> Result<SnapshotName> {
    SnapshotName::from_time(time).map_err(invalid)
}

fn invalid(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOption, error.to_string())
}
