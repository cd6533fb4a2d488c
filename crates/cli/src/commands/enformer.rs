//! `cistron enformer`: contexts, finetune, info, predict, targets.

use clap::Subcommand;

use crate::context::Context;
use crate::input::ModelArgs;

mod contexts;
mod finetune;
mod predict;
mod staging;
mod targets;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What a model reads and predicts, and how it was loaded
    #[command(after_help = "Example: cistron enformer info --model enformer")]
    Info(ModelArgs),
    /// The tracks of each sequence
    #[command(
        after_help = "Example: cistron enformer predict --model enformer --fasta genome.fa --region chr1:209827887-209827888 \
        --head human --tracks 121,4828 -o predictions.npz --plot"
    )]
    Predict(Box<predict::PredictArgs>),
    /// Windows around peaks and the signal of their bins, in parts for training, validation and test
    #[command(
        after_help = "Example: cistron enformer targets cs13.bw cs14.bw --peaks cs13.bigBed cs14.bigBed \
        --sizes genome.fa.fai --log1p --out-dir targets"
    )]
    Targets(targets::TargetsArgs),
    /// Train a model, or its last layers, on targets
    #[command(
        after_help = "Example: cistron enformer finetune --model enformer --targets targets --fasta genome.fa \
        --train head,pointwise,last:2 --cache-trunk --out-dir run"
    )]
    Finetune(Box<finetune::FinetuneArgs>),
    /// A model whose head reads contexts once more, with other contexts as its tracks
    #[command(
        after_help = "Example: cistron enformer contexts --model run --contexts unseen-cells.tsv --out-dir unseen"
    )]
    Contexts(contexts::ContextsArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Info(args) => predict::info(args, context),
        Command::Predict(args) => predict::predict(args, context),
        Command::Targets(args) => targets::targets(args, context),
        Command::Finetune(args) => finetune::finetune(args, context),
        Command::Contexts(args) => contexts::contexts(args, context),
    }
}
