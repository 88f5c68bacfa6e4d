//! Medians, and ratios of times that were taken in the same round.

use serde::Serialize;

/// Sums up numbers of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// Returns the summary, or `None` where there are no numbers.
    pub(crate) fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted[sorted.len() / 2];
        let median = if sorted.len() % 2 == 0 {
            (sorted[sorted.len() / 2 - 1] + upper) / 2.0
        } else {
            upper
        };
        Some(Self { median, min, max })
    }

    /// Returns how many times as long as `ours` the peer took, round by round.
    ///
    /// The machine's mood changes over minutes, so a time is divided by the
    /// one that was taken next to it, and the median is of these ratios.
    pub(crate) fn of_ratios(peer: &[f64], ours: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = peer.iter().zip(ours).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middles() {
        let odd = Summary::of(&[9.0, 1.0, 4.0]);
        assert_eq!(odd.map(|s| (s.min, s.median, s.max)), Some((1.0, 4.0, 9.0)));
        let even = Summary::of(&[4.0, 1.0, 9.0, 6.0]);
        assert_eq!(even.map(|s| s.median), Some(5.0));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn ratios_pair_the_rounds() {
        // The medians alone would give 4.0 / 2.0.
        let ratios = Summary::of_ratios(&[2.0, 4.0, 30.0], &[2.0, 1.0, 3.0]);
        assert_eq!(
            ratios.map(|s| (s.min, s.median, s.max)),
            Some((1.0, 4.0, 10.0))
        );
    }
}
