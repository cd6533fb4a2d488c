//! `cistron motif`: scan, compare, cluster, convert, logo.

mod cluster;
mod compare;
mod scan;

pub(crate) use compare::{Named, read_named};
pub(crate) use scan::merge;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::genome::text;
use cistron::motif::{
    Background, LogoScale, MotifError, MotifFormat, MotifSet, TomtomError, parse_motifs, write_motifs,
};
use cistron::plot::{Logo, logo};
use clap::{Args, Subcommand, ValueEnum};

use crate::context::{Context, usage};
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Find where motifs fit sequences (FIMO)
    #[command(
        after_help = "Examples:\n  cistron motif scan JASPAR2024.meme genome.fa --format bed -o hits.bed\n  \
                            cistron motif scan mine.meme peaks.fa --q-values --matched-sequence\n  \
                            cistron motif scan mine.meme peaks.fa --compat memesuite --format meme -o fimo.tsv\n  \
                            cistron motif scan … --shard 3/64 -o hits.bed    one part; then: cistron merge hits.bed.part-* -o hits.bed"
    )]
    Scan(Box<scan::ScanArgs>),
    /// Compare motifs, sequences or seqlets with known motifs (TOMTOM)
    #[command(after_help = "Examples:\n  cistron motif compare TGACTCA JASPAR2024.meme --nearest 5\n  \
                            cistron motif compare mine.meme JASPAR2024.meme --threshold 0.01 -o matches.tsv\n  \
                            cistron motif compare JASPAR2024.meme --symmetric -o pairs.tsv.gz")]
    Compare(compare::CompareArgs),
    /// Group motifs that are alike
    #[command(after_help = "Example: cistron motif cluster JASPAR2024.meme -o clusters.tsv")]
    Cluster(cluster::ClusterArgs),
    /// Turn a motif file into another format
    #[command(after_help = "Example: cistron motif convert JASPAR2024.pfm --to meme -o JASPAR2024.meme")]
    Convert(ConvertArgs),
    /// Draw a motif as a sequence logo
    #[command(after_help = "Example: cistron motif logo JASPAR2024.meme --name MA0139.1 -o ctcf.svg")]
    Logo(LogoArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Scan(args) => scan::scan(args, context),
        Command::Compare(args) => compare::compare(args, context),
        Command::Cluster(args) => cluster::cluster(args, context),
        Command::Convert(args) => convert(args, context),
        Command::Logo(args) => draw(args, context),
    }
}

/// Reads the motifs of a file, plain, gzip or bgzip; `-` is standard input.
pub(super) fn read_motifs(path: &Path, context: &Context) -> anyhow::Result<MotifSet> {
    let (file, bytes) = read_bytes(path)?;
    Ok(parse_motifs(&bytes, &file, &context.progress)?)
}

/// The name of a file in messages and its content, decompressed.
fn read_bytes(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let file = path.display().to_string();
    text::open(path)?.read_to_end(&mut bytes).with_context(|| file.clone())?;
    Ok((file, bytes))
}

#[derive(Args)]
pub(crate) struct ConvertArgs {
    /// Motifs: MEME, JASPAR, TRANSFAC, HOCOMOCO, UniPROBE or Homer, told by content
    motifs: PathBuf,
    /// Format of the result
    #[arg(long, value_enum)]
    to: FormatArg,
    /// Output file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    Meme,
    Jaspar,
    Transfac,
    Uniprobe,
    Homer,
}

impl From<FormatArg> for MotifFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Meme => Self::Meme,
            FormatArg::Jaspar => Self::Jaspar,
            FormatArg::Transfac => Self::Transfac,
            FormatArg::Uniprobe => Self::Uniprobe,
            FormatArg::Homer => Self::Homer,
        }
    }
}

fn convert(args: &ConvertArgs, context: &Context) -> anyhow::Result<()> {
    let motifs = read_motifs(&args.motifs, context)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    write_motifs(&motifs, args.to.into(), &mut output).with_context(|| args.motifs.display().to_string())?;
    output.commit()
}

#[derive(Args)]
pub(crate) struct LogoArgs {
    /// Motifs in any format
    motifs: PathBuf,
    /// The motif's name, its identifier alone or with its second name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What the height of a letter shows
    #[arg(long, value_enum, default_value_t)]
    scale: LogoScaleArg,
    /// Output SVG [default: standard output]
    #[arg(long, short, value_name = "SVG")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogoScaleArg {
    /// Information in bits, with a uniform background
    #[default]
    Information,
    /// Probability
    Probability,
    /// The file's own numbers
    Counts,
}

fn draw(args: &LogoArgs, context: &Context) -> anyhow::Result<()> {
    let motifs = read_motifs(&args.motifs, context)?;
    let named =
        |motif: &&cistron::motif::Motif| **motif.name() == *args.name || motif.full_name() == args.name;
    let motif = motifs.motifs().iter().find(named).with_context(|| {
        format!("{}: no motif `{}` among {} motifs", args.motifs.display(), args.name, motifs.len())
    })?;
    let (scale, label) = match args.scale {
        LogoScaleArg::Information => (LogoScale::Information, "bits"),
        LogoScaleArg::Probability => (LogoScale::Probability, "probability"),
        LogoScaleArg::Counts => (LogoScale::Counts, "counts"),
    };
    let heights = motif.letter_heights(scale, &Background::uniform(motifs.alphabet().len().into()))?;
    let heights: Vec<f64> = heights.iter().copied().collect();
    let svg = logo(&Logo {
        title: &motif.full_name(),
        letters: &motifs.alphabet().to_string(),
        heights: &heights,
        value_label: label,
        first_position: 1,
        ..Logo::default()
    })?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    output.write_all(svg.as_bytes())?;
    output.commit()
}

/// An option out of its range is a wrong use.
pub(crate) fn option_error(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let of_scan = matches!(error.downcast_ref(), Some(MotifError::Option { .. }));
    let of_comparison = matches!(error.downcast_ref(), Some(TomtomError::Option { .. }));
    if of_scan || of_comparison { usage(error.to_string()) } else { error }
}
