//! `cistron kmer evaluate`.

use std::iter::once;
use std::path::{Path, PathBuf};

use cistron::Seed;
use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, DenoisingMetrics, Identity, KmerDenoiser, KmerSampler, KmerSplit,
    Noise, PackedSequences, Pass, WindowSet,
};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::model::{Config, Model, SplitRecord};
use super::sequences::read_packed;
use super::{StrandsArg, kmer_error};
use crate::context::{Context, usage};
use crate::output::check_free;
use crate::record::write_text;

#[derive(Args)]
pub(crate) struct EvaluateArgs {
    /// Folder of the model
    model: PathBuf,
    /// Genomes that k-mers are drawn from
    #[arg(required = true, value_name = "FASTA")]
    inputs: Vec<PathBuf>,
    /// The probability that a base is wrong
    #[arg(long, value_name = "P", default_value_t = 0.1)]
    noise: f64,
    /// Strands that are drawn
    #[arg(long, value_enum, default_value_t)]
    strands: StrandsArg,
    /// The same model trained with another seed; may be repeated: the spread of all of them is added
    #[arg(long = "replicate", value_name = "DIR")]
    replicates: Vec<PathBuf>,
    /// The windows that k-mers are drawn from [default: those that the model held out, else all]
    #[arg(long, value_enum)]
    windows: Option<WindowsArg>,
    /// K-mers, at most as many as there are windows
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Output: figures of the model, of doing nothing, and of the exact posterior of these genomes
    #[arg(long, short, value_name = "JSON")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WindowsArg {
    /// Every window
    All,
    /// Those that training held out
    Validation,
}

/// K-mers of a piece of work.
const PIECE: u64 = 1024;

pub(super) fn run(args: &EvaluateArgs, context: &Context) -> anyhow::Result<()> {
    check_free(&args.output, context)?;
    let trained = Trained::load(&args.model)?;
    let replicates = args.replicates.iter().map(|folder| trained.replicate(folder));
    let replicates = replicates.collect::<anyhow::Result<Vec<_>>>()?;
    let genome = read_packed(&args.inputs)?;
    let (k, noise) = (trained.config.k, args.noise);
    let trial = Trial::new(args, &genome, &trained, context)?;

    let identity = trial.measure(&Identity::new(k, noise).map_err(kmer_error)?)?;
    let options = CodebookOptions { strands: args.strands.into(), noise, ..CodebookOptions::default() };
    let codebook = CodebookDenoiser::new(genome.clone(), k, options).map_err(kmer_error)?;
    let codebook = trial.measure(&codebook)?;
    let limit = codebook.expected_hamming();
    let model = trial.measure(trained.model.denoiser())?;
    let mut of_seeds = vec![model.clone()];
    for replicate in &replicates {
        let trial = Trial::new(args, &genome, replicate, context)?;
        of_seeds.push(trial.measure(replicate.model.denoiser())?);
    }
    let mut described = describe(&model, noise, limit);
    described["parameters"] = json!(trained.model.n_parameters());
    described["training_cpu_minutes"] = json!(trained.cpu_minutes());
    let mut report = json!({
        "version": 1,
        "windows": trial.describe(),
        "model": described,
        "baselines": {
            "identity": describe(&identity, noise, limit), "codebook": describe(&codebook, noise, limit),
        },
    });
    if !replicates.is_empty() {
        let seeds: Vec<Option<u64>> =
            once(&trained).chain(&replicates).map(|it| it.config.split.map(|split| split.seed)).collect();
        let spread = |figure: fn(&DenoisingMetrics) -> f64| {
            describe_spread(&of_seeds.iter().map(figure).collect::<Vec<f64>>())
        };
        report["seeds"] = json!({
            "seeds": seeds, "hamming": spread(DenoisingMetrics::hamming),
            "exact": spread(DenoisingMetrics::exact), "gain": spread(DenoisingMetrics::gain),
        });
    }
    write_text(&args.output, &format!("{report:#}\n"))
}

/// A model and where it came from.
struct Trained {
    folder: PathBuf,
    model: Model,
    config: Config,
}

impl Trained {
    fn load(folder: &Path) -> anyhow::Result<Self> {
        let (model, config) = Model::load(folder)?;
        Ok(Self { folder: folder.to_owned(), model, config })
    }

    /// The same model, trained with another seed.
    fn replicate(&self, folder: &Path) -> anyhow::Result<Self> {
        let other = Self::load(folder)?;
        if other.config.but_for_seed()? != self.config.but_for_seed()? {
            let (found, expected) = (folder.display(), self.folder.display());
            return Err(usage(format!(
                "{found} is another model than {expected}, expected one of another seed"
            )));
        }
        Ok(other)
    }

