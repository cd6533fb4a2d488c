//! `cistron model`: info, train.

use std::io::Write;

use cistron::models::load_model;
use clap::Subcommand;

use super::kmer;
use crate::context::Context;
use crate::input::ModelArgs;
use crate::output::Output;

mod train;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What a model reads and predicts, and how it was loaded
    #[command(after_help = "Example: cistron model info --model probe_best.pt")]
    Info(ModelArgs),
    /// Train a network of convolutions on one-hot sequences
    #[command(
        after_help = "Example: cistron model train --config net/config.json --train train.npz --valid valid.npz -o trained"
    )]
    Train(train::TrainArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Info(args) => info(args, context),
        Command::Train(args) => train::run(args, context),
    }
}

fn info(args: &ModelArgs, context: &Context) -> anyhow::Result<()> {
    let mut output = Output::open(None, context)?;
    if kmer::is_denoiser(&args.model) {
        for (name, value) in kmer::describe(&args.model)? {
            writeln!(output, "{name}\t{value}")?;
        }
        return output.commit();
    }
    let loaded = load_model(&args.model)?;
    let info = &loaded.info;
    let any = |number: Option<usize>| number.map_or_else(|| "any".to_owned(), |number| number.to_string());
    writeln!(output, "type\t{}", info.model_type)?;
    writeln!(output, "kind\t{}", info.variant)?;
    writeln!(output, "alphabet\t{}", info.alphabet)?;
    writeln!(output, "input_length\t{}", any(info.input_length))?;
    for head in &info.heads {
        let tracks: Vec<&str> = head.tracks.iter().map(|track| &**track).collect();
        writeln!(output, "head\t{} ({} bins): {}", head.name, head.bins, tracks.join(", "))?;
    }
    writeln!(output, "parameters\t{}", info.n_parameters)?;
    writeln!(output, "receptive_field\t{}", any(info.receptive_field))?;
    if let Some(prefix) = &loaded.report.prefix_stripped {
        writeln!(output, "prefix_stripped\t{prefix}")?;
    }
    if let Some(key) = &loaded.report.nested_in {
        writeln!(output, "nested_in\t{key}")?;
    }
    if !loaded.report.extra.is_empty() {
        writeln!(output, "not_used\t{}", loaded.report.extra.join(", "))?;
    }
    output.commit()
}
