//! Motifs against motifs.
//!
//! `cargo bench -p benchmarks --bench tomtom -- all MOTIFS`, `pairs QUERIES TARGETS` or `sequences FILE TARGETS` reads
//! MEME files, or a file of sequences, one a line, that become one-hot matrices, compares each query with each
//! target and prints the number of pairs, the sum of their integer scores and the least p-value: time the whole
//! process. Set `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the checksum is the benchmark's result")]

use std::error::Error;
use std::fs;

use cistron_motif::{TomtomError, TomtomOptions, TomtomTargets};
use ndarray::{Array2, ArrayView2};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LETTERS: &str = "ACGT";

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["all", motifs] => {
            let motifs = read_motifs(motifs)?;
            compare(&motifs, &motifs)
        }
        ["pairs", queries, targets] => compare(&read_motifs(queries)?, &read_motifs(targets)?),
        ["sequences", queries, targets] => compare(&read_sequences(queries)?, &read_motifs(targets)?),
        _ => {
            println!("skipped: no task was given");
            Ok(())
        }
    }
}

fn compare(queries: &[Array2<f64>], targets: &[Array2<f64>]) -> Result<()> {
    let queries: Vec<ArrayView2<'_, f64>> = queries.iter().map(|it| it.view()).collect();
    let targets: Vec<ArrayView2<'_, f64>> = targets.iter().map(|it| it.view()).collect();
    let index = TomtomTargets::new(&targets, TomtomOptions::default())?;
    let (mut pairs, mut scores, mut least) = (0, 0, f64::INFINITY);
    index.compare_each(&queries, |_, matches| {
        pairs += matches.len();
        scores += matches.iter().map(|it| u64::from(it.score)).sum::<u64>();
        least = matches.iter().map(|it| it.p_value).fold(least, f64::min);
        Ok::<(), TomtomError>(())
    })?;
    println!("{pairs} {scores} {least:.9e}");
    Ok(())
}

/// One-hot matrices of sequences, (positions, letters).
fn read_sequences(path: &str) -> Result<Vec<Array2<f64>>> {
    fs::read_to_string(path)?.split_whitespace().map(one_hot).collect()
}

fn one_hot(letters: &str) -> Result<Array2<f64>> {
    let mut matrix = Array2::zeros((letters.len(), LETTERS.len()));
    for (mut row, letter) in matrix.rows_mut().into_iter().zip(letters.chars()) {
        row[LETTERS.find(letter).ok_or_else(|| format!("`{letter}` is no letter of {LETTERS}"))?] = 1.0;
    }
    Ok(matrix)
}

/// The matrices of a MEME file, (positions, letters).
fn read_motifs(path: &str) -> Result<Vec<Array2<f64>>> {
    let text = fs::read_to_string(path)?;
    let (mut motifs, mut lines) = (Vec::new(), text.lines());
    while let Some(line) = lines.next() {
        let Some((_, rest)) = line.split_once("w=").filter(|_| line.starts_with("letter-probability")) else {
            continue;
        };
        let width: usize = rest.split_whitespace().next().ok_or("no width")?.parse()?;
        let words = lines.by_ref().take(width).flat_map(str::split_whitespace);
        let entries = words.map(str::parse).collect::<std::result::Result<Vec<f64>, _>>()?;
        motifs.push(Array2::from_shape_vec((width, LETTERS.len()), entries)?);
    }
    Ok(motifs)
}
