use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Annotations, for_each_pair};

/// How often each motif was found in each example: `(example, motif)` to count, in this order; no row is 0.
///
/// Counts are 64 bits wide; the peer's are 8 and wrap.
///
/// Source: `count_annotations` of tangermeme 1.6.0.
///
/// ```
/// use cistron_motif::{Annotation, Annotations, count_annotations};
///
/// let found: Annotations = [2, 1, 2].map(|motif| Annotation::new(0, motif, 0, 5)).into_iter().collect();
/// assert_eq!(count_annotations(&found).into_iter().collect::<Vec<_>>(), [((0, 1), 1), ((0, 2), 2)]);
/// ```
pub fn count_annotations(annotations: &Annotations) -> BTreeMap<(u32, u32), u64> {
    let mut counts = BTreeMap::new();
    for cell in annotations.examples().iter().copied().zip(annotations.motifs().iter().copied()) {
        *counts.entry(cell).or_default() += 1;
    }
    counts
}

/// Which of the two motifs of a pair is named first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PairOrder {
    /// The one with the lower index; a pair is listed once.
    #[default]
    ByIndex,
    /// The one that begins further left; of equal starts, the later one in the list.
    ByPosition,
}

impl PairOrder {
    /// The motifs of a pair, the left one given first, as this order names them.
    pub(super) fn name(self, left: u32, right: u32) -> (u32, u32) {
        match self {
            Self::ByIndex => (left.min(right), left.max(right)),
            Self::ByPosition => (left, right),
        }
    }
}

/// Which pairs of an example count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PairCounting {
    /// Two different motifs that are both there, once an example.
    #[default]
    OncePerExample,
    /// Every two annotations, two of one motif included.
    Every,
}

/// How often two motifs were found in one example: `(motif, motif)` to count.
///
/// By position, a pair that is counted once an example counts once for each order that occurs in it.
///
/// **Cost**: time O(n²) for the n annotations of each example.
///
/// Source: `pairwise_annotations` of tangermeme 1.6.0 (`unique` and not).
///
/// ```
/// use cistron_motif::{Annotation, Annotations, PairCounting, PairOrder, count_pairs};
///
/// let found: Annotations =
///     [(2, 0), (1, 9), (2, 20)].map(|(motif, start)| Annotation::new(0, motif, start, start + 5)).into_iter().collect();
/// let pairs = count_pairs(&found, PairCounting::Every, PairOrder::ByIndex);
/// assert_eq!(pairs.into_iter().collect::<Vec<_>>(), [((1, 2), 2), ((2, 2), 1)]);
/// ```
pub fn count_pairs(
    annotations: &Annotations,
    counting: PairCounting,
    order: PairOrder,
) -> BTreeMap<(u32, u32), u64> {
    let mut counts = BTreeMap::new();
    let mut count = |pair| *counts.entry(pair).or_default() += 1;
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    annotations.for_each_example(|found| match (counting, order) {
        (PairCounting::Every, _) => {
            for_each_pair(found, |left, right| count(order.name(left.motif, right.motif)));
        }
        (PairCounting::OncePerExample, PairOrder::ByIndex) => {
            let motifs: BTreeSet<u32> = found.iter().map(|row| row.motif).collect();
            for &a in &motifs {
                motifs.range((Bound::Excluded(a), Bound::Unbounded)).for_each(|&b| count((a, b)));
            }
        }
        (PairCounting::OncePerExample, PairOrder::ByPosition) => {
            pairs.clear();
            for_each_pair(found, |left, right| pairs.push((left.motif, right.motif)));
            pairs.retain(|(a, b)| a != b);
            pairs.sort_unstable();
            pairs.dedup();
            pairs.iter().copied().for_each(&mut count);
        }
    });
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Annotation;

    fn table(rows: &[(u32, u32, u32)]) -> Annotations {
        rows.iter()
            .map(|&(example, motif, start)| Annotation::new(example, motif, start, start + 4))
            .collect()
    }

    #[test]
    fn pairs_of_the_published_example() {
        // The tutorial's five motifs of one sequence: a symmetric matrix sums to 20, an ordered one to 10.
        let found = table(&[(0, 639, 1573), (0, 1243, 1028), (0, 1743, 927), (0, 357, 957), (0, 1295, 993)]);
        for counting in [PairCounting::Every, PairCounting::OncePerExample] {
            for order in [PairOrder::ByIndex, PairOrder::ByPosition] {
                let pairs = count_pairs(&found, counting, order);
                assert_eq!(pairs.values().sum::<u64>(), 10);
                assert_eq!(pairs.iter().map(|((a, b), n)| if a == b { *n } else { 2 * n }).sum::<u64>(), 20);
            }
        }
        assert_eq!(count_annotations(&found).values().sum::<u64>(), 5);
    }

    proptest! {
        #[test]
        fn the_order_of_examples_does_not_matter(
            rows in prop::collection::vec((0_u32..4, 0_u32..5, 0_u32..60), 0..30), turn in 0_u32..30,
        ) {
            let found = table(&rows);
            let mut turned = rows.clone();
            turned.sort_by_key(|(example, ..)| (example + turn) % 4);
            let turned = table(&turned);
            prop_assert_eq!(count_annotations(&found), count_annotations(&turned));
            for counting in [PairCounting::OncePerExample, PairCounting::Every] {
                let pairs = |list| count_pairs(list, counting, PairOrder::ByIndex);
                prop_assert_eq!(pairs(&found), pairs(&turned));
            }
            prop_assert_eq!(count_annotations(&found).values().sum::<u64>(), found.len() as u64);
        }

        #[test]
        fn every_two_annotations_of_an_example_are_a_pair(
            rows in prop::collection::vec((0_u32..4, 0_u32..5, 0_u32..60), 0..30),
        ) {
            let found = table(&rows);
            let of_example = |example| rows.iter().filter(|row| row.0 == example).count() as u64;
            let expected: u64 = (0..4).map(of_example).map(|n| n * n.saturating_sub(1) / 2).sum();
            for order in [PairOrder::ByIndex, PairOrder::ByPosition] {
                prop_assert_eq!(count_pairs(&found, PairCounting::Every, order).values().sum::<u64>(), expected);
            }
        }
    }
}
