//! Groups of motifs that are alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use ndarray::ArrayView2;

use crate::{TomtomError, TomtomOptions, compare_symmetric};

/// When two groups become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Linkage {
    /// If the mean similarity over all pairs across the groups is that of the threshold or more.
    #[default]
    Average,
    /// If one pair is linked: chains grow long.
    Single,
}

/// How motifs are grouped.
///
/// ```
/// use cistron_motif::{ClusterOptions, Linkage};
///
/// let options = ClusterOptions { linkage: Linkage::Single, ..ClusterOptions::default() };
/// assert_eq!(options.threshold, 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterOptions {
    /// Two motifs are linked if their p-value is at most this, in (0, 1); default 1e-5.
    pub threshold: f64,
    /// When groups are joined; default the average.
    pub linkage: Linkage,
    /// How motifs are compared; `nearest` and `threshold` are not used.
    pub comparison: TomtomOptions,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self { threshold: 1e-5, linkage: Linkage::default(), comparison: TomtomOptions::default() }
    }
}

/// The place of a motif among groups.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClusterMember {
    /// The group, from 0, in the order of each group's first motif.
    pub cluster: usize,
    /// The group's motif that is most like the others of it, by index.
    pub representative: usize,
    /// The p-value of the motif and the representative; `None` for the representative itself and where the two are
    /// not linked.
    pub p_value: Option<f64>,
}

/// The similarity of linked motifs, by index.
type Links = Vec<BTreeMap<usize, f64>>;

/// Groups motifs by how alike they are; one [`ClusterMember`] for each, in the order of the motifs.
///
/// Each pair is compared once ([`compare_symmetric`]). A pair whose p-value is at most the threshold is linked, with
/// the similarity `-log10 p`, at most twice that of the threshold; all other pairs have similarity 0. Groups begin
/// with one motif each, and the two of the largest mean similarity are joined as long as the [`Linkage`] allows, ties
/// by lowest index. The representative has the largest sum of similarities to its group.
///
/// * `motifs`: matrices of shape (width, A)
///
/// **Cost**: that of the comparison, and memory for linked pairs alone.
///
/// Source: average linkage is that of Sokal and Michener 1958 (UPGMA); the cap keeps one pair of near twins from
/// joining groups that are otherwise unlike.
///
/// # Errors
/// [`TomtomError::Option`] for a threshold outside (0, 1), and as [`compare_symmetric`].
///
/// ```
/// use cistron_motif::{ClusterOptions, cluster_motifs, sequence_matrix};
///
/// // Two motifs and the reverse complement of the first.
/// let dna = cistron_core::Alphabet::dna();
/// let motifs = [[0, 0, 2, 1, 3, 2, 0, 1], [1, 1, 1, 2, 2, 3, 3, 0], [2, 3, 1, 0, 2, 1, 3, 3]];
/// let motifs = motifs.map(|codes| sequence_matrix(&codes, &dna));
/// let views = [motifs[0].view(), motifs[1].view(), motifs[2].view()];
/// let options = ClusterOptions { threshold: 0.01, ..ClusterOptions::default() };
/// let clusters: Vec<_> = cluster_motifs(&views, &options)?.iter().map(|member| member.cluster).collect();
/// assert_eq!(clusters, [0, 1, 0]);
/// # Ok::<(), cistron_motif::TomtomError>(())
/// ```
pub fn cluster_motifs(
    motifs: &[ArrayView2<'_, f64>],
    options: &ClusterOptions,
) -> Result<Vec<ClusterMember>, TomtomError> {
    if !(options.threshold > 0.0 && options.threshold < 1.0) {
        let (found, expected) = (options.threshold.to_string(), "a p-value between 0 and 1".to_owned());
        return Err(TomtomError::Option { what: "threshold", found, expected });
    }
    let mut p_values = vec![BTreeMap::new(); motifs.len()];
    let comparison =
        TomtomOptions { nearest: None, threshold: Some(options.threshold), ..options.comparison.clone() };
    compare_symmetric(motifs, comparison, |query, matches| {
        for found in matches {
            p_values[query].insert(found.target, found.p_value);
            p_values[found.target].insert(query, found.p_value);
        }
        Ok::<(), TomtomError>(())
    })?;
    let least = -options.threshold.log10();
    let similarity = |p: &f64| (-p.log10()).min(2.0 * least);
    let links: Links =
        p_values.iter().map(|row| row.iter().map(|(other, p)| (*other, similarity(p))).collect()).collect();
    let roots = match options.linkage {
        Linkage::Single => components(&links),
        Linkage::Average => averages(links.clone(), least),
    };
    Ok(members(&roots, &links, &p_values))
}

/// The lowest motif that chains of links lead to, for each motif.
fn components(links: &Links) -> Vec<usize> {
    let mut roots: Vec<Option<usize>> = vec![None; links.len()];
    for first in 0..links.len() {
        let mut waiting = vec![first];
        while let Some(motif) = waiting.pop() {
            if roots[motif].is_none() {
                roots[motif] = Some(first);
                waiting.extend(links[motif].keys());
            }
        }
    }
    roots.into_iter().flatten().collect()
}

/// Two groups that may be joined: the largest mean first, then the lowest indices.
#[derive(PartialEq)]
struct Join {
    mean: f64,
    groups: Reverse<(usize, usize)>,
}

impl Eq for Join {}

impl PartialOrd for Join {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Join {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.mean.total_cmp(&other.mean).then_with(|| self.groups.cmp(&other.groups))
    }
}

/// The lowest motif of the group of each motif; `sums` are similarities across groups, at first of single motifs.
fn averages(mut sums: Links, least: f64) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..sums.len()).collect();
    let mut sizes = vec![1_usize; sums.len()];
    let mean = |a: usize, b: usize, sum: f64, sizes: &[usize]| sum / (sizes[a] * sizes[b]) as f64;
    let mut joins = BinaryHeap::new();
    for (a, row) in sums.iter().enumerate() {
        let above = row.range(a + 1..).map(|(b, sum)| Join { mean: *sum, groups: Reverse((a, *b)) });
        joins.extend(above);
    }
    while let Some(Join { mean: found, groups: Reverse((a, b)) }) = joins.pop() {
        // Groups that have changed since stand in the heap again, with their new mean.
        let now = sums[a].get(&b).map(|sum| mean(a, b, *sum, &sizes));
        if now != Some(found) || found < least {
            continue;
        }
        roots[b] = a;
        sizes[a] += sizes[b];
        sums[a].remove(&b);
        for (other, sum) in std::mem::take(&mut sums[b]) {
            sums[other].remove(&b);
            if other != a {
                *sums[a].entry(other).or_insert(0.0) += sum;
            }
        }
        for (other, sum) in sums[a].clone() {
            sums[other].insert(a, sum);
            joins.push(Join {
                mean: mean(a, other, sum, &sizes),
                groups: Reverse((a.min(other), a.max(other))),
            });
        }
    }
    // A group was joined to a lower one, whose own root is known by then.
    for motif in 0..roots.len() {
        roots[motif] = roots[roots[motif]];
    }
    roots
}

