//! The promises of hardsnap, checked from outside: through the program, its
//! exit codes and its JSON, and by looking at the store.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod crash;
mod days;
mod fidelity;
mod hostile;
mod locking;
mod ordinary_user;
mod output;
mod refusals;
mod retention;
mod space;
mod tree;
mod trees;
mod trouble;
