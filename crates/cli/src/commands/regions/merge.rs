//! `cistron regions merge`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use cistron::genome::{ColumnOperation, MergedRegion, RegionSet, bed, merge_sorted};
use cistron::{Observer, Strand, Warning};
use clap::Args;

use crate::context::{Context, usage};
use crate::output::{Output, push_decimal};

#[derive(Args)]
pub(crate) struct MergeArgs {
    /// Regions in any order, plain, gzip, bgzip or bigBed; `-` is standard input
    #[arg(value_name = "BED", required = true)]
    files: Vec<PathBuf>,
    /// Join regions at most this many bases apart; -1 asks for an overlap of a base
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    distance: i64,
    /// Join regions of one strand only; those without a strand are left out
    #[arg(long)]
    same_strand: bool,
    /// Only regions of this strand
    #[arg(long, value_name = "+|-", value_parser = parse_strand, allow_hyphen_values = true)]
    strand: Option<Strand>,
    /// Columns of the input to sum up, from 1
    #[arg(long, value_name = "N,…", value_delimiter = ',', requires = "operations")]
    columns: Vec<usize>,
    /// For each column: count, sum, mean, min, max, distinct or median; one for all is enough
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "columns")]
    operations: Vec<ColumnOperation>,
    /// Output BED [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn parse_strand(text: &str) -> Result<Strand, String> {
    Strand::from_symbol(text).ok_or_else(|| "expected + or -".to_owned())
}

impl MergeArgs {
    /// Columns with what is made of them.
    fn summary(&self) -> anyhow::Result<Vec<(usize, ColumnOperation)>> {
        let (columns, operations) = (&self.columns, &self.operations);
        if columns.contains(&0) {
            return Err(usage("--columns names column 0, expected columns counted from 1"));
        }
        match (columns.len(), operations.len()) {
            (n, m) if n == m => Ok(columns.iter().copied().zip(operations.iter().copied()).collect()),
            (_, 1) => Ok(columns.iter().map(|&column| (column, operations[0])).collect()),
            (1, _) => Ok(operations.iter().map(|&operation| (columns[0], operation)).collect()),
            (n, m) => {
                Err(usage(format!("found {n} --columns and {m} --operations, expected as many, or one")))
            }
        }
    }

    /// The group of a row, if it is in any: one for each strand or one for all.
    fn group(&self, row: &bed::BedRow<'_>) -> Option<usize> {
        // A strand is in the sixth column, which takes a while to find.
        if self.same_strand || self.strand.is_some() {
            let strand = row.strand()?;
            let is_wanted = self.strand.is_none_or(|wanted| wanted == strand);
            return is_wanted.then_some(usize::from(self.same_strand && strand == Strand::Reverse));
        }
        Some(0)
    }

    /// The rows of the groups, and the number of those that are in none for want of a strand.
    fn read(&self, summary: &[(usize, ColumnOperation)]) -> anyhow::Result<([Rows; 2], u64)> {
        let mut groups = [Rows::default(), Rows::default()];
        let mut left_out = 0;
        // Of many plain regions only positions are kept.
        let keeps_places = self.same_strand || !summary.is_empty();
        for (file, path) in self.files.iter().enumerate() {
            let mut rows = bed::Reader::open(path)?;
            while let Some(row) = rows.advance()? {
                let Some(group) = self.group(&row) else {
                    left_out += u64::from(row.strand().is_none());
                    continue;
                };
                groups[group].push(&row, summary, keeps_places.then_some(file)).map_err(|column| {
                    let (file, line) = (path.display(), row.line);
                    anyhow!("{file}:{line}:{column}: found no such column, expected a value")
                })?;
            }
        }
        Ok((groups, left_out))
    }
}

pub(super) fn merge(args: &MergeArgs, context: &Context) -> anyhow::Result<()> {
    let summary = args.summary()?;
    if let [file] = &args.files[..]
        && file.as_os_str() != "-"
        && !args.same_strand
        && args.strand.is_none()
        && summary.is_empty()
        && merge_one_sorted(file, args, context)?
    {
        return Ok(());
    }
    let (mut groups, left_out) = args.read(&summary)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    let [forward, reverse] = &mut groups;
    if reverse.set.is_empty() {
        let mut line = Vec::new();
        forward.merge(args, &summary, &mut |merged, columns, _| {
            write_line(&mut line, merged, columns);
            Ok(output.write_all(&line)?)
        })?;
    } else {
        let mut lines = Vec::new();
        for rows in [forward, reverse] {
            rows.merge(args, &summary, &mut |merged, columns, place| {
                lines.push((merged.contig.to_owned(), merged.start, place, merged.end, columns.to_owned()));
                Ok(())
            })?;
        }
        // Of regions that begin together the one whose first row stands first.
        lines.sort_unstable();
        for (contig, start, _, end, columns) in lines {
            writeln!(output, "{contig}\t{start}\t{end}{columns}")?;
        }
    }
    output.commit()?;
    if left_out > 0 {
        context.progress.warn(Warning::new(left_out, "regions without a strand left out"));
    }
    Ok(())
}

