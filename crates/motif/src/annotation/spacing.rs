use cistron_core::Strand;

use super::arrangement::Arrangement;
use super::{Annotation, Annotations, PairOrder, SpacingCounts};
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
    pub(super) fn spacing(self, left: &Annotation, right: &Annotation) -> Option<Spacing> {
        let mut distance = i64::from(right.start) - i64::from(left.end);
        if distance < 0 {
            match self.overlaps {
                OverlapRule::Signed => {}
                OverlapRule::Zero => distance = 0,
                OverlapRule::Skip | OverlapRule::Refuse => return None,
            }
        }
        if distance >= i64::from(self.max_distance) {
            return None;
        }
        let (a, b) = self.order.name(left.motif, right.motif);
        let orientation = match self.orientations {
            Orientations::Together => None,
            Orientations::Apart => Orientation::of(left.strand, right.strand),
        };
        Some(Spacing { a, b, orientation, distance })
    }

    /// An error for two annotations that overlap, where the rule refuses them.
    pub(super) fn check(self, found: &Arrangement) -> Result<(), MotifError> {
        match found.overlap().filter(|_| self.overlaps == OverlapRule::Refuse) {
            Some((left, right)) => {
                Err(MotifError::Overlap { left: Box::new(*left), right: Box::new(*right) })
            }
            None => Ok(()),
        }
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

/// How often two motifs were found at each distance.
///
/// The distance is the right one's start less the left one's end; distances of `max_distance` and more are left
/// out. Counts are 64 bits wide; the peer's are 8 and wrap.
///
/// **Cost**: time proportional to the pairs that are near, and to the logarithm of those of one motif; memory to the
/// rows of the table and to the near pairs of one motif.
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
/// let (spacing, count) = spacings.iter().next().ok_or("none")?;
/// assert_eq!((spacing.a, spacing.b, spacing.distance, count), (1, 0, 2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn count_spacings(
    annotations: &Annotations,
    options: SpacingOptions,
) -> Result<SpacingCounts, MotifError> {
    let found = Arrangement::of(annotations);
    options.check(&found)?;
    let (mut counts, mut spacings) = (SpacingCounts::default(), Vec::new());
    for places in found.motifs() {
        spacings.clear();
        found.for_each_pair(places, options.order, options.max_distance, |left, right| {
            spacings.extend(options.spacing(left, right));
        });
        spacings.sort_unstable();
        for same in spacings.chunk_by(|a, b| a == b) {
            counts.push(same[0], same.len() as u64);
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{PairCounting, count_pairs};

    fn at(motif: u32, start: u32, end: u32) -> Annotation {
        Annotation::new(0, motif, start, end)
    }

    fn count(rows: &[Annotation], options: SpacingOptions) -> Vec<((u32, u32, i64), u64)> {
        let found: Annotations = rows.iter().copied().collect();
        let spacings = count_spacings(&found, options).unwrap();
        spacings.iter().map(|(s, n)| ((s.a, s.b, s.distance), n)).collect()
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
            assert_eq!(spacings.iter().collect::<Vec<_>>(), [(found, 1)]);
        }
    }

    /// The table by the words of its definition: every two rows, one after another.
    fn slowly(rows: &[Annotation], options: SpacingOptions) -> Option<BTreeMap<Spacing, u64>> {
        let mut counts = BTreeMap::new();
        for (i, first) in rows.iter().enumerate() {
            for second in rows.iter().skip(i + 1).filter(|second| second.example == first.example) {
                let (left, right) =
                    if first.start < second.start { (first, second) } else { (second, first) };
                let distance = i64::from(right.start) - i64::from(left.end);
                let distance = match options.overlaps {
                    OverlapRule::Refuse if distance < 0 => return None,
                    OverlapRule::Skip if distance < 0 => continue,
                    OverlapRule::Zero => distance.max(0),
                    _ => distance,
                };
                let (a, b) = match options.order {
                    PairOrder::ByPosition => (left.motif, right.motif),
                    PairOrder::ByIndex => (left.motif.min(right.motif), left.motif.max(right.motif)),
                };
                let orientation = match options.orientations {
                    Orientations::Together => None,
                    Orientations::Apart => Orientation::of(left.strand, right.strand),
                };
                if distance < i64::from(options.max_distance) {
                    *counts.entry(Spacing { a, b, orientation, distance }).or_insert(0) += 1;
                }
            }
        }
        Some(counts)
    }

    proptest! {
        #[test]
        fn the_table_is_that_of_every_two_rows(
            rows in prop::collection::vec(
                (0_u32..3, 0_u32..4, 0_u32..60, 0_u32..12, prop::option::of(any::<bool>())), 0..20),
            max_distance in 0_u32..60,
            wide in any::<bool>(),
        ) {
            let strand = |forward| if forward { Strand::Forward } else { Strand::Reverse };
            // One that is much wider than the others reaches over them.
            let width = |width| if wide && width == 11 { 50 } else { width };
            let row = |&(example, motif, start, w, s): &(u32, u32, u32, u32, Option<bool>)| Annotation {
                strand: s.map(strand),
                ..Annotation::new(example, motif, start, start + width(w))
            };
            let rows: Vec<Annotation> = rows.iter().map(row).collect();
            let found: Annotations = rows.iter().copied().collect();
            for overlaps in [OverlapRule::Signed, OverlapRule::Zero, OverlapRule::Skip, OverlapRule::Refuse] {
                for order in [PairOrder::ByIndex, PairOrder::ByPosition] {
                    for orientations in [Orientations::Together, Orientations::Apart] {
                        let options = SpacingOptions { max_distance, overlaps, order, orientations };
                        let table = count_spacings(&found, options).ok();
                        for (spacing, n) in table.iter().flat_map(SpacingCounts::iter) {
                            prop_assert_eq!(table.as_ref().map(|table| table.get(&spacing)), Some(n));
                        }
                        let table = table.map(|table| table.iter().collect::<Vec<_>>());
                        prop_assert_eq!(table, slowly(&rows, options).map(|rows| rows.into_iter().collect()));
                    }
                }
            }
        }

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
                        for (spacing, n) in count_spacings(&found, options).unwrap().iter() {
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
