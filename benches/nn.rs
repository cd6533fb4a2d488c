//! Operations of networks, forward and back.
//!
//! `cargo bench -p benchmarks --bench nn -- all` prints one line for each, with the CPU seconds of one run. Set
//! `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the times are the benchmark's result")]

use std::hint::black_box;

use benchmarks::cpu_seconds;
use cistron_core::Seed;
use cistron_models::nn::{Activation, ConvShape, Loss, Parameters, Pass, Pool, PoolShape, Precision, Tensor};
use cistron_models::nn::{BatchNormLayer, LinearLayer};
use cistron_models::{Device, ModelsError};

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, ModelsError>;

/// An operation is repeated for so many CPU seconds.
const LONG_ENOUGH: f64 = 0.6;

/// (B, L, C) of an inner layer of Enformer.
const LARGE: [usize; 3] = [1, 12_288, 1536];

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    if std::env::args().skip(1).all(|argument| argument.starts_with("--")) {
        println!("skipped: no task was given");
        return Ok(());
    }
    products()?;
    convolutions()?;
    elementwise()?;
    rows()?;
    there_and_back()
}

/// Prints the mean CPU seconds of an operation.
fn time(name: &str, mut run: impl FnMut() -> Result<Tensor>) -> Result<()> {
    drop(run()?);
    let (start, mut times) = (cpu_seconds(), 0);
    while cpu_seconds() - start < LONG_ENOUGH {
        black_box(run()?);
        times += 1;
    }
    println!("case {name}: {}", (cpu_seconds() - start) / f64::from(times));
    Ok(())
}

/// Numbers between -1 and 1.
fn numbers(shape: &[usize]) -> Result<Tensor> {
    let mut stream = Seed::new(1).stream("numbers", 0);
    let values = (0..shape.iter().product()).map(|_| (2.0 * stream.uniform() - 1.0) as f32);
    Tensor::from_f32(values.collect(), shape, Device::Cpu)
}

fn products() -> Result<()> {
    let square = numbers(&[1, 1024, 1024])?;
    time("product of 1024 x 1024", || square.product(&square))?;
    let (queries, keys) = (numbers(&[8, 1536, 64])?, numbers(&[8, 64, 1536])?);
    time("attention scores 8 x 1536 x 64", || queries.product(&keys))?;
    let (x, weight, bias) = (numbers(&[128, 124])?, numbers(&[108, 124])?, numbers(&[108])?);
    time("linear 128 x 124 to 108", || x.linear(&weight, Some(&bias)))?;
    let (x, weight) = (numbers(&[1536, 1536])?, numbers(&[3072, 1536])?);
    time("linear 1536 x 1536 to 3072", || x.linear(&weight, None))
}

fn convolutions() -> Result<()> {
    let same = |taps: usize| ConvShape { padding: taps / 2, ..ConvShape::default() };
    for (name, x, weight, shape) in [
        ("convolution 1 x 49152 x 4, 768 of 15", [1, 49_152, 4], [768, 4, 15], same(15)),
        ("convolution 1 x 6144 x 768, 768 of 5", [1, 6144, 768], [768, 768, 5], same(5)),
        ("convolution 64 x 2000 x 4, 320 of 8", [64, 2000, 4], [320, 4, 8], ConvShape::default()),
        ("convolution 8 x 1993 x 320, 320 of 8", [8, 1993, 320], [320, 320, 8], ConvShape::default()),
    ] {
        let (x, weight) = (numbers(&x)?, numbers(&weight)?);
        time(name, || x.conv(&weight, shape))?;
    }
    Ok(())
}

fn elementwise() -> Result<()> {
    let x = numbers(&LARGE)?;
    for (name, activation) in [
        ("gelu", Activation::Gelu),
        ("gelu by tanh", Activation::GeluTanh),
        ("tanh", Activation::Tanh),
        ("sigmoid", Activation::Sigmoid),
        ("softplus", Activation::Softplus),
        ("exp", Activation::Exp),
        ("relu", Activation::Relu),
    ] {
        time(name, || x.activate(activation))?;
    }
    time("sum of two", || x.add(&x))
}

fn rows() -> Result<()> {
    let x = numbers(&LARGE)?;
    time("sum of all", || x.sum())?;
    time("max pool of 2", || x.pool(Pool::Max, PoolShape::tiles(2)))?;
    time("max pool of 4", || x.pool(Pool::Max, PoolShape::tiles(4)))?;
    time("softmax", || x.softmax())?;
    let (scale, shift) = (numbers(&[LARGE[2]])?, numbers(&[LARGE[2]])?);
    let narrow = numbers(&[1536, LARGE[2]])?;
    time("layer norm 1536 x 1536", || narrow.layer_norm(&scale, &shift, 1e-5))?;
    let mut parameters = Parameters::new(Device::Cpu, Precision::Single);
    let layer = BatchNormLayer::new(&mut parameters.scope(Seed::new(1)), LARGE[2])?;
    time("batch norm, evaluation", || layer.forward(&x, &Pass::Evaluation))?;
    let training = Pass::Training(Box::new(Seed::new(1).stream("training", 0)));
    time("batch norm, training", || layer.forward(&x, &training))
}

/// Forward and the gradients of everything.
fn there_and_back() -> Result<()> {
    let (x, weight) = (numbers(&[4, 1000, 64])?.variable(), numbers(&[64, 64, 7])?.variable());
    for (name, padding) in [("without", 0), ("with", 3)] {
        let shape = ConvShape { padding, ..ConvShape::default() };
        time(&format!("there and back: convolution 4 x 1000 x 64 {name} padding"), || {
            let sum = x.conv(&weight, shape)?.sum()?;
            sum.gradients()?.get(&weight).map_or(Ok(sum), Ok)
        })?;
    }
    for rows in [128, 4096] {
        let mut parameters = Parameters::new(Device::Cpu, Precision::Single);
        let mut scope = parameters.scope(Seed::new(1));
        let layers = [("a", 124, 108), ("b", 108, 93), ("c", 93, 124)];
        let layers = layers.map(|(name, i, o)| LinearLayer::new(&mut scope.enter(name), i, o));
        let [first, second, last] = layers;
        let (first, second, last) = (first?, second?, last?);
        let (x, target) = (numbers(&[rows, 124])?, numbers(&[rows, 124])?);
        time(&format!("there and back: three linear layers of {rows} rows"), || {
            let x = first.forward(&x)?.activate(Activation::Relu)?;
            let x = second.forward(&x)?.activate(Activation::Relu)?;
            let loss = last.forward(&x)?.loss(&target, Loss::SquaredError)?;
            drop(loss.gradients()?);
            Ok(loss)
        })?;
    }
    Ok(())
}
