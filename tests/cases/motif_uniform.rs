//! P-values of motif comparison are uniform where chance alone made the motifs: JASPAR's with their columns shuffled.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron::Seed;
use cistron::motif::{Motif, MotifDistance, TomtomError, TomtomOptions, TomtomTargets, read_motifs};
use cistron::ndarray::Array2;
use conformance::data;

const DISTANCES: [MotifDistance; 5] = [
    MotifDistance::Euclidean,
    MotifDistance::Pearson,
    MotifDistance::Allr,
    MotifDistance::KullbackLeibler,
    MotifDistance::SandelinWasserman,
];

/// All motifs of JASPAR, each as wide as it is, with the columns of all of them in a random order.
fn shuffled(index: u64) -> Option<Vec<Array2<f64>>> {
    let set = read_motifs(data("motifs/JASPAR2024.meme")?, &()).unwrap();
    let rows = |motif: &Motif| -> Vec<Vec<f64>> {
        motif.matrix().rows().into_iter().map(|row| row.to_vec()).collect()
    };
    let mut columns: Vec<Vec<f64>> = set.motifs().iter().flat_map(rows).collect();
    Seed::new(11).stream("shuffled motifs", index).shuffle(&mut columns);
    let mut columns = columns.into_iter();
    let mut cut = |width: usize| {
        let entries: Vec<f64> = columns.by_ref().take(width).flatten().collect();
        Array2::from_shape_vec((width, 4), entries).unwrap()
    };
    Some(set.motifs().iter().map(|motif| cut(motif.width())).collect())
}

fn p_values(queries: &[&Array2<f64>], targets: &[&Array2<f64>], options: TomtomOptions) -> Vec<f64> {
    let queries: Vec<_> = queries.iter().map(|motif| motif.view()).collect();
    let targets: Vec<_> = targets.iter().map(|motif| motif.view()).collect();
    let mut found = Vec::new();
    let index = TomtomTargets::new(&targets, options).unwrap();
    index
        .compare_each(&queries, |_, matches| {
            found.extend(matches.iter().map(|it| it.p_value));
            Ok::<(), TomtomError>(())
        })
        .unwrap();
    found
}

/// How far the share of p-values of at most x is above x, and how far below.
fn distances_from_uniform(mut p_values: Vec<f64>) -> (f64, f64) {
    p_values.sort_by(f64::total_cmp);
    let n = p_values.len() as f64;
    let (mut above, mut below) = (0.0_f64, 0.0_f64);
    for (index, p) in p_values.iter().enumerate() {
        above = above.max((index + 1) as f64 / n - p);
        below = below.max(p - index as f64 / n);
    }
    (above, below)
}

#[test]
fn the_distance_is_that_of_kolmogorov_and_smirnov() {
    let (above, below) = distances_from_uniform(vec![0.9, 0.1, 0.3]);
    // Steps to 1/3, 2/3 and 1 at 0.1, 0.3 and 0.9.
    assert!((above - (2.0 / 3.0 - 0.3)).abs() < 1e-15 && (below - (0.9 - 2.0 / 3.0)).abs() < 1e-15);
}

/// The best of many alignments counts as if they were independent; they share columns, so that p-values come out a
/// little too large, never too small.
#[test]
fn p_values_of_whole_comparisons_are_uniform() {
    let (Some(targets), Some(queries)) = (shuffled(0), shuffled(1)) else { return };
    let targets: Vec<_> = targets.iter().collect();
    let queries: Vec<_> = queries.iter().step_by(4).collect();
    for distance in DISTANCES {
        let options = TomtomOptions { distance, ..TomtomOptions::default() };
        let (above, below) = distances_from_uniform(p_values(&queries, &targets, options));
        assert!(above < 0.005 && below < 0.05, "{distance:?}: {above} above, {below} below");
    }
}

/// One alignment a strand: nothing is shared.
#[test]
fn p_values_of_single_alignments_are_uniform() {
    let (Some(targets), Some(queries)) = (shuffled(0), shuffled(1)) else { return };
    for width in [8, 10] {
        let targets: Vec<_> = targets.iter().filter(|motif| motif.nrows() == width).collect();
        let queries: Vec<_> = queries.iter().filter(|motif| motif.nrows() == width).take(100).collect();
        for distance in DISTANCES {
            let options = TomtomOptions { distance, min_overlap: width, ..TomtomOptions::default() };
            let (above, below) = distances_from_uniform(p_values(&queries, &targets, options));
            assert!(above < 0.05 && below < 0.05, "{distance:?}, {width}: {above} above, {below} below");
        }
    }
}
