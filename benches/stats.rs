//! Two groups of rows compared in every column of a matrix of scores.
//!
//! `cargo bench -p benchmarks --bench stats -- NPZ N` takes `scores` (R, T) and the number of rows of the first group,
//! which come first; it prints the sums of U and of the p-values, and the seconds of processor time of the work alone.
//! Set `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the checksum is the benchmark's result")]

use std::error::Error;

use benchmarks::cpu_seconds;
use cistron_effects::{ComparisonOptions, compare_columns};
use cistron_encode::NpzReader;
use ndarray::Array2;

/// Runs whose mean is taken, since the clock ticks slowly.
const RUNS: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let [npz, n_first] = &arguments[..] else {
        println!("skipped: no scores were given");
        return Ok(());
    };
    let (shape, values) = NpzReader::open(npz)?.numbers("scores")?;
    let [rows, columns] = shape[..] else { return Err("scores have not two axes".into()) };
    let scores = Array2::from_shape_vec((rows, columns), values)?;
    let n_first: usize = n_first.parse()?;
    let is_first: Vec<bool> = (0..rows).map(|row| row < n_first).collect();
    let compare = || compare_columns(scores.view(), &is_first, ComparisonOptions::default());
    let found = compare()?;
    let begin = cpu_seconds();
    for _ in 0..RUNS {
        compare()?;
    }
    let work = (cpu_seconds() - begin) / f64::from(RUNS);
    let sum = |of: fn(&cistron_effects::GroupComparison) -> f64| found.iter().map(of).sum::<f64>();
    println!("{:.1} {:.6}", sum(|it| it.u), sum(|it| it.p_value));
    println!("work {work}");
    Ok(())
}
