use std::collections::BTreeMap;

use cistron_core::Strand;

use super::{Annotation, Annotations, PairOrder};
use crate::MotifError;

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

/// How the two motifs of a pair point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Orientation {
    /// Both on one strand.
    Same,
    /// Towards one another: the left one forward, the right one reverse.
    Convergent,
    /// Away from one another: the left one reverse, the right one forward.
    Divergent,
}

impl Orientation {
    /// The orientation of two motifs, the left one first; `None` if a strand is not known.
    pub fn of(left: Option<Strand>, right: Option<Strand>) -> Option<Self> {
        Some(match (left?, right?) {
            (Strand::Forward, Strand::Reverse) => Self::Convergent,
            (Strand::Reverse, Strand::Forward) => Self::Divergent,
            _ => Self::Same,
        })
    }

    /// `same`, `convergent` or `divergent`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Convergent => "convergent",
            Self::Divergent => "divergent",
        }
    }
}

/// Whether spacings are told apart by orientation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientations {
    /// All orientations of a pair count together.
    #[default]
    Together,
    /// Each orientation counts by itself.
    Apart,
}

/// How spacings are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct SpacingOptions {
    /// Distances of this and more are left out. Default 100.
    pub max_distance: u32,
    /// What is done with annotations that overlap; by default their distance is negative.
    pub overlaps: OverlapRule,
    /// Which motif is named first; by default the one with the lower index.
    pub order: PairOrder,
    /// Whether orientations are told apart; by default they are not.
    pub orientations: Orientations,
}

impl Default for SpacingOptions {
    fn default() -> Self {
        Self {
            max_distance: 100,
            overlaps: OverlapRule::default(),
            order: PairOrder::default(),
            orientations: Orientations::default(),
        }
    }
}

impl SpacingOptions {
    /// Where a pair is counted; `None` if it is not.
    pub(super) fn spacing(
        self,
        left: &Annotation,
        right: &Annotation,
    ) -> Result<Option<Spacing>, MotifError> {
        let mut distance = i64::from(right.start) - i64::from(left.end);
        if distance >= i64::from(self.max_distance) {
            return Ok(None);
        }
        if distance < 0 {
            match self.overlaps {
                OverlapRule::Signed => {}
                OverlapRule::Zero => distance = 0,
                OverlapRule::Skip => return Ok(None),
                OverlapRule::Refuse => {
                    return Err(MotifError::Overlap { left: Box::new(*left), right: Box::new(*right) });
                }
            }
        }
        let (a, b) = self.order.name(left.motif, right.motif);
        let orientation = match self.orientations {
            Orientations::Together => None,
            Orientations::Apart => Orientation::of(left.strand, right.strand),
        };
        Ok(Some(Spacing { a, b, orientation, distance }))
    }
}

/// Two motifs at a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Spacing {
    /// The motif that the order names first.
    pub a: u32,
    /// The other.
    pub b: u32,
    /// How they point; `None` where orientations are not told apart, or a strand is not known.
    pub orientation: Option<Orientation>,
    /// The right one's start less the left one's end.
    pub distance: i64,
}

/// How often two motifs were found at each distance, by motifs, orientation and distance; no row is 0.
///
/// The distance is the right one's start less the left one's end; distances of `max_distance` and more are left
/// out. The table is sparse: it has a row for each distance that occurs, not for each that could. Counts are 64 bits
/// wide; the peer's are 8 and wrap.
///
/// Source: `pairwise_annotations_spacing` of tangermeme 1.6.0, which refuses overlaps and knows no orientation.
///
/// # Errors
/// [`MotifError::Overlap`] for two annotations that overlap, where the rule refuses them.
///
/// ```
/// use cistron_motif::{Annotation, Annotations, PairOrder, SpacingOptions, count_spacings};
///
/// let found: Annotations =
///     [(0, 10), (1, 3)].map(|(motif, start)| Annotation::new(0, motif, start, start + 5)).into_iter().collect();
/// let options = SpacingOptions { order: PairOrder::ByPosition, ..SpacingOptions::default() };
/// let spacings = count_spacings(&found, options)?;
/// let (spacing, count) = spacings.first_key_value().ok_or("none")?;
/// assert_eq!((spacing.a, spacing.b, spacing.distance, *count), (1, 0, 2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn count_spacings(
    annotations: &Annotations,
    options: SpacingOptions,
) -> Result<BTreeMap<Spacing, u64>, MotifError> {
    let mut counts = BTreeMap::new();
    for_each_spacing(annotations, options, |spacing, _, _| *counts.entry(spacing).or_default() += 1)?;
    Ok(counts)
}

/// Calls `each` with every pair that is counted, the left one first.
pub(super) fn for_each_spacing(
    annotations: &Annotations,
    options: SpacingOptions,
    mut each: impl FnMut(Spacing, &Annotation, &Annotation),
) -> Result<(), MotifError> {
    let mut refused = None;
    annotations.for_each_example(|found| {
        for_each_pair(found, |left, right| match options.spacing(left, right) {
            Ok(Some(spacing)) => each(spacing, left, right),
            Ok(None) => {}
            Err(error) => drop(refused.get_or_insert(error)),
        });
    });
    refused.map_or(Ok(()), Err)
}

