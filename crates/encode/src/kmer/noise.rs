use super::philox::Philox;
use super::{Kmer, KmerError, option};

/// Substitutions: each base becomes, by itself and with one probability, one of the three others, equally likely.
///
/// ```
/// use cistron_encode::kmer::Noise;
///
/// assert_eq!(Noise::new(0.1)?.probability(), 0.1);
/// assert!(Noise::new(1.5).is_err());
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    probability: f64,
    /// The binary digits of the probability after the point, the first on top.
    digits: u64,
}

impl Noise {
    /// Noise of a probability a base.
    ///
    /// # Errors
    /// [`KmerError::Option`] unless the probability is at least 0 and below 1.
    pub fn new(probability: f64) -> Result<Self, KmerError> {
        if !(0.0..1.0).contains(&probability) {
            return Err(option("noise", probability, "a probability from 0 and below 1"));
        }
        // Exact from 2^-11 on, to 2^-64 below: a number below 1 has 53 significant digits.
        let digits = (probability * 2.0_f64.powi(64)) as u64;
        Ok(Self { probability, digits })
    }

    /// The probability that a base changes.
    pub fn probability(self) -> f64 {
        self.probability
    }

    /// What to `xor` to a k-mer of random words: 0 where a base stays.
    pub(super) fn draw(self, k: usize, words: &mut Philox) -> Kmer {
        let mut pending = self.changed(super::word::mask(k), words);
        let (mut low, mut high) = (0, 0);
        // Two bits a base, drawn again while both are 0: the codes 1, 2 and 3 are equally likely.
        while pending != 0 {
            let (a, b) = (words.next_u32(), words.next_u32());
            low |= a & pending;
            high |= b & pending;
            pending &= !(a | b);
        }
        Kmer::from_planes(low, high)
    }

    /// The bases that change. For every base a random number is drawn digit by digit, all bases at once, until each
    /// is told from the probability: the base changes if its number is below.
    fn changed(self, bases: u32, words: &mut Philox) -> u32 {
        let (mut changed, mut undecided, mut digits) = (0, bases, self.digits);
        while undecided != 0 && digits != 0 {
            let drawn = words.next_u32();
            if digits >> 63 == 1 {
                changed |= undecided & !drawn;
                undecided &= drawn;
            } else {
                undecided &= !drawn;
            }
            digits <<= 1;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_change_as_often_as_asked_into_each_other_base() {
        for probability in [0.001, 0.1, 1.0 / 3.0, 0.5, 0.9] {
            let noise = Noise::new(probability).unwrap();
            let n = 20_000;
            let mut counts = [0_u64; 4];
            let mut places = [0_u64; 31];
            for index in 0..n {
                let drawn = noise.draw(31, &mut Philox::new(7, 0, index));
                for (place, count) in places.iter_mut().enumerate() {
                    let change = usize::from(drawn.base(place));
                    counts[change] += 1;
                    *count += u64::from(change != 0);
                }
            }
            let near = |count: u64, total: u64, p: f64| {
                let expected = total as f64 * p;
                // Five standard deviations of a binomial.
                let bound = 5.0 * (expected * (1.0 - p)).sqrt();
                assert!((count as f64 - expected).abs() < bound, "{probability}: {count}, not {expected}");
            };
            for &count in &counts[1..] {
                near(count, n * 31, probability / 3.0);
            }
            for count in places {
                near(count, n, probability);
            }
        }
    }

    #[test]
    fn bases_change_by_themselves() {
        // The number of changes is binomial: its variance is k p (1 - p).
        let noise = Noise::new(0.1).unwrap();
        let n = 50_000;
        let count = |index| {
            f64::from(noise.draw(31, &mut Philox::new(1, 2, index)).mismatches(Kmer::default()).count_ones())
        };
        let counts: Vec<f64> = (0..n).map(count).collect();
        let mean = counts.iter().sum::<f64>() / n as f64;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / n as f64;
        // Five standard errors: 0.037 of the mean, about 0.09 of the variance.
        assert!((mean - 3.1).abs() < 0.038 && (variance - 2.79).abs() < 0.09, "{mean} {variance}");
    }

    #[test]
    fn no_noise_changes_nothing_and_short_kmers_keep_their_length() {
        let none = Noise::new(0.0).unwrap();
        assert_eq!(none.draw(31, &mut Philox::new(0, 0, 0)), Kmer::default());
        let much = Noise::new(0.999).unwrap();
        for index in 0..1000 {
            let (low, high) = much.draw(5, &mut Philox::new(0, 0, index)).planes();
            assert_eq!((low | high) >> 5, 0);
        }
        assert!(Noise::new(1.0).is_err() && Noise::new(f64::NAN).is_err() && Noise::new(-0.1).is_err());
    }
}
