//! `cistron seqlets sites`: annotations that overlap become one named site.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use cistron::motif::{AnnotationOrder, SiteOptions};
use clap::{Args, ValueEnum};

use super::table::Table;
use crate::context::Context;
use crate::output::{Number, Output};

#[derive(Args)]
pub(crate) struct SiteArgs {
    /// Annotations: a table with the columns example (or sequence_name), motif (or motif_name), start and end
    annotations: PathBuf,
    /// Attributions of the examples, which then fill the column attribution
    #[arg(long, value_name = "NPZ")]
    attributions: Option<PathBuf>,
    /// All examples by name, in the order of --attributions; by default those of the table
    #[arg(long, value_name = "FILE")]
    examples: Option<PathBuf>,
    /// Which annotation names a site
    #[arg(long, value_enum, default_value_t)]
    prefer: PreferArg,
    /// The part of the shorter annotation that two must share to be of one site, from 0 (one position) to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    min_overlap: f64,
    /// Output table: example, motif, start, end, strand, score, p_value, attribution, alternatives [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PreferArg {
    /// The lowest p-value
    #[default]
    PValue,
    /// The highest score
    Score,
    /// The largest attribution in size
    Attribution,
}

impl From<PreferArg> for AnnotationOrder {
    fn from(prefer: PreferArg) -> Self {
        match prefer {
            PreferArg::PValue => Self::PValue,
            PreferArg::Score => Self::Score,
            PreferArg::Attribution => Self::Attribution,
        }
    }
}

pub(crate) fn sites(args: &SiteArgs, context: &Context) -> anyhow::Result<()> {
    let mut table = Table::read(&args.annotations, true, args.examples.as_deref())?;
    if let Some(path) = &args.attributions {
        let (tracks, _) = super::call::read(path)?;
        let summed = table.annotations.sum_attributions(tracks.view());
        summed.with_context(|| format!("{} and {}", args.annotations.display(), path.display()))?;
    }
    let options = SiteOptions { prefer: args.prefer.into(), min_overlap: args.min_overlap, clusters: None };
    let sites = table.annotations.sites(&options)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "example\tmotif\tstart\tend\tstrand\tscore\tp_value\tattribution\talternatives")?;
    for site in sites {
        let Some(row) = table.annotations.get(site.best) else { continue };
        let alternatives: Vec<&str> = site
            .alternatives
            .iter()
            .filter_map(|&row| table.annotations.get(row))
            .map(|row| table.motifs.name(row.motif))
            .collect();
        writeln!(
            output,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            table.examples.name(row.example),
            table.motifs.name(row.motif),
            row.start,
            row.end,
            row.strand.map_or(".".to_owned(), |strand| strand.to_string()),
            known(row.score),
            known(row.p_value),
            known(row.attribution),
            alternatives.join(",")
        )?;
    }
    output.commit()
}

/// A number, or nothing if it is not known.
fn known(value: f64) -> String {
    if value.is_nan() { String::new() } else { Number(value).to_string() }
}
