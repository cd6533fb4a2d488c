//! `cistron vae prepare`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::input::{AlignmentArgs, Input};
use crate::context::{Context, usage};
use crate::output::{Output, check_free};

#[derive(Args)]
pub(crate) struct PrepareArgs {
    /// FASTA, a2m, a3m or Stockholm, plain or compressed
    #[arg(value_name = "ALIGNMENT")]
    alignment: PathBuf,
    /// The family: an npz file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    options: AlignmentArgs,
}

pub(super) fn run(args: &PrepareArgs, context: &Context) -> anyhow::Result<()> {
    check_free(&args.output, context)?;
    let input = args.options.read(&args.alignment, context)?;
    let Some(report) = report(&input) else {
        return Err(usage(format!(
            "{} is a family already, expected an alignment",
            args.alignment.display()
        )));
    };
    input.family.save(&args.output)?;
    let mut output = Output::open(None, context)?;
    writeln!(output, "{report:#}")?;
    output.commit()
}

/// What became of each record, in JSON.
fn report(input: &Input) -> Option<Value> {
    let (family, report) = (&input.family, input.report.as_ref()?);
    let dropped: Vec<Value> = report
        .dropped
        .iter()
        .map(|it| json!({"name": it.name, "line": it.line, "kind": it.reason.kind(), "reason": it.reason.to_string()}))
        .collect();
    Some(json!({
        "version": 1,
        "records": report.n_records,
        "kept": family.len(),
        "width": report.width,
        "columns": family.width(),
        "focus": family.focus(),
        "first_position": family.positions().first(),
        "last_position": family.positions().last(),
        "alphabet": family.alphabet().to_string(),
        "theta": family.theta(),
        "neff": family.neff(),
        "neff_per_column": family.neff() / family.width() as f64,
        "gaps_alone": report.n_empty,
        "dropped": {
            "repeated": report.n_dropped("repeated"),
            "gaps": report.n_dropped("gaps"),
            "alphabet": report.n_dropped("alphabet"),
        },
        "dropped_records": dropped,
        "warnings": report.warnings,
    }))
}
