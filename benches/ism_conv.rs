//! Every substitution of one sequence through networks of convolutions.
//!
//! `cargo bench -p benchmarks --bench ism_conv -- basset|beluga|bpnet` prints the CPU seconds of the first run and of a
//! second. Set `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the times are the benchmark's result")]

use std::error::Error;
use std::hint::black_box;
use std::ops::Range;

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, Seed, Sequence};
use cistron_encode::{Edit, Mutant, Reduce, SequenceModel, random_sequences};
use cistron_models::{ConvNet, ConvNetConfig};
use ndarray::Array3;

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The letters of the sequence.
const LENGTH: usize = 2000;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let task = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let (config, positions) = match task.as_deref() {
        Some("basset") => (ConvNetConfig::basset(), 0..LENGTH),
        Some("beluga") => (ConvNetConfig::beluga(), 800..1200),
        Some("bpnet") => (ConvNetConfig::bpnet(LENGTH, &["plus", "minus"]), 0..LENGTH),
        _ => {
            println!("skipped: no network was named");
            return Ok(());
        }
    };
    let net = ConvNet::new(&config, Seed::new(1))?;
    let batch = random_sequences(&Alphabet::dna(), 1, LENGTH, &[], Seed::new(1))?;
    let sequence = Sequence::from_codes(&Alphabet::dna(), batch.codes().row(0).to_vec())?;
    for name in ["first", "warm"] {
        let start = cpu_seconds();
        black_box(mutants(&net, &sequence, positions.clone())?);
        println!("case {name}: {}", cpu_seconds() - start);
    }
    Ok(())
}

/// The change of the last head's tracks by every substitution at some positions.
fn mutants(net: &ConvNet, sequence: &Sequence, positions: Range<usize>) -> Result<Array3<f64>> {
    let head = net.spec().heads.last().map(|head| head.name.to_string());
    let readout = net.spec().readout(head.as_deref(), &[], None, Reduce::Mean)?;
    let exact = net.as_incremental().ok_or("no exact engine")?;
    let pass = exact.reference(sequence, &readout)?;
    let edits: Vec<Edit> = positions
        .flat_map(|position| (0..4).map(move |code| Edit { position: position as u32, code }))
        .filter(|edit| sequence.codes().get(edit.position as usize) != Some(&edit.code))
        .collect();
    let mutants: Vec<&Mutant> = edits.iter().map(std::slice::from_ref).collect();
    let mut out = Array3::zeros((mutants.len(), readout.bins_out(), readout.tracks.len()));
    pass.deltas(&mutants, out.view_mut())?;
    Ok(out)
}
