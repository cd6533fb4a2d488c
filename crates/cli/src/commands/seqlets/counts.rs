//! `cistron seqlets count`, `pairs`, `spacing`: annotations as tables of counts.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use cistron::motif::{
    Enrichment, Orientations, OverlapRule, PairCounting, PairOrder, Spacing, SpacingOptions,
    count_annotations, count_pairs, count_spacings, pair_enrichment, spacing_enrichment,
};
use clap::{Args, ValueEnum};

use super::dense::Dense;
use super::pictures::{pair_picture, spacing_picture};
use super::table::Table;
use crate::context::{Context, usage};
use crate::output::{Number, Output, check_free};
use crate::record::write_text;

/// A table of annotations and where to.
#[derive(Args)]
pub(crate) struct TableArgs {
    /// Annotations: a table with the columns example (or sequence_name), motif (or motif_name) and, but for counts, start and end; of seqlets annotate the rows of rank 1
    annotations: PathBuf,
    /// The annotations are a BED file: the contig is the example, column 4 the motif
    #[arg(long)]
    bed: bool,
    /// All examples, one a line: the name, and after a tab perhaps the number of positions, as in an index of FASTA; by default those of the table
    #[arg(long, value_name = "FILE")]
    examples: Option<PathBuf>,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write all counts, those of 0 included, as arrays into an npz file
    #[arg(long, requires = "output")]
    dense: bool,
    /// Largest array of --dense, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4_000_000_000, requires = "dense")]
    max_memory: u64,
}

impl TableArgs {
    fn read(&self, places: bool) -> anyhow::Result<Table> {
        let examples = self.examples.as_deref();
        if self.bed {
            return Table::read_bed(&self.annotations, examples);
        }
        Table::read(&self.annotations, places, examples)
    }
}

#[derive(Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    table: TableArgs,
    /// Add up over examples or over motifs
    #[arg(long, value_enum, conflicts_with = "dense")]
    sum: Option<SumArg>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum SumArg {
    /// One row a motif
    Example,
    /// One row an example
    Motif,
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "options of the command line")]
pub(crate) struct PairArgs {
    #[command(flatten)]
    table: TableArgs,
    /// Count every pair of annotations, not each pair of motifs once an example
    #[arg(long)]
    multiple: bool,
    /// Name the motif that begins further left first
    #[arg(long, conflicts_with = "symmetric")]
    ordered: bool,
    /// List each pair in both orders
    #[arg(long)]
    symmetric: bool,
    /// Add the number expected if motifs were in as many examples by chance, the p-value (Fisher's exact test, one-sided) and the q-value over all pairs
    #[arg(long, conflicts_with_all = ["multiple", "ordered", "dense"])]
    enrichment: bool,
    /// Draw the counts of the 30 motifs with the most pairs as a matrix
    #[arg(long, value_name = "SVG", conflicts_with_all = ["dense", "enrichment"])]
    plot: Option<PathBuf>,
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "options of the command line")]
pub(crate) struct SpacingArgs {
    #[command(flatten)]
    table: TableArgs,
    /// Leave out distances of D and more
    #[arg(long, value_name = "D", default_value_t = 100)]
    max_distance: u32,
    /// What is done with annotations that overlap
    #[arg(long, value_enum, default_value_t)]
    overlaps: OverlapArg,
    /// Name the motif that begins further left first
    #[arg(long, conflicts_with = "symmetric")]
    ordered: bool,
    /// List each pair in both orders
    #[arg(long)]
    symmetric: bool,
    /// Count motifs that point the same way, towards and away from one another by themselves
    #[arg(long, conflicts_with = "dense")]
    orientation: bool,
    /// Add the number expected at this distance if motifs were at random places, the p-value and the q-value over all pairs and distances; overlaps are left out
    #[arg(long, conflicts_with = "dense")]
    enrichment: bool,
    /// Draw how often two motifs keep each distance
    #[arg(long, value_name = "SVG", conflicts_with_all = ["dense", "enrichment"])]
    plot: Option<PathBuf>,
    /// The motifs of --plot [default: the two that are near one another most often]
    #[arg(long, num_args = 2, value_names = ["A", "B"], requires = "plot")]
    pair: Option<Vec<String>>,
}

