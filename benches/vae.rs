//! Variational autoencoders of a family: what an update costs, and what a trained one says of measured mutants.
//!
//! `cargo bench -p benchmarks --bench vae -- full|small` prints the CPU seconds of an update; set
//! `RAYON_NUM_THREADS=1` to compare with one thread of a peer. `-- proof DATA [SEEDS]` trains small networks on
//! beta-lactamase, of the folder `families` of the real data, and prints a table in Markdown.

#![expect(clippy::print_stdout, reason = "the times and the table are the benchmark's result")]

use std::error::Error;
use std::path::Path;

use benchmarks::cpu_seconds;
use cistron::encode::random_sequences;
use cistron::models::{
    Vae, VaeAdam, VaeConfig, VaeLearner, VaeNoise, VaeTraining, VaeUpdate, ensemble_effects, train_vae,
};
use cistron::{Alphabet, Run, Seed};
use conformance::families::{beta_lactamase, correlation};

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The positions of the beta-lactamase family, the sequences of an update, and how many updates are timed.
const LENGTH: usize = 253;
const BATCH: usize = 100;
const UPDATES: u64 = 20;

/// The draws that effects are the means of.
const SAMPLES: usize = 60;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let letters = Alphabet::protein().to_string();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["full"] => updates("full", &VaeConfig { alphabet: letters, length: LENGTH, ..VaeConfig::default() }),
        ["small"] => updates("small", &VaeConfig::small(&letters, LENGTH)),
        ["proof", data] => proof(Path::new(data), 5),
        ["proof", data, seeds] => proof(Path::new(data), seeds.parse()?),
        _ => {
            println!("skipped: no task was given");
            Ok(())
        }
    }
}

/// The median of updates on random sequences, the first two left out.
fn updates(name: &str, config: &VaeConfig) -> Result<()> {
    let mut learner = VaeLearner::new(Vae::new(config, Seed::new(1))?, VaeAdam::Standard);
    let sequences = random_sequences(&Alphabet::protein(), BATCH, LENGTH, &[], Seed::new(1))?;
    let mut seconds = Vec::new();
    for number in 1..=UPDATES + 2 {
        let start = cpu_seconds();
        let noise = VaeNoise::Drawn { seed: Seed::new(1), step: number };
        learner.step(sequences.codes(), noise, VaeUpdate { neff: 2605.0, number, rate: 1e-3 })?;
        if number > 2 {
            seconds.push(cpu_seconds() - start);
        }
    }
    seconds.sort_by(f64::total_cmp);
    println!("case an update of the {name} network: {}", seconds[seconds.len() / 2]);
    Ok(())
}

fn proof(data: &Path, seeds: u64) -> Result<()> {
    let (family, assay) = beta_lactamase(&data.join("families"))?;
    let (mutants, measured) = assay.covered(family.wild_type());
    println!("### Variational autoencoders of beta-lactamase\n");
    println!(
        "Small networks of the same family, {} updates each, beside the same measured mutants, which none has seen.\n",
        VaeTraining::default().steps
    );
    println!("| network of seed | Spearman of {} mutants | CPU seconds |\n|---|---|---|", mutants.len());
    let config = VaeConfig::small(&family.alphabet().to_string(), family.width());
    let (mut all, mut found, mut total) = (Vec::new(), Vec::new(), 0.0);
    for seed in 1..=seeds {
        let start = cpu_seconds();
        let run = Run { seed: Seed::new(seed), ..Run::default() };
        let vae = train_vae(&config, &family, &VaeTraining::default(), None, run)?.vae;
        let effects = vae.mutant_effects(&mutants, SAMPLES, Seed::new(seed))?;
        let (seconds, rho) = (cpu_seconds() - start, correlation(&effects, &measured)?);
        println!("| {seed} | {rho:.4} | {seconds:.0} |");
        all.push(effects);
        found.push(rho);
        total += seconds;
    }
    found.sort_by(f64::total_cmp);
    println!("| median | {:.4} | |", found[found.len() / 2]);
    let n = found.len() as f64;
    let mean = found.iter().sum::<f64>() / n;
    let variance = found.iter().map(|rho| (rho - mean).powi(2)).sum::<f64>() / (n - 1.0);
    println!("| mean, and standard deviation | {mean:.4}, {:.4} | |", variance.sqrt());
    println!(
        "| mean effects of all | {:.4} | {total:.0} |",
        correlation(&ensemble_effects(&all)?, &measured)?
    );
    Ok(())
}
