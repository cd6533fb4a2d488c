//! The parts of a run of `seqlets call`, and how they become its table.
//!
//! Every part fits the null to all examples, whose file it reads to name it by its digest anyway, and calls its own;
//! so parts have the rows of the whole, and the merge has to put them in order only.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::{PartPlan, Parts};
use cistron::motif::Seqlet;
use cistron::{AtomicFile, Shard};

use super::call::{CallArgs, HEADER, write as write_table};
use crate::context::Context;
use crate::output::{Output, part_folder};
use crate::record::digests;

/// Examples of a block.
const BLOCK: usize = 64;

const TABLE: &str = "seqlets.tsv";

/// The folder of a part and what it is a part of.
pub(super) fn plan(
    args: &CallArgs,
    shard: Shard,
    (n, length): (usize, usize),
    context: &Context,
) -> anyhow::Result<(PathBuf, PartPlan)> {
    let inputs: Vec<PathBuf> = [&args.attributions].into_iter().chain(&args.control).cloned().collect();
    let blocks = n.div_ceil(BLOCK) as u64;
    let plan = PartPlan {
        version: 1,
        cistron: env!("CARGO_PKG_VERSION").to_owned(),
        command: "seqlets call".to_owned(),
        inputs: digests(&inputs)?,
        options: args.record(),
        seed: context.seed.number(),
        block_size: BLOCK,
        blocks,
        shape: [n, length, 1, 1],
        shard: shard.to_string(),
        block_range: shard.blocks(blocks),
    };
    Ok((part_folder(args.output.as_ref(), shard, context)?, plan))
}

/// Writes a part.
pub(super) fn write(folder: &Path, plan: &PartPlan, seqlets: &[Seqlet]) -> anyhow::Result<()> {
    PartPlan::begin(folder)?;
    let path = folder.join(TABLE);
    let mut file = AtomicFile::create(&path).with_context(|| path.display().to_string())?;
    write_table(&mut file, seqlets)?;
    file.commit().with_context(|| path.display().to_string())?;
    Ok(plan.complete(folder)?)
}

/// Writes the table of the whole run.
pub(crate) fn merge(parts: &Parts, output: Option<&PathBuf>, context: &Context) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (folder, _) in parts.folders() {
        rows.append(&mut read(&folder.join(TABLE))?);
    }
    // By p-value if there are any: a stable sort of sorted parts gives the order of the whole.
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut output = Output::open(output, context)?;
    writeln!(output, "{HEADER}")?;
    for (_, line) in rows {
        writeln!(output, "{line}")?;
    }
    output.commit()
}

/// The rows of a part with their p-values, 0 for none.
fn read(path: &Path) -> anyhow::Result<Vec<(f64, String)>> {
    let file = path.display();
    let text = fs::read_to_string(path).with_context(|| file.to_string())?;
    let (header, rows) = text.split_once('\n').unwrap_or_default();
    anyhow::ensure!(header == HEADER, "{file}:1:1: found columns {header:?}, expected {HEADER:?}");
    let row = |(number, line): (usize, &str)| {
        let p_value = line.splitn(5, '\t').nth(4);
        let p_value = p_value.and_then(|text| if text.is_empty() { Some(0.0) } else { text.parse().ok() });
        let refuse = || format!("{file}:{number}:1: found {line:?}, expected {HEADER:?}");
        Ok((p_value.with_context(refuse)?, line.to_owned()))
    };
    (2..).zip(rows.lines()).map(row).collect()
}
