//! `cistron seqlets count`, `pairs`, `spacing`: annotations as sparse tables.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::genome::text;
use cistron::motif::{
    Annotation, MotifError, OverlapRule, PairCounting, PairOrder, count_annotations, count_pairs,
    count_spacings,
};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::output::Output;

/// A table of annotations and where to.
#[derive(Args)]
pub(crate) struct TableArgs {
    /// Annotations: a table with the columns example (or sequence_name), motif (or motif_name) and, but for counts, start and end; of seqlets annotate the rows of rank 1
    annotations: PathBuf,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    table: TableArgs,
    /// Add up over examples or over motifs
    #[arg(long, value_enum)]
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
}

#[derive(Args)]
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
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
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
    let table = Table::read(&args.table.annotations, false)?;
    let mut rows: Vec<(Vec<&str>, u64)> = Vec::new();
    let counts = count_annotations(&table.annotations);
    match args.sum {
        None => rows.extend(
            counts.iter().map(|(&(e, m), &n)| (vec![table.examples.name(e), table.motifs.name(m)], n)),
        ),
        Some(sum) => {
            let mut sums = std::collections::BTreeMap::new();
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
    let table = Table::read(&args.table.annotations, true)?;
    let counting = if args.multiple { PairCounting::Every } else { PairCounting::OncePerExample };
    let counts = count_pairs(&table.annotations, counting, order(args.ordered));
    let mut keys: Vec<((u32, u32), u64)> = counts.into_iter().collect();
    if args.symmetric {
        let other = |&((a, b), n): &((u32, u32), u64)| (a != b).then_some(((b, a), n));
        keys.extend(keys.iter().filter_map(other).collect::<Vec<_>>());
        keys.sort_unstable();
    }
    let row = |((a, b), n): ((u32, u32), u64)| (vec![table.motifs.name(a), table.motifs.name(b)], n);
    write(&args.table, context, "motif_a\tmotif_b\tcount", keys.into_iter().map(row).collect())
}

pub(crate) fn spacing(args: &SpacingArgs, context: &Context) -> anyhow::Result<()> {
    let table = Table::read(&args.table.annotations, true)?;
    let counted =
        count_spacings(&table.annotations, args.max_distance, args.overlaps.into(), order(args.ordered));
    let counts = counted.map_err(|error| table.explain(&error, &args.table.annotations))?;
    let mut keys: Vec<((u32, u32, i64), u64)> = counts.into_iter().collect();
    if args.symmetric {
        let other = |&((a, b, d), n): &((u32, u32, i64), u64)| (a != b).then_some(((b, a, d), n));
        keys.extend(keys.iter().filter_map(other).collect::<Vec<_>>());
        keys.sort_unstable();
    }
    let mut output = Output::open(args.table.output.as_ref(), context)?;
    writeln!(output, "motif_a\tmotif_b\tdistance\tcount")?;
    for ((a, b, distance), n) in keys {
        writeln!(output, "{}\t{}\t{distance}\t{n}", table.motifs.name(a), table.motifs.name(b))?;
    }
    output.commit()
}

fn write(
    args: &TableArgs,
    context: &Context,
    header: &str,
    rows: Vec<(Vec<&str>, u64)>,
) -> anyhow::Result<()> {
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "{header}")?;
    for (labels, count) in rows {
        writeln!(output, "{}\t{count}", labels.join("\t"))?;
    }
    output.commit()
}

/// Names with a number each, by first appearance.
#[derive(Default)]
struct Labels {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Labels {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }
}

struct Table {
    annotations: Vec<Annotation>,
    examples: Labels,
    motifs: Labels,
}

impl Table {
    /// Reads annotations; without `places` the columns start and end are not needed.
    fn read(path: &Path, places: bool) -> anyhow::Result<Self> {
        let file = path.display();
        let mut lines = text::open(path)?.lines();
        let header = lines.next().transpose()?.unwrap_or_default();
        let names: Vec<&str> = header.split('\t').collect();
        let find =
            |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|other| other == name));
        let column = |wanted: &[&str]| {
            find(wanted).with_context(|| {
                let found = names.join(", ");
                format!("{file}:1:1: found columns {found}, expected `{}` among them", wanted[0])
            })
        };
        let (example, motif) =
            (column(&["example", "sequence_name"])?, column(&["motif", "motif_name", "motif_idx"])?);
        let span = if places { Some((column(&["start"])?, column(&["end"])?)) } else { None };
        let rank = find(&["rank"]);
        let mut table =
            Self { annotations: Vec::new(), examples: Labels::default(), motifs: Labels::default() };
        for (number, line) in (2_u64..).zip(lines) {
            let line = line?;
            let fields: Vec<&str> = line.split('\t').collect();
            let field = |column: usize| {
                let found = fields.get(column).copied().filter(|field| !field.is_empty());
                found.with_context(|| {
                    format!("{file}:{number}:{}: found nothing, expected a value", column + 1)
                })
            };
            if rank.is_some_and(|column| fields.get(column) != Some(&"1")) {
                continue;
            }
            let position = |column: usize| {
                let text = field(column)?;
                text.parse::<u32>().map_err(|_| {
                    anyhow::anyhow!("{file}:{number}:{}: found `{text}`, expected a position", column + 1)
                })
            };
            let (start, end) = match span {
                Some((start, end)) => (position(start)?, position(end)?),
                None => (0, 0),
            };
            if end < start {
                anyhow::bail!("{file}:{number}: end {end} is below start {start}");
            }
            let (example, motif) =
                (table.examples.number(field(example)?), table.motifs.number(field(motif)?));
            table.annotations.push(Annotation { example, motif, start, end });
        }
        Ok(table)
    }

    /// An error of the library in the names of the table.
    fn explain(&self, error: &MotifError, path: &Path) -> anyhow::Error {
        match error {
            MotifError::Overlap { left, right } => anyhow::anyhow!(
                "{}: {} at {}-{} and {} at {}-{} overlap in example {}, expected none to overlap",
                path.display(),
                self.motifs.name(left.motif),
                left.start,
                left.end,
                self.motifs.name(right.motif),
                right.start,
                right.end,
                self.examples.name(left.example)
            ),
            other => anyhow::anyhow!("{}: {other}", path.display()),
        }
    }
}
