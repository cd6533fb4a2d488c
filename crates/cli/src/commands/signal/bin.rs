//! `cistron signal bin`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use cistron::Region;
use cistron::encode::{ElementType, NpzMember, NpzWriter};
use cistron::genome::bigwig::{BinOptions, Statistic};
use cistron::genome::{TrackSet, Transform, bed};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::output::{Number, Output, check_free};

#[derive(Args)]
pub(crate) struct BinArgs {
    /// Tracks, bigWig
    #[arg(value_name = "BW", required = true)]
    tracks: Vec<PathBuf>,
    /// Regions, plain, gzip, bgzip or bigBed; `-` is standard input
    #[arg(long, value_name = "BED")]
    bed: PathBuf,
    /// Bins of each region
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..))]
    bins: u32,
    /// Number of a bin, from every value of the file: sum, mean, min, max, std or coverage
    #[arg(long, value_name = "NAME", default_value_t = Statistic::Mean)]
    stat: Statistic,
    /// What a bin gets that has no value
    #[arg(long, value_enum, default_value_t)]
    missing: Missing,
    /// The natural logarithm of one more than each number
    #[arg(long)]
    log1p: bool,
    /// Output: FILE.npz with targets (N, B, T), tracks and names, else a table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Missing {
    /// Not a number; an empty cell of a table
    #[default]
    Nan,
    /// 0
    Zero,
}

impl Missing {
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Nan => f64::NAN,
            Self::Zero => 0.0,
        }
    }
}

/// Numbers that are computed at a time.
const BLOCK: usize = 1 << 20;

pub(super) fn bin(args: &BinArgs, context: &Context) -> anyhow::Result<()> {
    let tracks = TrackSet::open(&args.tracks)?;
    let regions = read_regions(&args.bed)?;
    let bins = args.bins as usize;
    let mut sink = Sink::open(args, &tracks, regions.len(), context)?;
    let options = BinOptions::new(args.stat).with_empty(args.missing.value());
    let transform = if args.log1p { Transform::Log1p } else { Transform::Identity };
    let row = bins * tracks.names().len();
    let mut values = Vec::new();
    let run = context.run();
    run.observer.begin("binning", Some(regions.len() as u64));
    for block in regions.chunks((BLOCK / row).max(1)) {
        if run.is_cancelled() {
            bail!("interrupted");
        }
        values.clear();
        values.resize(block.len() * row, 0.0);
        tracks.bin_rows(block, bins, &options, transform, &mut values)?;
        sink.write(block, &values, bins)?;
        run.observer.advance(block.len() as u64);
    }
    run.observer.end();
    sink.finish(&regions)
}

pub(crate) fn read_regions(path: &Path) -> anyhow::Result<Vec<Region>> {
    let mut regions = Vec::new();
    for row in bed::Reader::open(path)? {
        regions.push(row?.region);
    }
    Ok(regions)
}

/// Where the numbers go.
enum Sink<'a> {
    Arrays { file: Box<NpzWriter>, targets: Box<NpzMember>, tracks: &'a [String] },
    Table { output: Output, tracks: &'a [String] },
}

impl<'a> Sink<'a> {
    fn open(args: &BinArgs, tracks: &'a TrackSet, regions: usize, context: &Context) -> anyhow::Result<Self> {
        let tracks = tracks.names();
        let npz = args.output.as_ref().filter(|path| path.extension().is_some_and(|it| it == "npz"));
        let Some(path) = npz else {
            let mut output = Output::open(args.output.as_ref(), context)?;
            writeln!(output, "chrom\tstart\tend\ttrack\tbin\tvalue")?;
            return Ok(Self::Table { output, tracks });
        };
        check_free(path, context)?;
        let file = Box::new(NpzWriter::create(path)?);
        let shape = [regions, args.bins as usize, tracks.len()];
        let targets = Box::new(file.begin("targets", ElementType::Float32, &shape)?);
        Ok(Self::Arrays { file, targets, tracks })
    }

    fn write(&mut self, regions: &[Region], values: &[f64], bins: usize) -> anyhow::Result<()> {
        match self {
            Self::Arrays { targets, .. } => Ok(targets.write(values)?),
            Self::Table { output, tracks } => {
                let rows = values.chunks_exact(bins * tracks.len());
                for (region, row) in regions.iter().zip(rows) {
                    write_row(output, region, tracks, row)?;
                }
                Ok(())
            }
        }
    }

    fn finish(self, regions: &[Region]) -> anyhow::Result<()> {
        match self {
            Self::Arrays { mut file, targets, tracks } => {
                file.add(*targets)?;
                file.add_text("tracks", tracks)?;
                let names: Vec<String> = regions.iter().map(ToString::to_string).collect();
                file.add_text("names", &names)?;
                Ok(file.finish()?)
            }
            Self::Table { output, .. } => output.commit(),
        }
    }
}

/// The lines of a region: all bins of the first track, then of the next.
fn write_row(output: &mut Output, region: &Region, tracks: &[String], row: &[f64]) -> anyhow::Result<()> {
    let (contig, start, end) = (region.contig(), region.start(), region.end());
    for (index, track) in tracks.iter().enumerate() {
        for (bin, value) in row.iter().skip(index).step_by(tracks.len()).enumerate() {
            write!(output, "{contig}\t{start}\t{end}\t{track}\t{bin}\t")?;
            if value.is_nan() {
                writeln!(output)?;
            } else {
                writeln!(output, "{}", Number(*value))?;
            }
        }
    }
    Ok(())
}
