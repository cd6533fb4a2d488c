//! `cistron genome`: index, fetch, onehot.

use std::path::PathBuf;

use anyhow::Context as _;
use cistron::genome::{bed, fasta, open_reference};
use cistron::{Reference, ReferenceError, Region, Strand, Window};
use clap::{Args, Subcommand};

use crate::context::{Context, usage};
use crate::input::{AnchorArg, GenomeArgs, WindowShape, region_error, windows_of_bed};
use crate::output::{Output, check_free, write_one_hot};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write the index of a FASTA file, as samtools faidx does
    #[command(after_help = "Example: cistron genome index genome.fa    writes genome.fa.fai")]
    Index(IndexArgs),
    /// Read regions of a genome as FASTA
    #[command(after_help = "Examples:\n  cistron genome fetch genome.fa chr1:1,001-2,000\n  \
                            cistron genome fetch genome.fa.gz --bed peaks.bed --width 2000 -o windows.fa")]
    Fetch(FetchArgs),
    /// Encode windows of a genome as one-hot arrays
    #[command(after_help = "Example: cistron genome onehot genome.fa --bed peaks.bed --width 2000 -o X.npz")]
    Onehot(OnehotArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Index(args) => index(args, context),
        Command::Fetch(args) => fetch(args, context),
        Command::Onehot(args) => onehot(args, context),
    }
}

#[derive(Args)]
pub(crate) struct IndexArgs {
    /// FASTA file, plain or bgzip
    fasta: PathBuf,
}

fn index(args: &IndexArgs, _context: &Context) -> anyhow::Result<()> {
    // An index is made anew like any derived file; it replaces a stale one without --force.
    fasta::index(&args.fasta)?;
    Ok(())
}

#[derive(Args)]
pub(crate) struct FetchArgs {
    /// Genome, plain, bgzip or gzip; its index is built in memory if there is none
    fasta: PathBuf,
    /// Regions CONTIG:START-END, 1-based with both ends included, or whole contigs by name
    regions: Vec<String>,
    /// Regions from a BED file, on the strand of column 6
    #[arg(long, value_name = "BED", conflicts_with = "regions")]
    bed: Option<PathBuf>,
    /// Read the window of L bases around each region's middle, with N beyond the contig
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u32).range(1..))]
    width: Option<u32>,
    /// Where the middle of a region stands in its window
    #[arg(long, value_enum, default_value_t, requires = "width")]
    anchor: AnchorArg,
    /// Keep lower case
    #[arg(long)]
    raw_case: bool,
    #[command(flatten)]
    genome: GenomeArgs,
    /// Output file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn fetch(args: &FetchArgs, context: &Context) -> anyhow::Result<()> {
    let reference = open_reference(&args.fasta, args.genome.max_memory)?;
    let mut writer = fasta::Writer::new(Output::open(args.output.as_ref(), context)?);
    let mut letters = Vec::new();
    let mut write = |region: &Region, strand: Strand| -> anyhow::Result<()> {
        let window = match args.width {
            Some(width) => Window::centered(region, width, args.anchor.into(), strand),
            None => inside(&*reference, region, strand)?,
        };
        letters.clear();
        reference.fetch_letters_into(&window, &mut letters)?;
        if !args.raw_case {
            letters.make_ascii_uppercase();
        }
        Ok(writer.write_record(&window.to_string(), &letters)?)
    };
    if let Some(path) = &args.bed {
        let mut rows = bed::Reader::open(path)?;
        while let Some(row) = rows.next().transpose()? {
            let place = || format!("{}:{}", path.display(), rows.line());
            write(&row.region, row.strand.unwrap_or_default()).with_context(place)?;
        }
    } else if args.regions.is_empty() {
        return Err(usage("no region, expected CONTIG:START-END or --bed"));
    }
    for text in &args.regions {
        let region = parse_region(text, &*reference)?;
        write(&region, Strand::Forward).with_context(|| format!("region {text}"))?;
    }
    writer.into_inner().commit()
}

/// A whole contig by its name, or a stretch of one, 1-based with both ends included.
fn parse_region(text: &str, reference: &dyn Reference) -> anyhow::Result<Region> {
    if let Some(index) = reference.index_of(text) {
        let contig = &reference.contigs()[index];
        return Ok(Region::new(contig.name.clone(), 0, contig.length)?);
    }
    Region::parse_one_based(text).map_err(region_error)
}

/// The window over a region that must lie inside its contig.
pub(super) fn inside(reference: &dyn Reference, region: &Region, strand: Strand) -> anyhow::Result<Window> {
    let contig = reference.contig(region.contig())?;
    if region.end() > contig.length {
        let window = region.to_string();
        let (contig, length) = (contig.name.clone(), contig.length);
        return Err(ReferenceError::OutOfContig { window, contig, length }.into());
    }
    Ok(Window::over(region, strand)?)
}

#[derive(Args)]
pub(crate) struct OnehotArgs {
    /// Genome, plain, bgzip or gzip
    fasta: PathBuf,
    /// Regions, on the strand of column 6
    #[arg(long, value_name = "BED")]
    bed: PathBuf,
    /// Width of the windows in bases
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u32).range(1..))]
    width: u32,
    /// Where the middle of a region stands in its window
    #[arg(long, value_enum, default_value_t)]
    anchor: AnchorArg,
    #[command(flatten)]
    genome: GenomeArgs,
    /// Output: `X` (N, L, 4), rows of 0 for what is no A C G T, and `names`
    #[arg(long, short, value_name = "NPZ")]
    output: PathBuf,
}

fn onehot(args: &OnehotArgs, context: &Context) -> anyhow::Result<()> {
    check_free(&args.output, context)?;
    let reference = open_reference(&args.fasta, args.genome.max_memory)?;
    let shape = WindowShape { width: args.width, anchor: args.anchor.into() };
    let windows = windows_of_bed(&args.bed, &*reference, shape, usize::MAX)?;
    write_one_hot(&args.output, &*reference, &windows, args.width as usize, None)
}
