use super::order::place;
use super::{Annotation, AnnotationOrder, Annotations};
use crate::MotifError;

/// How annotations that overlap become one site.
///
/// ```
/// use cistron_motif::{AnnotationOrder, SiteOptions};
///
/// let options = SiteOptions { prefer: AnnotationOrder::Attribution, ..SiteOptions::default() };
/// assert_eq!(options.min_overlap, 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct SiteOptions<'a> {
    /// Which annotation names a site: the first in this order. By default the lowest p-value.
    pub prefer: AnnotationOrder,
    /// Two annotations compete if they share at least this part of the shorter one, and at least one position; from 0
    /// to 1, default 0.
    pub min_overlap: f64,
    /// (M): the cluster of each motif; then only annotations of one cluster compete. By default all do.
    pub clusters: Option<&'a [u32]>,
}

impl Default for SiteOptions<'_> {
    fn default() -> Self {
        Self { prefer: AnnotationOrder::PValue, min_overlap: 0.0, clusters: None }
    }
}

/// A place that one annotation names and others would name too. Numbers are rows of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Site {
    /// The annotation that names the site.
    pub best: usize,
    /// Those that overlap it and come after it in the order of preference, best first.
    pub alternatives: Vec<usize>,
}

impl Annotations {
    /// Gathers annotations that overlap into sites.
    ///
    /// Annotations are taken in the order of preference. One that is not yet part of a site begins one, and those of
    /// its example (and its cluster) that overlap it and are part of none become its alternatives. So every row is in
    /// one site, no two sites of a cluster overlap by as much as competes, and sites do not grow in chains: an
    /// alternative overlaps the best itself. Sites come by position.
    ///
    /// Ties go to the leftmost, the shorter, the motif of the lowest index, the forward strand, and the lower row.
    ///
    /// **Cost**: time O(n log n + n · d) for n rows of which d lie over one position.
    ///
    /// # Errors
    /// [`MotifError::Option`] for a share that is none, [`MotifError::Annotation`] for a motif without a cluster.
    ///
    /// ```
    /// use cistron_motif::{Annotation, Annotations, SiteOptions};
    ///
    /// let row = |motif, start, p_value| Annotation { p_value, ..Annotation::new(0, motif, start, start + 8) };
    /// let hits: Annotations = [row(0, 100, 1e-5), row(1, 101, 1e-7), row(2, 300, 1e-5)].into_iter().collect();
    /// let sites = hits.sites(&SiteOptions::default())?;
    /// assert_eq!((sites[0].best, &sites[0].alternatives[..], sites[1].best), (1, &[0][..], 2));
    /// let named = hits.select(sites.iter().map(|site| site.best));
    /// assert_eq!(named.motifs(), [1, 2]);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    pub fn sites(&self, options: &SiteOptions<'_>) -> Result<Vec<Site>, MotifError> {
        if !(0.0..=1.0).contains(&options.min_overlap) {
            let (option, expected) = ("smallest overlap", "a share from 0 to 1");
            return Err(MotifError::Option { option, found: options.min_overlap.to_string(), expected });
        }
        let clusters = options.clusters.map(|clusters| self.clusters_of(clusters)).transpose()?;
        let group = |row: usize| (self.examples[row], clusters.as_ref().map_or(0, |clusters| clusters[row]));
        let mut by_place: Vec<usize> = (0..self.len()).collect();
        by_place.sort_by_key(|&row| (group(row), place(&self.row(row))));
        let mut sites = Vec::new();
        for rows in by_place.chunk_by(|&a, &b| group(a) == group(b)) {
            self.gather(rows, options, &mut sites);
        }
        sites.sort_by_key(|site| place(&self.row(site.best)));
        Ok(sites)
    }

    /// The sites of rows that compete, given by position.
    fn gather(&self, rows: &[usize], options: &SiteOptions<'_>, sites: &mut Vec<Site>) {
        let found: Vec<Annotation> = rows.iter().map(|&row| self.row(row)).collect();
        let widest = found.iter().map(|row| row.end.saturating_sub(row.start)).max().unwrap_or(0);
        let key = |&rank: &usize| options.prefer.key(&found[rank]);
        // A stable sort leaves ties by position.
        let mut preferred: Vec<usize> = (0..found.len()).collect();
        preferred.sort_by(|a, b| key(a).total_cmp(&key(b)));
        let mut order = vec![0; found.len()];
        preferred.iter().enumerate().for_each(|(place, &rank)| order[rank] = place);
        let mut taken = vec![false; found.len()];
        for &best in &preferred {
            if std::mem::replace(&mut taken[best], true) {
                continue;
            }
            let (start, end) = (found[best].start, found[best].end);
            let from = found.partition_point(|row| row.start.saturating_add(widest) <= start);
            let to = found.partition_point(|row| row.start < end);
            let mut alternatives: Vec<usize> = (from..to)
                .filter(|&rank| !taken[rank] && competes(&found[best], &found[rank], options.min_overlap))
                .collect();
            for &rank in &alternatives {
                taken[rank] = true;
            }
            alternatives.sort_by_key(|&rank| order[rank]);
            let alternatives = alternatives.into_iter().map(|rank| rows[rank]).collect();
            sites.push(Site { best: rows[best], alternatives });
        }
    }
}

