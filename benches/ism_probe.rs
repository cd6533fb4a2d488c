//! Saturation mutagenesis of a linear probe.
//!
//! `cargo bench -p benchmarks --bench ism_probe -- FOLDER` reads `sequences.txt` (one a line) and `probe.pt` of
//! the folder and writes `ours.npy` (N, L, 4), the effect of every substitution: time the whole process.

#![expect(clippy::print_stdout, reason = "what was done is the benchmark's result")]

use std::error::Error;
use std::fs;
use std::io::BufWriter;
use std::path::PathBuf;

use cistron_core::{Alphabet, AtomicFile, Run, Sequence, Shard};
use cistron_effects::{SaturationOptions, SaturationPlan};
use cistron_encode::{ElementType, NpyWriter};
use cistron_models::LinearProbe;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let Some(folder) = std::env::args().skip(1).find(|argument| argument != "--bench").map(PathBuf::from)
    else {
        println!("skipped: no folder was given");
        return Ok(());
    };
    let (dna, text) = (Alphabet::dna(), fs::read_to_string(folder.join("sequences.txt"))?);
    let sequences = text.lines().map(|line| Sequence::parse(&dna, line)).collect::<Result<Vec<_>, _>>()?;
    let (probe, _) = LinearProbe::load(folder.join("probe.pt"))?;
    let plan = SaturationPlan::new(&sequences, &probe, SaturationOptions::default())?;
    let shape = plan.shape();
    let mut deltas = Vec::with_capacity(shape.iter().product());
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
        deltas.extend(block.deltas);
        Ok(())
    })?;
    let file = BufWriter::new(AtomicFile::create(folder.join("ours.npy"))?);
    let mut writer = NpyWriter::new(file, ElementType::Float32, &shape)?;
    writer.write(&deltas)?;
    writer.finish()?.into_inner()?.commit()?;
    println!("{} sequences of {} bases", shape[0], shape[1]);
    Ok(())
}
