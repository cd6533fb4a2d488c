//! Motif comparison: databases against each other, seqlets against a database, and one seqlet.
//!
//! `cargo bench -p benchmarks --bench tomtom -- FOLDER [JOB]` reads `JASPAR2024.meme` and `H13CORE_meme_format.meme`
//! in a folder of motifs and prints a table in Markdown; a job is `all`, `h13`, `seqlets`, `one` or, without,
//! every one. Set `RAYON_NUM_THREADS` for the number of threads. Each job runs five times: least and median.
//!
//! The peer, memelite 0.5.0, is timed by `peers/tomtom.py` on the same input.

#![expect(clippy::print_stdout, reason = "the table is the benchmark's result")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use cistron_core::Seed;
use cistron_motif::{TomtomError, TomtomOptions, TomtomTargets};
use ndarray::{Array2, ArrayView2};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const RUNS: usize = 5;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(folder) = arguments.first().map(Path::new) else {
        println!("skipped: no folder of motifs was given");
        return Ok(());
    };
    let job = arguments.get(1).map(String::as_str);
    let wanted = |name: &str| job.is_none_or(|job| job == name);
    let jaspar = read(&folder.join("JASPAR2024.meme"))?;
    println!("| job | queries | pairs | least s | median s |\n|---|---|---|---|---|");
    if wanted("all") {
        time("JASPAR2024 against itself", &jaspar, &jaspar, TomtomOptions::default())?;
    }
    if wanted("h13") {
        let h13 = read(&folder.join("H13CORE_meme_format.meme"))?;
        time("H13CORE against JASPAR2024", &h13, &jaspar, TomtomOptions::default())?;
    }
    let nearest = TomtomOptions { nearest: Some(1), ..Default::default() };
    if wanted("seqlets") {
        time("1,000 seqlets against JASPAR2024, nearest", &seqlets(1000), &jaspar, nearest.clone())?;
    }
    if wanted("one") {
        time("one seqlet against JASPAR2024, nearest", &seqlets(1), &jaspar, nearest)?;
    }
    Ok(())
}

fn time(name: &str, queries: &[Array2<f64>], targets: &[Array2<f64>], options: TomtomOptions) -> Result<()> {
    let queries: Vec<ArrayView2<'_, f64>> = queries.iter().map(|motif| motif.view()).collect();
    let targets: Vec<ArrayView2<'_, f64>> = targets.iter().map(|motif| motif.view()).collect();
    let mut seconds = Vec::new();
    let mut pairs = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        let index = TomtomTargets::new(&targets, options.clone())?;
        pairs = 0;
        index.compare_each(&queries, |_, matches| {
            pairs += matches.len();
            Ok::<(), TomtomError>(())
        })?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    println!("| {name} | {} | {pairs} | {:.4} | {:.4} |", queries.len(), seconds[0], seconds[RUNS / 2]);
    Ok(())
}

/// One-hot sequences of 8 to 25 random letters.
fn seqlets(n: u64) -> Vec<Array2<f64>> {
    let sequence = |index| {
        let mut stream = Seed::new(1).stream("seqlets", index);
        let width = 8 + stream.below(18) as usize;
        let mut one_hot = Array2::zeros((width, 4));
        for mut row in one_hot.rows_mut() {
            row[stream.below(4) as usize] = 1.0;
        }
        one_hot
    };
    (0..n).map(sequence).collect()
}

/// The matrices of a MEME file.
fn read(path: &Path) -> Result<Vec<Array2<f64>>> {
    let text = fs::read_to_string(path)?;
    let mut motifs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((_, rest)) = line.split_once("w=").filter(|_| line.starts_with("letter-probability")) else {
            continue;
        };
        let width: usize = rest.split_whitespace().next().ok_or("no width")?.parse()?;
        let mut entries = Vec::with_capacity(4 * width);
        for row in lines.by_ref().take(width) {
            for entry in row.split_whitespace() {
                entries.push(entry.parse()?);
            }
        }
        motifs.push(Array2::from_shape_vec((width, 4), entries)?);
    }
    Ok(motifs)
}
