/// The least false discovery rate at which each p-value is found (Benjamini and Hochberg).
///
/// `q = min over p' >= p of p' n / rank(p')`, at most 1. NaN means not evaluated: it stays NaN and is no test. Never
/// below its p-value, and in the same order. Time O(n log n).
///
/// Source: Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; scipy 1.17 `false_discovery_control`,
/// which refuses NaN.
///
/// ```
/// let q_values = cistron_core::benjamini_hochberg(&[0.01, 0.5, 0.02, f64::NAN]);
/// assert_eq!(q_values[..3], [0.03, 0.5, 0.03]);
/// assert!(q_values[3].is_nan());
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|&i| !p_values[i].is_nan()).collect();
    order.sort_unstable_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut q_values = vec![f64::NAN; p_values.len()];
    let falling = falling_q_values(order.iter().map(|&i| p_values[i]), order.len() as u64);
    for (&index, q_value) in order.iter().rev().zip(falling) {
        q_values[index] = q_value;
    }
    q_values
}

/// The q-values of [`benjamini_hochberg`] for p-values that ascend already, from the last to the first.
///
/// `tests` is the number of tests made, of which those not given had larger p-values. Nothing is allocated.
///
/// ```
/// let q_values: Vec<f64> = cistron_core::falling_q_values([0.01, 0.02].into_iter(), 10).collect();
/// assert_eq!(q_values, [0.1, 0.1]);
/// ```
pub fn falling_q_values(
    ascending: impl DoubleEndedIterator<Item = f64> + ExactSizeIterator,
    tests: u64,
) -> impl Iterator<Item = f64> {
    ascending.enumerate().rev().scan(1.0_f64, move |least, (before, p_value)| {
        *least = least.min(p_value * tests as f64 / (before + 1) as f64);
        Some(*least)
    })
}

/// Each p-value times the number of tests, at most 1: the chance of one such or smaller among all of them is no larger.
///
/// NaN means not evaluated: it stays NaN and is no test.
///
/// ```
/// let adjusted = cistron_core::bonferroni(&[0.25, 0.75, f64::NAN]);
/// assert_eq!(adjusted[..2], [0.5, 1.0]);
/// assert!(adjusted[2].is_nan());
/// ```
pub fn bonferroni(p_values: &[f64]) -> Vec<f64> {
    let tests = p_values.iter().filter(|p| !p.is_nan()).count() as f64;
    // `min` of a number would lose the NaN.
    p_values.iter().map(|&p| if p.is_nan() { p } else { (p * tests).min(1.0) }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worked_example() {
        // Benjamini & Hochberg 1995, section 3.1: at 0.05 the four smallest of these fifteen are found.
        let p_values = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let q_values = benjamini_hochberg(&p_values);
        assert_eq!(q_values.iter().filter(|q| **q <= 0.05).count(), 4);
        assert!((q_values[3] - 0.0095 * 15.0 / 4.0).abs() < 1e-15);
        assert!((q_values[4] - 0.0201 * 15.0 / 5.0).abs() < 1e-15);
        // The seventh is found at a lower rate than the sixth alone would be.
        assert!((q_values[5] - 0.0298 * 15.0 / 7.0).abs() < 1e-15);
    }

    #[test]
    fn no_tests_have_no_values() {
        assert_eq!(benjamini_hochberg(&[]), [0.0; 0]);
        assert_eq!(bonferroni(&[]), [0.0; 0]);
        assert!(benjamini_hochberg(&[f64::NAN])[0].is_nan());
    }

    proptest! {
        #[test]
        fn q_values_keep_the_order_and_lie_between_p_and_bonferroni(
            p_values in prop::collection::vec(prop_oneof![0.0..=1.0, Just(0.5), Just(f64::NAN)], 1..40),
        ) {
            let q_values = benjamini_hochberg(&p_values);
            let most = bonferroni(&p_values);
            for i in (0..p_values.len()).filter(|&i| !p_values[i].is_nan()) {
                prop_assert!(q_values[i] >= p_values[i] * (1.0 - 1e-15) && q_values[i] <= most[i] * (1.0 + 1e-15));
                for j in (0..p_values.len()).filter(|&j| p_values[i] <= p_values[j]) {
                    prop_assert!(q_values[i] <= q_values[j]);
                }
            }
        }

        /// The definition: the least rate at which the step-up procedure finds it.
        #[test]
        fn as_many_are_found_as_the_step_up_procedure_finds(
            p_values in prop::collection::vec(0.0..=0.3_f64, 1..30),
            rate in 0.01..0.5_f64,
        ) {
            let n = p_values.len() as f64;
            let mut ascending = p_values.clone();
            ascending.sort_by(f64::total_cmp);
            let found = (1..=p_values.len()).rev().find(|&k| ascending[k - 1] * n / k as f64 <= rate).unwrap_or(0);
            let q_values = benjamini_hochberg(&p_values);
            prop_assert_eq!(q_values.iter().filter(|q| **q <= rate).count(), found);
        }
    }
}
