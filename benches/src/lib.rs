//! Measures hardsnap side by side with rsync and cp.
//!
//! The same trees, the same filesystem, the programs in turn. A time counts
//! only after the tree that was made has been compared with its source, and
//! every time includes a sync of the destination's filesystem.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod change;
mod compare;
mod error;
mod generator;
mod image;
mod interrupt;
mod measure;
mod places;
mod programs;
mod report;
mod round;
mod scan;
mod scenario;
mod site;
mod statistics;
mod tree;
mod turn;

pub use args::Args;
pub use error::{Error, Result};
pub use round::run;
