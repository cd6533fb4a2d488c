use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Where all randomness of a run comes from.
///
/// Each use draws from its own [`Stream`], chosen by a label and an index, so that neither the order of work nor
/// the number of threads changes a number.
///
/// ```
/// use cistron_core::Seed;
///
/// let seed = Seed::new(7);
/// assert_eq!(seed.stream("shuffle", 3).next_u64(), seed.stream("shuffle", 3).next_u64());
/// assert_ne!(seed.stream("shuffle", 3).next_u64(), seed.stream("shuffle", 4).next_u64());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The seed of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number that the seed was made from.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The random numbers of item `index` of the use called `label`.
    ///
    /// The ChaCha key is the seed, the label's 64-bit FNV-1a hash, the index and a constant.
    pub fn stream(self, label: &str, index: u64) -> Stream {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(label).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        key[24..].copy_from_slice(b"cistron1");
        Stream(ChaCha8Rng::from_seed(key))
    }
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Random numbers of one use, ChaCha with 8 rounds.
///
/// The samplers are written here, so that their values stay the same whatever other crates change.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// An integer in `0..bound` without bias (0 for a bound of 0), by Lemire's multiplication with rejection
    /// (doi:10.1145/3230636).
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// A number of the standard normal distribution, by Box and Muller's transform (doi:10.1214/aoms/1177706645)
    /// of two uniform numbers.
    pub fn normal(&mut self) -> f64 {
        // 1 - u is in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Puts items in random order, each order equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_label_and_index() {
        let first = |seed: u64, label, index| Seed::new(seed).stream(label, index).next_u64();
        let all =
            [first(0, "a", 0), first(1, "a", 0), first(0, "b", 0), first(0, "a", 1), first(0, "", u64::MAX)];
        for i in 0..all.len() {
            assert!(!all[..i].contains(&all[i]));
        }
    }

    #[test]
    fn below_is_even_over_its_range() {
        let mut stream = Seed::new(1).stream("below", 0);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        // Four standard deviations of a binomial with p = 1/6 around 10,000 are 365.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 365), "{counts:?}");
        assert_eq!((stream.below(1), stream.below(0)), (0, 0));
    }

    #[test]
    fn uniform_stays_in_the_unit_interval_around_its_mean() {
        let mut stream = Seed::new(2).stream("uniform", 0);
        let values: Vec<f64> = (0..10_000).map(|_| stream.uniform()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - 0.5).abs() < 0.012, "four standard errors: {mean}");
    }

    #[test]
    fn normal_numbers_have_the_moments_and_tails_of_their_distribution() {
        let mut stream = Seed::new(4).stream("normal", 0);
        let values: Vec<f64> = (0..40_000).map(|_| stream.normal()).collect();
        let mean = |power: i32| values.iter().map(|value| value.powi(power)).sum::<f64>() / 40_000.0;
        // Five standard errors: √(1, 2, 15, 96 / n).
        let cases = [(1, 0.0, 0.025), (2, 1.0, 0.036), (3, 0.0, 0.097), (4, 3.0, 0.245)];
        for (power, expected, tolerance) in cases {
            assert!((mean(power) - expected).abs() < tolerance, "{power}: {}", mean(power));
        }
        // P(|x| > 1.96) = 0.05, five standard errors of a share.
        let beyond = values.iter().filter(|value| value.abs() > 1.959_964).count() as f64 / 40_000.0;
        assert!((beyond - 0.05).abs() < 0.0055, "{beyond}");
    }

    #[test]
    fn shuffle_keeps_the_items() {
        let mut items: Vec<u32> = (0..100).collect();
        Seed::default().stream("shuffle", 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
