//! The parts of a run of `effect variants`, and how they become its table or VCF.
//!
//! A part is the whole output of its records without what a background adds, and what it has counted of the background:
//! counts merge exactly, so that the merge adds what the whole run would.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::{Calibration, EmpiricalNull, PartPlan, Parts};
use cistron::{AtomicFile, Shard};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::calibrated::{Calibrated, Layout};
use super::{BLOCK, Task, VariantsArgs, background, count_records};
use crate::context::Context;
use crate::output::{Output, part_folder};
use crate::record::digests;

const ROWS: &str = "rows";
const NULL: &str = "background.json";

/// What a merge has to know, and what makes a run another one.
#[derive(Serialize, Deserialize)]
struct Options {
    layout: Layout,
    has_background: bool,
    /// As the command line has them.
    given: serde_json::Value,
}

impl VariantsArgs {
    fn record(&self) -> serde_json::Value {
        let background = self.background.as_ref().map(|background| match background {
            background::Background::Shuffles(n) => format!("shuffles:{n}"),
            background::Background::Variants(_) => "variants".to_owned(),
        });
        let names: Vec<&str> = self.statistics.iter().map(|statistic| statistic.name()).collect();
        json!({
            "width": self.width, "anchor": format!("{:?}", self.anchor), "indel": format!("{:?}", self.indel),
            "both_strands": self.both_strands, "shifts": self.shifts, "ensemble": format!("{:?}", self.ensemble),
            "on_mismatch": format!("{:?}", self.on_mismatch), "statistics": names, "pseudocount": self.pseudocount,
            "outputs": self.outputs, "background": background,
        })
    }
}

/// Writes a part: its rows, what it counted, and last its plan.
pub(super) fn write(task: &Task<'_>, shard: Shard) -> anyhow::Result<()> {
    let args = task.args;
    let folder = part_folder(args.output.as_ref(), shard, task.context)?;
    let plan = plan(task, shard)?;
    PartPlan::begin(&folder)?;
    if let Some(background) = &args.background {
        let blocks = match background.file() {
            Some(path) => shard.blocks(count_records(path)?.div_ceil(BLOCK) as u64),
            None => plan.block_range.clone(),
        };
        let null = serde_json::to_string(&background::count(task, background, blocks)?)?;
        write_file(&folder.join(NULL), |file| Ok(file.write_all(null.as_bytes())?))?;
    }
    write_file(&folder.join(ROWS), |file| {
        task.write(file, plan.block_range.clone())?;
        Ok(())
    })?;
    Ok(plan.complete(&folder)?)
}

fn plan(task: &Task<'_>, shard: Shard) -> anyhow::Result<PartPlan> {
    let args = task.args;
    let n = args.vcf.as_deref().map_or(Ok(0), count_records)?;
    let background = args.background.as_ref().and_then(background::Background::file);
    let inputs: Vec<PathBuf> =
        [&args.fasta].into_iter().chain(&args.models).chain(&args.vcf).chain(background).cloned().collect();
    let blocks = n.div_ceil(BLOCK) as u64;
    let options = Options {
        layout: task.layout.clone(),
        has_background: args.background.is_some(),
        given: args.record(),
    };
    Ok(PartPlan {
        version: 1,
        cistron: env!("CARGO_PKG_VERSION").to_owned(),
        command: "effect variants".to_owned(),
        inputs: digests(&inputs)?,
        options: serde_json::to_value(options)?,
        seed: task.context.seed.number(),
        block_size: BLOCK,
        blocks,
        shape: [n, 1, 1, 1],
        shard: shard.to_string(),
        block_range: shard.blocks(blocks),
    })
}

fn write_file(path: &Path, write: impl FnOnce(&mut AtomicFile) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let name = || path.display().to_string();
    let mut file = AtomicFile::create(path).with_context(name)?;
    write(&mut file).with_context(name)?;
    file.commit().with_context(name)
}

/// Writes the table or VCF of the whole run.
pub(crate) fn merge(parts: &Parts, output: Option<&PathBuf>, context: &Context) -> anyhow::Result<()> {
    let plan = parts.plan().options.clone();
    let options: Options =
        serde_json::from_value(plan).context("plan.json of the parts has options that do not fit")?;
    let calibration = if options.has_background { Some(merged_background(parts, &options)?) } else { None };
    let mut output = Calibrated::new(Output::open(output, context)?, &options.layout, calibration);
    for (i, (folder, _)) in parts.folders().enumerate() {
        let path = folder.join(ROWS);
        copy(&path, &options.layout, i == 0, &mut output).with_context(|| path.display().to_string())?;
    }
    output.into_inner().commit()
}

fn merged_background(parts: &Parts, options: &Options) -> anyhow::Result<Calibration> {
    let mut null = EmpiricalNull::new(options.layout.tracks());
    for (folder, _) in parts.folders() {
        let path = folder.join(NULL);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let part: EmpiricalNull = serde_json::from_str(&text)
            .with_context(|| format!("{}: not the counts of a background", path.display()))?;
        null.merge(&part).with_context(|| path.display().to_string())?;
    }
    Ok(Calibration::new(&null)?)
}

/// Copies the rows of a part, with its header or without.
fn copy(path: &Path, layout: &Layout, with_header: bool, output: &mut impl Write) -> anyhow::Result<()> {
    let mut lines = BufReader::new(File::open(path)?);
    let (mut line, mut is_first) = (Vec::new(), true);
    while lines.read_until(b'\n', &mut line)? > 0 {
        let is_header = if layout.vcf { line.starts_with(b"#") } else { is_first };
        if with_header || !is_header {
            output.write_all(&line)?;
        }
        (is_first, line) = (false, {
            line.clear();
            line
        });
    }
    Ok(())
}
