//! What each part of the variational autoencoder of a family is worth: networks without it, trained alike.
//!
//! `cargo bench -p benchmarks --bench ablation -- DATA [SEEDS] [STEPS]` trains networks on beta-lactamase, of the folder
//! `families` of the real data, and prints a table in Markdown. Set `RAYON_NUM_THREADS=1` for the CPU seconds of one
//! thread.

#![expect(clippy::print_stdout, reason = "the table is the benchmark's result")]

use std::error::Error;
use std::path::Path;

use benchmarks::cpu_seconds;
use cistron::encode::Edit;
use cistron::encode::alignment::{Family, Potts, PottsOptions, SiteIndependent};
use cistron::models::{VaeConfig, VaePoint, VaeSparsity, VaeTraining, train_vae};
use cistron::{Run, Seed};
use conformance::families::{beta_lactamase, correlation};

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The seeds and the updates of each, if none are given.
const SEEDS: u64 = 3;
const STEPS: u64 = 1200;

/// The draws that effects are the means of.
const SAMPLES: usize = 20;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [data] => ablation(Path::new(data), SEEDS, STEPS),
        [data, seeds] => ablation(Path::new(data), seeds.parse()?, STEPS),
        [data, seeds, steps] => ablation(Path::new(data), seeds.parse()?, steps.parse()?),
        _ => {
            println!("skipped: no folder of real data was given");
            Ok(())
        }
    }
}

/// What a network has and what it has not.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each part is there or not")]
struct Parts {
    posteriors: bool,
    scales: bool,
    convolution: bool,
    temperature: bool,
}

/// Mutants and what was measured of them.
struct Measured {
    family: Family,
    mutants: Vec<Vec<Edit>>,
    values: Vec<f64>,
}

fn ablation(data: &Path, seeds: u64, steps: u64) -> Result<()> {
    let start = cpu_seconds();
    let (family, assay) = beta_lactamase(&data.join("families"))?;
    let (mutants, values) = assay.covered(family.wild_type());
    let site = assay.spearman(&SiteIndependent::log_odds(&family, 1.0)?)?.1;
    let pair = Potts::fit(&family, &PottsOptions::default(), Run::default(), |_| ())?;
    let pair = assay.spearman(&pair)?.1;
    let measured = Measured { family, mutants, values };
    let parts = "weights | scales | convolution | temperature";
    println!(
        "| {parts} | Spearman, mean of {seeds} seeds | least to most | trained numbers | CPU s a seed |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let (mut means, mut all) = (Vec::new(), Vec::new());
    for choice in 0..16_u32 {
        // The whole network first, then those without one part, and so on.
        let has = |part: u32| choice & (1 << part) == 0;
        let parts = Parts { posteriors: has(3), scales: has(2), convolution: has(1), temperature: has(0) };
        let found = row(parts, &measured, seeds, steps)?;
        means.push(mean(&found));
        all.extend(found);
    }
    let range = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        format!("{:.3} to {:.3}", numbers[0], numbers[numbers.len() - 1])
    };
    println!("\nThe means of rows range from {}, single networks from {}.", range(means), range(all));
    let n = measured.values.len();
    println!(
        "\n{n} mutants, {steps} updates each, effects of {SAMPLES} draws; beside them, on the same mutants:\n"
    );
    println!("| model | Spearman here | published |\n|---|---|---|");
    println!("| site-independent | {site:.3} | 0.60 |");
    println!("| pairwise | {pair:.3} | 0.70 |");
    println!("| variational autoencoder with all parts | first row above | 0.73 |");
    println!("| the best of the six with posteriors | | 0.74 |");
    println!("\nCPU seconds of all this: {:.0}.", cpu_seconds() - start);
    Ok(())
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Trains the networks of some parts and prints how well they rank the mutants, of each seed.
fn row(parts: Parts, measured: &Measured, seeds: u64, steps: u64) -> Result<Vec<f64>> {
    let start = cpu_seconds();
    let config = config(parts, &measured.family);
    let mut found = Vec::new();
    for seed in 1..=seeds {
        let run = Run { seed: Seed::new(seed), ..Run::default() };
        let training = VaeTraining { steps, ..VaeTraining::default() };
        let vae = train_vae(&config, &measured.family, &training, None, run)?.vae;
        let effects = vae.mutant_effects(&measured.mutants, SAMPLES, Seed::new(seed))?;
        found.push(correlation(&effects, &measured.values)?);
    }
    let seconds = (cpu_seconds() - start) / seeds as f64;
    found.sort_by(f64::total_cmp);
    let mean = mean(&found);
    let (least, most) = (found[0], found[found.len() - 1]);
    let yes = |has: bool| if has { "yes" } else { "no" };
    let weights = if parts.posteriors { "posteriors" } else { "points" };
    println!(
        "| {weights} | {} | {} | {} | {mean:.3} | {least:.3} to {most:.3} | {} | {seconds:.1} |",
        yes(parts.scales),
        yes(parts.convolution),
        yes(parts.temperature),
        config.n_parameters()
    );
    Ok(found)
}

/// A network of half the small one's widths, so that all of them train in minutes.
fn config(parts: Parts, family: &Family) -> VaeConfig {
    let small = VaeConfig::small(&family.alphabet().to_string(), family.width());
    VaeConfig {
        encoder: vec![100],
        decoder: vec![25, 20],
        n_latent: 10,
        sparsity: parts.scales.then_some(VaeSparsity::Logit),
        convolution: parts.convolution.then_some(10),
        temperature: parts.temperature,
        point: (!parts.posteriors).then(VaePoint::default),
        ..small
    }
}
