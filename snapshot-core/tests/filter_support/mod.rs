//! What the filter tests check against.

pub(crate) mod naive;
