//! `cistron kmer train`.

use std::fs;
use std::path::PathBuf;

use anyhow::anyhow;
use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, CountOptions, KmerCounts, KmerSplit, PackedSequences,
    SpectrumDenoiser, SpectrumOptions, Split,
};
use cistron::models::DenoiserKind;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::model::{Model, SplitRecord};
use super::network::{self, NetworkArgs};
use super::sequences::read_packed;
use super::{StrandsArg, kmer_error};
use crate::context::{Context, usage};
use crate::output::check_free;
use crate::record::{Record, digests};

#[derive(Args)]
pub(crate) struct TrainArgs {
    /// Genomes or reads: FASTA or FASTQ, plain, gzip or bgzip
    #[arg(required = true, value_name = "FASTA|FASTQ")]
    inputs: Vec<PathBuf>,
    /// Bases of a k-mer, 1 to 32
    #[arg(short, value_name = "K", default_value_t = 31)]
    k: usize,
    /// Which denoiser
    #[arg(long, value_enum)]
    model: ModelArg,
    /// The probability that a base is wrong (all but spectrum)
    #[arg(long, value_name = "P", default_value_t = 0.1)]
    pub(super) noise: f64,
    /// Strands that are stored or drawn (all but spectrum)
    #[arg(long, value_enum, default_value_t)]
    pub(super) strands: StrandsArg,
    /// The lowest count of a k-mer that is trusted (spectrum) [default: the valley of the histogram]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threshold: Option<u32>,
    /// Hold out windows for evaluation: contiguous blocks, or single windows at random, which leaks
    #[arg(long, value_enum, default_value_t)]
    split: SplitArg,
    /// Bases of a block
    #[arg(long, value_name = "BASES", default_value_t = 5000)]
    block: u64,
    /// The share that is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    validation: f64,
    /// Folder of the model
    #[arg(long, short, value_name = "DIR")]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
}

/// The kinds of denoisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModelArg {
    /// The exact posterior of a known genome
    Codebook,
    /// K-mers that are seen often, from genomes or from nothing but reads
    Spectrum,
    /// The fully connected network of the k-mer autoencoder notebook
    Notebook,
    /// The same, its output added to the input
    NotebookSkip,
    /// A convolution that sees the whole k-mer from each base, added to the input
    Conv,
    /// A trained table for each short word of bases, added to the input
    Seeds,
}

impl ModelArg {
    fn network(self, args: &NetworkArgs) -> Option<DenoiserKind> {
        match self {
            Self::Codebook | Self::Spectrum => None,
            Self::Notebook => Some(DenoiserKind::Notebook),
            Self::NotebookSkip => Some(DenoiserKind::NotebookSkip),
            Self::Conv => Some(DenoiserKind::Conv { channels: args.channels }),
            Self::Seeds => Some(DenoiserKind::Seeds { width: args.seed_width }),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SplitArg {
    /// Learn from everything
    #[default]
    None,
    Blocks,
    Random,
}

impl TrainArgs {
    fn split(&self, context: &Context) -> Option<SplitRecord> {
        let split = match self.split {
            SplitArg::None => return None,
            SplitArg::Blocks => Split::Blocks { width: self.block },
            SplitArg::Random => Split::Random,
        };
        Some(SplitRecord::new(split, self.validation, context.seed.number()))
    }
}

pub(super) fn run(args: &TrainArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    if !args.network.resume {
        check_free(&args.output.join("config.json"), context)?;
    }
    let sequences = read_packed(&args.inputs)?;
    let record_of_split = args.split(context);
    let split = record_of_split
        .map(|split| KmerSplit::new(&sequences, args.k, split.options(), context.seed).map_err(kmer_error))
        .transpose()?;
    let model = match (args.model.network(&args.network), split) {
        (Some(kind), Some(split)) => {
            let trained = network::train(args, kind, &sequences, &split, context)?;
            Model::Network(Box::new(trained.denoiser))
        }
        (Some(_), None) => {
            return Err(usage(
                "a network needs windows to be measured on, expected --split blocks or random",
            ));
        }
        (None, split) => {
            let masked = split.map(|split| split.training.masked(&sequences));
            exact(args, masked.unwrap_or(sequences))?
        }
    };
    fs::create_dir_all(&args.output).map_err(|error| anyhow!("{}: {error}", args.output.display()))?;
    model.save(&args.output, record_of_split)?;
    let more = json!({"command": "kmer train", "k": args.k, "resumed": args.network.resume});
    record.write(&args.output, context, &digests(&args.inputs)?, &more)
}

/// A model of what was seen, without training.
fn exact(args: &TrainArgs, sequences: PackedSequences) -> anyhow::Result<Model> {
    if args.model == ModelArg::Codebook { codebook(args, sequences) } else { spectrum(args, &sequences) }
}

fn codebook(args: &TrainArgs, sequences: PackedSequences) -> anyhow::Result<Model> {
    let options =
        CodebookOptions { strands: args.strands.into(), noise: args.noise, ..CodebookOptions::default() };
    let codebook = CodebookDenoiser::new(sequences, args.k, options).map_err(kmer_error)?;
    Ok(Model::Codebook(Box::new(codebook)))
}

fn spectrum(args: &TrainArgs, sequences: &PackedSequences) -> anyhow::Result<Model> {
    // K-mers below the threshold are not kept; one that is not known yet is at least 2 where anything is solid.
    let min_count = args.threshold.unwrap_or(2);
    let counts = KmerCounts::count(sequences, args.k, CountOptions { min_count, ..CountOptions::default() });
    let counts = counts.map_err(kmer_error)?;
    let threshold = args.threshold.or_else(|| counts.valley());
    let Some(threshold) = threshold else {
        return Err(usage("the counts have no valley between errors and genome, expected --threshold N"));
    };
    let options = SpectrumOptions { threshold: Some(threshold), ..SpectrumOptions::default() };
    let spectrum = SpectrumDenoiser::new(&counts, options).map_err(kmer_error)?;
    Ok(Model::Spectrum(Box::new(spectrum)))
}
