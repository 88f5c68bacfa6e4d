//! Decides which snapshots to keep, and says why: a pure calculator, of use without any store.

mod bucket;
mod error;
mod groups;
mod keep;
mod order;
mod plan;
mod policy;
mod reach;
mod reason;
mod snapshot;
mod span;
mod syntax;
mod words;
mod zone;

pub use bucket::Bucket;
pub use error::{PolicyError, Trouble};
pub use keep::KeepValue;
pub use plan::{Kept, Plan, Removed, plan};
pub use policy::{Anchor, Every, Pick, Policy, Rule, Window};
pub use reason::{Reason, RuleReason, Until, Why};
pub use snapshot::{Snapshot, Status};
pub use span::{Span, Unit};
