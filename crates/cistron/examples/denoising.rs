//! A network that learns a small genome and repairs its k-mers: `cargo run --release -p cistron --example denoising`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, DenoisingMetrics, KmerDenoiser, KmerSampler, Noise, PackedSequences,
    Pass, Strands, WindowSet,
};
use cistron::models::{DenoiserKind, DenoiserTraining, train_denoiser};
use cistron::{Run, Seed};

const K: usize = 31;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A genome of 2,000 random bases; records of a file are pushed one after the other.
    let mut stream = Seed::new(7).stream("genome", 0);
    let letters: Vec<u8> = (0..2000).map(|_| b"ACGT"[stream.below(4) as usize]).collect();
    let mut genome = PackedSequences::default();
    genome.push(&letters);

    // Pairs of clean and noisy k-mers, drawn as they are needed.
    let windows = WindowSet::all(&genome, K)?;
    let sampler = KmerSampler::new(&genome, &windows, Strands::Forward, Noise::new(0.1)?, Seed::new(1))?;
    let kind = DenoiserKind::Seeds { width: 6 };
    let options = DenoiserTraining { kind, epochs: 30, ..DenoiserTraining::default() };
    let trained = train_denoiser(&sampler, &sampler, &options, None, Run::default())?;

    // Beside it what nothing can beat: the exact posterior of the genome.
    let options = CodebookOptions { strands: Strands::Forward, ..CodebookOptions::default() };
    let codebook = CodebookDenoiser::new(genome.clone(), K, options)?;
    let pass = sampler.pass(Pass::Validation);
    let rows: [(&str, &dyn KmerDenoiser); 2] = [("seeds", &trained.denoiser), ("codebook", &codebook)];
    println!("denoiser\twrong bases\twhole k-mers right");
    for (name, denoiser) in rows {
        let metrics = DenoisingMetrics::measure(denoiser, &pass, 0..sampler.len(), Run::default())?;
        if name == "seeds" {
            println!("none\t{:.4}", metrics.identity());
        }
        println!("{name}\t{:.4}\t{:.3}", metrics.hamming(), metrics.exact());
    }
    Ok(())
}
