/// Two normal distributions that numbers are drawn from, the one with the lower mean first.
///
/// EVE's classes of variants (Frazer et al. 2021, doi:10.1038/s41586-021-04043-8): of the evolutionary indices of all
/// single mutants those of the upper distribution are called pathogenic. The fit is by expectation maximisation from
/// the lower and the upper half of the numbers; EVE starts scikit-learn's from 30 random places, and draws the
/// distributions of one protein towards those of many.
///
/// Where the two have different widths the wider one is the likelier at both ends, so that
/// [`upper`](Self::upper) need not rise everywhere.
///
/// ```
/// use cistron_core::TwoNormals;
///
/// let numbers: Vec<f64> = (0..40).map(|i| f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 10.0 }).collect();
/// let fitted = TwoNormals::fit(&numbers).ok_or("numbers that are all the same")?;
/// assert!((fitted.means[0] - 0.95).abs() < 1e-6 && (fitted.means[1] - 10.95).abs() < 1e-6);
/// assert!(fitted.upper(1.0) < 1e-6 && fitted.upper(10.0) > 1.0 - 1e-6);
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct TwoNormals {
    /// The share of each; the two add up to 1.
    pub shares: [f64; 2],
    /// The mean of each.
    pub means: [f64; 2],
    /// The variance of each, at least a millionth of that of all numbers.
    pub variances: [f64; 2],
}

/// The rounds of a fit at most, and the gain in the mean log-likelihood below which it ends.
const ROUNDS: usize = 1000;
const LEAST_GAIN: f64 = 1e-10;

