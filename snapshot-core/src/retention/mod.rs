//! Decides which snapshots to keep, and says why: a pure calculator, of use without any store.

mod bucket;
mod config;
mod error;
mod groups;
mod keep;
mod names;
mod order;
mod plan;
mod policy;
mod preview;
mod reach;
mod reason;
mod serial;
mod snapshot;
mod span;
mod syntax;
mod warning;
mod words;
mod zone;

pub use bucket::Bucket;
pub use config::{KeepSetting, PolicyConfig};
pub use error::{PolicyError, Trouble};
pub use keep::KeepValue;
pub use names::zone_from_name;
pub use plan::{Kept, Plan, Removed, plan};
pub use policy::{Anchor, Every, Pick, Policy, Rule, Window};
pub use preview::{PreviewId, Schedule, preview};
pub use reason::{Reason, RuleReason, Until, Why};
pub use snapshot::{Snapshot, Status};
pub use span::{Span, Unit};
pub use warning::PolicyWarning;
