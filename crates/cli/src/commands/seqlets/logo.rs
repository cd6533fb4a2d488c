//! `cistron seqlets logo`: attributions as letters with annotations below.

use std::path::PathBuf;

use cistron::encode::NpzReader;
use cistron::plot::{Logo, LogoSpan, logo};
use clap::Args;

use super::table::Table;
use crate::context::{Context, usage};
use crate::output::check_free;
use crate::record::write_text;

#[derive(Args)]
pub(crate) struct LogoArgs {
    /// Array `attributions` (N, L, 4), or (N, L) with --sequences
    attributions: PathBuf,
    /// The example, from 0
    #[arg(long, value_name = "I", default_value_t = 0)]
    example: usize,
    /// The first position drawn, 0-based
    #[arg(long, value_name = "S", default_value_t = 0)]
    start: usize,
    /// One past the last position drawn [default: the end]
    #[arg(long, value_name = "E")]
    end: Option<usize>,
    /// The one-hot sequences `X` (N, L, 4), needed for attributions (N, L)
    #[arg(long, value_name = "NPZ")]
    sequences: Option<PathBuf>,
    /// Annotations drawn as bars: a table with the columns example, motif, start and end
    #[arg(long, value_name = "TSV")]
    annotations: Option<PathBuf>,
    /// Output picture
    #[arg(long, short, value_name = "SVG")]
    output: PathBuf,
}

pub(crate) fn draw(args: &LogoArgs, context: &Context) -> anyhow::Result<()> {
    check_free(&args.output, context)?;
    let heights = heights(args)?;
    let length = heights.len() / 4;
    let end = args.end.unwrap_or(length);
    if args.start >= end || end > length {
        let span = format!("--start {} --end {end}", args.start);
        return Err(usage(format!("{span} is no part of the {length} positions")));
    }
    let table = args.annotations.as_deref().map(|path| Table::read(path, true, None)).transpose()?;
    let found = table.as_ref().map(|table| table.here(args.example, args.start..end)).unwrap_or_default();
    let spans: Vec<LogoSpan<'_>> =
        found.iter().map(|(label, start, end)| LogoSpan { label, start: *start, end: *end }).collect();
    let picture = logo(&Logo {
        title: &format!("Attributions of example {}, {} to {end}", args.example, args.start),
        heights: &heights[4 * args.start..4 * end],
        value_label: "attribution",
        first_position: args.start as i64,
        spans: &spans,
        ..Logo::default()
    })?;
    write_text(&args.output, &picture)
}

/// The heights (L, 4) of one example.
fn heights(args: &LogoArgs) -> anyhow::Result<Vec<f64>> {
    let file = args.attributions.display();
    let (shape, values) = NpzReader::open(&args.attributions)?.numbers("attributions")?;
    let &[n, length, ref letters @ ..] = &shape[..] else {
        anyhow::bail!("{file}: array `attributions` has shape {shape:?}, expected (N, L) or (N, L, 4)");
    };
    if args.example >= n {
        return Err(usage(format!("--example is {}, expected one below {n}", args.example)));
    }
    let row =
        |values: &[f64], width: usize| values[args.example * width..(args.example + 1) * width].to_vec();
    match letters {
        [4] => Ok(row(&values, 4 * length)),
        [] => {
            let Some(path) = &args.sequences else {
                return Err(usage(format!("{file} has no letters, expected --sequences NPZ as well")));
            };
            let (shape, one_hot) = NpzReader::open(path)?.numbers("X")?;
            if shape != [n, length, 4] {
                let path = path.display();
                anyhow::bail!(
                    "{path}: array `X` has shape {shape:?}, expected [{n}, {length}, 4] as in {file}"
                );
            }
            let mut heights = row(&one_hot, 4 * length);
            for (cells, value) in heights.chunks_mut(4).zip(row(&values, length)) {
                for cell in cells {
                    *cell *= value;
                }
            }
            Ok(heights)
        }
        _ => anyhow::bail!("{file}: array `attributions` has shape {shape:?}, expected (N, L) or (N, L, 4)"),
    }
}
