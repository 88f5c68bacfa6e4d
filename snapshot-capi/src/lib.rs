//! hardsnap for C: the functions that `include/hardsnap.h` declares.
//!
//! Nothing is decided here. Arguments are checked and turned into the core's
//! options, results into handles with accessors; `guard` is the only way in,
//! and no panic gets past it.
#![allow(
    clippy::missing_safety_doc,
    non_camel_case_types,
    reason = "a C API: the head of the header states what pointers have to be, and names are C's"
)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod answers;
mod argument;
pub mod cancel;
pub mod capabilities;
pub mod catalog;
pub mod change;
pub mod entry;
pub mod error;
pub mod event;
pub mod filter;
mod guard;
pub mod mark;
pub mod options;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod report;
pub mod restore;
pub mod retention;
pub mod sizes;
pub mod snapshot;
pub mod status;
pub mod store;
pub mod stored_file;
mod text;
pub mod tree;
pub mod verify;
pub mod version;

#[cfg(test)]
mod tests;
