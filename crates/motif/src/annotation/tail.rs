//! Upper tails of counts: how likely chance gives so many or more.

/// `P(X >= k)` for the number of successes in `n` trials that succeed with chance `q` each.
pub(super) fn binomial(k: u64, n: u64, q: f64) -> f64 {
    if q <= 0.0 || q >= 1.0 {
        return if k == 0 || (q >= 1.0 && k <= n) { 1.0 } else { 0.0 };
    }
    let ln_mass = |i: u64| ln_choose(n, i) + i as f64 * q.ln() + (n - i) as f64 * (-q).ln_1p();
    let up = |i: u64| (n - i) as f64 / (i + 1) as f64 * (q / (1.0 - q));
    upper_tail(k, (0, n), n as f64 * q, ln_mass, up)
}

/// `P(X >= k)` for the size of the intersection of two random subsets of `a` and `b` of `n` items (Fisher's exact
/// test, one-sided).
pub(super) fn hypergeometric(k: u64, n: u64, a: u64, b: u64) -> f64 {
    let low = (a + b).saturating_sub(n);
    let ln_all = ln_choose(n, b);
    let ln_mass = |i: u64| ln_choose(a, i) + ln_choose(n - a, b - i) - ln_all;
    let up =
        |i: u64| ((a - i) as f64 / (i + 1) as f64) * ((b - i) as f64 / (i + 1 - low + rest(n, a, b)) as f64);
    upper_tail(k, (low, a.min(b)), a as f64 * b as f64 / n as f64, ln_mass, up)
}

/// `n - a - b`, or 0 where the subsets have to share more.
fn rest(n: u64, a: u64, b: u64) -> u64 {
    n.saturating_sub(a + b)
}

/// The sum of the masses from `k` on, given the logarithm of a mass and the ratio of the mass above to a mass.
///
/// The side that is summed is the one without the mean, so that its terms fall and small tails keep their digits.
fn upper_tail(
    k: u64,
    (low, high): (u64, u64),
    mean: f64,
    ln_mass: impl Fn(u64) -> f64,
    up: impl Fn(u64) -> f64,
) -> f64 {
    if k <= low {
        return 1.0;
    }
    if k > high {
        return 0.0;
    }
    let above = k as f64 > mean;
    let first = if above { k } else { k - 1 };
    let (mut term, mut sum, mut i) = (ln_mass(first).exp(), 0.0, first);
    loop {
        sum += term;
        // Falling terms below this share no longer change the sum.
        if term <= sum * 1e-17 || i == if above { high } else { low } {
            break;
        }
        if above {
            term *= up(i);
            i += 1;
        } else {
            i -= 1;
            term /= up(i);
        }
    }
    if above { sum.min(1.0) } else { (1.0 - sum).max(0.0) }
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// `ln n!`, by Stirling's series from 16 on (its error is below 10⁻¹⁶ there).
fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (1..=n).map(|i| i as f64).product::<f64>().ln();
    }
    let x = n as f64;
    let inverse = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0)));
    (x + 0.5).mul_add(x.ln(), -x) + 0.5 * (2.0 * std::f64::consts::PI).ln() + series / x
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pascal's triangle.
    fn choose(n: u64, k: u64) -> f64 {
        if k > n { 0.0 } else { (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64) }
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-11 * expected.max(1e-3)
    }

    #[test]
    fn logarithms_of_factorials_are_sums() {
        let mut sum = 0.0_f64;
        for n in 1..400_u64 {
            sum += (n as f64).ln();
            assert!((ln_factorial(n) - sum).abs() < 1e-12 * sum.max(1.0), "{n}");
        }
    }

    #[test]
    fn small_tails_keep_their_digits() {
        // All of 100 trials that succeed one time in ten.
        assert!((binomial(100, 100, 0.1) / 1e-100 - 1.0).abs() < 1e-11);
        assert!((hypergeometric(20, 40, 20, 20) * choose(40, 20) - 1.0).abs() < 1e-11);
    }

    proptest! {
        #[test]
        fn tails_are_sums_of_masses(n in 1_u64..40, a in 0_u64..40, b in 0_u64..40, k in 0_u64..45, q in 0.0_f64..1.0) {
            let (a, b) = (a.min(n), b.min(n));
            let mass = |i: u64| choose(n, i) * q.powi(i as i32) * (1.0 - q).powi((n - i) as i32);
            prop_assert!(close(binomial(k, n, q), (k..=n).map(mass).sum()));
            let low = (a + b).saturating_sub(n);
            let mass = |i: u64| choose(a, i) * choose(n - a, b - i) / choose(n, b);
            let expected: f64 = (k.max(low)..=a.min(b)).map(mass).sum();
            prop_assert!(close(hypergeometric(k, n, a, b), expected), "{}", expected);
        }
    }
}
