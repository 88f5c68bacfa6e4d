//! Incremental hard-link snapshots: the engine and the retention calculator.
//!
//! Every snapshot is a complete, plain directory tree. What did not change is
//! a hard link to the snapshot before, so a snapshot costs what changed, and
//! any of them can be read, copied or removed with nothing but `cp` and `rm`.
//!
//! # A backup
//!
//! A [`Store`] is a directory on the disk or network mount that backups go to.
//! It is made once, on purpose; without its marker nothing is ever written, so
//! that a disk that is not mounted is noticed.
//!
//! ```
//! use hardsnap::{BackupOptions, CancelToken, InitOptions, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (source, destination) = (folder.path().join("home"), folder.path().join("store"));
//! # std::fs::create_dir(&source)?;
//! # std::fs::write(source.join("letter"), "Dear Ada")?;
//! let store = Store::init(&destination, &InitOptions::new(), &())?;
//!
//! // The library reads no clock: `now` is an argument, as are time zones.
//! let now = "2026-11-22T19:20:00Z".parse()?;
//! let report = store.backup(&BackupOptions::new([&source], now), &(), &CancelToken::new())?;
//! assert_eq!(report.counts.files_copied, 1);
//!
//! // The next day nothing has changed.
//! let tomorrow = "2026-11-23T19:20:00Z".parse()?;
//! let report = store.backup(&BackupOptions::new([&source], tomorrow), &(), &CancelToken::new())?;
//! assert_eq!(report.counts.files_linked, 1);
//! assert!(destination.join("latest").join(source.strip_prefix("/")?).join("letter").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a run does is chosen by [`BackupOptions`]; what of the sources is taken,
//! by a [`Filter`]. It can be watched by an [`Observer`] (a closure is one, and
//! `()` is one that does not look) or, on the calling thread, through
//! [`relay`], and stopped by a [`CancelToken`].
//!
//! # What can go wrong
//!
//! - An [`Error`] means that nothing was published. Its [`kind`](Error::kind) is
//!   for programs, its message names what failed on what, and its
//!   [`hint`](Error::hint) what to do.
//! - Trouble with one entry is a [`Problem`] in the report, and the others go on:
//!   such a snapshot is [partial](retention::Status::Partial).
//! - A [`Warning`] is about the run as a whole, said once: owners that the
//!   destination cannot hold, mounts that were left out.
//!
//! Whatever happens, also to the machine: a snapshot's name appears only after
//! all of it was written and flushed, and what was published before stays as it
//! was.
//!
//! # Keeping and removing
//!
//! Which snapshots are kept is decided by the [`retention`] calculator, a pure
//! function of use without any store. After a backup the store's own policy is
//! followed; [`Store::plan_prune`] shows what it would remove, each with its
//! reason, and [`Store::prune`] does that.
//!
//! # Below the store
//!
//! [`replicate_tree`] is the engine alone: one tree into another, linked to a
//! third, as `rsync --link-dest` does it.
//!
//! # Stability
//!
//! Versions follow semantic versioning, and before 1.0 a minor version may break
//! what uses the one before. The public API is all that `public-api.txt` beside
//! this crate lists. Types that may grow are `non_exhaustive`. Types of other
//! crates that are part of it: those of `chrono` for time, and `serde`'s traits.
//! The format of stores is versioned by itself: a newer version reads all that
//! an older one wrote. The oldest supported compiler is 1.85; raising it is a
//! minor change.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod cancel;
mod capabilities;
mod catalog;
mod claims;
mod compare;
mod delete;
mod engine;
mod entry;
mod error;
mod event;
mod filter;
mod fs;
mod guard;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
pub mod json;
mod layout;
mod memory;
mod name;
mod node;
mod options;
mod plan;
mod prune;
mod record;
mod reindex;
mod relay;
mod removal;
mod report;
mod restore;
pub mod retention;
mod room;
mod run;
mod sources;
mod store;
mod suspicion;
mod tidy;
mod tree;
mod verify;
mod walk;
mod xattr;

pub use cancel::CancelToken;
pub use capabilities::{Capabilities, FreeSpace};
pub use catalog::query::{
    Aspect, Catalog, CatalogEntry, CatalogSnapshot, ChangeKind, Changes, Entries, EntryChange,
    EntryVersion, Found, FoundPath, Sizes,
};
pub use delete::Deletion;
pub use entry::{EntryKind, FileTime};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Observer, Outcome, Phase};
pub use filter::{
    ByteSize, Filter, FilterBuilder, FilterError, FilterPattern, InvalidByteSize, LeftOutBy,
    Marker, MarkerSign, PatternOrigin, PatternTrouble, Verdict,
};
pub use guard::Pause;
pub use name::{InvalidSnapshotName, SnapshotName};
pub use options::{
    BackupOptions, BasisCheck, FullCopies, Hashes, InitOptions, Jobs, Mode, Mounts, Pruning,
    Reading, Recycling, Series, Spare, TreeOptions,
};
pub use prune::PrunePlan;
pub use record::SnapshotInfo;
pub use reindex::ReindexReport;
pub use relay::{News, relay};
pub use report::{BackupReport, Counts, Operation, Problem, RemovalReport, TreeReport, Warning};
pub use restore::{
    Extraneous, Obstacle, ObstacleReason, Overwrite, RestoreCounts, RestoreOptions, RestoreReport,
    RestoreTarget,
};
pub use room::{InvalidMinFree, MinFree, Room};
pub use store::{MarkReport, Store, StoredFile};
pub use suspicion::{Extent, Suspicion};
pub use tree::replicate_tree;
pub use verify::{
    DamageKind, Damaged, GoodCopy, InvalidSampleSize, Mending, Repair, SampleSize, VerifyContent,
    VerifyOptions, VerifyReport,
};
pub use xattr::XattrNamespace;
