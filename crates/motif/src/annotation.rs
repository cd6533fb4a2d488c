//! Where motifs stand, and how often: counts, pairs and spacings as sparse tables.

use std::collections::BTreeMap;

use crate::MotifError;

/// A motif that was found in an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Annotation {
    /// Which example, from 0.
    pub example: u32,
    /// Which motif, from 0.
    pub motif: u32,
    /// The first position, 0-based.
    pub start: u32,
    /// One past the last position.
    pub end: u32,
}

/// How often each motif was found in each example: `(example, motif)` to count, in this order; no row is 0.
///
/// Counts are 64 bits wide; the peer's are 8 and wrap.
///
/// Source: `count_annotations` of tangermeme 1.6.0.
///
/// ```
/// use cistron_motif::{Annotation, count_annotations};
///
/// let annotation = |motif| Annotation { example: 0, motif, start: 0, end: 5 };
/// let counts = count_annotations(&[annotation(2), annotation(1), annotation(2)]);
/// assert_eq!(counts.into_iter().collect::<Vec<_>>(), [((0, 1), 1), ((0, 2), 2)]);
/// ```
pub fn count_annotations(annotations: &[Annotation]) -> BTreeMap<(u32, u32), u64> {
    let mut counts = BTreeMap::new();
    for annotation in annotations {
        *counts.entry((annotation.example, annotation.motif)).or_default() += 1;
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
/// use cistron_motif::{Annotation, PairCounting, PairOrder, count_pairs};
///
/// let annotation = |motif, start| Annotation { example: 0, motif, start, end: start + 5 };
/// let found = [annotation(2, 0), annotation(1, 9), annotation(2, 20)];
/// let pairs = count_pairs(&found, PairCounting::Every, PairOrder::ByIndex);
/// assert_eq!(pairs.into_iter().collect::<Vec<_>>(), [((1, 2), 2), ((2, 2), 1)]);
/// ```
pub fn count_pairs(
    annotations: &[Annotation],
    counting: PairCounting,
    order: PairOrder,
) -> BTreeMap<(u32, u32), u64> {
    let mut counts = BTreeMap::new();
    for_each_example(annotations, |found| {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for_each_pair(found, |left, right| {
            let (a, b) = (left.motif, right.motif);
            pairs.push(if order == PairOrder::ByIndex { (a.min(b), a.max(b)) } else { (a, b) });
        });
        if counting == PairCounting::OncePerExample {
            pairs.retain(|(a, b)| a != b);
            pairs.sort_unstable();
            pairs.dedup();
        }
        for pair in pairs {
            *counts.entry(pair).or_default() += 1;
        }
    });
    counts
}

/// What is done with two annotations that overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapRule {
    /// Their distance is negative.
    #[default]
    Signed,
    /// Their distance is 0.
    Zero,
    /// They are no pair.
    Skip,
    /// They are an error, as for the peer.
    Refuse,
}

/// How often two motifs were found at each distance: `(motif, motif, distance)` to count.
///
/// The distance is the right one's start less the left one's end; distances of `max_distance` and more are left
/// out. The table is sparse: it has a row for each distance that occurs, not for each that could.
///
/// Source: `pairwise_annotations_spacing` of tangermeme 1.6.0, which refuses overlaps.
///
/// # Errors
/// [`MotifError::Overlap`] for two annotations that overlap, where the rule refuses them.
///
/// ```
/// use cistron_motif::{Annotation, OverlapRule, PairOrder, count_spacings};
///
/// let annotation = |motif, start| Annotation { example: 0, motif, start, end: start + 5 };
/// let found = [annotation(0, 10), annotation(1, 3)];
/// let spacings = count_spacings(&found, 100, OverlapRule::Signed, PairOrder::ByPosition)?;
/// assert_eq!(spacings.into_iter().collect::<Vec<_>>(), [((1, 0, 2), 1)]);
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
pub fn count_spacings(
    annotations: &[Annotation],
    max_distance: u32,
    overlaps: OverlapRule,
    order: PairOrder,
) -> Result<BTreeMap<(u32, u32, i64), u64>, MotifError> {
    let mut counts = BTreeMap::new();
    let mut refused = None;
    for_each_example(annotations, |found| {
        for_each_pair(found, |left, right| {
            let mut distance = i64::from(right.start) - i64::from(left.end);
            if distance >= i64::from(max_distance) {
                return;
            }
            if distance < 0 {
                match overlaps {
                    OverlapRule::Signed => {}
                    OverlapRule::Zero => distance = 0,
                    OverlapRule::Skip => return,
                    OverlapRule::Refuse => {
                        refused.get_or_insert((*left, *right));
                        return;
                    }
                }
            }
            let (a, b) = (left.motif, right.motif);
            let (a, b) = if order == PairOrder::ByIndex { (a.min(b), a.max(b)) } else { (a, b) };
            *counts.entry((a, b, distance)).or_default() += 1;
        });
    });
    match refused {
        Some((left, right)) => Err(MotifError::Overlap { left, right }),
        None => Ok(counts),
    }
}

/// Calls `each` with the annotations of every example, in the order of the list.
fn for_each_example(annotations: &[Annotation], mut each: impl FnMut(&[Annotation])) {
    let mut sorted = annotations.to_vec();
    sorted.sort_by_key(|annotation| annotation.example);
    sorted.chunk_by(|a, b| a.example == b.example).for_each(&mut each);
}

/// Calls `each` with every two annotations, the left one first: of equal starts, the later one in the list.
fn for_each_pair<'a>(found: &'a [Annotation], mut each: impl FnMut(&'a Annotation, &'a Annotation)) {
    for (i, first) in found.iter().enumerate() {
        for second in &found[i + 1..] {
            if first.start < second.start { each(first, second) } else { each(second, first) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(example: u32, motif: u32, start: u32, end: u32) -> Annotation {
        Annotation { example, motif, start, end }
    }

    #[test]
    fn spacings_of_the_published_example() {
        // The tutorial's five spans, its text of 26 for FOS and JUND being a slip for 21.
        let (fos, jund, etv6, ventx, jdp2) = (0, 1, 2, 3, 4);
        let found = [
            at(0, fos, 957, 972),
            at(0, jund, 993, 1007),
            at(0, etv6, 1028, 1044),
            at(0, ventx, 927, 942),
            at(0, jdp2, 1573, 1588),
        ];
        let spacings = count_spacings(&found, 150, OverlapRule::Refuse, PairOrder::ByPosition).unwrap();
        let expected = [
            ((fos, jund, 21), 1),
            ((fos, etv6, 56), 1),
            ((jund, etv6, 21), 1),
            ((ventx, fos, 15), 1),
            ((ventx, jund, 51), 1),
            ((ventx, etv6, 86), 1),
        ];
        assert_eq!(spacings.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn overlaps_follow_the_rule() {
        let found = [at(0, 0, 0, 10), at(0, 1, 6, 12)];
        let with = |rule| count_spacings(&found, 100, rule, PairOrder::ByIndex);
        let distance = |rule| with(rule).unwrap().into_keys().map(|(_, _, d)| d).collect::<Vec<_>>();
        assert_eq!(distance(OverlapRule::Signed), [-4]);
        assert_eq!(distance(OverlapRule::Zero), [0]);
        assert_eq!(distance(OverlapRule::Skip), []);
        let error = with(OverlapRule::Refuse).unwrap_err().to_string();
        assert_eq!(error, "motifs 0 at 0-10 and 1 at 6-12 of example 0 overlap, expected none to overlap");
    }

    proptest! {
        #[test]
        fn the_order_of_examples_does_not_matter(
            rows in prop::collection::vec((0_u32..4, 0_u32..5, 0_u32..60), 0..30), turn in 0_usize..30,
        ) {
            let found: Vec<Annotation> = rows.iter().map(|&(e, m, s)| at(e, m, s, s + 4)).collect();
            let mut turned = found.clone();
            turned.sort_by_key(|annotation| (annotation.example + turn as u32) % 4);
            prop_assert_eq!(count_annotations(&found), count_annotations(&turned));
            for counting in [PairCounting::OncePerExample, PairCounting::Every] {
                let pairs = |list| count_pairs(list, counting, PairOrder::ByIndex);
                prop_assert_eq!(pairs(&found[..]), pairs(&turned[..]));
            }
            let total: u64 = count_annotations(&found).values().sum();
            prop_assert_eq!(total, found.len() as u64);
        }
    }
}
