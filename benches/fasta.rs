//! Random windows of a FASTA file, as codes.
//!
//! `cargo bench -p benchmarks --bench fasta -- FASTA [WINDOWS] [WIDTH] [SEED]` reads WINDOWS (10000) random
//! windows of WIDTH (2000) bases and prints the sum of their codes: time the whole process.

#![expect(clippy::print_stdout, reason = "the sum is the benchmark's result")]

use std::error::Error;

use cistron_core::{Reference, Seed, Strand, Window};
use cistron_genome::{DEFAULT_MAX_MEMORY, open_reference};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(path) = arguments.first() else {
        println!("skipped: no FASTA was given");
        return Ok(());
    };
    let number = |i: usize, default: u64| arguments.get(i).map_or(Ok(default), |text| text.parse());
    let (windows, width, seed) = (number(1, 10_000)?, number(2, 2_000)?, number(3, 0)?);
    let genome = open_reference(path, DEFAULT_MAX_MEMORY)?;
    println!("{}", sum_windows(&*genome, windows, width as u32, Seed::new(seed))?);
    Ok(())
}

fn sum_windows(genome: &dyn Reference, windows: u64, width: u32, seed: Seed) -> Result<u64, Box<dyn Error>> {
    let mut stream = seed.stream("windows", 0);
    let mut codes = Vec::new();
    let mut sum = 0;
    for _ in 0..windows {
        let contig = &genome.contigs()[stream.below(genome.contigs().len() as u64) as usize];
        let start = stream.below(contig.length.saturating_sub(u64::from(width)) + 1);
        codes.clear();
        let window = Window::new(contig.name.clone(), start as i64, width, Strand::Forward)?;
        genome.fetch_into(&window, &mut codes)?;
        sum += u64::from(codes.iter().map(|&code| u32::from(code)).sum::<u32>());
    }
    Ok(sum)
}
