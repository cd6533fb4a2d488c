//! The parts of a run of `motif scan`, and how they become its result.
//!
//! Parts share the motifs: each reads all sequences and scans for its own, so q-values, best hits and counts are those
//! of the whole. A part keeps the lines of the result, each behind the numbers by which it is sorted.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::{PartPlan, Parts};
use cistron::genome::text;
use cistron::{AtomicFile, Shard};
use serde_json::json;

use super::ScanArgs;
use super::format::Layout;
use crate::context::Context;
use crate::output::{Output, part_folder};
use crate::record::digests;
use crate::sorted::merge_sorted;

const ROWS: &str = "rows.txt";

/// A line of the result behind its key.
type Row = ([u64; 4], String);

/// The folder of a part and what it is a part of.
pub(super) fn plan(
    args: &ScanArgs,
    shard: Shard,
    motifs: usize,
    context: &Context,
) -> anyhow::Result<(PathBuf, PartPlan)> {
    let words = ["uniform", "motif-file", "sequences"];
    let background = args.background.as_ref().filter(|name| !words.contains(&name.as_str()));
    let inputs = [&args.motifs, &args.fasta].into_iter().cloned().chain(background.map(PathBuf::from));
    let inputs: Vec<PathBuf> = inputs.collect();
    let blocks = motifs as u64;
    let plan = PartPlan {
        version: 1,
        cistron: env!("CARGO_PKG_VERSION").to_owned(),
        command: "motif scan".to_owned(),
        inputs: digests(&inputs)?,
        options: json!({
            "layout": args.layout(), "threshold": args.threshold, "score_threshold": args.score_threshold,
            "bin_size": args.bin_size, "pseudocount": args.pseudocount, "forward_only": args.forward_only,
            "background": args.background, "best": args.best, "compat": args.compat,
        }),
        seed: context.seed.number(),
        block_size: 1,
        blocks,
        shape: [motifs, 1, 1, 1],
        shard: shard.to_string(),
        block_range: shard.blocks(blocks),
    };
    Ok((part_folder(args.output.as_ref(), shard, context)?, plan))
}

/// Writes a part, of which `rows` writes the lines.
pub(super) fn write(
    folder: &Path,
    plan: &PartPlan,
    rows: &mut dyn FnMut(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    PartPlan::begin(folder)?;
    let path = folder.join(ROWS);
    let mut file = AtomicFile::create(&path).with_context(|| path.display().to_string())?;
    rows(&mut file)?;
    file.commit().with_context(|| path.display().to_string())?;
    Ok(plan.complete(folder)?)
}

/// Writes the result of the whole run.
pub(crate) fn merge(parts: &Parts, output: Option<&PathBuf>, context: &Context) -> anyhow::Result<()> {
    let folders: Vec<&Path> = parts.folders().map(|(folder, _)| folder).collect();
    let layout: Layout = serde_json::from_value(parts.plan().options["layout"].clone())
        .with_context(|| format!("{}: plan.json has options that do not fit", folders[0].display()))?;
    let sources = folders.iter().map(|folder| rows(&folder.join(ROWS))).collect::<anyhow::Result<_>>()?;
    let mut output = Output::open(output, context)?;
    output.write_all(layout.header().as_bytes())?;
    merge_sorted(sources, &mut |line: String| Ok(writeln!(output, "{line}")?))?;
    output.commit()
}

/// The lines of a part and the keys before them.
fn rows(path: &Path) -> anyhow::Result<impl FnMut() -> anyhow::Result<Option<Row>> + use<>> {
    let file = path.display().to_string();
    let mut lines = (1_u64..).zip(text::open(path)?.lines());
    Ok(move || {
        let Some((number, line)) = lines.next() else { return Ok(None) };
        let line = line.with_context(|| file.clone())?;
        let refuse = || format!("{file}:{number}:1: found {line:?}, expected four numbers and a line");
        parse(&line).with_context(refuse).map(Some)
    })
}

fn parse(line: &str) -> Option<Row> {
    let mut fields = line.splitn(5, ' ');
    let mut key = [0; 4];
    for number in &mut key {
        *number = fields.next()?.parse().ok()?;
    }
    Some((key, fields.next()?.to_owned()))
}
