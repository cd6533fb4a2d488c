//! Models of families: weights, a site-independent and a pairwise model of beta-lactamase, a published model of a WW
//! domain, and the pathogenic variants of a sodium channel.
//!
//! `cargo bench -p benchmarks --bench families -- DATA` reads the folder `families` of the real data and prints tables in
//! Markdown. Set `RAYON_NUM_THREADS=1` for the CPU seconds of one thread.

#![expect(clippy::print_stdout, reason = "the table is the benchmark's result")]

use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use benchmarks::cpu_seconds;
use cistron::encode::Edit;
use cistron::encode::alignment::{
    Alignment, Family, FamilyModel, Potts, PottsOptions, PrepareOptions, SiteIndependent, WeightRule,
    WildType, sequence_weights,
};
use cistron::genome::text;
use cistron::models::{VaeConfig, VaeTraining, train_vae};
use cistron::{Run, Seed, area_under_roc, spearman};
use conformance::families::Assay;

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The draws that effects of a variational autoencoder are the means of.
const SAMPLES: usize = 60;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let folders: Vec<PathBuf> =
        std::env::args().skip(1).filter(|it| it != "--bench").map(PathBuf::from).collect();
    let [data] = &folders[..] else {
        println!("skipped: no folder of real data was given");
        return Ok(());
    };
    let families = data.join("families");
    println!("## Mutants of proteins\n");
    lactamase(&families)?;
    domain(&families)?;
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

/// The family with `DeepSequence`'s weights, and what those of either rule came to.
fn weighted(family: Family) -> Result<Family> {
    let (n, width) = (family.len(), family.width());
    println!("| {n} sequences of {width} columns, weighed as | Neff | CPU seconds |\n|---|---|---|");
    let weigh = |rule| {
        let weigh = || Ok(sequence_weights(family.codes(), family.alphabet().gap(), rule, 0.2)?);
        let (weights, seconds) = timed(weigh)?;
        println!("| {rule:?} | {:.2} | {seconds:.3} |", weights.iter().sum::<f64>());
        Result::Ok(weights)
    };
    weigh(WeightRule::Plmc)?;
    let weights = weigh(WeightRule::DeepSequence)?;
    println!();
    Ok(family.with_weights(weights, Some(0.2))?)
}

fn lactamase(families: &Path) -> Result<()> {
    println!("### Beta-lactamase\n");
    let family = weighted(read(&families.join("BLAT_ECOLX_r24-286_b105.a2m.gz"))?)?;
    let assay = Assay::read(&families.join("BLAT_ECOLX_Ranganathan2015.csv.gz"), "2500")?;
    let n = assay.covered(family.wild_type()).0.len();
    println!("| model | Spearman of {n} mutants | CPU seconds |\n|---|---|---|");
    let row = |name: &str, fit: &dyn Fn() -> Result<Box<dyn FamilyModel>>| {
        let (model, seconds) = timed(fit)?;
        let rho = assay.spearman(&*model)?.1;
        println!("| {name} | {rho:.4} | {seconds:.2} |");
        Result::Ok(())
    };
    row("site-independent, log-odds", &|| Ok(Box::new(SiteIndependent::log_odds(&family, 1.0)?)))?;
    row("site-independent, fitted fields", &|| Ok(Box::new(SiteIndependent::fitted(&family, 0.01)?)))?;
    for iterations in [10, PottsOptions::default().iterations] {
        let options = PottsOptions { iterations, ..PottsOptions::default() };
        row(&format!("pairwise, {iterations} steps"), &|| {
            Ok(Box::new(Potts::fit(&family, &options, Run::default(), |_| ())?))
        })?;
    }
    println!();
    Ok(())
}

/// How much the positions of the measurements are ahead of those of the model's file.
const DOMAIN_OFFSET: i64 = 169;

