//! `cistron regions center`.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use cistron::genome::{bed, read_sizes};
use cistron::{Observer, Warning};
use clap::Args;

use crate::context::Context;
use crate::input::AnchorArg;
use crate::output::Output;

#[derive(Args)]
pub(crate) struct CenterArgs {
    /// Regions, plain, gzip, bgzip or bigBed; `-` is standard input
    bed: PathBuf,
    /// Width of the windows in bases
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    width: u32,
    /// Lengths of the contigs: a .fai index or lines of name and size
    #[arg(long, value_name = "FAI|SIZES")]
    sizes: PathBuf,
    /// Where the middle of a region stands in its window
    #[arg(long, value_enum, default_value_t)]
    anchor: AnchorArg,
    /// Output BED: the window, and the name, score and strand of its region [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn center(args: &CenterArgs, context: &Context) -> anyhow::Result<()> {
    let contigs = read_sizes(&args.sizes)?;
    let lengths: HashMap<&str, u64> = contigs.iter().map(|contig| (&*contig.name, contig.length)).collect();
    let mut rows = bed::Reader::open(&args.bed)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    let mut dropped = 0;
    while let Some(row) = rows.next().transpose()? {
        let contig = row.region.contig();
        let Some(&length) = lengths.get(&**contig) else {
            let (bed, line, sizes) = (args.bed.display(), rows.line(), args.sizes.display());
            bail!("{bed}:{line}:1: contig `{contig}` is not in {sizes}");
        };
        let window = cistron::genome::center(&row.region, args.width, args.anchor.into(), length);
        let Some(window) = window else {
            dropped += 1;
            continue;
        };
        write!(output, "{contig}\t{}\t{}", window.start(), window.end())?;
        // Columns beyond the strand speak of the region as it was.
        for column in row.columns().into_iter().flat_map(|columns| columns.split('\t').take(3)) {
            write!(output, "\t{column}")?;
        }
        writeln!(output)?;
    }
    output.commit()?;
    if dropped > 0 {
        context.progress.warn(Warning::new(dropped, "windows over the end of a contig dropped"));
    }
    Ok(())
}
