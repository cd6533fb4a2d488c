//! `cistron kmer train`.

use std::path::PathBuf;

use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, CountOptions, KmerCounts, KmerSplit, PackedSequences,
    SpectrumDenoiser, SpectrumOptions, Split,
};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::model::{Model, SplitRecord};
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
    /// The probability that a base is wrong (codebook)
    #[arg(long, value_name = "P", default_value_t = 0.1)]
    noise: f64,
    /// Strands that are stored (codebook)
    #[arg(long, value_enum, default_value_t)]
    strands: StrandsArg,
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
    output: PathBuf,
}

/// The kinds of denoisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModelArg {
    /// The exact posterior of a known genome
    Codebook,
    /// K-mers that are seen often, from genomes or from nothing but reads
    Spectrum,
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
    check_free(&args.output.join("config.json"), context)?;
    let mut sequences = read_packed(&args.inputs)?;
    let split = args.split(context);
    if let Some(split) = &split {
        let parts = KmerSplit::new(&sequences, args.k, split.options(), context.seed).map_err(kmer_error)?;
        sequences = parts.training.masked(&sequences);
    }
    let model = match args.model {
        ModelArg::Codebook => codebook(args, sequences)?,
        ModelArg::Spectrum => spectrum(args, &sequences)?,
    };
    std::fs::create_dir_all(&args.output)
        .map_err(|error| anyhow::anyhow!("{}: {error}", args.output.display()))?;
    model.save(&args.output, split)?;
    let more = json!({"command": "kmer train", "k": args.k});
    record.write(&args.output, context, &digests(&args.inputs)?, &more)
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
