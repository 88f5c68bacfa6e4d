//! Incremental hard-link snapshots: the engine and the retention calculator.
//!
//! Every snapshot is a complete, plain directory tree. What did not change is
//! a hard link to the snapshot before, so a snapshot costs what changed, and
//! any of them can be read, copied or removed with nothing but `cp` and `rm`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod cancel;
mod capabilities;
mod compare;
mod engine;
mod entry;
mod error;
mod event;
mod filter;
mod fs;
mod layout;
mod name;
mod node;
mod options;
mod plan;
mod prune;
mod record;
mod relay;
mod report;
pub mod retention;
mod run;
mod sources;
mod store;
mod tidy;
mod tree;
mod walk;
mod xattr;

pub use cancel::CancelToken;
pub use capabilities::Capabilities;
pub use entry::EntryKind;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Observer, Outcome, Phase};
pub use filter::{
    ByteSize, Filter, FilterBuilder, FilterError, FilterPattern, InvalidByteSize, LeftOutBy,
    Marker, MarkerSign, PatternOrigin, PatternTrouble, Verdict,
};
pub use name::{InvalidSnapshotName, SnapshotName};
pub use options::{
    BackupOptions, FullCopies, InitOptions, Jobs, Mode, Mounts, Pruning, Series, TreeOptions,
};
pub use prune::PrunePlan;
pub use record::SnapshotInfo;
pub use relay::{News, relay};
pub use report::{BackupReport, Counts, Operation, Problem, RemovalReport, TreeReport, Warning};
pub use store::Store;
pub use tree::replicate_tree;
pub use xattr::XattrNamespace;
