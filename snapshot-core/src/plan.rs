//! What is to be done with an entry: pure, from what is known of it and of its
//! basis to a value that the walk carries out.

use crate::compare::{Change, Rules};
use crate::entry::{EntryKind, Metadata};

/// What is to be done with one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Link to the basis, if what takes further system calls to know is equal
    /// too: a symlink's target, extended attributes.
    Link,
    /// Make it anew, but take a file's data from the basis: only metadata
    /// differ.
    MakeFromBasis,
    /// Make it anew: copy the data, the target, or the node.
    Make,
}

/// Decides what is to be done with an entry that is no directory.
pub(crate) fn decide(source: &Metadata, basis: Option<&Metadata>, rules: &Rules) -> Action {
    let Some(basis) = basis else {
        return Action::Make;
    };
    let change = Change::between(source, basis, rules);
    match source.kind {
        _ if change.is_none() => Action::Link,
        EntryKind::File if change.spares_data() => Action::MakeFromBasis,
        _ => Action::Make,
    }
}
