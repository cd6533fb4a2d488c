//! `cistron kmer`: train, simulate, denoise, evaluate, graph.

mod denoise;
mod evaluate;
mod graph;
mod model;
mod network;
mod sequences;
mod simulate;
mod train;

use cistron::encode::kmer::{KmerError, Strands};
use clap::{Subcommand, ValueEnum};

pub(super) use model::{describe, is_denoiser};

use crate::context::{Context, usage};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a denoiser from genomes or reads
    #[command(after_help = "Examples:\n  cistron kmer train genome.fa --model codebook -o codebook\n  \
                      cistron kmer train reads.fq --model spectrum -o spectrum\n  \
                      cistron kmer train genome.fa --model seeds --split random --minutes 5 -o seeds")]
    Train(train::TrainArgs),
    /// Draw reads with errors from a genome, as FASTQ
    #[command(after_help = "Example: cistron kmer simulate genome.fa --coverage 60 --error 0.01 -o reads.fq")]
    Simulate(simulate::SimulateArgs),
    /// Denoise k-mers or reads
    #[command(after_help = "Example: cistron kmer denoise spectrum reads.fq -o corrected.fq")]
    Denoise(denoise::DenoiseArgs),
    /// Measure a denoiser on noisy k-mers, beside doing nothing and the best possible
    #[command(after_help = "Example: cistron kmer evaluate codebook genome.fa --limit 5000 -o report.json")]
    Evaluate(evaluate::EvaluateArgs),
    /// Describe the de Bruijn graph of sequences
    #[command(after_help = "Example: cistron kmer graph corrected.fq -k 31 --min-count 2 --truth genome.fa")]
    Graph(graph::GraphArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Train(args) => train::run(args, context),
        Command::Simulate(args) => simulate::run(args, context),
        Command::Denoise(args) => denoise::run(args, context),
        Command::Evaluate(args) => evaluate::run(args, context),
        Command::Graph(args) => graph::run(args, context),
    }
}

/// An option outside its range is a wrong use.
fn kmer_error(error: KmerError) -> anyhow::Error {
    match error {
        KmerError::Option { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum StrandsArg {
    /// Each k-mer on either strand
    #[default]
    Both,
    /// As the records are written
    Forward,
}

impl From<StrandsArg> for Strands {
    fn from(strands: StrandsArg) -> Self {
        match strands {
            StrandsArg::Both => Self::Both,
            StrandsArg::Forward => Self::Forward,
        }
    }
}
