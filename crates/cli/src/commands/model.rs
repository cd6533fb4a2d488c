//! `cistron model`: info.

use cistron::models::load_model;
use clap::Subcommand;

use crate::input::ModelArgs;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What a model reads and predicts, and how it was loaded
    #[command(after_help = "Example: cistron model info --model probe_best.pt")]
    Info(ModelArgs),
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Info(args) = command;
    let loaded = load_model(&args.model)?;
    let info = &loaded.info;
    let any = |number: Option<usize>| number.map_or_else(|| "any".to_owned(), |number| number.to_string());
    println!("type\t{}", info.model_type);
    println!("kind\t{}", info.variant);
    println!("alphabet\t{}", info.alphabet);
    println!("input_length\t{}", any(info.input_length));
    for head in &info.heads {
        let tracks: Vec<&str> = head.tracks.iter().map(|track| &**track).collect();
        println!("head\t{} ({} bins): {}", head.name, head.bins, tracks.join(", "));
    }
    println!("parameters\t{}", info.n_parameters);
    println!("receptive_field\t{}", any(info.receptive_field));
    if let Some(prefix) = &loaded.report.prefix_stripped {
        println!("prefix_stripped\t{prefix}");
    }
    if let Some(key) = &loaded.report.nested_in {
        println!("nested_in\t{key}");
    }
    if !loaded.report.extra.is_empty() {
        println!("not_used\t{}", loaded.report.extra.join(", "));
    }
    Ok(())
}
