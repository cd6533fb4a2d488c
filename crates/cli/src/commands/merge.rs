//! `cistron merge`: the parts of a cut run become the files of a whole one.

use std::path::PathBuf;

use anyhow::Context as _;
use cistron::effects::{EffectError, Parts};
use clap::Args as ClapArgs;
use serde_json::json;

use super::effect::{SaturateRecord, SaturationFiles};
use crate::context::Context;
use crate::record::Record;

#[derive(ClapArgs)]
#[command(after_help = "Example: cistron merge vep/part-* --out-dir vep")]
pub(crate) struct Args {
    /// The parts, in any order
    #[arg(required = true, value_name = "PART_DIR")]
    parts: Vec<PathBuf>,
    /// Folder of the results
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let parts = Parts::open(&args.parts)?;
    let plan = parts.plan();
    if plan.command != "effect saturate" {
        anyhow::bail!(
            "{}: a part of `{}`, expected `effect saturate`",
            args.parts[0].display(),
            plan.command
        );
    }
    let settings: SaturateRecord = serde_json::from_value(plan.options.clone())
        .with_context(|| format!("{}: plan.json has options that do not fit", args.parts[0].display()))?;
    let names = parts.names()?;
    let artefacts = settings.artefacts.clone();
    let run = context.run();
    let mut files = SaturationFiles::create(&args.out_dir, artefacts, settings.plot, &names, context)?;
    parts.replay(&mut |block| {
        if run.is_cancelled() {
            return Err(EffectError::Cancelled { done: block.id, total: plan.blocks });
        }
        files.push(&block)
    })?;
    let summary = files.finish(&record.date())?;
    let more = json!({
        "command": "merge", "options": settings, "engine": settings.engine, "parts": args.parts.len(),
        "counts": {"sequences": names.len(), "effects": summary.cells()},
        "delta_mean": summary.mean(), "delta_abs_mean": summary.absolute_mean(),
    });
    record.write(&args.out_dir, context, &plan.inputs, &more)
}