impl SpacingArgs {
    fn options(&self) -> SpacingOptions {
        SpacingOptions {
            max_distance: self.max_distance,
            overlaps: self.overlaps.into(),
            order: order(self.ordered),
            orientations: if self.orientation { Orientations::Apart } else { Orientations::Together },
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum OverlapArg {
    /// Their distance is negative
    #[default]
    Signed,
    /// Their distance is 0
    Zero,
    /// They are no pair
    Skip,
    /// They end the run
    Error,
}

impl From<OverlapArg> for OverlapRule {
    fn from(rule: OverlapArg) -> Self {
        match rule {
            OverlapArg::Signed => Self::Signed,
            OverlapArg::Zero => Self::Zero,
            OverlapArg::Skip => Self::Skip,
            OverlapArg::Error => Self::Refuse,
        }
    }
}

fn order(ordered: bool) -> PairOrder {
    if ordered { PairOrder::ByPosition } else { PairOrder::ByIndex }
}

pub(crate) fn count(args: &CountArgs, context: &Context) -> anyhow::Result<()> {
    let table = args.table.read(false)?;
    let mut rows: Vec<(Vec<&str>, u64)> = Vec::new();
    let counts = count_annotations(&table.annotations);
    if args.table.dense {
        let (examples, motifs) = (table.examples.names(), table.motifs.names());
        let mut dense = Dense::new(vec![examples.len(), motifs.len()], args.table.max_memory)?;
        for (&(example, motif), &n) in &counts {
            dense.add(&[example as usize, motif as usize], n);
        }
        return dense.write(
            args.table.output.as_ref(),
            context,
            &[("examples", examples), ("motifs", motifs)],
        );
    }
    match args.sum {
        None => rows.extend(
            counts.iter().map(|(&(e, m), &n)| (vec![table.examples.name(e), table.motifs.name(m)], n)),
        ),
        Some(sum) => {
            let mut sums = BTreeMap::new();
            for (&(example, motif), &n) in &counts {
                *sums.entry(if sum == SumArg::Example { motif } else { example }).or_insert(0) += n;
            }
            let labels = if sum == SumArg::Example { &table.motifs } else { &table.examples };
            rows.extend(sums.into_iter().map(|(index, n)| (vec![labels.name(index)], n)));
        }
    }
    let header = match args.sum {
        None => "example\tmotif\tcount",
        Some(SumArg::Example) => "motif\tcount",
        Some(SumArg::Motif) => "example\tcount",
    };
    write(&args.table, context, header, rows)
}

pub(crate) fn pairs(args: &PairArgs, context: &Context) -> anyhow::Result<()> {
    let table = args.table.read(true)?;
    let name = |(a, b): (u32, u32)| vec![table.motifs.name(a), table.motifs.name(b)];
    let mirrored = |(a, b): (u32, u32)| (args.symmetric && a != b).then_some((b, a));
    if args.enrichment {
        let found = pair_enrichment(&table.annotations, table.examples.names().len() as u64)?;
        let header = "motif_a\tmotif_b\tcount\texpected\tp_value\tq_value";
        let rows =
            with_mirrors(found, mirrored).into_iter().map(|(pair, found)| (name(pair), columns(&found)));
        return write(&args.table, context, header, rows);
    }
    let counting = if args.multiple { PairCounting::Every } else { PairCounting::OncePerExample };
    if let Some(path) = &args.plot {
        check_free(path, context)?;
    }
    let counts = with_mirrors(count_pairs(&table.annotations, counting, order(args.ordered)), mirrored);
    if args.table.dense {
        let motifs = table.motifs.names();
        let mut dense = Dense::new(vec![motifs.len(); 2], args.table.max_memory)?;
        for &((a, b), n) in &counts {
            dense.add(&[a as usize, b as usize], n);
        }
        return dense.write(args.table.output.as_ref(), context, &[("motifs", motifs)]);
    }
    if let Some(path) = &args.plot {
        let what = if args.multiple { "pairs of annotations" } else { "examples with both" };
        write_text(path, &pair_picture(&counts, &table, what, args.ordered)?)?;
    }
    let rows = counts.into_iter().map(|(pair, n)| (name(pair), n));
    write(&args.table, context, "motif_a\tmotif_b\tcount", rows)
}

pub(crate) fn spacing(args: &SpacingArgs, context: &Context) -> anyhow::Result<()> {
    let table = args.table.read(true)?;
    let explain = |error| table.explain(&error, &args.table.annotations);
    let mirrored = |spacing: Spacing| {
        let Spacing { a, b, .. } = spacing;
        (args.symmetric && a != b).then_some(Spacing { a: b, b: a, ..spacing })
    };
    let header = |more: &str| {
        let orientation = if args.orientation { "orientation\t" } else { "" };
        format!("motif_a\tmotif_b\t{orientation}distance\tcount{more}")
    };
    let names = |spacing: Spacing| {
        let mut names =
            vec![table.motifs.name(spacing.a).to_owned(), table.motifs.name(spacing.b).to_owned()];
        if args.orientation {
            names.push(spacing.orientation.map_or("", |orientation| orientation.name()).to_owned());
        }
        names.push(spacing.distance.to_string());
        names
    };
    if args.enrichment {
        if args.overlaps == OverlapArg::Zero {
            return Err(usage("--enrichment takes no account of overlaps, expected no --overlaps zero"));
        }
        let found =
            spacing_enrichment(&table.annotations, args.options(), &table.lengths()).map_err(explain)?;
        let rows = with_mirrors(found, mirrored).into_iter().map(|(s, found)| (names(s), columns(&found)));
        return write(&args.table, context, &header("\texpected\tp_value\tq_value"), rows);
    }
    if let Some(path) = &args.plot {
        check_free(path, context)?;
    }
    let counts = count_spacings(&table.annotations, args.options()).map_err(explain)?;
    if let Some(path) = &args.plot {
        write_text(path, &spacing_picture(&counts, &table, args.pair.as_deref(), args.options())?)?;
    }
    // Tens of millions of rows are not copied without need.
    let rows: Box<dyn Iterator<Item = (Spacing, u64)> + '_> = if args.symmetric {
        Box::new(with_mirrors(counts.iter(), mirrored).into_iter())
    } else {
        Box::new(counts.iter())
    };
    if args.table.dense {
        return dense_spacings(args, &table, rows, context);
    }
    write(&args.table, context, &header(""), rows.map(|(spacing, n)| (names(spacing), n)))
}

/// Counts by both motifs and the distances from 0; negative ones would have no place.
fn dense_spacings(
    args: &SpacingArgs,
    table: &Table,
    counts: impl Iterator<Item = (Spacing, u64)>,
    context: &Context,
) -> anyhow::Result<()> {
    let motifs = table.motifs.names();
    let shape = vec![motifs.len(), motifs.len(), args.max_distance as usize];
    let mut dense = Dense::new(shape, args.table.max_memory)?;
    for (spacing, n) in counts {
        let Ok(distance) = usize::try_from(spacing.distance) else {
            return Err(usage(format!(
                "annotations overlap by {}, and an array has no negative distance, expected --overlaps zero, skip or \
                 error with --dense",
                -spacing.distance
            )));
        };
        dense.add(&[spacing.a as usize, spacing.b as usize, distance], n);
    }
    dense.write(args.table.output.as_ref(), context, &[("motifs", motifs)])
}

/// The rows and their mirrors, in order.
fn with_mirrors<K: Ord + Copy, V: Copy>(
    rows: impl IntoIterator<Item = (K, V)>,
    mirrored: impl Fn(K) -> Option<K>,
) -> Vec<(K, V)> {
    let mut all: Vec<(K, V)> = rows.into_iter().collect();
    all.extend(all.iter().filter_map(|&(key, value)| Some((mirrored(key)?, value))).collect::<Vec<_>>());
    all.sort_by_key(|(key, _)| *key);
    all
}

/// The columns of a count beside its null.
fn columns(found: &Enrichment) -> String {
    let Enrichment { count, expected, p_value, q_value, .. } = *found;
    format!("{count}\t{}\t{}\t{}", Number(expected), Number(p_value), Number(q_value))
}

/// Writes rows of labels, each with what was counted.
fn write<L: AsRef<str>, C: std::fmt::Display>(
    args: &TableArgs,
    context: &Context,
    header: &str,
    rows: impl IntoIterator<Item = (Vec<L>, C)>,
) -> anyhow::Result<()> {
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "{header}")?;
    for (labels, count) in rows {
        for label in labels {
            write!(output, "{}\t", label.as_ref())?;
        }
        writeln!(output, "{count}")?;
    }
    output.commit()
}
