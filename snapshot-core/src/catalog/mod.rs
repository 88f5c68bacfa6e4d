//! The catalog: what a tree cannot remember. One SQLite file a store, rows that
//! are versions of entries with the range of snapshots that have them.

mod change;
mod codec;
mod copy;
mod directory;
mod living;
mod log;
mod merge;
mod moved;
mod open;
mod prepared;
pub(crate) mod query;
mod read;
mod rebuild;
mod renumber;
mod row;
mod rows;
mod seek;
mod session;
mod shared;
mod small;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use crate::catalog::change::{Change, Made, NewMount, Origin};
pub(crate) use crate::catalog::copy::CatalogCopy;
pub(crate) use crate::catalog::log::Log;
pub(crate) use crate::catalog::moved::{Settled, settle_in};
pub(crate) use crate::catalog::open::Trouble;
pub(crate) use crate::catalog::prepared::Prepared;
pub(crate) use crate::catalog::read::{Glance, Reader, name_hash};
pub(crate) use crate::catalog::rebuild::{Before, rebuild};
pub(crate) use crate::catalog::renumber::{Renumbered, renumber};
pub(crate) use crate::catalog::row::{
    DirId, Facts, MountId, NO_MOUNT, TOP, Version, decode_xattrs, encode_xattrs, mark,
};
pub(crate) use crate::catalog::rows::Rows;
pub(crate) use crate::catalog::seek::Whereabouts;
pub(crate) use crate::catalog::session::{Session, SessionKind, reconcile};
