//! Networks of convolutions, forward and in training.
//!
//! `cargo bench -p benchmarks --bench convnet -- forward|training` prints the CPU seconds of one run. Set
//! `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the times are the benchmark's result")]

use std::error::Error;
use std::hint::black_box;

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, Run, Seed};
use cistron_encode::{Reduce, SequenceBatch, SequenceModel, random_sequences};
use cistron_models::{ConvNet, ConvNetConfig, ConvNetData, ConvNetTraining, train_convnet};

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The sequences of a prediction and of a step.
const BATCH: usize = 64;

/// How often each is repeated.
const FORWARD: usize = 10;
const STEPS: usize = 60;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    match std::env::args().skip(1).find(|argument| !argument.starts_with("--")).as_deref() {
        Some("forward") => forward(),
        Some("training") => training(),
        _ => {
            println!("skipped: no task was given");
            Ok(())
        }
    }
}

fn random(n: usize, length: usize) -> Result<SequenceBatch> {
    Ok(random_sequences(&Alphabet::dna(), n, length, &[], Seed::new(1))?)
}

/// The shape of Basset on 2,000 letters.
fn forward() -> Result<()> {
    let net = ConvNet::new(&ConvNetConfig::basset(), Seed::new(1))?;
    let (batch, readout) = (random(BATCH, 2000)?, net.spec().readout(None, &[], None, Reduce::Mean)?);
    black_box(net.predict(&batch, &readout)?);
    let start = cpu_seconds();
    for _ in 0..FORWARD {
        black_box(net.predict(&batch, &readout)?);
    }
    println!("case 64 sequences of 2000 letters forward: {}", (cpu_seconds() - start) / FORWARD as f64);
    Ok(())
}

/// Steps of the network of the proof.
fn training() -> Result<()> {
    let config = ConvNetConfig::from_json(include_str!("regulatory/promoters.json"))?;
    let (training, validation) = (random(BATCH * STEPS, 150)?, random(1, 150)?);
    let classes: Vec<f64> = training.codes().column(75).iter().map(|code| f64::from(code % 2)).collect();
    let (training, validation) = (
        ConvNetData { sequences: &training, targets: &classes },
        ConvNetData { sequences: &validation, targets: &[1.0] },
    );
    let options = ConvNetTraining { epochs: 1, ..ConvNetTraining::default() };
    let start = cpu_seconds();
    black_box(train_convnet(&config, &training, &validation, &options, None, Run::default())?);
    println!("case a step of 64 promoters: {}", (cpu_seconds() - start) / STEPS as f64);
    Ok(())
}
