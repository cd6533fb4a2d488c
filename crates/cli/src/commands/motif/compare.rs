//! `cistron motif compare`: TOMTOM.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::genome::fasta;
use cistron::motif::{
    Background, MotifDistance, MotifMatch, MotifSet, NeighbourOrder, TomtomOptions, TomtomStrands,
    TomtomTargets, compare_symmetric, parse_motifs, sequence_matrix,
};
use cistron::ndarray::{Array2, ArrayView2};
use cistron::{Alphabet, Sequence};
use clap::{Args, ValueEnum};

use super::{option_error, read_bytes, read_motifs};
use crate::context::Context;
use crate::output::{Number, Output};

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Queries: a motif file, FASTA, or letters such as TGACTCA
    queries: PathBuf,
    /// Targets: a motif file
    #[arg(required_unless_present = "symmetric")]
    targets: Option<PathBuf>,
    /// Report the N best targets of each query
    #[arg(long, value_name = "N")]
    nearest: Option<usize>,
    /// Report targets with a p-value of at most P
    #[arg(long, value_name = "P")]
    threshold: Option<f64>,
    /// How two columns are compared
    #[arg(long, value_enum, default_value_t)]
    distance: DistanceArg,
    /// Integer scores of a column run from 0 to N
    #[arg(long, value_name = "N", default_value_t = 100)]
    score_bins: usize,
    /// Bins in which the median score of a column is looked for
    #[arg(long, value_name = "N", default_value_t = 1000)]
    median_bins: usize,
    /// Bins of a letter in which target columns count as equal, or none
    #[arg(long, value_name = "N", default_value = "100", value_parser = parse_bins)]
    target_bins: Bins,
    /// Leave out alignments of fewer columns
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_overlap: usize,
    /// Compare with the targets as they are, not with their reverse complements
    #[arg(long)]
    forward_only: bool,
    /// Compare every pair of queries once, the narrower as the query
    #[arg(long, conflicts_with = "targets")]
    symmetric: bool,
    /// Order of equal p-values: ours (score descending, then index), or memelite's
    #[arg(long, value_enum, default_value_t)]
    compat: CompatArg,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum DistanceArg {
    #[default]
    Euclidean,
    Pearson,
    /// Average log-likelihood ratio
    Allr,
    /// Kullback–Leibler
    Kl,
    /// Sandelin–Wasserman
    Sw,
}

