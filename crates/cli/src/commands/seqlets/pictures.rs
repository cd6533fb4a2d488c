//! Pictures of pairs and spacings.

use std::collections::BTreeMap;

use anyhow::Context as _;
use cistron::motif::{PairOrder, SpacingCounts, SpacingOptions};
use cistron::plot::{Mark, Matrix, Track, matrix, track};

use super::table::Table;
use crate::context::usage;

/// Motifs of a matrix: with more, numbers in its cells could not be read.
const MOST_MOTIFS: usize = 30;
/// A histogram shows this many distances from 0, also where no pair keeps them.
const FEW_DISTANCES: u32 = 200;
/// And no more than this.
const MOST_DISTANCES: i64 = 1_000_000;

/// Counts of pairs as a matrix: the first motif left, the other above; in both orders unless they are ordered.
pub(super) fn pair_picture(
    counts: &[((u32, u32), u64)],
    table: &Table,
    what: &str,
    ordered: bool,
) -> anyhow::Result<String> {
    let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
    for &((a, b), n) in counts {
        *sums.entry(a).or_default() += n;
        *sums.entry(b).or_default() += n;
    }
    let mut motifs: Vec<u32> = sums.keys().copied().collect();
    // A stable sort keeps ties in the order of the table.
    motifs.sort_by_key(|motif| std::cmp::Reverse(sums[motif]));
    motifs.truncate(MOST_MOTIFS);
    motifs.sort_unstable();
    let mut values = vec![0.0; motifs.len() * motifs.len()];
    for &((a, b), n) in counts {
        let (Ok(row), Ok(column)) = (motifs.binary_search(&a), motifs.binary_search(&b)) else { continue };
        values[row * motifs.len() + column] = n as f64;
        if !ordered {
            values[column * motifs.len() + row] = n as f64;
        }
    }
    let names: Vec<&str> = motifs.iter().map(|&motif| table.motifs.name(motif)).collect();
    let title = if ordered { "Pairs of motifs, the left one by rows" } else { "Pairs of motifs" };
    Ok(matrix(&Matrix { title, rows: &names, columns: &names, values: &values, value_label: what })?)
}

/// How often two motifs keep each distance, as bars; those of `pair`, or else of the two that are near most often.
pub(super) fn spacing_picture(
    counts: &SpacingCounts,
    table: &Table,
    pair: Option<&[String]>,
    options: SpacingOptions,
) -> anyhow::Result<String> {
    let max_distance = options.max_distance;
    let (a, b) = match pair {
        Some([a, b]) => (table.motif(a)?, table.motif(b)?),
        _ => nearest(counts).with_context(|| format!("no two motifs are nearer than {max_distance}"))?,
    };
    // Unless order counts, the row stands under the motif of the lower number.
    let (a, b) = if options.order == PairOrder::ByIndex { (a.min(b), a.max(b)) } else { (a, b) };
    let least = counts.pair(a, b).map(|(spacing, _)| spacing.distance).min().unwrap_or(0).min(0);
    let most = counts.pair(a, b).map(|(spacing, _)| spacing.distance).max().unwrap_or(0);
    let most = most.max(i64::from(max_distance.min(FEW_DISTANCES)) - 1).max(0);
    if most - least >= MOST_DISTANCES {
        let expected = "expected a lower --max-distance";
        return Err(usage(format!("distances from {least} to {most} do not fit a picture, {expected}")));
    }
    let mut values = vec![0.0; (most - least) as usize + 1];
    for (spacing, n) in counts.pair(a, b) {
        values[(spacing.distance - least) as usize] += n as f64;
    }
    let (first, second) = (table.motifs.name(a), table.motifs.name(b));
    let title = match options.order {
        PairOrder::ByIndex => format!("Spacing of {first} and {second}"),
        PairOrder::ByPosition => format!("Spacing of {first} and {second} to its right"),
    };
    Ok(track(&Track {
        title: &title,
        values: &values,
        first_position: least,
        value_label: "pairs",
        position_label: "bases between the two",
        mark: Mark::Bars,
    })?)
}

/// The two motifs with the largest count over all distances; ties to the first.
fn nearest(counts: &SpacingCounts) -> Option<(u32, u32)> {
    let total = |&(a, b): &(u32, u32)| counts.pair(a, b).map(|(_, n)| n).sum::<u64>();
    counts.pairs().iter().rev().max_by_key(|pair| total(pair)).copied()
}
