//! Enformer at its full size.
//!
//! `cargo bench -p benchmarks --bench enformer -- prepare FOLDER` writes a model of random weights and a sequence,
//! `run FOLDER` predicts it and a variant and prints the CPU seconds of each. Set `RAYON_NUM_THREADS=2` to compare with
//! two threads of a peer.

#![expect(clippy::print_stdout, reason = "the times are the benchmark's result")]

use std::error::Error;
use std::fs;
use std::path::Path;

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, Seed, Sequence};
use cistron_encode::{Edit, Reduce, SequenceBatch, SequenceModel, random_sequences};
use cistron_models::{Enformer, EnformerConfig, Initializer, Tensor};
use ndarray::Array3;

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["prepare", folder] => prepare(Path::new(folder)),
        ["run", folder] => run(Path::new(folder)),
        _ => {
            println!("skipped: no task was given");
            Ok(())
        }
    }
}

/// Attention begins with weights of 0; here they do something.
fn prepare(folder: &Path) -> Result<()> {
    let (config, seed) = (EnformerConfig::default(), Seed::new(1));
    let mut weights = Enformer::initial_weights(&config, seed)?;
    for (name, shape) in Enformer::tensors(&config) {
        if name.ends_with("to_out.weight") {
            let values = Initializer::layer_weight().values(seed, &name, &shape)?;
            weights.insert(name, Tensor::from_f32(&shape, &values).ok_or("a shape that does not fit")?);
        }
    }
    config.write(folder)?;
    weights.write(folder.join("model.safetensors"))?;
    let batch = random_sequences(&Alphabet::dna(), 1, config.input_length, &[], seed)?;
    fs::write(folder.join("codes.bin"), batch.codes().iter().copied().collect::<Vec<u8>>())?;
    Ok(())
}

fn run(folder: &Path) -> Result<()> {
    let (model, _) = Enformer::load(folder)?;
    let codes = fs::read(folder.join("codes.bin"))?;
    let middle = codes.len() / 2;
    let batch = SequenceBatch::from_rows(&Alphabet::dna(), codes.len(), codes.clone())?;
    let readout = model.spec().readout(Some("human"), &[], None, Reduce::Keep)?;
    let start = cpu_seconds();
    let prediction = model.predict(&batch, &readout)?;
    println!("case window: {}", cpu_seconds() - start);
    let bytes: Vec<u8> = prediction.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(folder.join("ours.bin"), bytes)?;
    let model = model.as_incremental().ok_or("no way to score variants")?;
    let pass = model.reference(&Sequence::from_codes(&Alphabet::dna(), codes.clone())?, &readout)?;
    let edit = [Edit { position: middle as u32, code: 3 - codes[middle] }];
    let mut delta = Array3::zeros((1, readout.bins_out(), readout.tracks.len()));
    let start = cpu_seconds();
    pass.deltas(&[&edit], delta.view_mut())?;
    println!("case variant: {}", cpu_seconds() - start);
    Ok(())
}
