//! `cistron signal`: average, bin.

use clap::Subcommand;

use crate::context::Context;

mod average;
pub(crate) mod bin;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The mean of several tracks, bin by bin
    #[command(after_help = "Examples:\n  \
        cistron signal average rep1.bw rep2.bw -o mean.bw\n  \
        cistron signal average rep1.bw rep2.bw --bin-size 100 --blacklist black.bed -o mean.bedGraph")]
    Average(average::AverageArgs),
    /// Numbers of tracks over regions, cut into bins
    #[command(after_help = "Examples:\n  \
        cistron signal bin rep1.bw rep2.bw --bed windows.bed --bins 896 --stat sum --missing zero -o targets.npz\n  \
        cistron signal bin track.bw --bed peaks.bed --bins 1 --stat mean")]
    Bin(bin::BinArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Average(args) => average::average(args, context),
        Command::Bin(args) => bin::bin(args, context),
    }
}
