/// A score as an integer that sorts like it: `-0.0` equals `0.0`, infinities are the ends. Not for NaN.
fn key(score: f64) -> i64 {
    // Adding zero turns -0.0 into 0.0.
    flip((score + 0.0).to_bits() as i64)
}

/// Turns the bits of negative numbers around, or back.
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Above the key of every score.
const END: i64 = i64::MAX;

/// The scores of one group, sorted, as keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorted {
    /// Ascending, and one more above them all.
    keys: Vec<i64>,
}

impl Sorted {
    pub(super) fn set(&mut self, scores: &[f64]) {
        self.keys.clear();
        self.keys.extend(scores.iter().map(|&score| key(score)));
        self.keys.sort_unstable();
        self.keys.push(END);
    }

    fn scores(&self) -> &[i64] {
        self.keys.split_last().map_or(&[], |(_, scores)| scores)
    }

    pub(super) fn median(&self) -> f64 {
        let scores = self.scores();
        let at = |index: usize| scores.get(index).map_or(f64::NAN, |&key| f64::from_bits(flip(key) as u64));
        let half = scores.len() / 2;
        if scores.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.wrapping_sub(1)), at(half)) }
    }
}

/// What the ranks of two groups together say of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RankSum {
    /// Twice U of the first group: a whole number even with ties.
    pub(super) twice_u: u64,
    /// The sum of `t^3 - t` over each value that occurs t times.
    pub(super) ties: f64,
}

impl RankSum {
    pub(super) fn new(first: &Sorted, second: &Sorted) -> Self {
        Self::untied(first, second).unwrap_or_else(|| Self::tied(first.scores(), second.scores()))
    }

    /// `None` if two values are equal. Values are merged without a branch that depends on them.
    fn untied(first: &Sorted, second: &Sorted) -> Option<Self> {
        let (n_first, n_second) = (first.scores().len(), second.scores().len());
        let (mut from_first, mut from_second, mut rank_sum) = (0, 0, 0);
        let (mut before, mut is_tied) = (i64::MIN, false);
        for rank in 1..=n_first + n_second {
            let (a, b) = (first.keys[from_first], second.keys[from_second]);
            let is_first = usize::from(a <= b);
            let next = a.min(b);
            is_tied |= next == before;
            before = next;
            rank_sum += rank as u64 * is_first as u64;
            from_first += is_first;
            from_second += 1 - is_first;
        }
        let n = n_first as u64;
        (!is_tied).then(|| Self { twice_u: 2 * (rank_sum - n * (n + 1) / 2), ties: 0.0 })
    }

    fn tied(mut first: &[i64], mut second: &[i64]) -> Self {
        let (mut twice_u, mut below, mut ties) = (0, 0, 0.0);
        while let Some(&least) = first.first().into_iter().chain(second.first()).min() {
            let (a, b) = (skip(&mut first, least), skip(&mut second, least));
            twice_u += a * (2 * below + b);
            below += b;
            let times = (a + b) as f64;
            ties += times * times * times - times;
        }
        Self { twice_u, ties }
    }
}

/// Takes the values that are equal to `least` off the front, and counts them.
fn skip(values: &mut &[i64], least: i64) -> u64 {
    let n = values.iter().take_while(|&&value| value == least).count();
    *values = &values[n..];
    n as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(scores: &[f64]) -> Sorted {
        let mut sorted = Sorted::default();
        sorted.set(scores);
        sorted
    }

    #[test]
    fn medians_are_means_of_the_middle_two() {
        assert_eq!(sorted(&[3.0, -1.0, 2.0]).median(), 2.0);
        assert_eq!(sorted(&[3.0, -1.0, 2.0, -7.0]).median(), 0.5);
        assert_eq!(sorted(&[f64::MAX, f64::MAX]).median(), f64::MAX);
        assert_eq!(sorted(&[f64::NEG_INFINITY, 1.0, f64::INFINITY]).median(), 1.0);
        assert!(sorted(&[]).median().is_nan());
        assert!(Sorted::default().median().is_nan());
    }

    #[test]
    fn infinite_scores_and_zeros_of_either_sign_have_ranks() {
        let rank_sum =
            RankSum::new(&sorted(&[f64::INFINITY, 0.0]), &sorted(&[-0.0, f64::NEG_INFINITY, f64::MAX]));
        assert_eq!(rank_sum, RankSum { twice_u: 2 * 3 + 3, ties: 6.0 });
    }

    proptest! {
        #[test]
        fn u_counts_pairs_and_ties_count_values(
            first in prop::collection::vec(-4_i8..4, 0..12),
            second in prop::collection::vec(-4_i8..4, 0..12),
            spread in prop::sample::select(vec![1.0, 0.3, 1e-300, 1e300]),
            apart in any::<bool>(),
        ) {
            // Apart, no two values are equal.
            let score = |(i, value): (usize, &i8)| {
                spread * (f64::from(*value) + if apart { (i + 1) as f64 / 1000.0 } else { 0.0 })
            };
            let x: Vec<f64> = first.iter().enumerate().map(score).collect();
            let y: Vec<f64> = second.iter().enumerate().map(|(i, v)| score((i + first.len(), v))).collect();
            let mut twice_u = 0;
            for a in &x {
                for b in &y {
                    twice_u += u64::from(a >= b) + u64::from(a > b);
                }
            }
            let all: Vec<f64> = x.iter().chain(&y).copied().collect();
            // Each value adds t^2 - 1 to the sum of its t.
            let times = |v: &f64| all.iter().filter(|w| *w == v).count() as f64;
            let ties: f64 = all.iter().map(|v| times(v) * times(v) - 1.0).sum();
            prop_assert_eq!(RankSum::new(&sorted(&x), &sorted(&y)), RankSum { twice_u, ties });
        }
    }
}
