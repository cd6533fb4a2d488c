/// The sum of a term of each value, added in pairs of halves: its error grows with the logarithm of their number.
///
/// The order is that of numpy's `sum`, so that means of nearly equal values agree with it to the last bit.
pub(super) fn sum(values: &[f64], term: impl Fn(f64) -> f64 + Copy) -> f64 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (low, high) = values.split_at(half - half % LANES);
        return sum(low, term) + sum(high, term);
    }
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += term(value);
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, &value| sum + term(value))
}

/// The mean of values, and the sum of their squared distances from it; NaN without values.
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let mean = sum(values, |value| value) / values.len() as f64;
    (mean, sum(values, |value| (value - mean) * (value - mean)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_all_lengths_are_exact_where_they_can_be() {
        for n in [0, 1, 7, 8, 9, 127, 128, 129, 1000, 4097] {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(sum(&values, |value| value), f64::from(n) * (f64::from(n) - 1.0) / 2.0);
        }
    }

    #[test]
    fn moments_of_large_values_keep_their_small_differences() {
        let values = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0];
        assert_eq!(moments(&values), (1e9 + 2.0, 2.0));
        assert!(moments(&[]).0.is_nan());
    }
}