fn domain(families: &Path) -> Result<()> {
    let path = families.join("YAP1_HUMAN_plmc.params.gz");
    let model = Potts::read_plmc(text::open(&path)?, &path)?;
    let assay = Assay::read(&families.join("YAP1_HUMAN_Fields2012-singles.csv.gz"), "linear")?;
    let (mutants, measured) = assay.covered(&model.wild_type().renumbered(DOMAIN_OFFSET)?);
    let effects: Vec<f64> = mutants.iter().map(|mutant| model.effect(mutant)).collect();
    let rho = spearman(&effects, &measured).ok_or("effects that do not vary")?;
    println!("### The WW domain of YAP1\n");
    println!(
        "A pairwise model that was published as a file of plmc's has a Spearman correlation of {rho:.4} with {} \
         measured mutants.\n",
        effects.len()
    );
    Ok(())
}

/// The variants of `ClinVar` that the family covers, and which are pathogenic; those in between are left out.
fn labelled(families: &Path, wild_type: &WildType) -> Result<Vec<(Vec<Edit>, bool)>> {
    let labels = text::open(families.join("ClinVar_labels_P53_PTEN_RASH_SCN5A.csv.gz"))?;
    let mut variants = Vec::new();
    for line in labels.lines() {
        let line = line?;
        let cells: Vec<&str> = line.split(',').collect();
        if let ["SCN5A_HUMAN", mutant, _, label] = cells[..]
            && let (Ok(edits), label) = (wild_type.parse(mutant), label.parse::<f64>()?)
            && label != 0.5
        {
            variants.push((edits, label > 0.5));
        }
    }
    Ok(variants)
}

fn channel(families: &Path) -> Result<()> {
    println!("### Pathogenic variants of the sodium channel SCN5A\n");
    let family = weighted(read(&families.join("SCN5A_HUMAN_b1.0.a2m.gz"))?)?;
    let labels = labelled(families, family.wild_type())?;
    let pathogenic: Vec<&Vec<Edit>> =
        labels.iter().filter(|(_, pathogenic)| *pathogenic).map(|(edits, _)| edits).collect();
    let singles: Vec<Vec<Edit>> = family.wild_type().singles().map(|edit| vec![edit]).collect();
    let is_pathogenic: Vec<bool> = singles.iter().map(|edits| pathogenic.contains(&edits)).collect();
    let n = is_pathogenic.iter().filter(|it| **it).count();
    println!(
        "Of ClinVar's labelled variants the alignment covers {}: {n} pathogenic and {} benign ones. One class alone has \
         no area under the ROC curve between classes. Instead: the chance that a pathogenic variant has a lower effect \
         than one of the {} other single mutants, which is the mean quantile of its rank among them; 0.5 is what a model \
         without a clue has. Variants of patients are changes of a single base, most of the others are not, and of \
         nearly all of those nobody knows what they do: a low number does not say that a model calls the variants \
         harmless, nor a high one that it tells harmful from harmless.\n",
        labels.len(),
        labels.len() - n,
        singles.len() - n
    );
    println!("| model | chance to rank above another single mutant | CPU seconds |\n|---|---|---|");
    let row = |name: &str, effects: &dyn Fn() -> Result<Vec<f64>>| {
        let (effects, seconds) = timed(effects)?;
        let harm: Vec<f64> = effects.iter().map(|effect| -effect).collect();
        let area = area_under_roc(&harm, &is_pathogenic).ok_or("no variant is covered")?;
        println!("| {name} | {area:.3} | {seconds:.1} |");
        Result::Ok(())
    };
    let exact =
        |model: &dyn FamilyModel| singles.iter().map(|mutant| model.effect(mutant)).collect::<Vec<f64>>();
    row("site-independent", &|| Ok(exact(&SiteIndependent::log_odds(&family, 1.0)?)))?;
    row("pairwise", &|| Ok(exact(&Potts::fit(&family, &PottsOptions::default(), Run::default(), |_| ())?)))?;
    row("variational autoencoder, small", &|| {
        let config = VaeConfig::small(&family.alphabet().to_string(), family.width());
        let run = Run { seed: Seed::new(1), ..Run::default() };
        let vae = train_vae(&config, &family, &VaeTraining::default(), None, run)?.vae;
        let effects = vae.mutant_effects(&singles, SAMPLES, Seed::new(1))?;
        Ok(effects.into_iter().map(|effect| effect.effect).collect())
    })
}
