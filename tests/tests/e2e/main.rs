//! The promises of hardsnap, checked from outside: through the program, its
//! exit codes and its JSON, and by looking at the store.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attributes;
mod bounds;
mod catalog;
mod changes;
mod crash;
mod damage;
mod damaged;
mod days;
mod earlier;
mod faults;
mod fidelity;
mod filesystems;
mod filters;
mod guards;
mod histories;
mod hostile;
mod locking;
mod lost;
mod marks;
mod metadata;
mod mounts;
mod moved;
mod odd_disks;
mod ordinary_user;
mod output;
mod questions;
mod racy;
mod readers;
mod reading;
mod recycling;
mod refusals;
mod reindex;
mod removal;
mod retention;
mod room;
mod sources;
mod space;
mod sparse;
mod strangers;
mod survivor;
mod suspect;
mod tree;
mod trees;
mod trouble;