impl TwoNormals {
    /// Fits the two to the finite ones of some numbers; `None` if fewer than two of them differ.
    ///
    /// **Cost**: a pass over the numbers for each round, of which there are 1000 at most.
    pub fn fit(numbers: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.iter().copied().filter(|x| x.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        if sorted.first()? >= sorted.last()? {
            return None;
        }
        let least = 1e-6 * moments(&sorted).1;
        let (lower, upper) = sorted.split_at(sorted.len() / 2);
        let [(low, low_variance), (high, high_variance)] = [moments(lower), moments(upper)];
        let mut fitted = Self {
            shares: [0.5; 2],
            means: [low, high],
            variances: [low_variance.max(least), high_variance.max(least)],
        };
        let mut before = f64::NEG_INFINITY;
        for _ in 0..ROUNDS {
            let likelihood = fitted.improve(&sorted, least);
            if likelihood - before < LEAST_GAIN {
                break;
            }
            before = likelihood;
        }
        if fitted.means[0] > fitted.means[1] {
            fitted.shares.reverse();
            fitted.means.reverse();
            fitted.variances.reverse();
        }
        Some(fitted)
    }

    /// The chance that a number is of the distribution with the upper mean.
    pub fn upper(&self, x: f64) -> f64 {
        let [lower, upper] = self.log_densities(x);
        1.0 / (1.0 + (lower - upper).exp())
    }

    /// ln of the share times the density of each, but for √(2π).
    fn log_densities(&self, x: f64) -> [f64; 2] {
        let Self { shares, means, variances } = self;
        std::array::from_fn(|i| {
            shares[i].ln() - 0.5 * (variances[i].ln() + (x - means[i]).powi(2) / variances[i])
        })
    }

    /// A round; gives the mean log-likelihood before it, but for a constant.
    fn improve(&mut self, numbers: &[f64], least: f64) -> f64 {
        let (mut likelihood, mut counts, mut sums) = (0.0, [0.0; 2], [0.0; 2]);
        let uppers: Vec<f64> = numbers
            .iter()
            .map(|&x| {
                let [lower, upper] = self.log_densities(x);
                let largest = lower.max(upper);
                likelihood += largest + ((lower - largest).exp() + (upper - largest).exp()).ln();
                let chance = 1.0 / (1.0 + (lower - upper).exp());
                for (i, chance) in [1.0 - chance, chance].into_iter().enumerate() {
                    counts[i] += chance;
                    sums[i] += chance * x;
                }
                chance
            })
            .collect();
        let n = numbers.len() as f64;
        // One that nothing belongs to keeps its place.
        let means: [f64; 2] =
            std::array::from_fn(|i| if counts[i] > 0.0 { sums[i] / counts[i] } else { self.means[i] });
        let mut squares = [0.0; 2];
        for (x, chance) in numbers.iter().zip(&uppers) {
            squares[0] += (1.0 - chance) * (x - means[0]).powi(2);
            squares[1] += chance * (x - means[1]).powi(2);
        }
        let variance = |i: usize| if counts[i] > 0.0 { (squares[i] / counts[i]).max(least) } else { least };
        *self =
            Self { shares: counts.map(|count| count / n), means, variances: std::array::from_fn(variance) };
        likelihood / n
    }
}

/// The mean and the variance.
fn moments(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    (mean, numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Seed;

    /// Draws of two normal distributions.
    fn draws(n: usize, share: f64, means: [f64; 2], deviations: [f64; 2]) -> Vec<f64> {
        let mut stream = Seed::new(5).stream("draws", 0);
        let mut draw = || {
            let which = usize::from(stream.uniform() < share);
            means[which] + deviations[which] * stream.normal()
        };
        (0..n).map(|_| draw()).collect()
    }

    #[test]
    fn what_numbers_were_drawn_from_is_found() {
        let numbers = draws(20_000, 0.3, [2.0, 9.0], [1.0, 2.0]);
        let found = TwoNormals::fit(&numbers).unwrap();
        // Five standard errors of 14,000 and 6,000 draws, and room for those that could be of either.
        assert!((found.shares[1] - 0.3).abs() < 0.025, "{found:?}");
        assert!((found.means[0] - 2.0).abs() < 0.05 && (found.means[1] - 9.0).abs() < 0.2, "{found:?}");
        assert!(
            (found.variances[0] - 1.0).abs() < 0.1 && (found.variances[1] - 4.0).abs() < 0.5,
            "{found:?}"
        );
        assert!(found.upper(2.0) < 0.01 && found.upper(9.0) > 0.99);
    }

    #[test]
    fn the_posterior_is_bayes_rule() {
        let model = TwoNormals { shares: [0.75, 0.25], means: [0.0, 3.0], variances: [1.0, 4.0] };
        let density = |x: f64, mean: f64, variance: f64| {
            (-(x - mean) * (x - mean) / (2.0 * variance)).exp() / variance.sqrt()
        };
        for x in [-5.0, 0.0, 1.3, 3.0, 8.0] {
            let (lower, upper) = (0.75 * density(x, 0.0, 1.0), 0.25 * density(x, 3.0, 4.0));
            assert!((model.upper(x) - upper / (lower + upper)).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn too_few_numbers_have_no_fit() {
        for numbers in [&[][..], &[1.0], &[2.0, 2.0, 2.0], &[f64::NAN, 1.0, f64::INFINITY]] {
            assert_eq!(TwoNormals::fit(numbers), None, "{numbers:?}");
        }
        assert!(TwoNormals::fit(&[1.0, 2.0]).is_some());
    }

    proptest! {
        #[test]
        fn any_numbers_have_a_sound_fit(numbers in prop::collection::vec(-1e3_f64..1e3, 2..40)) {
            let found = TwoNormals::fit(&numbers);
            prop_assume!(found.is_some());
            let found = found.unwrap();
            prop_assert!((found.shares[0] + found.shares[1] - 1.0).abs() < 1e-9, "{found:?}");
            prop_assert!(found.means[0] <= found.means[1], "{found:?}");
            prop_assert!(found.variances.iter().all(|variance| *variance > 0.0 && variance.is_finite()), "{found:?}");
            prop_assert!(numbers.iter().all(|x| (0.0..=1.0).contains(&found.upper(*x))));
        }

        #[test]
        fn shifts_and_scales_change_nothing_else(
            numbers in prop::collection::vec(-10_i32..10, 4..30),
            shift in -8_i32..8,
        ) {
            let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
            let moved: Vec<f64> = numbers.iter().map(|x| 4.0 * x + f64::from(shift)).collect();
            let (Some(a), Some(b)) = (TwoNormals::fit(&numbers), TwoNormals::fit(&moved)) else {
                return Ok(());
            };
            for x in &numbers {
                // A fit that ends a round earlier or later is off by more than rounding.
                prop_assert!((a.upper(*x) - b.upper(4.0 * x + f64::from(shift))).abs() < 0.02);
            }
        }
    }
}
