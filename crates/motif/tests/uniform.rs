//! P-values of what chance alone made are uniform.
//!
//! What is uniform is the p-value of one alignment of a query with columns drawn at random from the targets' own, and
//! that of one window of random letters. The p-value that a comparison reports for the best of many alignments takes
//! them for independent, though they share columns: it bounds more than it measures (see `tomtom.rs`).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Alphabet, Run, Seed};
use cistron_motif::{
    FimoOptions, MatrixKind, Motif, MotifDistance, MotifSet, ScanStrands, ScanThreshold, Scanner,
    TomtomError, TomtomOptions, TomtomStrands, TomtomTargets,
};
use ndarray::{Array2, Axis};

const WIDTH: usize = 9;

/// Motifs whose positions are more and less certain, their columns shuffled among all of them.
fn shuffled(n: usize, index: u64) -> Vec<Array2<f64>> {
    let mut stream = Seed::new(5).stream("uniform", index);
    let mut columns: Vec<[f64; 4]> = (0..n * WIDTH)
        .map(|_| {
            let power = 1 + stream.below(4) as i32;
            let row: [f64; 4] = std::array::from_fn(|_| stream.uniform().powi(power) + 1e-3);
            row.map(|p| p / row.iter().sum::<f64>())
        })
        .collect();
    stream.shuffle(&mut columns);
    columns.chunks(WIDTH).map(|motif| Array2::from_shape_fn((WIDTH, 4), |(i, j)| motif[i][j])).collect()
}

/// The Kolmogorov–Smirnov distance of p-values from the uniform distribution. P(p <= x) is at most x for every
/// discrete p and equals x at its own values, so that is where the two are compared.
fn distance_from_uniform(mut p_values: Vec<f64>) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let n = p_values.len() as f64;
    let mut most = 0.0_f64;
    for (index, p) in p_values.iter().enumerate() {
        if p_values.get(index + 1) != Some(p) {
            most = most.max(((index + 1) as f64 / n - p).abs());
        }
    }
    most
}

#[test]
fn the_distance_tells_uniform_numbers_from_others() {
    let even: Vec<f64> = (1..=1000).map(|i| f64::from(i) / 1000.0).collect();
    assert!(distance_from_uniform(even.clone()) < 1e-12);
    assert!(distance_from_uniform(even.iter().map(|p| p * p).collect()) > 0.2);
    assert!(distance_from_uniform(vec![0.5, 0.5, 1.0, 1.0]) < 1e-12);
}

#[test]
fn p_values_of_one_alignment_are_uniform_for_every_distance() {
    let (targets, queries) = (shuffled(300, 0), shuffled(60, 1));
    let views: Vec<_> = targets.iter().map(|motif| motif.view()).collect();
    let queries: Vec<_> = queries.iter().map(|motif| motif.view()).collect();
    for distance in [
        MotifDistance::Euclidean,
        MotifDistance::Pearson,
        MotifDistance::Allr,
        MotifDistance::KullbackLeibler,
        MotifDistance::SandelinWasserman,
    ] {
        // One strand and the whole width: one alignment.
        let options = TomtomOptions {
            distance,
            min_overlap: WIDTH,
            strands: TomtomStrands::Forward,
            ..TomtomOptions::default()
        };
        let mut p_values = Vec::new();
        let index = TomtomTargets::new(&views, options).unwrap();
        index
            .compare_each(&queries, |_, matches| {
                p_values.extend(matches.iter().map(|found| found.p_value));
                Ok::<(), TomtomError>(())
            })
            .unwrap();
        assert_eq!(p_values.len(), 300 * 60);
        // Each query meets the same 300 targets; the distance of 300 independent numbers is below 0.1 in 99 % of
        // cases, and the mean over 60 queries well below that.
        let found = distance_from_uniform(p_values);
        assert!(found < 0.05, "{distance:?}: {found}");
    }
}

#[test]
fn p_values_of_windows_are_uniform_for_shuffled_motifs() {
    let mut set = MotifSet::new(Alphabet::dna());
    for (index, mut matrix) in shuffled(25, 2).into_iter().enumerate() {
        // Half of them upside down, as the other strand has them.
        if index % 2 == 1 {
            matrix.invert_axis(Axis(0));
        }
        set.push(Motif::new(format!("m{index}"), matrix, MatrixKind::Probabilities).unwrap()).unwrap();
    }
    let mut stream = Seed::new(6).stream("windows", 0);
    let sequence: Vec<u8> = (0..20_000).map(|_| stream.below(4) as u8).collect();
    for base in [FimoOptions::default(), FimoOptions::peer()] {
        let options =
            FimoOptions { threshold: ScanThreshold::Score(-1e3), strands: ScanStrands::Forward, ..base };
        let (hits, _) = Scanner::new(&set, &options).unwrap().collect([&sequence], Run::default()).unwrap();
        assert_eq!(hits.len(), 25 * (20_000 - WIDTH + 1));
        for motif in hits.chunk_by(|a, b| a.motif == b.motif) {
            let found = distance_from_uniform(motif.iter().map(|hit| hit.p_value).collect());
            // Neighbouring windows share letters, so that 20,000 of them tell as much as some thousands.
            assert!(found < 0.05, "motif {}: {found}", motif[0].motif);
        }
    }
}
