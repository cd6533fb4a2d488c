//! `cistron regions`: merge, center, tile, split, variants.

use std::io::Write;
use std::num::NonZeroU64;
use std::path::PathBuf;

use cistron::genome::{read_sizes, tile};
use cistron::{Observer, Warning};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::output::Output;

mod center;
mod merge;
mod split;
mod variants;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Regions that touch or lie near one another, as one
    #[command(after_help = "Examples:\n  \
        cistron regions merge peaks.bed more.narrowPeak.gz -o union.bed\n  \
        cistron regions merge peaks.bed --same-strand --columns 5,5 --operations mean,count")]
    Merge(merge::MergeArgs),
    /// Windows of one width around the middle of each region
    #[command(
        after_help = "Example: cistron regions center union.bed --width 114688 --sizes genome.fa.fai -o windows.bed"
    )]
    Center(center::CenterArgs),
    /// Cut every contig into windows of one width
    #[command(after_help = "Example: cistron regions tile --sizes genome.fa.fai --width 2000 -o tiles.bed")]
    Tile(TileArgs),
    /// Regions for training, validation and test, by contig
    #[command(
        after_help = "Example: cistron regions split windows.bed --valid chr8 --test chr2,chr10 --exclude chrY --out-dir split"
    )]
    Split(split::SplitArgs),
    /// Every substitution of one base in a region, as VCF
    #[command(after_help = "Example: cistron regions variants genome.fa --region chr1:1000-1200 -o all.vcf")]
    Variants(variants::VariantsArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Merge(args) => merge::merge(args, context),
        Command::Center(args) => center::center(args, context),
        Command::Tile(args) => run_tile(args, context),
        Command::Split(args) => split::split(args, context),
        Command::Variants(args) => variants::variants(args, context),
    }
}

#[derive(Args)]
pub(crate) struct TileArgs {
    /// Lengths of the contigs: a .fai index or lines of name and size
    #[arg(long, value_name = "FAI|SIZES")]
    sizes: PathBuf,
    /// Width of a tile in bases
    #[arg(long, value_name = "W")]
    width: NonZeroU64,
    /// Distance of the starts in bases [default: the width]
    #[arg(long, value_name = "W")]
    step: Option<NonZeroU64>,
    /// Output BED [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn run_tile(args: &TileArgs, context: &Context) -> anyhow::Result<()> {
    let contigs = read_sizes(&args.sizes)?;
    let tiles = tile(&contigs, args.width, args.step.unwrap_or(args.width));
    let dropped = tiles.dropped();
    let mut output = Output::open(args.output.as_ref(), context)?;
    for tile in tiles {
        writeln!(output, "{}\t{}\t{}", tile.contig(), tile.start(), tile.end())?;
    }
    output.commit()?;
    if dropped > 0 {
        context.progress.warn(Warning::new(dropped, "tiles over the end of a contig dropped"));
    }
    Ok(())
}