fn members(roots: &[usize], links: &Links, p_values: &[BTreeMap<usize, f64>]) -> Vec<ClusterMember> {
    let inside = |motif: usize| -> f64 {
        links[motif].iter().filter(|(other, _)| roots[**other] == roots[motif]).map(|(_, s)| s).sum()
    };
    // For each group its number, its representative and the sum of that.
    let mut groups: BTreeMap<usize, (usize, usize, f64)> = BTreeMap::new();
    for (motif, root) in roots.iter().enumerate() {
        let (number, sum) = (groups.len(), inside(motif));
        let group = groups.entry(*root).or_insert((number, motif, sum));
        if sum > group.2 {
            (group.1, group.2) = (motif, sum);
        }
    }
    let member = |(motif, root): (usize, &usize)| {
        let (cluster, representative, _) = groups[root];
        ClusterMember { cluster, representative, p_value: p_values[motif].get(&representative).copied() }
    };
    roots.iter().enumerate().map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symmetric similarities of all pairs given.
    fn links(n: usize, pairs: &[(usize, usize, f64)]) -> Links {
        let mut links = vec![BTreeMap::new(); n];
        for (a, b, similarity) in pairs {
            links[*a].insert(*b, *similarity);
            links[*b].insert(*a, *similarity);
        }
        links
    }

    /// Average linkage over all pairs, from scratch at each step.
    fn naive(links: &Links, least: f64) -> Vec<usize> {
        let mut groups: Vec<Vec<usize>> = (0..links.len()).map(|motif| vec![motif]).collect();
        loop {
            let mut best = (least, None);
            for a in 0..groups.len() {
                for b in a + 1..groups.len() {
                    let pairs = groups[a].iter().flat_map(|i| groups[b].iter().map(move |j| (i, j)));
                    let sum: f64 = pairs.map(|(i, j)| links[*i].get(j).copied().unwrap_or(0.0)).sum();
                    let mean = sum / (groups[a].len() * groups[b].len()) as f64;
                    if mean > best.0 || (mean == best.0 && best.1.is_none()) {
                        best = (mean, Some((a, b)));
                    }
                }
            }
            let Some((a, b)) = best.1 else { break };
            let other = groups.remove(b);
            groups[a].extend(other);
        }
        let mut roots = vec![0; links.len()];
        for group in groups {
            let least = group.iter().copied().min().unwrap_or(0);
            for motif in group {
                roots[motif] = least;
            }
        }
        roots
    }

    #[test]
    fn average_linkage_is_that_of_a_plain_loop() {
        for index in 0..60 {
            let mut stream = cistron_core::Seed::new(3).stream("cluster", index);
            let n = 2 + stream.below(14) as usize;
            let mut pairs = Vec::new();
            for a in 0..n {
                for b in a + 1..n {
                    // Halves add without rounding, so that ties are ties.
                    let similarity = 2.0 + stream.below(9) as f64 / 2.0;
                    pairs.extend((stream.below(3) > 0).then_some((a, b, similarity)));
                }
            }
            let links = links(n, &pairs);
            assert_eq!(averages(links.clone(), 2.0), naive(&links, 2.0), "{index} {pairs:?}");
        }
    }

    #[test]
    fn a_chain_is_one_group_by_single_linkage_alone() {
        let chain = links(4, &[(0, 1, 3.0), (1, 2, 3.0), (2, 3, 3.0)]);
        assert_eq!(components(&chain), [0; 4]);
        // 0 and 1 go first; the mean of 2 with both is 1.5, so 2 goes with 3, and across the pairs it is 0.75.
        assert_eq!(averages(chain.clone(), 2.0), [0, 0, 2, 2]);
        let members = members(&[0, 0, 0, 3], &chain, &chain);
        let of: Vec<_> = members.iter().map(|m| (m.cluster, m.representative, m.p_value)).collect();
        assert_eq!(of, [(0, 1, Some(3.0)), (0, 1, None), (0, 1, Some(3.0)), (1, 3, None)]);
    }

    #[test]
    fn thresholds_are_checked() {
        for threshold in [0.0, 1.0, f64::NAN] {
            let options = ClusterOptions { threshold, ..ClusterOptions::default() };
            let error = cluster_motifs(&[], &options).unwrap_err().to_string();
            assert_eq!(error, format!("threshold is {threshold}, expected a p-value between 0 and 1"));
        }
    }
}
