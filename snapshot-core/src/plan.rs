//! What is to be done with an entry: pure, from what is known of it and of its
//! basis to a value that the walk carries out.

use crate::compare::{Change, Rules};
use crate::entry::{EntryKind, Metadata};

/// What is to be done with one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Link to the basis.
    Link,
    /// Link to the basis if both symlinks have the same target.
    LinkIfSameTarget,
    /// Make it anew: copy the data, the target, or the node.
    Make,
}

/// Decides what is to be done with an entry that is no directory.
pub(crate) fn decide(source: &Metadata, basis: Option<&Metadata>, rules: &Rules) -> Action {
    match basis {
        Some(basis) if Change::between(source, basis, rules).is_none() => match source.kind {
            // Everything but the target is known to be equal.
            EntryKind::Symlink => Action::LinkIfSameTarget,
            _ => Action::Link,
        },
        _ => Action::Make,
    }
}
