//! The order of neighbours.

/// Indices of values in ascending order, equal ones in the order in which numba's `argsort` leaves them.
///
/// numba's quicksort is not stable; its result is part of what memelite 0.5.0 reports. Values are no NaN.
pub(super) fn argsort_as_numba(values: &[f64]) -> Vec<usize> {
    /// Shorter ranges are sorted by insertion.
    const SMALL: usize = 15;
    let mut order: Vec<usize> = (0..values.len()).collect();
    let mut ranges = Vec::new();
    if let Some(last) = values.len().checked_sub(1) {
        ranges.push((0, last));
    }
    while let Some((mut low, mut high)) = ranges.pop() {
        while high >= low + SMALL {
            let pivot = partition(values, &mut order, low, high);
            // The larger side waits. An empty one has its high end below its low end.
            if high - pivot > pivot - low {
                ranges.push((pivot + 1, high));
                let Some(below) = pivot.checked_sub(1) else { break };
                high = below;
            } else {
                if pivot > low {
                    ranges.push((low, pivot - 1));
                }
                low = pivot + 1;
            }
        }
        for end in low + 1..=high {
            let mut at = end;
            while at > low && values[order[at]] < values[order[at - 1]] {
                order.swap(at, at - 1);
                at -= 1;
            }
        }
    }
    order
}

/// Splits `low..=high` at the median of its first, middle and last value; returns where that is then.
fn partition(values: &[f64], order: &mut [usize], low: usize, high: usize) -> usize {
    let middle = usize::midpoint(low, high);
    for (a, b) in [(middle, low), (high, middle), (middle, low)] {
        if values[order[a]] < values[order[b]] {
            order.swap(a, b);
        }
    }
    let pivot = values[order[middle]];
    order.swap(middle, high);
    // `right` is one beyond the index that the peer has, which may fall below 0.
    let (mut left, mut right) = (low, high);
    loop {
        while left < high && values[order[left]] < pivot {
            left += 1;
        }
        while right > low && pivot < values[order[right - 1]] {
            right -= 1;
        }
        if left + 1 >= right {
            break;
        }
        order.swap(left, right - 1);
        left += 1;
        right -= 1;
    }
    order.swap(left, high);
    left
}

/// Indices in the order of p-values, equal ones in that of scores, the highest first, and then of themselves.
pub(super) fn by_score(p_values: &[f64], score: impl Fn(usize) -> i32) -> Vec<usize> {
    // Bits of numbers that are not negative are in the order of the numbers; one integer compares faster than three.
    let key = |(index, p): (usize, &f64)| {
        let score = (i64::from(i32::MAX) - i64::from(score(index))) as u32;
        u128::from(p.to_bits()) << 64 | u128::from(score) << 32 | index as u128
    };
    let (mut keys, ends) = spread(p_values, key);
    let mut start = 0;
    for end in ends {
        keys[start..end].sort_unstable();
        start = end;
    }
    keys.into_iter().map(|key| key as u32 as usize).collect()
}

/// Keys in buckets of their p-values, which are spread evenly in most cases, and where each bucket ends.
fn spread(p_values: &[f64], key: impl Fn((usize, &f64)) -> u128) -> (Vec<u128>, Vec<usize>) {
    let n_buckets = p_values.len().max(1);
    let bucket = |p: f64| ((p * n_buckets as f64) as usize).min(n_buckets - 1);
    let mut ends = vec![0; n_buckets];
    for p in p_values {
        ends[bucket(*p)] += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += std::mem::replace(end, sum);
    }
    let mut keys = vec![0; p_values.len()];
    for (index, p) in p_values.iter().enumerate() {
        let end = &mut ends[bucket(*p)];
        keys[*end] = key((index, p));
        *end += 1;
    }
    (keys, ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn matches_are_sorted_by_p_value_score_and_index(
            rows in prop::collection::vec((0_u8..30, -2_i32..3), 0..200),
            power in 0..3,
        ) {
            // High powers leave nearly all p-values in the first bucket.
            let p_values: Vec<f64> = rows.iter().map(|(p, _)| (f64::from(*p) / 29.0).powi(1 << (4 * power))).collect();
            let mut expected: Vec<usize> = (0..rows.len()).collect();
            expected.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(rows[b].1.cmp(&rows[a].1)));
            prop_assert_eq!(by_score(&p_values, |index| rows[index].1), expected);
        }

        #[test]
        fn the_peers_order_is_sorted(values in prop::collection::vec(0_u8..40, 0..200)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let order = argsort_as_numba(&values);
            prop_assert!(order.is_sorted_by_key(|&i| values[i]));
            let mut indices = order;
            indices.sort_unstable();
            prop_assert!(indices.into_iter().eq(0..values.len()));
        }
    }
}
