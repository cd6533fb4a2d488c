//! `cistron kmer evaluate`.

use std::path::PathBuf;

use cistron::Seed;
use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, DenoisingMetrics, Identity, KmerDenoiser, KmerPass, KmerSampler,
    KmerSplit, Noise, Pass, WindowSet,
};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::model::{Config, Model};
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
    let (model, config) = Model::load(&args.model)?;
    let genome = read_packed(&args.inputs)?;
    let k = config.k;
    let all = WindowSet::all(&genome, k).map_err(kmer_error)?;
    let split = held_out(args, &config)?
        .map(|split| KmerSplit::new(&genome, k, split.options(), Seed::new(split.seed)).map_err(kmer_error));
    let split = split.transpose()?;
    let windows = split.as_ref().map_or(&all, |split| &split.validation);
    let noise = Noise::new(args.noise).map_err(kmer_error)?;
    let sampler = KmerSampler::new(&genome, windows, args.strands.into(), noise, context.seed);
    let sampler = sampler.map_err(kmer_error)?;
    let n = args.limit.min(sampler.len());
    let measure =
        |denoiser: &dyn KmerDenoiser| measure(denoiser, &sampler.pass(Pass::Validation), n, context);

    let identity = measure(&Identity::new(k, args.noise).map_err(kmer_error)?)?;
    let options =
        CodebookOptions { strands: args.strands.into(), noise: args.noise, ..CodebookOptions::default() };
    let codebook = CodebookDenoiser::new(genome.clone(), k, options).map_err(kmer_error)?;
    let codebook = measure(&codebook)?;
    let limit = codebook.expected_hamming();
    let describe = |metrics: &DenoisingMetrics| describe(metrics, args.noise, limit);
    let report = json!({
        "version": 1,
        "windows": {
            "part": if split.is_some() { "validation" } else { "all" },
            "leaky": config.split.as_ref().filter(|_| split.is_some()).map(|split| split.leaky),
            "n": windows.len(),
            "shared_with_training": split.as_ref().map(|split| split.shared),
        },
        "model": describe(&measure(model.denoiser())?),
        "baselines": {"identity": describe(&identity), "codebook": describe(&codebook)},
    });
    write_text(&args.output, &format!("{report:#}\n"))
}

/// The split whose validation windows are wanted.
fn held_out<'a>(
    args: &EvaluateArgs,
    config: &'a Config,
) -> anyhow::Result<Option<&'a super::model::SplitRecord>> {
    match (args.windows, &config.split) {
        (Some(WindowsArg::All), _) | (None, None) => Ok(None),
        (_, Some(split)) => Ok(Some(split)),
        (Some(WindowsArg::Validation), None) => {
            let model = args.model.display();
            Err(usage(format!("{model} was trained without --split, expected --windows all")))
        }
    }
}

/// Measures in pieces on all threads; the counts of the pieces merge to the same numbers in any order.
fn measure(
    denoiser: &dyn KmerDenoiser,
    pass: &KmerPass<'_>,
    n: u64,
    context: &Context,
) -> anyhow::Result<DenoisingMetrics> {
    let pieces: Vec<DenoisingMetrics> = (0..n.div_ceil(PIECE))
        .into_par_iter()
        .map(|piece| {
            let pairs = piece * PIECE..n.min((piece + 1) * PIECE);
            DenoisingMetrics::measure(denoiser, pass, pairs, context.run())
        })
        .collect::<Result<_, _>>()
        .map_err(kmer_error)?;
    let mut metrics = DenoisingMetrics::new(denoiser.k()).map_err(kmer_error)?;
    pieces.iter().try_for_each(|piece| metrics.merge(piece)).map_err(kmer_error)?;
    Ok(metrics)
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
