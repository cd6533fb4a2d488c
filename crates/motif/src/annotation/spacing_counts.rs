use std::ops::Range;

use super::{Orientation, Spacing};

/// How often two motifs were found at each distance: a sparse table by motifs, orientation and distance, in this order.
///
/// It has a row for each distance that occurs, not for each that could, and no row is 0. A row takes 17 bytes: hits of
/// thousands of motifs have tens of millions of rows.
///
/// ```
/// use cistron_motif::{Annotation, Annotations, SpacingOptions, count_spacings};
///
/// let row = |example, motif, start| Annotation::new(example, motif, start, start + 5);
/// let found: Annotations = [row(0, 0, 10), row(0, 1, 17), row(1, 0, 3), row(1, 1, 10)].into_iter().collect();
/// let spacings = count_spacings(&found, SpacingOptions::default())?;
/// let (spacing, count) = spacings.iter().next().ok_or("none")?;
/// assert_eq!((spacing.a, spacing.b, spacing.distance, count), (0, 1, 2, 2));
/// assert_eq!(spacings.get(&spacing), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpacingCounts {
    /// The motifs of each pair, ascending.
    pairs: Vec<(u32, u32)>,
    /// One past the last row of each pair.
    ends: Vec<usize>,
    orientations: Vec<Option<Orientation>>,
    distances: Vec<i64>,
    counts: Vec<u64>,
}

impl SpacingCounts {
    /// Adds a row that comes after all others.
    pub(super) fn push(&mut self, spacing: Spacing, count: u64) {
        let pair = (spacing.a, spacing.b);
        if self.pairs.last() != Some(&pair) {
            self.pairs.push(pair);
            self.ends.push(self.len());
        }
        self.orientations.push(spacing.orientation);
        self.distances.push(spacing.distance);
        self.counts.push(count);
        if let Some(end) = self.ends.last_mut() {
            *end += 1;
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no pair has a distance.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The motifs that have a row, in order.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = (Spacing, u64)> + '_ {
        (0..self.pairs.len()).flat_map(move |pair| self.rows(pair).map(move |row| self.row(pair, row)))
    }

    /// The rows of two motifs, `a` being the one that is named first.
    ///
    /// **Cost**: O(log of the number of pairs) before the first.
    pub fn pair(&self, a: u32, b: u32) -> impl Iterator<Item = (Spacing, u64)> + '_ {
        let pair = self.pairs.binary_search(&(a, b));
        pair.into_iter().flat_map(move |pair| self.rows(pair).map(move |row| self.row(pair, row)))
    }

    /// How often a spacing was found; 0 if it has no row.
    pub fn get(&self, spacing: &Spacing) -> u64 {
        self.pair(spacing.a, spacing.b).find(|(found, _)| found == spacing).map_or(0, |(_, count)| count)
    }

    fn rows(&self, pair: usize) -> Range<usize> {
        let start = pair.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[pair]
    }

    fn row(&self, pair: usize, row: usize) -> (Spacing, u64) {
        let (a, b) = self.pairs[pair];
        let spacing = Spacing { a, b, orientation: self.orientations[row], distance: self.distances[row] };
        (spacing, self.counts[row])
    }
}
