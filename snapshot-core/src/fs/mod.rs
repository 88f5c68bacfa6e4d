//! The only rooms with system calls.
//!
//! Everything is relative to a handle and follows no symlink. The calls report
//! facts as [`std::io::Error`]; what follows from them is decided elsewhere.

pub(crate) mod beside;
pub(crate) mod copy;
pub(crate) mod dir;
pub(crate) mod give;
pub(crate) mod lock;
pub(crate) mod make;
pub(crate) mod mounts;
pub(crate) mod probe;
pub(crate) mod publish;
pub(crate) mod remove;
pub(crate) mod scan;
pub(crate) mod smallfile;
pub(crate) mod xattr;
