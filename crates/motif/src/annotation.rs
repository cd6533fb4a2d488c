//! Where motifs stand: a table of annotations, whatever found them, and what is asked of it.

mod arrangement;
mod contribution;
mod count;
mod enrichment;
mod order;
mod site;
mod spacing;
mod spacing_counts;
mod sum;
mod tail;

use cistron_core::Strand;

use crate::{Hit, MotifError, MotifMatch, Seqlet};
pub use contribution::{ContributionOptions, contribution_hits};
pub use count::{PairCounting, PairOrder, count_annotations, count_pairs};
pub use enrichment::{Enrichment, pair_enrichment, spacing_enrichment};
pub use order::AnnotationOrder;
pub use site::{Site, SiteOptions};
pub use spacing::{Orientation, Orientations, OverlapRule, Spacing, SpacingOptions, count_spacings};
pub use spacing_counts::SpacingCounts;

/// A motif that was found in an example: one row of [`Annotations`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Annotation {
    /// Which example, from 0.
    pub example: u32,
    /// Which motif, from 0.
    pub motif: u32,
    /// The first position, 0-based.
    pub start: u32,
    /// One past the last position; not below `start`.
    pub end: u32,
    /// The strand of the motif; `None` where it has none or is not known.
    pub strand: Option<Strand>,
    /// How well the motif fits, in the units of what found it; NaN if not known.
    pub score: f64,
    /// How likely chance fits as well; NaN if not known.
    pub p_value: f64,
    /// The sum of the attributions of its positions; NaN if not known.
    pub attribution: f64,
}

impl Annotation {
    /// A span that a motif names, of which nothing else is known.
    pub fn new(example: u32, motif: u32, start: u32, end: u32) -> Self {
        let unknown = f64::NAN;
        Self {
            example,
            motif,
            start,
            end,
            strand: None,
            score: unknown,
            p_value: unknown,
            attribution: unknown,
        }
    }

    /// Whether the two share a position of one example.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.example == other.example && self.start < other.end && other.start < self.end
    }
}

/// A table of annotations, column by column.
///
/// It comes from hits of a scan ([`from_hits`](Self::from_hits)), from seqlets and the motifs that name them
/// ([`from_seqlets`](Self::from_seqlets)), from [`contribution_hits`](crate::contribution_hits), or row by row, from a
/// BED file or by hand. What is asked of it does not depend on where it came from.
///
/// ```
/// use cistron_motif::{Annotation, Annotations};
///
/// let found: Annotations = [Annotation::new(0, 7, 20, 27), Annotation::new(0, 3, 5, 12)].into_iter().collect();
/// assert_eq!((found.len(), found.motifs()), (2, &[7, 3][..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    examples: Vec<u32>,
    motifs: Vec<u32>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    strands: Vec<Option<Strand>>,
    scores: Vec<f64>,
    p_values: Vec<f64>,
    attributions: Vec<f64>,
}

impl Annotations {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// The hits of a scan, in their order.
    ///
    /// # Errors
    /// [`MotifError::Annotation`] for a hit that ends beyond position 2³² - 1.
    pub fn from_hits(hits: &[Hit]) -> Result<Self, MotifError> {
        let mut table = Self::new();
        for (row, hit) in hits.iter().enumerate() {
            let (Ok(start), Ok(end)) = (u32::try_from(hit.start), u32::try_from(hit.end)) else {
                let problem = format!("ends at {}, expected at most {}", hit.end, u32::MAX);
                return Err(MotifError::Annotation { row, problem });
            };
            table.push(Annotation {
                strand: Some(hit.strand),
                score: hit.score,
                p_value: hit.p_value,
                ..Annotation::new(hit.example, hit.motif, start, end)
            });
        }
        Ok(table)
    }