/// Merges a file with one region in memory if its rows are sorted as the result is; false if they are not, or if
/// anything is wrong: then the whole file is read again, and the error is found again.
fn merge_one_sorted(file: &Path, args: &MergeArgs, context: &Context) -> anyhow::Result<bool> {
    let mut output = Output::open(args.output.as_ref(), context)?;
    if let Output::Standard(_) = output {
        // What has been printed cannot be taken back.
        let mut text = Vec::new();
        if stream(file, args.distance, &mut text).is_err() {
            return Ok(false);
        }
        output.write_all(&text)?;
    } else if stream(file, args.distance, &mut output).is_err() {
        return Ok(false);
    }
    output.commit()?;
    Ok(true)
}

fn stream(file: &Path, distance: i64, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut rows = bed::Reader::open(file)?;
    let (mut line, mut contig) = (Vec::new(), String::new());
    merge_sorted(&mut rows, distance, &mut |merged| {
        if merged.contig != contig {
            ensure!(*merged.contig > *contig, "contigs are not in the order of their bytes");
            merged.contig.clone_into(&mut contig);
        }
        write_line(&mut line, merged, "");
        Ok::<(), anyhow::Error>(output.write_all(&line)?)
    })
}

fn write_line(line: &mut Vec<u8>, merged: &MergedRegion<'_>, columns: &str) {
    line.clear();
    line.extend_from_slice(merged.contig.as_bytes());
    for position in [merged.start, merged.end] {
        line.push(b'\t');
        push_decimal(line, position);
    }
    line.extend_from_slice(columns.as_bytes());
    line.push(b'\n');
}

/// Where a region stands: in which of the files, and in which line from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: usize,
    line: u64,
}

/// Regions with what is to be summed up of them.
#[derive(Default)]
struct Rows {
    set: RegionSet,
    /// The cells of each region.
    cells: Vec<String>,
    /// The file and the line of each region, where they matter.
    places: Vec<Place>,
}

impl Rows {
    /// Keeps a row; the error is the column that it lacks.
    fn push(
        &mut self,
        row: &bed::BedRow<'_>,
        summary: &[(usize, ColumnOperation)],
        file: Option<usize>,
    ) -> Result<(), usize> {
        self.set.push(row.contig, row.start, row.end);
        for &(column, _) in summary {
            self.cells.push(match column {
                1 => row.contig.to_owned(),
                2 => row.start.to_string(),
                3 => row.end.to_string(),
                _ => row.column(column).ok_or(column)?.to_owned(),
            });
        }
        if let Some(file) = file {
            self.places.push(Place { file, line: row.line });
        }
        Ok(())
    }

    /// Hands merged regions to `each` with the text of their further columns and the place of their first row.
    fn merge(
        &mut self,
        args: &MergeArgs,
        summary: &[(usize, ColumnOperation)],
        each: &mut dyn FnMut(&MergedRegion<'_>, &str, Place) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self { set, cells, places } = self;
        let (mut text, mut values) = (String::new(), Vec::new());
        set.merge(args.distance, &mut |merged| {
            text.clear();
            for (index, (column, operation)) in summary.iter().enumerate() {
                values.clear();
                values.extend(merged.members.iter().map(|row| cells[row * summary.len() + index].as_str()));
                let result = operation.apply(&values).map_err(|bad| {
                    let row = merged.members.iter().zip(&values).find(|(_, value)| **value == bad);
                    let Place { file, line } = row.map(|(row, _)| places[*row]).unwrap_or_default();
                    anyhow!(
                        "{}:{line}:{column}: found `{bad}`, expected a number",
                        args.files[file].display()
                    )
                })?;
                text.push('\t');
                text.push_str(&result);
            }
            let first = merged.members.first().and_then(|row| places.get(*row));
            each(merged, &text, first.copied().unwrap_or_default())
        })
    }
}
