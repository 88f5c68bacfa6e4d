//! Fixtures shared by the end-to-end tests: trees described in a few lines
//! ([`TreeBuilder`]), read back as values ([`TreeImage`]), changed at random
//! ([`Edit`]), copied the obvious way ([`naive_copy`]), and the `hardsnap`
//! program to run on them ([`Hardsnap`]).
//!
//! A fixture that cannot do its work panics with the path and the reason: a
//! test has nothing better to do with such an error.

mod builder;
mod chain;
mod cursor;
mod edit;
mod image;
mod image_diff;
mod invariant;
mod mount;
mod naive;
mod odd;
mod outcome;
mod program;
mod repeat;
mod run;
mod scratch;
mod skip;
mod time;
mod wait;

pub use builder::TreeBuilder;
pub use chain::Chain;
pub use edit::{Clock, Edit, apply, cases, day_of_all_edits, day_of_edits, day_of_hidden_edits};
pub use image::{Entry, Kind, Node, TreeImage};
pub use image_diff::{Difference, assert_same, assert_unchanged, assert_untouched};
pub use invariant::{Canary, Invariant, StoreView};
pub use mount::Mount;
pub use naive::naive_copy;
pub use odd::{OddDisk, Quirk};
pub use outcome::Outcome;
pub use program::{NOBODY, hardsnap_binary};
pub use repeat::Repeating;
pub use run::{Hardsnap, Running, can_trace};
pub use scratch::Scratch;
pub use skip::{has_ordinary_user, have, is_ignored, is_root, skip, skip_unless};
pub use time::{noon, snapshot_name};
pub use wait::wait_until;
