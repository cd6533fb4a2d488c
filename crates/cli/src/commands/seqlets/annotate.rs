//! `cistron seqlets annotate`: each seqlet gets the names of the motifs that it matches best.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::Alphabet;
use cistron::genome::text;
use cistron::motif::{TomtomOptions, TomtomTargets, sequence_matrix};
use clap::Args;

use crate::commands::motif::{Named, read_named};
use crate::context::{Context, usage};
use crate::input::{Input, read_sequences};
use crate::output::{Number, Output};

#[derive(Args)]
pub(crate) struct AnnotateArgs {
    /// Seqlets: a table with the columns example, start and end
    seqlets: PathBuf,
    /// The sequences of the examples: `X` (N, L, 4) in an npz file, or FASTA
    #[arg(long, value_name = "NPZ|FASTA")]
    sequences: PathBuf,
    /// Motifs in any format
    #[arg(long, value_name = "MOTIFS")]
    motifs: PathBuf,
    /// Motifs for each seqlet, best first
    #[arg(long, value_name = "N", default_value_t = 1)]
    nearest: usize,
    /// Output table: the columns of the input, then rank, motif_idx, motif_name, motif_p_value [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A table of seqlets: its header, its lines, and the span of each.
struct Table {
    header: String,
    lines: Vec<String>,
    spans: Vec<(usize, std::ops::Range<usize>)>,
}

pub(crate) fn annotate(args: &AnnotateArgs, context: &Context) -> anyhow::Result<()> {
    if args.nearest == 0 {
        return Err(usage("--nearest is 0, expected at least 1"));
    }
    let dna = Alphabet::dna();
    let input = read_sequences(&args.sequences, &dna)?;
    let table = read_table(&args.seqlets, &input)?;
    let Named { names, matrices } = read_named(&args.motifs, context)?;
    let views: Vec<_> = matrices.iter().map(|matrix| matrix.view()).collect();
    let options = TomtomOptions { nearest: Some(args.nearest), ..TomtomOptions::default() };
    let targets = TomtomTargets::new(&views, options).with_context(|| args.motifs.display().to_string())?;
    let sequences = input.sequences().fetch(0..input.names.len())?;
    let query = |(example, span): &(usize, std::ops::Range<usize>)| {
        sequence_matrix(&sequences[*example].codes()[span.clone()], &dna)
    };
    let queries: Vec<_> = table.spans.iter().map(query).collect();
    let queries: Vec<_> = queries.iter().map(|query| query.view()).collect();
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "{}\trank\tmotif_idx\tmotif_name\tmotif_p_value", table.header)?;
    targets.compare_each(&queries, |seqlet, matches| {
        for (rank, found) in (1..).zip(matches) {
            let (line, name) = (&table.lines[seqlet], &names[found.target]);
            writeln!(output, "{line}\t{rank}\t{}\t{name}\t{}", found.target, Number(found.p_value))?;
        }
        anyhow::Ok(())
    })?;
    output.commit()
}

fn read_table(path: &Path, input: &Input) -> anyhow::Result<Table> {
    let mut lines = text::open(path)?.lines();
    let file = path.display();
    let header = lines.next().transpose()?.unwrap_or_default();
    let names: Vec<&str> = header.split('\t').collect();
    let column = |name: &str| {
        let place = names.iter().position(|other| *other == name);
        place.with_context(|| {
            format!("{file}:1:1: found columns {}, expected `{name}` among them", names.join(", "))
        })
    };
    let columns = [column("example")?, column("start")?, column("end")?];
    let mut table = Table { header: header.clone(), lines: Vec::new(), spans: Vec::new() };
    for (number, line) in (2..).zip(lines) {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |column: usize| fields.get(column).copied().unwrap_or_default();
        let refuse = |column: usize, expected: &str| {
            let found = field(column);
            anyhow::anyhow!("{file}:{number}:{}: found `{found}`, expected {expected}", column + 1)
        };
        let [example, start, end] = columns;
        let index = input.names.iter().position(|name| name == field(example));
        let index = index.or_else(|| field(example).parse().ok().filter(|&index| index < input.names.len()));
        let index = index.ok_or_else(|| refuse(example, "the name or the number of a sequence"))?;
        let length = input.sequences().fetch(index..index + 1)?[0].len();
        let from: usize = field(start).parse().map_err(|_| refuse(start, "a position"))?;
        let to = field(end).parse().ok().filter(|to| (from + 1..=length).contains(to));
        let to = to.ok_or_else(|| refuse(end, &format!("an end above {from} and at most {length}")))?;
        table.spans.push((index, from..to));
        table.lines.push(line);
    }
    Ok(table)
}
