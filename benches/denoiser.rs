//! Training of the k-mer autoencoder: genome, noise, steps.
//!
//! `cargo bench -p benchmarks --bench denoiser -- BATCH EPOCHS FASTA` prints the number of k-mers that it was trained on
//! and the CPU seconds of all but the reading of the file. Set `RAYON_NUM_THREADS=1` to compare with one thread of a
//! peer.

#![expect(clippy::print_stdout, reason = "what was done is the benchmark's result")]

use std::error::Error;

use benchmarks::cpu_seconds;
use cistron_core::{Run, Seed, Strand, Window};
use cistron_encode::kmer::{KmerSampler, Noise, PackedSequences, Strands, WindowSet};
use cistron_genome::{DEFAULT_MAX_MEMORY, open_reference};
use cistron_models::{DenoiserKind, DenoiserTraining, train_denoiser};

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The bases of a k-mer, and the share of wrong ones.
const K: usize = 31;
const NOISE: f64 = 0.1;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let [batch, epochs, fasta] = &arguments[..] else {
        println!("skipped: no task was given");
        return Ok(());
    };
    let (batch, epochs) = (batch.parse()?, epochs.parse()?);
    let genome = read(fasta)?;
    let start = cpu_seconds();
    let windows = WindowSet::all(&genome, K)?;
    let sampler = KmerSampler::new(&genome, &windows, Strands::Forward, Noise::new(NOISE)?, Seed::new(1))?;
    let kind = DenoiserKind::Notebook;
    let options =
        DenoiserTraining { kind, batch, epochs, validation_pairs: 128, ..DenoiserTraining::default() };
    train_denoiser(&sampler, &sampler, &options, None, Run::default())?;
    println!("{} k-mers\nwork {}", windows.len() * epochs, cpu_seconds() - start);
    Ok(())
}

fn read(fasta: &str) -> Result<PackedSequences, Box<dyn Error>> {
    let reference = open_reference(fasta, DEFAULT_MAX_MEMORY)?;
    let mut genome = PackedSequences::default();
    for contig in reference.contigs() {
        let whole = Window::new(contig.name.clone(), 0, u32::try_from(contig.length)?, Strand::Forward)?;
        let mut codes = Vec::new();
        reference.fetch_into(&whole, &mut codes)?;
        let letter = |code: &u8| *b"ACGT".get(usize::from(*code)).unwrap_or(&b'N');
        genome.push(&codes.iter().map(letter).collect::<Vec<u8>>());
    }
    Ok(genome)
}
