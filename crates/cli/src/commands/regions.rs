//! `cistron regions`: tile.

use std::io::Write;
use std::num::NonZeroU64;
use std::path::PathBuf;

use cistron::genome::{read_sizes, tile};
use cistron::{Observer, Warning};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Cut every contig into windows of one width
    #[command(after_help = "Example: cistron regions tile --sizes genome.fa.fai --width 2000 -o tiles.bed")]
    Tile(TileArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Tile(args) => run_tile(args, context),
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
