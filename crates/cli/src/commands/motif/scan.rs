//! `cistron motif scan`: FIMO.

mod format;
mod letters;
mod part;
mod spool;

pub(crate) use part::merge;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use cistron::Shard;
use cistron::genome::text;
use cistron::motif::{
    Arithmetic, Background, FimoOptions, Hit, MotifError, MotifSet, ScanStrands, ScanSummary, ScanThreshold,
    Scanner, best_hits, q_values,
};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{option_error, read_motifs};
use crate::context::Context;
use crate::output::Output;
use format::{Layout, Row, RowWriter};
use letters::Sequences;
use spool::HitSpool;

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct ScanArgs {
    /// Motifs in any format
    motifs: PathBuf,
    /// Sequences, plain, bgzip or gzip
    fasta: PathBuf,
    /// Report windows with a p-value below P
    #[arg(long, value_name = "P", default_value_t = 1e-4, conflicts_with = "score_threshold")]
    threshold: f64,
    /// Report windows with a score of at least S bits
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    score_threshold: Option<f64>,
    /// Width of a score bin of the p-value table, in bits
    #[arg(long, value_name = "BITS", default_value_t = 0.1)]
    bin_size: f64,
    /// Added to each probability [default: 0.0001; with --compat memesuite the weight of the background, 0.1]
    #[arg(long, value_name = "C")]
    pseudocount: Option<f64>,
    /// Scan the forward strand alone
    #[arg(long)]
    forward_only: bool,
    /// Letters outside motifs: uniform, motif-file, sequences, or a file of letters and frequencies [default: uniform; with --compat memesuite the MEME suite's own]
    #[arg(long, value_name = "BACKGROUND")]
    background: Option<String>,
    /// Add Benjamini–Hochberg q-values over all windows of the motif
    #[arg(long)]
    q_values: bool,
    /// Add the letters of each hit, on its strand
    #[arg(long)]
    matched_sequence: bool,
    /// Order of the hits [default: motif for tsv and meme, position for bed and gff3]
    #[arg(long, value_enum)]
    order: Option<OrderArg>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t)]
    format: FormatArg,
    /// Count hits of each motif instead
    #[arg(long, conflicts_with_all = ["best", "q_values", "matched_sequence", "format", "order"])]
    counts: bool,
    /// The best hit of each motif in each sequence alone
    #[arg(long)]
    best: bool,
    /// By whose arithmetic: ours (memelite's scale, windows with unknown letters skipped), memelite's, or the MEME suite's
    #[arg(long, value_enum, default_value_t)]
    compat: CompatArg,
    /// Scan for part I of N of the motifs, I from 0, into FILE.part-I-of-N
    #[arg(long, value_name = "I/N", requires = "output")]
    shard: Option<Shard>,
    /// Output file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderArg {
    /// Motif, forward before reverse strand, sequence, start
    Motif,
    /// Sequence, start, motif, forward before reverse strand
    Position,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatArg {
    /// 0-based, half-open
    #[default]
    Tsv,
    Bed,
    Gff3,
    /// The columns of FIMO's fimo.tsv, 1-based with both ends included
    Meme,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum CompatArg {
    #[default]
    Current,
    Peer,
    Memesuite,
}

impl ScanArgs {
    fn options(&self, motifs: &MotifSet, sequences: &Sequences) -> anyhow::Result<FimoOptions> {
        Ok(FimoOptions {
            arithmetic: match self.compat {
                CompatArg::Current => Arithmetic::Current,
                CompatArg::Peer => Arithmetic::Peer,
                CompatArg::Memesuite => Arithmetic::MemeSuite,
            },
            threshold: match self.score_threshold {
                Some(score) => ScanThreshold::Score(score),
                None => ScanThreshold::PValue(self.threshold),
            },
            bin_size: self.bin_size,
            pseudocount: self.pseudocount,
            background: self.background(motifs, sequences)?,
            strands: if self.forward_only { ScanStrands::Forward } else { ScanStrands::Both },
            ..FimoOptions::default()
        })
    }

    fn background(&self, motifs: &MotifSet, sequences: &Sequences) -> anyhow::Result<Option<Background>> {
        let letters = motifs.alphabet().len().into();
        Ok(match self.background.as_deref() {
            None => None,
            Some("uniform") => Some(Background::uniform(letters)),
            Some("motif-file") => match motifs.background() {
                Some(background) => Some(background.clone()),
                None => anyhow::bail!("{}: no background in the file, expected one", self.motifs.display()),
            },
            Some("sequences") => Some(Background::of_counts(&sequences.count_letters()?)?),
            Some(file) => {
                let mut text = String::new();
                text::open(file)?.read_to_string(&mut text).with_context(|| file.to_owned())?;
                Some(Background::parse(&text, file, motifs.alphabet())?)
            }
        })
    }

    fn layout(&self) -> Layout {
        let all = self.format == FormatArg::Meme;
        Layout {
            format: self.format,
            order: self.order.unwrap_or(match self.format {
                FormatArg::Tsv | FormatArg::Meme => OrderArg::Motif,
                FormatArg::Bed | FormatArg::Gff3 => OrderArg::Position,
            }),
            counts: self.counts,
            q_value: self.q_values || all,
            matched_sequence: self.matched_sequence || all,
        }
    }
}

pub(crate) fn scan(args: &ScanArgs, context: &Context) -> anyhow::Result<()> {
    let motifs = read_motifs(&args.motifs, context)?;
    let sequences = Sequences::open(&args.fasta, motifs.alphabet())?;
    let options = args.options(&motifs, &sequences)?;
    let layout = args.layout();
    let Some(shard) = args.shard else {
        let scanner = Scanner::new(&motifs, &options).map_err(option_error)?;
        let mut output = Output::open(args.output.as_ref(), context)?;
        output.write_all(layout.header().as_bytes())?;
        let mut writer = RowWriter::new(&mut output, layout, &motifs, &sequences);
        write_all(args, context, &scanner, &sequences, &mut writer)?;
        return output.commit();
    };
    let (folder, plan) = part::plan(args, shard, motifs.len(), context)?;
    let own = motifs.part(plan.records());
    let scanner = Scanner::new(&own, &options).map_err(option_error)?;
    part::write(&folder, &plan, &mut |output| {
        let writer = RowWriter::new(output, layout, &own, &sequences);
        let mut writer = writer.of_a_part(plan.records().start as u32);
        write_all(args, context, &scanner, &sequences, &mut writer)
    })
}

/// Everything below the header.
fn write_all(
    args: &ScanArgs,
    context: &Context,
    scanner: &Scanner,
    sequences: &Sequences,
    writer: &mut RowWriter<'_>,
) -> anyhow::Result<()> {
    let layout = args.layout();
    if layout.counts {
        let summary = run(scanner, sequences, context, &mut |_| Ok(()))?;
        return writer.write_counts(&summary.hits);
    }
    if layout.order == OrderArg::Motif || args.best || layout.q_value {
        return write_sorted(args, context, scanner, sequences, writer);
    }
    // In the order in which hits are found: nothing is kept.
    let mut failed = None;
    let scanned = run(scanner, sequences, context, &mut |hits| {
        let written = hits.iter().try_for_each(|hit| writer.write(&Row { hit, q_value: None }));
        written.map_err(|error| stop(&mut failed, error))
    });
    failed.map_or(scanned.map(|_| ()), Err)
}

/// Keeps an error that the library cannot carry, and stops the scan.
fn stop(failed: &mut Option<anyhow::Error>, error: anyhow::Error) -> MotifError {
    *failed = Some(error);
    MotifError::Cancelled { done: 0 }
}

fn write_sorted(
    args: &ScanArgs,
    context: &Context,
    scanner: &Scanner,
    sequences: &Sequences,
    writer: &mut RowWriter<'_>,
) -> anyhow::Result<()> {
    let layout = args.layout();
    let mut failed = None;
    let mut spool = HitSpool::new(layout.order());
    let scanned = run(scanner, sequences, context, &mut |hits| {
        spool.add(hits).map_err(|error| stop(&mut failed, error.into()))
    });
    let summary = failed.map_or(scanned, Err)?;
    if !args.best && !layout.q_value {
        return spool.drain(&mut |hit| writer.write(&Row { hit, q_value: None }));
    }
    // What is best, and what a rank is, needs all hits of a motif together.
    let mut hits = Vec::new();
    spool.drain(&mut |hit| {
        hits.push(*hit);
        Ok(())
    })?;
    let q_values = if layout.q_value { q_values(&hits, &summary.windows) } else { Vec::new() };
    let place = |hit: &Hit| (hit.motif, hit.example, hit.start, hit.strand);
    let known: HashMap<_, f64> = hits.iter().map(place).zip(q_values).collect();
    if args.best {
        hits = best_hits(&hits);
        layout.order().sort(&mut hits);
    }
    hits.iter().try_for_each(|hit| writer.write(&Row { hit, q_value: known.get(&place(hit)).copied() }))
}

fn run(
    scanner: &Scanner,
    sequences: &Sequences,
    context: &Context,
    sink: &mut dyn FnMut(&[Hit]) -> Result<(), MotifError>,
) -> anyhow::Result<ScanSummary> {
    let mut scan = scanner.start(context.run(), sink);
    sequences.feed(&mut scan)?;
    Ok(scan.finish()?)
}