    /// What training took; none for a run that went on after an interruption, which counts its last part alone.
    fn cpu_minutes(&self) -> Option<f64> {
        let text = std::fs::read_to_string(self.folder.join("run.json")).ok()?;
        let record: Value = serde_json::from_str(&text).ok()?;
        let whole = record["resumed"] == false;
        record["cpu_seconds"].as_f64().filter(|_| whole).map(|seconds| seconds / 60.0)
    }
}

/// The noisy k-mers that a model is asked about.
struct Trial<'a> {
    args: &'a EvaluateArgs,
    genome: &'a PackedSequences,
    context: &'a Context,
    windows: WindowSet,
    /// Whether validation leaks into training, and the windows that both have; none where all windows are drawn.
    split: Option<(bool, u64)>,
}

impl<'a> Trial<'a> {
    fn new(
        args: &'a EvaluateArgs,
        genome: &'a PackedSequences,
        trained: &Trained,
        context: &'a Context,
    ) -> anyhow::Result<Self> {
        let k = trained.config.k;
        let (windows, split) = match held_out(args, trained)? {
            None => (WindowSet::all(genome, k).map_err(kmer_error)?, None),
            Some(record) => {
                let split = KmerSplit::new(genome, k, record.options(), Seed::new(record.seed));
                let split = split.map_err(kmer_error)?;
                (split.validation, Some((record.leaky, split.shared)))
            }
        };
        Ok(Self { args, genome, context, windows, split })
    }

    fn describe(&self) -> Value {
        json!({
            "part": if self.split.is_some() { "validation" } else { "all" },
            "leaky": self.split.map(|(leaky, _)| leaky),
            "n": self.windows.len(),
            "shared_with_training": self.split.map(|(_, shared)| shared),
        })
    }

    /// Measures in pieces on all threads; the counts of the pieces merge to the same numbers in any order.
    fn measure(&self, denoiser: &dyn KmerDenoiser) -> anyhow::Result<DenoisingMetrics> {
        let noise = Noise::new(self.args.noise).map_err(kmer_error)?;
        let (strands, seed) = (self.args.strands.into(), self.context.seed);
        let sampler =
            KmerSampler::new(self.genome, &self.windows, strands, noise, seed).map_err(kmer_error)?;
        let pass = sampler.pass(Pass::Validation);
        let n = self.args.limit.min(sampler.len());
        let pieces: Vec<DenoisingMetrics> = (0..n.div_ceil(PIECE))
            .into_par_iter()
            .map(|piece| {
                let pairs = piece * PIECE..n.min((piece + 1) * PIECE);
                DenoisingMetrics::measure(denoiser, &pass, pairs, self.context.run())
            })
            .collect::<Result<_, _>>()
            .map_err(kmer_error)?;
        let mut metrics = DenoisingMetrics::new(denoiser.k()).map_err(kmer_error)?;
        pieces.iter().try_for_each(|piece| metrics.merge(piece)).map_err(kmer_error)?;
        Ok(metrics)
    }
}

/// The split whose validation windows are wanted.
fn held_out(args: &EvaluateArgs, trained: &Trained) -> anyhow::Result<Option<SplitRecord>> {
    match (args.windows, trained.config.split) {
        (Some(WindowsArg::All), _) | (None, None) => Ok(None),
        (_, Some(split)) => Ok(Some(split)),
        (Some(WindowsArg::Validation), None) => {
            let model = trained.folder.display();
            Err(usage(format!("{model} was trained without --split, expected --windows all")))
        }
    }
}

fn describe_spread(values: &[f64]) -> Value {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    json!({"values": values, "mean": mean, "sd": sd, "least": least, "greatest": greatest})
}

fn describe(metrics: &DenoisingMetrics, noise: f64, information_limit: f64) -> Value {
    let by_errors: Vec<Value> = metrics
        .by_errors()
        .iter()
        .enumerate()
        .filter(|(_, group)| group.n > 0)
        .map(|(errors, group)| {
            let bases = group.n as f64 * metrics.k() as f64;
            json!({
                "errors": errors, "n": group.n,
                "hamming": group.wrong as f64 / bases, "exact": group.exact as f64 / group.n as f64,
            })
        })
        .collect();
    let calibration: Vec<Value> = metrics
        .calibration()
        .iter()
        .filter(|bin| bin.n > 0)
        .map(|bin| {
            let right = bin.right as f64 / bin.n as f64;
            json!({"n": bin.n, "confidence": bin.confidence(), "right": right})
        })
        .collect();
    json!({
        "k": metrics.k(), "noise": noise, "n": metrics.n(), "identity": metrics.identity(),
        "hamming": metrics.hamming(), "exact": metrics.exact(), "fixed": metrics.fixed(),
        "broken": metrics.broken(), "gain": metrics.gain(), "quality": metrics.quality(),
        "information_limit": information_limit, "by_position": metrics.by_position(),
        "by_errors": by_errors, "calibration": calibration,
    })
}
