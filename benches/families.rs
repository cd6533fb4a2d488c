//! Models of a family: weights, a site-independent and a pairwise model of beta-lactamase, and benign and pathogenic
//! variants of a sodium channel.
//!
//! `cargo bench -p benchmarks --bench families -- DATA` reads the folder `families` of the real data and prints a table in
//! Markdown. Set `RAYON_NUM_THREADS=1` for the CPU seconds of one thread.

#![expect(clippy::print_stdout, reason = "the table is the benchmark's result")]

use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use benchmarks::cpu_seconds;
use cistron::encode::alignment::{
    Alignment, Family, FamilyModel, Potts, PottsOptions, PrepareOptions, SiteIndependent, WeightRule,
    sequence_weights,
};
use cistron::genome::text;
use cistron::{Run, area_under_roc};
use conformance::families::Assay;

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let folders: Vec<PathBuf> =
        std::env::args().skip(1).filter(|it| it != "--bench").map(PathBuf::from).collect();
    let [data] = &folders[..] else {
        println!("skipped: no folder of real data was given");
        return Ok(());
    };
    let families = data.join("families");
    println!("| what | found | CPU seconds |\n|---|---|---|");
    lactamase(&families)?;
    channel(&families)
}

/// What a piece of work gave, and the CPU seconds that it took.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = cpu_seconds();
    let done = work()?;
    Ok((done, cpu_seconds() - start))
}

fn read(path: &Path) -> Result<Family> {
    let options = PrepareOptions { weights: WeightRule::Equal, ..PrepareOptions::default() };
    Ok(Alignment::read(text::open(path)?, path)?.prepare(&options)?.0)
}

fn weighted(family: Family) -> Result<Family> {
    for rule in [WeightRule::Plmc, WeightRule::DeepSequence] {
        let weigh = || Ok(sequence_weights(family.codes(), family.alphabet().gap(), rule, 0.2)?);
        let (weights, seconds) = timed(weigh)?;
        let neff: f64 = weights.iter().sum();
        println!(
            "| weights of {} sequences of {}, {rule:?} | Neff {neff:.2} | {seconds:.3} |",
            family.len(),
            family.width()
        );
        if rule == WeightRule::DeepSequence {
            return Ok(family.with_weights(weights, Some(0.2))?);
        }
    }
    Ok(family)
}

fn lactamase(families: &Path) -> Result<()> {
    let (family, seconds) = timed(|| read(&families.join("BLAT_ECOLX_r24-286_b105.a2m.gz")))?;
    println!("| beta-lactamase read | {} sequences | {seconds:.3} |", family.len());
    let family = weighted(family)?;
    let assay = Assay::read(&families.join("BLAT_ECOLX_Ranganathan2015.csv.gz"), "2500")?;
    for (name, model) in [
        ("log-odds", SiteIndependent::log_odds(&family, 1.0)?),
        ("fitted fields", SiteIndependent::fitted(&family, 0.01)?),
    ] {
        let (n, rho) = assay.spearman(&model)?;
        println!("| site-independent, {name} | Spearman {rho:.4} of {n} | |");
    }
    for iterations in [10, PottsOptions::default().iterations] {
        let options = PottsOptions { iterations, ..PottsOptions::default() };
        let (model, seconds) = timed(|| Ok(Potts::fit(&family, &options, Run::default(), |_| ())?))?;
        let (n, rho) = assay.spearman(&model)?;
        let steps = model.facts().iterations;
        println!("| pairwise, {steps} steps | Spearman {rho:.4} of {n} | {seconds:.1} |");
    }
    Ok(())
}

fn channel(families: &Path) -> Result<()> {
    let family = weighted(read(&families.join("SCN5A_HUMAN_b1.0.a2m.gz"))?)?;
    let labels = text::open(families.join("ClinVar_labels_P53_PTEN_RASH_SCN5A.csv.gz"))?;
    let mut variants = Vec::new();
    for line in labels.lines() {
        let line = line?;
        let cells: Vec<&str> = line.split(',').collect();
        if let ["SCN5A_HUMAN", mutant, _, label] = cells[..] {
            match label.parse::<f64>()? {
                0.5 => {}
                label => variants.push((mutant.to_owned(), label > 0.5)),
            }
        }
    }
    let auc = |name: &str, model: &dyn FamilyModel| {
        let scored = |(mutant, pathogenic): &(String, bool)| {
            Some((-model.effect(&model.wild_type().parse(mutant).ok()?), *pathogenic))
        };
        let (scores, labels): (Vec<f64>, Vec<bool>) = variants.iter().filter_map(scored).unzip();
        let area = area_under_roc(&scores, &labels).unwrap_or(f64::NAN);
        println!(
            "| SCN5A, {name} | AUC {area:.4} of {} variants of ClinVar ({} in all) | |",
            scores.len(),
            variants.len()
        );
    };
    auc("site-independent", &SiteIndependent::log_odds(&family, 1.0)?);
    let (model, seconds) =
        timed(|| Ok(Potts::fit(&family, &PottsOptions::default(), Run::default(), |_| ())?))?;
    auc("pairwise", &model);
    println!("| SCN5A, pairwise | {} steps | {seconds:.1} |", model.facts().iterations);
    Ok(())
}
