//! Numbers that look random and are the same on every machine.

/// Generates numbers by SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    /// Starts a sequence that depends on nothing but the two numbers.
    pub(crate) fn new(purpose: u64, index: usize) -> Self {
        let mut start = Self { state: purpose };
        let seed = start.next() ^ (index as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self { state: seed }
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Returns a number from about the standard normal distribution.
    pub(crate) fn normal(&mut self) -> f64 {
        // Twelve uniform numbers have a variance of one together.
        let sum: f64 = (0..12)
            .map(|_| (self.next() >> 11) as f64 / (1_u64 << 53) as f64)
            .sum();
        sum - 6.0
    }

    /// Fills the buffer.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers_and_others_do_not() {
        let take = |purpose, index| {
            let mut generator = Generator::new(purpose, index);
            [generator.next(), generator.next(), generator.next()]
        };
        assert_eq!(take(1, 2), take(1, 2));
        assert_ne!(take(1, 2), take(1, 3));
        assert_ne!(take(1, 2), take(2, 2));
    }

    #[test]
    fn normal_numbers_centre_on_zero_with_a_deviation_of_one() {
        let mut generator = Generator::new(1, 0);
        let numbers: Vec<f64> = (0..20_000).map(|_| generator.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let variance =
            numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / numbers.len() as f64;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn fill_covers_lengths_that_are_no_multiple_of_eight() {
        let mut buffer = [0_u8; 13];
        Generator::new(3, 3).fill(&mut buffer);
        assert!(buffer[8..].iter().any(|byte| *byte != 0));
    }
}
