/// The distribution of U without ties, over all ways to draw two groups of given sizes.
#[derive(Clone, Debug)]
pub(super) struct ExactNull {
    sizes: (usize, usize),
    /// For each u up to half the number of pairs, the number of ways that give u or less.
    up_to: Vec<f64>,
    /// The number of all ways.
    total: f64,
}

impl ExactNull {
    /// Builds it, in time proportional to the pairs times the smaller size.
    ///
    /// The number of ways that give u is the coefficient of `q^u` in the Gaussian binomial, the product of
    /// `(1 - q^(m+i)) / (1 - q^i)` for i to the smaller size, m the larger. Coefficients of low powers never depend on
    /// those of high ones, so the half that is kept is all that is computed; it rises, so that nothing cancels.
    pub(super) fn new(n_first: usize, n_second: usize) -> Self {
        let (smaller, larger) = (n_first.min(n_second), n_first.max(n_second));
        let mut ways = vec![0.0; smaller * larger / 2 + 1];
        ways[0] = 1.0;
        let mut total = 1.0;
        for i in 1..=smaller {
            for u in (larger + i..ways.len()).rev() {
                ways[u] -= ways[u - larger - i];
            }
            for u in i..ways.len() {
                ways[u] += ways[u - i];
            }
            total *= (larger + i) as f64 / i as f64;
            rescale(&mut ways, &mut total);
        }
        let mut sum = 0.0;
        for count in &mut ways {
            sum += *count;
            *count = sum;
        }
        Self { sizes: (n_first, n_second), up_to: ways, total }
    }

    pub(super) fn sizes(&self) -> (usize, usize) {
        self.sizes
    }

    /// The chance of `u` or more.
    pub(super) fn at_least(&self, u: usize) -> f64 {
        // U and the number of pairs minus U have one distribution.
        let pairs = self.sizes.0 * self.sizes.1;
        let Some(mirrored) = pairs.checked_sub(u) else { return 0.0 };
        match (self.up_to.get(mirrored), u.checked_sub(1)) {
            (Some(ways), _) => ways / self.total,
            (None, Some(below)) => 1.0 - self.up_to[below] / self.total,
            (None, None) => 1.0,
        }
    }
}

/// Keeps numbers of ways finite: a power of two leaves their digits as they are.
fn rescale(ways: &mut [f64], total: &mut f64) {
    const LARGE: f64 = f64::from_bits((1023 + 512) << 52);
    if *total > LARGE {
        *total /= LARGE;
        for count in ways {
            *count /= LARGE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each count of `u` among all subsets is that of the distribution.
    fn enumerate(n_first: usize, n_second: usize) -> Vec<f64> {
        let n = n_first + n_second;
        let mut counts = vec![0.0; n_first * n_second + 1];
        for subset in (0_u32..1 << n).filter(|subset| subset.count_ones() as usize == n_first) {
            let rank_sum: usize = (0..n).filter(|i| subset >> i & 1 == 1).map(|i| i + 1).sum();
            counts[rank_sum - n_first * (n_first + 1) / 2] += 1.0;
        }
        counts
    }

    #[test]
    fn it_is_that_of_all_ways_to_draw_the_groups() {
        for n_first in 1..=7 {
            for n_second in 1..=7 {
                let null = ExactNull::new(n_first, n_second);
                let counts = enumerate(n_first, n_second);
                let total: f64 = counts.iter().sum();
                for u in 0..counts.len() {
                    let expected = counts[u..].iter().sum::<f64>() / total;
                    let found = null.at_least(u);
                    assert!((found - expected).abs() < 1e-15, "{n_first} {n_second} {u}: {found} {expected}");
                }
                assert_eq!(null.at_least(counts.len()), 0.0);
            }
        }
    }

    #[test]
    fn larger_groups_agree_with_whole_numbers() {
        // The recursion of Mann and Whitney over which group the largest value is from.
        const FIRST: usize = 30;
        const SECOND: usize = 45;
        let mut ways = vec![vec![0_u128; FIRST * SECOND + 1]; SECOND + 1];
        for ways in &mut ways {
            ways[0] = 1;
        }
        for first in 1..=FIRST {
            for second in 1..=SECOND {
                for u in (0..=first * second).rev() {
                    let largest_is_first = if u < second { 0 } else { ways[second][u - second] };
                    ways[second][u] = largest_is_first + ways[second - 1][u];
                }
            }
        }
        let null = ExactNull::new(FIRST, SECOND);
        let total: u128 = ways[SECOND].iter().sum();
        let mut tail = 0;
        for u in (0..ways[SECOND].len()).rev() {
            tail += ways[SECOND][u];
            let expected = tail as f64 / total as f64;
            assert!((null.at_least(u) / expected - 1.0).abs() < 1e-13, "{u}");
        }
    }

    #[test]
    fn the_ways_of_large_groups_stay_finite() {
        let null = ExactNull::new(300, 400);
        // The distribution is symmetric about half the number of pairs.
        let middle = null.at_least(60_000);
        assert!((middle - 0.5).abs() < 1e-4 && middle > 0.5, "{middle}");
        // One way among C(700, 300), from the gamma function.
        assert!((null.at_least(120_000).log10() + 206.5).abs() < 1.0, "{}", null.at_least(120_000).log10());
        let tails: Vec<f64> = (0..=120_000).map(|u| null.at_least(u)).collect();
        assert!(tails.is_sorted_by(|a, b| a >= b) && tails.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
