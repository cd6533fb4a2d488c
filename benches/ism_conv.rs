//! Every substitution of one sequence through networks of convolutions, and its DeepLIFT attribution.
//!
//! `cargo bench -p benchmarks --bench ism_conv -- prepare NETWORK FOLDER` writes a network (`basset`, `beluga` or
//! `bpnet`) with He's random weights, a sequence and 20 shuffles of it; `run FOLDER` computes all changes and
//! `attribute FOLDER` the contributions beside the shuffles to the last head's first track; both print the CPU seconds
//! of a first run and a second, and write `ours.npy` or `ours-attribution.npy`. `accuracy FOLDER` compares changes with
//! those in double precision. `variants FOLDER ENGINE` scores 1,000 variants by the exact engine (`auto`) or two
//! predictions each (`blackbox`). Set `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the times are the benchmark's result")]

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::path::Path;

use benchmarks::cpu_seconds;
use cistron_core::{Alphabet, AtomicFile, Run, Seed, Sequence, VariantRow};
use cistron_effects::{
    AttributionMethod, AttributionOptions, AttributionReferences, Attributor, Engine, VariantOptions,
    VariantScorer,
};
use cistron_encode::{
    Edit, ElementType, Mutant, NpyWriter, Reduce, SequenceBatch, SequenceModel, dinucleotide_shuffle,
    random_sequences,
};
use cistron_genome::Genome;
use cistron_models::{Checkpoint, ConvNet, ConvNetConfig, HeadActivation, Precision, Tensor};
use ndarray::{Array3, Axis};

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The letters of the sequence.
const LENGTH: usize = 2000;
/// The shuffles that it is compared with.
const REFERENCES: u64 = 20;
/// The root mean square error that changes may have, in shares of their root mean square.
const MOST_ERROR: f64 = 1e-5;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["prepare", network, folder] => prepare(network, Path::new(folder)),
        ["run", folder] => run(Path::new(folder)),
        ["accuracy", folder] => accuracy(Path::new(folder)),
        ["attribute", folder] => attribute(Path::new(folder)),
        ["variants", folder, "auto"] => variants(Path::new(folder), Engine::Auto),
        ["variants", folder, "blackbox"] => variants(Path::new(folder), Engine::BlackBox),
        _ => {
            println!("skipped: no task was given");
            Ok(())
        }
    }
}

/// A network and its sequence, with the positions that are mutated.
fn prepare(network: &str, folder: &Path) -> Result<()> {
    let (mut config, positions) = match network {
        "basset" => (ConvNetConfig::basset(), 0..LENGTH),
        "beluga" => (ConvNetConfig::beluga(), 800..1200),
        "bpnet" => (ConvNetConfig::bpnet(LENGTH, &["plus", "minus"]), 0..LENGTH),
        other => return Err(format!("found network `{other}`, expected basset, beluga or bpnet").into()),
    };
    for head in &mut config.heads {
        head.activation = HeadActivation::None;
    }
    let (net, _) = ConvNet::from_checkpoint(&config, &he_weights(&config)?)?;
    net.save(folder)?;
    let batch = random_sequences(&Alphabet::dna(), 1, LENGTH, &[], Seed::new(1))?;
    let letters: String =
        batch.codes().iter().map(|code| char::from(Alphabet::dna().letter(*code))).collect();
    let sequence = Sequence::parse(&Alphabet::dna(), &letters)?;
    fs::write(folder.join("sequence.txt"), letters)?;
    let shuffled = (0..REFERENCES)
        .map(|i| {
            Ok(format!("{}\n", dinucleotide_shuffle(&sequence, &mut Seed::new(2).stream("reference", i))?))
        })
        .collect::<Result<String>>()?;
    fs::write(folder.join("references.txt"), shuffled)?;
    Ok(fs::write(folder.join("positions.txt"), format!("{} {}\n", positions.start, positions.end))?)
}

/// Weights of variance 2 / inputs (He et al. 2015, arXiv:1502.01852), small biases.
fn he_weights(config: &ConvNetConfig) -> Result<Checkpoint> {
    let mut checkpoint = Checkpoint::new();
    for (name, shape) in config.tensors() {
        let inputs: usize = shape.iter().skip(1).product();
        let scale = if shape.len() > 1 { (2.0 / inputs as f64).sqrt() } else { 0.1 };
        let mut stream = Seed::new(1).stream(&name, 0);
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| scale * stream.normal()).collect();
        checkpoint.insert(name, Tensor::from_f64(&shape, &values).ok_or("a shape does not fit")?);
    }
    Ok(checkpoint)
}

/// The sequences of a file, one a line.
fn sequences(path: &Path) -> Result<Vec<Sequence>> {
    let parse = |line: &str| Ok(Sequence::parse(&Alphabet::dna(), line)?);
    fs::read_to_string(path)?.lines().map(parse).collect()
}

/// Sequences and the positions of each that are mutated.
fn task(folder: &Path) -> Result<(Vec<Sequence>, Range<usize>)> {
    let sequences = sequences(&folder.join("sequence.txt"))?;
    let positions = fs::read_to_string(folder.join("positions.txt"))?;
    let (start, end) = positions.trim().split_once(' ').ok_or("expected two positions")?;
    Ok((sequences, start.parse()?..end.parse()?))
}

