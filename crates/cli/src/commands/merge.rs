//! `cistron merge`: the parts of a cut run become the files of a whole one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::{EffectError, Parts};
use clap::Args as ClapArgs;
use serde_json::json;

use super::effect::{SaturateRecord, SaturationFiles, merge_variants};
use super::{motif, seqlets};
use crate::context::{Context, usage};
use crate::record::Record;

#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    cistron merge vep/part-* --out-dir vep\n  \
    cistron merge seqlets.tsv.part-* -o seqlets.tsv\n  \
    cistron merge hits.bed.part-* -o hits.bed\n  \
    cistron merge scores.tsv.part-* -o scores.tsv")]
pub(crate) struct Args {
    /// The parts, in any order
    #[arg(required = true, value_name = "PART_DIR")]
    parts: Vec<PathBuf>,
    /// Folder of the results, for a command that has one
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    out_dir: Option<PathBuf>,
    /// The result, for a command that has one file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let parts = Parts::open(&args.parts)?;
    let merge_table = match (parts.plan().command.as_str(), &args.out_dir) {
        ("effect saturate", Some(folder)) => return saturation(args, &parts, folder, context),
        ("effect saturate", None) => {
            return Err(usage("these are parts of `effect saturate`, expected --out-dir"));
        }
        (command @ ("seqlets call" | "motif scan" | "effect variants"), Some(_)) => {
            return Err(usage(format!("these are parts of `{command}`, expected -o")));
        }
        ("seqlets call", None) => seqlets::merge,
        ("motif scan", None) => motif::merge,
        ("effect variants", None) => merge_variants,
        (other, _) => anyhow::bail!(
            "{}: a part of `{other}`, expected `effect saturate`, `effect variants`, `motif scan` or `seqlets call`",
            args.parts[0].display()
        ),
    };
    merge_table(&parts, args.output.as_ref(), context)
}

fn saturation(args: &Args, parts: &Parts, folder: &Path, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let plan = parts.plan();
    let settings: SaturateRecord = serde_json::from_value(plan.options.clone())
        .with_context(|| format!("{}: plan.json has options that do not fit", args.parts[0].display()))?;
    let names = parts.names()?;
    let artefacts = settings.artefacts.clone();
    let run = context.run();
    let mut files = SaturationFiles::create(folder, artefacts, settings.plot, &names, context)?;
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
    record.write(folder, context, &plan.inputs, &more)
}