/// Calls `each` with every two annotations, the left one first: of equal starts, the later one in the list.
pub(super) fn for_each_pair<'a>(
    found: &'a [Annotation],
    mut each: impl FnMut(&'a Annotation, &'a Annotation),
) {
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
    use crate::{PairCounting, count_pairs};

    fn at(motif: u32, start: u32, end: u32) -> Annotation {
        Annotation::new(0, motif, start, end)
    }

    fn count(rows: &[Annotation], options: SpacingOptions) -> Vec<((u32, u32, i64), u64)> {
        let found: Annotations = rows.iter().copied().collect();
        let spacings = count_spacings(&found, options).unwrap();
        spacings.into_iter().map(|(s, n)| ((s.a, s.b, s.distance), n)).collect()
    }

    #[test]
    fn spacings_of_the_published_example() {
        // The tutorial's five spans, its text of 26 for FOS and JUND being a slip for 21.
        let (fos, jund, etv6, ventx, jdp2) = (0, 1, 2, 3, 4);
        let found = [
            at(fos, 957, 972),
            at(jund, 993, 1007),
            at(etv6, 1028, 1044),
            at(ventx, 927, 942),
            at(jdp2, 1573, 1588),
        ];
        let options = SpacingOptions {
            max_distance: 150,
            overlaps: OverlapRule::Refuse,
            order: PairOrder::ByPosition,
            ..SpacingOptions::default()
        };
        let expected = [
            ((fos, jund, 21), 1),
            ((fos, etv6, 56), 1),
            ((jund, etv6, 21), 1),
            ((ventx, fos, 15), 1),
            ((ventx, jund, 51), 1),
            ((ventx, etv6, 86), 1),
        ];
        assert_eq!(count(&found, options), expected);
    }

    #[test]
    fn overlaps_follow_the_rule() {
        let found = [at(0, 0, 10), at(1, 6, 12)];
        let with = |overlaps| SpacingOptions { overlaps, ..SpacingOptions::default() };
        let distance =
            |rule| count(&found, with(rule)).into_iter().map(|((_, _, d), _)| d).collect::<Vec<_>>();
        assert_eq!(distance(OverlapRule::Signed), [-4]);
        assert_eq!(distance(OverlapRule::Zero), [0]);
        assert_eq!(distance(OverlapRule::Skip), []);
        let table: Annotations = found.into_iter().collect();
        let error = count_spacings(&table, with(OverlapRule::Refuse)).unwrap_err().to_string();
        assert_eq!(error, "motifs 0 at 0-10 and 1 at 6-12 of example 0 overlap, expected none to overlap");
    }

    #[test]
    fn orientations_are_those_of_the_left_and_the_right_motif() {
        let strands = [Some(Strand::Forward), Some(Strand::Reverse), None];
        for (left, right, expected) in [
            (0, 0, Some(Orientation::Same)),
            (1, 1, Some(Orientation::Same)),
            (0, 1, Some(Orientation::Convergent)),
            (1, 0, Some(Orientation::Divergent)),
            (2, 0, None),
            (1, 2, None),
        ] {
            let left = Annotation { strand: strands[left], ..at(7, 0, 5) };
            let right = Annotation { strand: strands[right], ..at(3, 9, 12) };
            // The motif of the lower index is named first, wherever it stands: the orientation stays.
            let table: Annotations = [right, left].into_iter().collect();
            let options = SpacingOptions { orientations: Orientations::Apart, ..SpacingOptions::default() };
            let spacings = count_spacings(&table, options).unwrap();
            let found = Spacing { a: 3, b: 7, orientation: expected, distance: 4 };
            assert_eq!(spacings.into_iter().collect::<Vec<_>>(), [(found, 1)]);
        }
    }

    proptest! {
        #[test]
        fn distances_add_up_to_the_pairs(
            rows in prop::collection::vec((0_u32..3, 0_u32..4, 0_u32..60, prop::option::of(any::<bool>())), 0..25),
            max_distance in 0_u32..80,
        ) {
            let strand = |forward| if forward { Strand::Forward } else { Strand::Reverse };
            let found: Annotations = rows
                .iter()
                .map(|&(e, m, s, f)| Annotation { strand: f.map(strand), ..Annotation::new(e, m, s, s + 4) })
                .collect();
            for orientations in [Orientations::Together, Orientations::Apart] {
                for order in [PairOrder::ByIndex, PairOrder::ByPosition] {
                    let sums = |max_distance| {
                        let options =
                            SpacingOptions { max_distance, order, orientations, ..SpacingOptions::default() };
                        let mut sums = BTreeMap::new();
                        for (spacing, n) in count_spacings(&found, options).unwrap() {
                            *sums.entry((spacing.a, spacing.b)).or_insert(0) += n;
                        }
                        sums
                    };
                    // No two lie further apart than this, so every pair has a distance.
                    prop_assert_eq!(sums(1000), count_pairs(&found, PairCounting::Every, order));
                    let mut near = BTreeMap::new();
                    for (i, a) in found.iter().enumerate() {
                        for b in found.iter().skip(i + 1).filter(|b| b.example == a.example) {
                            let (left, right) = if a.start < b.start { (a, b) } else { (b, a) };
                            if i64::from(right.start) - i64::from(left.end) < i64::from(max_distance) {
                                *near.entry(order.name(left.motif, right.motif)).or_insert(0) += 1;
                            }
                        }
                    }
                    prop_assert_eq!(sums(max_distance), near);
                }
            }
        }
    }
}
