//! Random windows of a FASTA file, as codes.
//!
//! `cargo bench -p benchmarks --bench fasta -- FASTA [WINDOWS] [WIDTH] [SEED]` reads WINDOWS (10000) random
//! windows of WIDTH (2000) bases and prints the sum of their codes: time the whole process. With `--list` it
//! prints the windows instead, as contig, start and end, so that others can read the same.

#![expect(clippy::print_stdout, reason = "the sum is the benchmark's result")]

use std::error::Error;

use cistron_core::{Reference, Seed, Strand, Window};
use cistron_genome::{DEFAULT_MAX_MEMORY, open_reference};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let (flags, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let Some(path) = arguments.first() else {
        println!("skipped: no FASTA was given");
        return Ok(());
    };
    let number = |i: usize, default: u64| arguments.get(i).map_or(Ok(default), |text| text.parse());
    let (windows, width, seed) = (number(1, 10_000)?, number(2, 2_000)?, number(3, 0)?);
    let genome = open_reference(path, DEFAULT_MAX_MEMORY)?;
    let random =
        RandomWindows { genome: &*genome, count: windows, width: width as u32, seed: Seed::new(seed) };
    if flags.iter().any(|flag| flag == "--list") {
        return random.for_each(|window| {
            println!("{}\t{}\t{}", window.contig(), window.start(), window.end());
            Ok(())
        });
    }
    println!("{}", sum_windows(&random)?);
    Ok(())
}

struct RandomWindows<'a> {
    genome: &'a dyn Reference,
    count: u64,
    width: u32,
    seed: Seed,
}

impl RandomWindows<'_> {
    fn for_each(
        &self,
        mut visit: impl FnMut(&Window) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let (mut stream, contigs) = (self.seed.stream("windows", 0), self.genome.contigs());
        for _ in 0..self.count {
            let contig = &contigs[stream.below(contigs.len() as u64) as usize];
            let start = stream.below(contig.length.saturating_sub(u64::from(self.width)) + 1);
            visit(&Window::new(contig.name.clone(), start as i64, self.width, Strand::Forward)?)?;
        }
        Ok(())
    }
}

fn sum_windows(random: &RandomWindows<'_>) -> Result<u64, Box<dyn Error>> {
    let (mut codes, mut sum) = (Vec::new(), 0);
    random.for_each(|window| {
        codes.clear();
        random.genome.fetch_into(window, &mut codes)?;
        sum += u64::from(codes.iter().map(|&code| u32::from(code)).sum::<u32>());
        Ok(())
    })?;
    Ok(sum)
}
