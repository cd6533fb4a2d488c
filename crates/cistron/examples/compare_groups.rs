//! Whether variants of one group do more than those of another: `cargo run --release -p cistron --example
//! compare_groups -- groups.svg` writes the picture as well.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{Alternative, ComparisonOptions, compare_columns};
use cistron::ndarray::Array2;
use cistron::plot::{GroupChart, GroupPanel, group_chart};
use cistron::{Seed, benjamini_hochberg};

const TRACKS: [&str; 3] = ["K562", "HepG2", "GM12878"];
const FUNCTIONAL: usize = 24;
const VARIANTS: usize = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // (variants, tracks): sizes of effects as a model would give them, here made up. The first 24 variants were found to
    // be functional by an experiment; the model sees them on the first track, a little on the second, not on the third.
    let mut stream = Seed::new(5).stream("scores", 0);
    let strength = [2.5, 1.5, 1.0];
    let mut scores =
        Array2::from_shape_simple_fn((VARIANTS, TRACKS.len()), || -0.01 * (1.0 - stream.uniform()).ln());
    for ((row, track), score) in scores.indexed_iter_mut() {
        *score *= if row < FUNCTIONAL { strength[track] } else { 1.0 };
    }
    let is_functional: Vec<bool> = (0..VARIANTS).map(|row| row < FUNCTIONAL).collect();

    let options = ComparisonOptions { alternative: Alternative::Greater, ..ComparisonOptions::default() };
    let columns = compare_columns(scores.view(), &is_functional, options)?;
    let p_values: Vec<f64> = columns.iter().map(|column| column.p_value).collect();
    let q_values = benjamini_hochberg(&p_values);
    println!("track\tmedian_functional\tmedian_other\tp_value\tq_value\tauc\tcohens_d");
    for ((track, column), q_value) in TRACKS.iter().zip(&columns).zip(&q_values) {
        println!(
            "{track}\t{:.4}\t{:.4}\t{:.2e}\t{q_value:.2e}\t{:.3}\t{:.2}",
            column.median_first, column.median_second, column.p_value, column.auc, column.cohens_d
        );
    }

    let Some(picture) = std::env::args().nth(1) else { return Ok(()) };
    let values: Vec<Vec<f64>> = scores.columns().into_iter().map(|column| column.to_vec()).collect();
    let notes: Vec<String> =
        columns.iter().map(|column| format!("AUC {:.2}, p = {:.1e}", column.auc, column.p_value)).collect();
    let panels: Vec<GroupPanel<'_>> = TRACKS
        .iter()
        .zip(values.iter().zip(&notes))
        .map(|(name, (values, note))| {
            let (first, second) = values.split_at(FUNCTIONAL);
            GroupPanel { name, note, first, second }
        })
        .collect();
    let chart = GroupChart {
        title: "Effects of functional variants and of others",
        names: ["functional", "other"],
        value_label: "mean |Δ|",
        panels: &panels,
    };
    std::fs::write(picture, group_chart(&chart)?)?;
    Ok(())
}
