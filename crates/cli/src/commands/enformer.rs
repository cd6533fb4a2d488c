//! `cistron enformer`: targets.

use clap::Subcommand;

use crate::context::Context;

mod targets;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Windows around peaks and the signal of their bins, in parts for training, validation and test
    #[command(
        after_help = "Example: cistron enformer targets cs13.bw cs14.bw --peaks cs13.bigBed cs14.bigBed \
        --sizes genome.fa.fai --log1p --out-dir targets"
    )]
    Targets(targets::TargetsArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Targets(args) => targets::targets(args, context),
    }
}