/// Whether two annotations of one example share enough.
fn competes(a: &Annotation, b: &Annotation, min_overlap: f64) -> bool {
    let shared = a.end.min(b.end).saturating_sub(a.start.max(b.start));
    let shorter = (a.end.saturating_sub(a.start)).min(b.end.saturating_sub(b.start));
    shared > 0 && f64::from(shared) >= min_overlap * f64::from(shorter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(example: u32, motif: u32, start: u32, width: u32, p_value: f64) -> Annotation {
        Annotation { p_value, ..Annotation::new(example, motif, start, start + width) }
    }

    fn sites(rows: &[Annotation], options: &SiteOptions<'_>) -> Vec<(usize, Vec<usize>)> {
        let table: Annotations = rows.iter().copied().collect();
        table.sites(options).unwrap().into_iter().map(|site| (site.best, site.alternatives)).collect()
    }

    #[test]
    fn clusters_keep_what_does_not_compete() {
        let rows =
            [row(0, 0, 9, 8, 1e-3), row(0, 1, 12, 8, 1e-4), row(0, 2, 11, 8, 1e-5), row(1, 0, 10, 8, 0.1)];
        assert_eq!(sites(&rows, &SiteOptions::default()), [(2, vec![1, 0]), (3, vec![])]);
        let clusters = SiteOptions { clusters: Some(&[7, 7, 3]), ..SiteOptions::default() };
        assert_eq!(sites(&rows, &clusters), [(2, vec![]), (1, vec![0]), (3, vec![])]);
        let strict = SiteOptions { min_overlap: 0.8, ..SiteOptions::default() };
        assert_eq!(sites(&rows, &strict), [(0, vec![]), (2, vec![1]), (3, vec![])]);
    }

    #[test]
    fn ties_go_to_the_left_and_to_the_lower_motif_and_unknown_values_come_last() {
        let rows = [
            row(0, 5, 10, 8, f64::NAN),
            row(0, 9, 10, 8, 0.01),
            row(0, 3, 10, 8, 0.01),
            row(0, 1, 11, 8, 0.01),
        ];
        assert_eq!(sites(&rows, &SiteOptions::default()), [(2, vec![1, 3, 0])]);
        let by_attribution = SiteOptions { prefer: AnnotationOrder::Attribution, ..SiteOptions::default() };
        let with = |attribution, row| Annotation { attribution, ..row };
        let rows = [with(0.5, rows[0]), with(-2.0, rows[1]), with(f64::NAN, rows[2])];
        assert_eq!(sites(&rows, &by_attribution), [(1, vec![0, 2])]);
    }

    #[test]
    fn a_share_that_is_none_is_refused() {
        for min_overlap in [-0.1, 1.1, f64::NAN] {
            assert!(
                Annotations::new().sites(&SiteOptions { min_overlap, ..SiteOptions::default() }).is_err()
            );
        }
    }

    proptest! {
        #[test]
        fn sites_are_those_of_a_plain_loop(
            rows in prop::collection::vec((0_u32..2, 0_u32..4, 0_u32..30, 1_u32..9, 0_u32..5), 0..40),
            min_overlap in 0.0_f64..1.0,
            clustered: bool,
        ) {
            let rows: Vec<Annotation> =
                rows.iter().map(|&(e, m, s, w, p)| row(e, m, s, w, f64::from(p) / 10.0)).collect();
            let clusters = [0, 1, 0, 2];
            let options =
                SiteOptions { min_overlap, clusters: clustered.then_some(&clusters), ..SiteOptions::default() };
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| {
                rows[a].p_value.total_cmp(&rows[b].p_value).then_with(|| place(&rows[a]).cmp(&place(&rows[b])))
            });
            let mut expected: Vec<(usize, Vec<usize>)> = Vec::new();
            for &candidate in &order {
                let rival = |site: &&mut (usize, Vec<usize>)| {
                    let (a, b) = (&rows[site.0], &rows[candidate]);
                    let same = !clustered || clusters[a.motif as usize] == clusters[b.motif as usize];
                    same && a.example == b.example && competes(a, b, min_overlap)
                };
                match expected.iter_mut().find(rival) {
                    Some(site) => site.1.push(candidate),
                    None => expected.push((candidate, Vec::new())),
                }
            }
            expected.sort_by_key(|site| place(&rows[site.0]));
            prop_assert_eq!(sites(&rows, &options), expected);
        }
    }
}
