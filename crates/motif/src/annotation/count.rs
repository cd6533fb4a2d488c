use std::collections::BTreeMap;

use super::Annotations;
use super::arrangement::Arrangement;

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
    for cell in example_motifs(annotations) {
        *counts.entry(cell).or_default() += 1;
    }
    counts
}

fn example_motifs(annotations: &Annotations) -> impl Iterator<Item = (u32, u32)> {
    annotations.examples().iter().copied().zip(annotations.motifs().iter().copied())
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
/// **Cost**: time O(n²) for the n annotations of each example, memory for the table and the annotations.
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
    let (motifs, cells) = cells(annotations, order);
    let mut by_motif: Vec<u32> = (0..cells.len() as u32).collect();
    by_motif.sort_by_key(|&place| cells[place as usize].motif);
    let (mut counts, mut partners) = (Vec::new(), Partners::new(motifs.len()));
    for places in by_motif.chunk_by(|&a, &b| cells[a as usize].motif == cells[b as usize].motif) {
        let mut example = None;
        for &place in places {
            let (here, after) = (cells[place as usize], &cells[place as usize + 1..]);
            let after = after.iter().take_while(|other| other.example == here.example);
            match counting {
                PairCounting::Every => {
                    partners.add(here.motif, here.count * (here.count - 1) / 2);
                    after.for_each(|other| partners.add(other.motif, here.count * other.count));
                }
                // Whatever follows a later one of the same motif follows the first as well.
                PairCounting::OncePerExample if example.replace(here.example) != Some(here.example) => {
                    let others = after.filter(|other| other.motif != here.motif);
                    others.for_each(|other| partners.add_once(other.motif, place));
                }
                PairCounting::OncePerExample => {}
            }
        }
        let first = motifs[cells[places[0] as usize].motif as usize];
        counts.extend(partners.take().map(|(other, count)| ((first, motifs[other as usize]), count)));
    }
    counts.into_iter().collect()
}

/// A motif of an example, by its place among the motifs that occur.
#[derive(Clone, Copy)]
struct Cell {
    example: u32,
    motif: u32,
    /// How often it is there.
    count: u64,
}

/// The motifs that occur, and examples' motifs in such an order that each is named before those after it.
fn cells(annotations: &Annotations, order: PairOrder) -> (Vec<u32>, Vec<Cell>) {
    let mut motifs = annotations.motifs().to_vec();
    motifs.sort_unstable();
    motifs.dedup();
    let cell = |example, motif, count| {
        let motif = motifs.partition_point(|&other| other < motif) as u32;
        Cell { example, motif, count }
    };
    let cells = match order {
        PairOrder::ByIndex => {
            let mut rows = example_motifs(annotations).collect::<Vec<_>>();
            rows.sort_unstable();
            let equal = rows.chunk_by(|a, b| a == b);
            equal.map(|rows| cell(rows[0].0, rows[0].1, rows.len() as u64)).collect()
        }
        PairOrder::ByPosition => {
            let found = Arrangement::of(annotations);
            found.rows().iter().map(|row| cell(row.example, row.motif, 1)).collect()
        }
    };
    (motifs, cells)
}

/// How often one motif stands with each other.
struct Partners {
    counts: Vec<u64>,
    /// Those whose count is not 0.
    met: Vec<u32>,
    /// Where each was last counted once.
    seen: Vec<Option<u32>>,
}

impl Partners {
    fn new(motifs: usize) -> Self {
        Self { counts: vec![0; motifs], met: Vec::new(), seen: vec![None; motifs] }
    }

    fn add(&mut self, motif: u32, n: u64) {
        let count = &mut self.counts[motif as usize];
        if *count == 0 && n > 0 {
            self.met.push(motif);
        }
        *count += n;
    }

    /// Adds one, unless it was added at this place before.
    fn add_once(&mut self, motif: u32, place: u32) {
        if self.seen[motif as usize].replace(place) != Some(place) {
            self.add(motif, 1);
        }
    }

    /// The counts, by motif; they are 0 again.
    fn take(&mut self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.met.sort_unstable();
        self.met.drain(..).map(|motif| (motif, std::mem::take(&mut self.counts[motif as usize])))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        fn pairs_are_those_of_every_two_rows(
            rows in prop::collection::vec((0_u32..4, 0_u32..5, 0_u32..20), 0..30),
        ) {
            let found = table(&rows);
            for order in [PairOrder::ByIndex, PairOrder::ByPosition] {
                let (mut every, mut once) = (BTreeMap::new(), BTreeSet::new());
                for (i, first) in rows.iter().enumerate() {
                    for second in rows.iter().skip(i + 1).filter(|second| second.0 == first.0) {
                        let (left, right) = if first.2 < second.2 { (first, second) } else { (second, first) };
                        let pair = order.name(left.1, right.1);
                        *every.entry(pair).or_insert(0) += 1;
                        if pair.0 != pair.1 {
                            once.insert((pair, first.0));
                        }
                    }
                }
                let mut examples = BTreeMap::new();
                for (pair, _) in once {
                    *examples.entry(pair).or_insert(0) += 1;
                }
                prop_assert_eq!(count_pairs(&found, PairCounting::Every, order), every);
                prop_assert_eq!(count_pairs(&found, PairCounting::OncePerExample, order), examples);
            }
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
