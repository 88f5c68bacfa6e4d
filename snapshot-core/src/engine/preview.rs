//! What can be told of a backup while there is no store yet.

use std::path::Path;

use crate::cancel::CancelToken;
use crate::engine::choose::{dated, name_of};
use crate::engine::{open_source_root, report};
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::options::BackupOptions;
use crate::report::{BackupReport, RemovalReport};
use crate::run::{dry_rules, now_monotonic, pool};
use crate::sources::Sources;
use crate::store::{Store, directory_id};
use crate::walk::{Durability, Replication};

impl BackupOptions {
    /// Checks, before anything is written, that every source is there and can
    /// be read, and that none is the directory `store` or lies in it.
    ///
    /// [`Store::backup`] checks the same; this is for callers that are about
    /// to make the store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSources`](crate::ErrorKind::NoSources),
    /// [`ErrorKind::SourceUnavailable`](crate::ErrorKind::SourceUnavailable),
    /// [`ErrorKind::SourceIsStore`](crate::ErrorKind::SourceIsStore).
    pub fn check(&self, store: &Path) -> Result<()> {
        let sources = Sources::resolve(&self.sources)?;
        match directory_id(store) {
            Ok(id) => sources.refuse_store(id, store),
            // One that does not exist is no source.
            Err(_) => Ok(()),
        }
    }
}

impl Store {
    /// Tells what a first backup into a store that is yet to be made would do.
    ///
    /// # Errors
    ///
    /// As [`Store::backup`], as far as they concern the sources.
    pub fn preview_first_backup(
        options: &BackupOptions,
        observer: &dyn Observer,
        cancel: &CancelToken,
    ) -> Result<BackupReport> {
        let started = now_monotonic();
        let sources = Sources::resolve(&options.sources)?;
        let snapshot = name_of(dated(options))?;
        observer.on_event(&Event::Started {
            snapshot,
            basis: None,
            expected: None,
        });
        observer.on_event(&Event::Phase(Phase::Walking));
        let replication = Replication {
            source: open_source_root(&sources.selection)?,
            source_path: Path::new("/"),
            selection: &sources.selection,
            sources: &[],
            basis: None,
            target: None,
            target_path: Path::new("/"),
            rules: dry_rules(),
            mounts: options.mounts,
            named: &sources.named,
            filter: &options.filter,
            durability: Durability::Whole,
            left_out: None,
            distrusted: Vec::new(),
            ledger: None,
            reused: None,
            observer,
            cancel,
        };
        let mut replicated = replication.run(&*pool(options.jobs, &[])?)?;
        replicated
            .warnings
            .extend(sources.warnings(&options.filter));
        Ok(report(
            snapshot,
            None,
            replicated,
            RemovalReport::default(),
            started.elapsed(),
        ))
    }
}