impl From<DistanceArg> for MotifDistance {
    fn from(distance: DistanceArg) -> Self {
        match distance {
            DistanceArg::Euclidean => Self::Euclidean,
            DistanceArg::Pearson => Self::Pearson,
            DistanceArg::Allr => Self::Allr,
            DistanceArg::Kl => Self::KullbackLeibler,
            DistanceArg::Sw => Self::SandelinWasserman,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum CompatArg {
    #[default]
    Current,
    Peer,
}

/// A number of bins, or none at all.
#[derive(Clone, Copy, Debug)]
struct Bins(Option<usize>);

fn parse_bins(text: &str) -> Result<Bins, String> {
    if text == "none" {
        return Ok(Bins(None));
    }
    text.parse().map(|bins| Bins(Some(bins))).map_err(|_| "expected a whole number or none".to_owned())
}

/// Matrices (width, A) with their names.
pub(crate) struct Named {
    pub(crate) names: Vec<String>,
    pub(crate) matrices: Vec<Array2<f64>>,
}

impl Named {
    pub(super) fn views(&self) -> Vec<ArrayView2<'_, f64>> {
        self.matrices.iter().map(|matrix| matrix.view()).collect()
    }
}

impl CompareArgs {
    fn options(&self) -> TomtomOptions {
        TomtomOptions {
            score_bins: self.score_bins,
            median_bins: self.median_bins,
            target_bins: self.target_bins.0,
            strands: if self.forward_only { TomtomStrands::Forward } else { TomtomStrands::Both },
            min_overlap: self.min_overlap,
            distance: self.distance.into(),
            order: match self.compat {
                CompatArg::Current => NeighbourOrder::ByScore,
                CompatArg::Peer => NeighbourOrder::Peer,
            },
            nearest: self.nearest,
            threshold: self.threshold,
            ..TomtomOptions::default()
        }
    }
}

pub(crate) fn compare(args: &CompareArgs, context: &Context) -> anyhow::Result<()> {
    let queries = read_queries(&args.queries, context)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(
        output,
        "query_name\ttarget_name\ttarget_idx\tp_value\te_value\tq_value\tscore\toffset\toverlap\tstrand"
    )?;
    if args.symmetric {
        compare_symmetric(&queries.views(), args.options(), |query, matches| {
            write_rows(&mut output, &queries.names[query], &queries.names, &matches)
        })
        .map_err(option_error)?;
        return output.commit();
    }
    let path = args.targets.as_deref().unwrap_or(Path::new(""));
    let targets = read_named(path, context)?;
    let index = TomtomTargets::new(&targets.views(), args.options())
        .map_err(option_error)
        .with_context(|| path.display().to_string())?;
    index
        .compare_each(&queries.views(), |query, matches| {
            write_rows(&mut output, &queries.names[query], &targets.names, &matches)
        })
        .map_err(option_error)?;
    output.commit()
}

fn write_rows(
    output: &mut Output,
    query: &str,
    targets: &[String],
    matches: &[MotifMatch],
) -> anyhow::Result<()> {
    for found in matches {
        let (p, e, q) = (Number(found.p_value), Number(found.e_value), Number(found.q_value));
        let (name, index) = (&targets[found.target], found.target);
        let (score, offset, overlap, strand) = (found.score, found.offset, found.overlap, found.strand);
        writeln!(output, "{query}\t{name}\t{index}\t{p}\t{e}\t{q}\t{score}\t{offset}\t{overlap}\t{strand}")?;
    }
    Ok(())
}

/// Queries from a motif file, a FASTA file, or the letters themselves.
fn read_queries(path: &Path, context: &Context) -> anyhow::Result<Named> {
    if path.as_os_str() != "-" && !path.exists() {
        return of_letters(&path.to_string_lossy());
    }
    let (file, bytes) = read_bytes(path)?;
    if !is_fasta(&bytes) {
        return probabilities(&parse_motifs(&bytes, &file, &context.progress)?);
    }
    let mut queries = Named { names: Vec::new(), matrices: Vec::new() };
    for record in fasta::Reader::new(&file, &bytes[..]).with_repeated_names() {
        let record = record?;
        let sequence = record.to_sequence(&Alphabet::dna());
        let sequence = sequence.with_context(|| format!("{file}: record `{}`", record.name))?;
        queries.matrices.push(sequence_matrix(sequence.codes(), sequence.alphabet()));
        queries.names.push(record.name.to_string());
    }
    Ok(queries)
}

fn of_letters(letters: &str) -> anyhow::Result<Named> {
    let known = !letters.is_empty() && letters.bytes().all(|letter| b"ACGTNacgtn".contains(&letter));
    anyhow::ensure!(known, "{letters}: no such file, expected a file or letters of ACGTN");
    let sequence = Sequence::parse(&Alphabet::dna(), letters)?;
    let matrix = sequence_matrix(sequence.codes(), sequence.alphabet());
    Ok(Named { names: vec![letters.to_owned()], matrices: vec![matrix] })
}

/// Whether the second line of a text that begins with `>` is made of letters: motifs have numbers there.
fn is_fasta(text: &[u8]) -> bool {
    let letters = text.split(|byte| *byte == b'\n').nth(1).unwrap_or_default().trim_ascii_end();
    text.starts_with(b">") && !letters.is_empty() && letters.iter().all(u8::is_ascii_alphabetic)
}

/// The motifs of a file as probabilities.
pub(crate) fn read_named(path: &Path, context: &Context) -> anyhow::Result<Named> {
    probabilities(&read_motifs(path, context)?)
}

fn probabilities(set: &MotifSet) -> anyhow::Result<Named> {
    let uniform = Background::uniform(set.alphabet().len().into());
    Ok(Named {
        names: set.motifs().iter().map(cistron::motif::Motif::full_name).collect(),
        matrices: set.motifs().iter().map(|motif| motif.probabilities(&uniform)).collect::<Result<_, _>>()?,
    })
}