/// How far changes in single precision are from those in double.
fn accuracy(folder: &Path) -> Result<()> {
    let (net, _) = ConvNet::load(folder)?;
    let (sequences, positions) = task(folder)?;
    let single = mutants(&net, &sequences, positions.clone())?;
    let net = net.with_precision(Precision::Double)?;
    let double = mutants(&net, &sequences, positions)?;
    let squares = |values: Array3<f64>| values.iter().map(|value| value * value).sum::<f64>();
    let share = (squares(&single - &double) / squares(double)).sqrt();
    println!("root mean square error of a change: {share:.1e} of its root mean square");
    if share > MOST_ERROR {
        return Err(format!("expected at most {MOST_ERROR:.0e}").into());
    }
    Ok(())
}

fn run(folder: &Path) -> Result<()> {
    let (net, _) = ConvNet::load(folder)?;
    let (sequences, positions) = task(folder)?;
    let mut changes = Array3::zeros((0, 0, 0));
    for name in ["first", "warm"] {
        let start = cpu_seconds();
        changes = mutants(&net, &sequences, positions.clone())?;
        println!("case {name}: {}", cpu_seconds() - start);
    }
    let (mutants, bins, tracks) = changes.dim();
    let file = AtomicFile::create(folder.join("ours.npy"))?;
    let mut array = NpyWriter::new(file, ElementType::Float32, &[mutants, bins * tracks])?;
    array.write(changes.as_slice().ok_or("changes do not lie in order")?)?;
    Ok(array.finish()?.commit()?)
}

fn attribute(folder: &Path) -> Result<()> {
    let (net, _) = ConvNet::load(folder)?;
    let (sequence, references) =
        (sequences(&folder.join("sequence.txt"))?, sequences(&folder.join("references.txt"))?);
    let head = net.spec().heads.last().map(|head| head.name.to_string());
    let options = AttributionOptions {
        method: AttributionMethod::DeepLift,
        readout: Some(net.spec().readout(head.as_deref(), &["0".to_owned()], None, Reduce::Mean)?),
        references: AttributionReferences::Given(SequenceBatch::from_sequences(&references)?),
        ..AttributionOptions::default()
    };
    let attributor = Attributor::new(&net, options)?;
    let mut contributions = Array3::zeros((0, 0, 0));
    for name in ["first", "warm"] {
        let start = cpu_seconds();
        contributions = attributor.attribute(&sequence, Run::default())?.contributions();
        println!("case {name}: {}", cpu_seconds() - start);
    }
    let file = AtomicFile::create(folder.join("ours-attribution.npy"))?;
    let mut array = NpyWriter::new(file, ElementType::Float32, &[LENGTH, 4])?;
    array.write(contributions.as_slice().ok_or("contributions do not lie in order")?)?;
    Ok(array.finish()?.commit()?)
}

/// A substitution at each of 1,000 neighbouring bases, in windows of the network's length that 64 bases share; then 100
/// that are far from one another.
fn variants(folder: &Path, engine: Engine) -> Result<()> {
    let (net, _) = ConvNet::load(folder)?;
    let letters = random_sequences(&Alphabet::dna(), 1, 300 * LENGTH, &[], Seed::new(2))?;
    let letters: Vec<u8> = letters.codes().iter().map(|code| Alphabet::dna().letter(*code)).collect();
    let genome = Genome::from_contigs("random", [("random", letters.clone())])?;
    let row = |position: usize| -> Result<VariantRow> {
        let reference = letters[position - 1];
        let alternate = if reference == b'A' { 'C' } else { 'A' };
        Ok(format!("random:{position}_{}>{alternate}", char::from(reference)).parse()?)
    };
    let dense: Vec<VariantRow> = (0..1000).map(|i| row(LENGTH + i)).collect::<Result<_>>()?;
    let apart: Vec<VariantRow> = (1..=100).map(|i| row(2 * LENGTH * i)).collect::<Result<_>>()?;
    for (name, rows, share) in [("dense", dense, 64), ("apart", apart, 1)] {
        let options = VariantOptions { engine, share, ..VariantOptions::default() };
        let start = cpu_seconds();
        let scores = VariantScorer::new(&genome, &[&net], options)?.score(&rows, Run::default())?;
        println!("case {name}: {}", cpu_seconds() - start);
        let largest = scores.iter().filter_map(|score| score.numbers.last());
        println!("the largest effect is {:.4}", largest.fold(0.0_f64, |a, b| a.max(*b)));
    }
    Ok(())
}

/// The change of the last head's tracks by every substitution at some positions of each sequence.
fn mutants(net: &ConvNet, sequences: &[Sequence], positions: Range<usize>) -> Result<Array3<f64>> {
    let head = net.spec().heads.last().map(|head| head.name.to_string());
    let readout = net.spec().readout(head.as_deref(), &[], None, Reduce::Mean)?;
    let exact = net.as_incremental().ok_or("no exact engine")?;
    let n = 3 * positions.len();
    let mut out = Array3::zeros((sequences.len() * n, readout.bins_out(), readout.tracks.len()));
    for (sequence, out) in sequences.iter().zip(out.axis_chunks_iter_mut(Axis(0), n)) {
        let edits: Vec<Edit> = positions
            .clone()
            .flat_map(|position| (0..4).map(move |code| Edit { position: position as u32, code }))
            .filter(|edit| sequence.codes().get(edit.position as usize) != Some(&edit.code))
            .collect();
        let mutants: Vec<&Mutant> = edits.iter().map(std::slice::from_ref).collect();
        exact.reference(sequence, &readout)?.deltas(&mutants, out)?;
    }
    Ok(out)
}
