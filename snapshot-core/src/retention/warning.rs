//! What is allowed in a policy and yet hardly meant.

use std::fmt;

use super::policy::{Policy, Rule};

/// Points at a part of a policy that does nothing of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyWarning {
    /// A rule for longer periods reaches no farther back than one for shorter periods, which keeps
    /// nearly all of the same snapshots already.
    CoarserInsideFiner {
        /// The rule that adds next to nothing.
        coarser: Rule,
        /// The rule that it lies in.
        finer: Rule,
    },
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::CoarserInsideFiner { coarser, finer } = self;
        write!(
            f,
            "`{coarser}` adds next to nothing: it reaches no farther back than `{finer}`"
        )
    }
}

impl Policy {
    /// Returns what is allowed and yet hardly meant; at most one warning a rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardsnap::retention::Policy;
    ///
    /// let policy: Policy = "daily for 1 month, weekly for 2 weeks".parse()?;
    /// assert_eq!(
    ///     policy.warnings()[0].to_string(),
    ///     "`weekly for 2 weeks` adds next to nothing: it reaches no farther back than \
    ///      `daily for 1 month`"
    /// );
    /// assert!(Policy::default().warnings().is_empty());
    /// # Ok::<(), hardsnap::retention::PolicyError>(())
    /// ```
    #[must_use]
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        let inside = |coarser: &Rule| {
            self.rules().iter().find(|finer| {
                finer.every < coarser.every && finer.reach_seconds() >= coarser.reach_seconds()
            })
        };
        let pairs = self.rules().iter().filter_map(|coarser| {
            inside(coarser).map(|finer| PolicyWarning::CoarserInsideFiner {
                coarser: *coarser,
                finer: *finer,
            })
        });
        pairs.collect()
    }
}
