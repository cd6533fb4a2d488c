//! `cistron enformer targets`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use cistron::encode::{ElementType, NpyWriter};
use cistron::genome::bigwig::{BinOptions, Statistic};
use cistron::genome::{
    ContigSplit, RegionSet, TargetWindows, TrackSet, Transform, WindowOptions, bed, read_sizes,
    target_windows,
};
use cistron::{AtomicFile, Observer, Region, Warning};
use clap::Args;
use serde_json::{Value, json};

use super::staging::Staging;
use crate::context::{Context, usage};
use crate::output::check_free;
use crate::parts::{PARTS, PartsArgs};
use crate::record::{Record, digests, write_text};

/// Rows of a file.
const ROWS: usize = 256;
/// Numbers that are computed at a time.
const BLOCK: usize = 1 << 20;

#[derive(Args)]
pub(crate) struct TargetsArgs {
    /// Tracks, bigWig
    #[arg(value_name = "BW", required = true)]
    tracks: Vec<PathBuf>,
    /// Peaks, plain, gzip, bgzip or bigBed; those that touch are one
    #[arg(long, value_name = "BED", required = true, num_args = 1..)]
    peaks: Vec<PathBuf>,
    /// Lengths of the contigs: a .fai index or lines of name and size
    #[arg(long, value_name = "FAI|SIZES")]
    sizes: PathBuf,
    /// Bins of a window
    #[arg(long, value_name = "N", default_value_t = 896, value_parser = clap::value_parser!(u32).range(1..))]
    bins: u32,
    /// Bases of a bin
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    bin_size: u32,
    /// Number of a bin: sum, mean, min, max, std or coverage; 0 where there is none
    #[arg(long, value_name = "NAME", default_value_t = Statistic::Sum)]
    stat: Statistic,
    /// The natural logarithm of one more than each number
    #[arg(long)]
    log1p: bool,
    /// Bases that the model reads around a window's middle
    #[arg(long, value_name = "L", default_value_t = 196_608)]
    context: u32,
    /// Leave out windows whose context leaves the contig, too
    #[arg(long)]
    within_context: bool,
    /// Least distance of the starts of two windows in bases
    #[arg(long, value_name = "N", default_value_t = 0)]
    distance: u64,
    #[command(flatten)]
    parts: PartsArgs,
    /// Folder of targets.json, and of NAME.bed, NAME.index.tsv and NAME-K.npy for train, valid and test
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

impl TargetsArgs {
    fn width(&self) -> anyhow::Result<u32> {
        let width = self.bins.checked_mul(self.bin_size).filter(|width| *width <= self.context);
        width.ok_or_else(|| {
            let (bins, size, context) = (self.bins, self.bin_size, self.context);
            usage(format!("{bins} bins of {size} bases do not fit into a context of {context}"))
        })
    }
}

/// The parts of the published model's human genome, where no contig is named.
fn published_parts() -> ContigSplit {
    let (valid, test) = (["chr8"], ["chr2", "chr10"]);
    let contigs = (1..=22).map(|number| format!("chr{number}")).chain(["chrX".to_owned()]);
    let named = |name: &str| valid.contains(&name) || test.contains(&name);
    let train: Vec<String> = contigs.filter(|name| !named(name)).collect();
    ContigSplit::new(Some(&train), &valid.map(String::from), &test.map(String::from), &[])
}

pub(super) fn targets(args: &TargetsArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let width = args.width()?;
    check_free(&args.out_dir.join("targets.json"), context)?;
    let tracks = TrackSet::open(&args.tracks)?;
    let contigs = read_sizes(&args.sizes)?;
    let mut peaks = RegionSet::default();
    for path in &args.peaks {
        let mut rows = bed::Reader::open(path)?;
        while let Some(row) = rows.advance()? {
            peaks.push(row.contig, row.start, row.end);
        }
    }
    let within = args.within_context.then_some(args.context);
    let options = WindowOptions { width, context: within, distance: args.distance };
    let found = target_windows(&mut peaks, &contigs, &options)?;
    let staging = Staging::begin(&args.out_dir)?;
    let split = args.parts.named().unwrap_or_else(published_parts);
    let mut counts = serde_json::Map::new();
    let run = context.run();
    run.observer.begin("binning", Some(found.windows.len() as u64));
    let mut left_out = found.windows.len() as u64;
    for (part, name) in PARTS {
        let numbered = found.windows.iter().enumerate();
        let windows: Vec<(usize, &Region)> =
            numbered.filter(|(_, window)| split.of(window.contig()) == Some(part)).collect();
        write_part(args, &tracks, name, &windows, &staging, context)?;
        left_out -= windows.len() as u64;
        counts.insert(name.to_owned(), windows.len().into());
    }
    run.observer.end();
    warn(&split, &found, left_out, context);
    staging.commit()?;
    let inputs = digests(&[&args.tracks[..], &args.peaks, std::slice::from_ref(&args.sizes)].concat())?;
    let contigs: serde_json::Map<String, Value> =
        contigs.iter().map(|contig| (contig.name.to_string(), contig.length.into())).collect();
    let text = json!({
        "version": 1, "bins": args.bins, "bin_size": args.bin_size, "context": args.context,
        "statistic": args.stat.name(), "log1p": args.log1p, "tracks": tracks.names(), "contigs": contigs,
        "rows": counts, "shared_bases": found.shared, "inputs": inputs,
    });
    write_text(&args.out_dir.join("targets.json"), &format!("{text:#}\n"))?;
    counts.insert("over_end".to_owned(), found.over_end.into());
    counts.insert("too_near".to_owned(), found.too_near.into());
    counts.insert("left_out".to_owned(), left_out.into());
    let options = json!({
        "within_context": args.within_context, "distance": args.distance, "parts": args.parts.options(),
    });
    let more = json!({"command": "enformer targets", "options": options, "counts": counts});
    record.write(&args.out_dir, context, &inputs, &more)
}

fn warn(split: &ContigSplit, found: &TargetWindows, left_out: u64, context: &Context) {
    let doubled: Vec<&str> = split.doubled().collect();
    for (count, what) in [
        (
            doubled.len() as u64,
            format!("contigs named for more than one part, the test wins: {}", doubled.join(", ")),
        ),
        (found.over_end, "windows over the end of a contig dropped".to_owned()),
        (found.too_near, "windows too near another dropped".to_owned()),
        (left_out, "windows in no part left out".to_owned()),
    ] {
        if count > 0 {
            context.progress.warn(Warning::new(count, what));
        }
    }
}

/// The files of a part: its windows, where the row of each is, and the rows.
fn write_part(
    args: &TargetsArgs,
    tracks: &TrackSet,
    name: &str,
    windows: &[(usize, &Region)],
    staging: &Staging<'_>,
    context: &Context,
) -> anyhow::Result<()> {
    let path = |ending: String| staging.folder.join(format!("{name}{ending}"));
    let mut regions = AtomicFile::create(path(".bed".into()))?;
    let mut index = AtomicFile::create(path(".index.tsv".into()))?;
    writeln!(index, "row\tfile\toffset")?;
    for (row, (number, window)) in windows.iter().enumerate() {
        let (contig, start, end) = (window.contig(), window.start(), window.end());
        writeln!(regions, "{contig}\t{start}\t{end}\twindow_{number}")?;
        writeln!(index, "{row}\t{name}-{}.npy\t{}", row / ROWS, row % ROWS)?;
    }
    for (k, windows) in windows.chunks(ROWS).enumerate() {
        let windows: Vec<Region> = windows.iter().map(|(_, window)| (*window).clone()).collect();
        write_rows(args, tracks, &path(format!("-{k}.npy")), &windows, context)?;
    }
    index.commit()?;
    Ok(regions.commit()?)
}

fn write_rows(
    args: &TargetsArgs,
    tracks: &TrackSet,
    path: &Path,
    windows: &[Region],
    context: &Context,
) -> anyhow::Result<()> {
    let (bins, n) = (args.bins as usize, tracks.names().len());
    let file = AtomicFile::create(path)?;
    let mut array = NpyWriter::new(file, ElementType::Float32, &[windows.len(), bins, n])?;
    let options = BinOptions::new(args.stat).with_empty(0.0);
    let transform = if args.log1p { Transform::Log1p } else { Transform::Identity };
    let mut values = Vec::new();
    for windows in windows.chunks((BLOCK / (bins * n)).max(1)) {
        if context.is_cancelled() {
            bail!("interrupted");
        }
        values.clear();
        values.resize(windows.len() * bins * n, 0.0);
        tracks.bin_rows(windows, bins, &options, transform, &mut values)?;
        array.write(&values)?;
        context.progress.advance(windows.len() as u64);
    }
    Ok(array.finish()?.commit()?)
}