    /// Seqlets named by the motifs that they match, best first: `names` holds the matches of each seqlet, as
    /// [`compare_each`](crate::TomtomTargets::compare_each) gives them, of which the first counts.
    ///
    /// The span and the attribution are the seqlet's; score, p-value and strand those of the match. A seqlet that
    /// matches nothing has no row.
    ///
    /// # Errors
    /// [`MotifError::Annotation`] if there are not as many lists of matches as seqlets.
    pub fn from_seqlets(seqlets: &[Seqlet], names: &[Vec<MotifMatch>]) -> Result<Self, MotifError> {
        if seqlets.len() != names.len() {
            let problem = format!("has no counterpart: {} seqlets, {} names", seqlets.len(), names.len());
            return Err(MotifError::Annotation { row: seqlets.len().min(names.len()), problem });
        }
        let row = |(seqlet, names): (&Seqlet, &Vec<MotifMatch>)| {
            let best = names.first()?;
            Some(Annotation {
                strand: Some(best.strand),
                score: f64::from(best.score),
                p_value: best.p_value,
                attribution: seqlet.attribution,
                ..Annotation::new(seqlet.example, u32::try_from(best.target).ok()?, seqlet.start, seqlet.end)
            })
        };
        Ok(seqlets.iter().zip(names).filter_map(row).collect())
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: Annotation) {
        self.examples.push(row.example);
        self.motifs.push(row.motif);
        self.starts.push(row.start);
        self.ends.push(row.end);
        self.strands.push(row.strand);
        self.scores.push(row.score);
        self.p_values.push(row.p_value);
        self.attributions.push(row.attribution);
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// A row, or `None` beyond the last.
    pub fn get(&self, row: usize) -> Option<Annotation> {
        (row < self.len()).then(|| self.row(row))
    }

    /// A row that is there.
    fn row(&self, row: usize) -> Annotation {
        Annotation {
            example: self.examples[row],
            motif: self.motifs[row],
            start: self.starts[row],
            end: self.ends[row],
            strand: self.strands[row],
            score: self.scores[row],
            p_value: self.p_values[row],
            attribution: self.attributions[row],
        }
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Annotation> + '_ {
        (0..self.len()).map(|row| self.row(row))
    }

    /// The example of each row.
    pub fn examples(&self) -> &[u32] {
        &self.examples
    }

    /// The motif of each row.
    pub fn motifs(&self) -> &[u32] {
        &self.motifs
    }

    /// The first position of each row.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// One past the last position of each row.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The strand of each row, where it has one.
    pub fn strands(&self) -> &[Option<Strand>] {
        &self.strands
    }

    /// The score of each row; NaN if not known.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The p-value of each row; NaN if not known.
    pub fn p_values(&self) -> &[f64] {
        &self.p_values
    }

    /// The attribution of each row; NaN if not known.
    pub fn attributions(&self) -> &[f64] {
        &self.attributions
    }

    /// The rows that satisfy a condition, in their order.
    ///
    /// ```
    /// use cistron_motif::{Annotation, Annotations};
    ///
    /// let found: Annotations = (0..4).map(|motif| Annotation::new(0, motif, 0, 9)).collect();
    /// assert_eq!(found.filter(|row| row.motif != 2).motifs(), [0, 1, 3]);
    /// ```
    #[must_use]
    pub fn filter(&self, keep: impl FnMut(&Annotation) -> bool) -> Self {
        self.iter().filter(keep).collect()
    }

    /// The rows of these numbers, in this order; those beyond the last are passed over.
    #[must_use]
    pub fn select(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        rows.into_iter().filter_map(|row| self.get(row)).collect()
    }

    /// Each motif's number replaced by that of its cluster.
    ///
    /// * `clusters` (M): the cluster of each motif
    ///
    /// # Errors
    /// [`MotifError::Annotation`] for a motif without a cluster.
    pub fn cluster(&self, clusters: &[u32]) -> Result<Self, MotifError> {
        let motifs = self.clusters_of(clusters)?;
        Ok(Self { motifs, ..self.clone() })
    }

    /// The cluster of each row's motif.
    fn clusters_of(&self, clusters: &[u32]) -> Result<Vec<u32>, MotifError> {
        let cluster = |(row, &motif): (usize, &u32)| {
            clusters.get(motif as usize).copied().ok_or_else(|| MotifError::Annotation {
                row,
                problem: format!(
                    "names motif {motif}, expected one of the {} with a cluster",
                    clusters.len()
                ),
            })
        };
        self.motifs.iter().enumerate().map(cluster).collect()
    }

    /// The numbers of the rows of each example, in the order of the table; examples ascending.
    fn rows_by_example(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..self.len() as u32).collect();
        if !self.examples.is_sorted() {
            rows.sort_by_key(|&row| self.examples[row as usize]);
        }
        rows
    }
}

impl FromIterator<Annotation> for Annotations {
    fn from_iter<I: IntoIterator<Item = Annotation>>(rows: I) -> Self {
        let mut table = Self::new();
        table.extend(rows);
        table
    }
}

impl Extend<Annotation> for Annotations {
    fn extend<I: IntoIterator<Item = Annotation>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_beyond_the_last_position_are_refused() {
        let end = u64::from(u32::MAX);
        let hit = |end: u64| Hit {
            motif: 1,
            example: 2,
            start: end - 5,
            end,
            strand: Strand::Reverse,
            score: 9.5,
            p_value: 1e-5,
        };
        let row = Annotations::from_hits(&[hit(end)]).unwrap().get(0).unwrap();
        assert_eq!((row.example, row.motif, row.end, row.strand), (2, 1, u32::MAX, Some(Strand::Reverse)));
        assert_eq!((row.score, row.p_value), (9.5, 1e-5));
        let error = Annotations::from_hits(&[hit(end), hit(end + 1)]).unwrap_err().to_string();
        assert_eq!(error, "annotation 1 ends at 4294967296, expected at most 4294967295");
    }

    #[test]
    fn a_motif_needs_a_cluster() {
        let found: Annotations = [0, 2].map(|motif| Annotation::new(0, motif, 0, 5)).into_iter().collect();
        assert_eq!(found.cluster(&[4, 9, 4]).unwrap().motifs(), [4, 4]);
        let error = found.cluster(&[4, 9]).unwrap_err().to_string();
        assert_eq!(error, "annotation 1 names motif 2, expected one of the 2 with a cluster");
    }

    #[test]
    fn seqlets_and_names_are_as_many() {
        let seqlet = Seqlet { example: 0, start: 3, end: 9, attribution: 1.0, p_value: 0.01 };
        assert!(Annotations::from_seqlets(&[seqlet], &[]).is_err());
        assert!(Annotations::from_seqlets(&[seqlet], &[vec![]]).unwrap().is_empty());
    }
}
