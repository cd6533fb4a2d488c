//! `cistron probe`: train, predict.

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::Alphabet;
use cistron::encode::{NpzReader, SequenceBatch, SequenceModel};
use cistron::models::{ModelsError, ProbeData, ProbeKind, ProbeTarget, ProbeTraining, train_probe};
use clap::{Args, Subcommand};

use crate::context::{Context, usage};
use crate::input::{InputArgs, ModelArgs};
use crate::output::{Number, Output, check_free};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train a linear probe on one-hot sequences
    #[command(
        after_help = "Example: cistron probe train --train train.npz --valid valid.npz --kind kmer+positional -o probe.safetensors"
    )]
    Train(TrainArgs),
    /// Predict sequences with a linear probe
    #[command(
        after_help = "Example: cistron probe predict --model probe.safetensors --data test.npz -o predictions.tsv"
    )]
    Predict(PredictArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Train(args) => train(args, context),
        Command::Predict(args) => predict(args, context),
    }
}

#[derive(Args)]
pub(crate) struct TrainArgs {
    /// Training data: `X` (N, L, 4) and `y` (N)
    #[arg(long, value_name = "NPZ")]
    train: PathBuf,
    /// Validation data, which decides when to stop: `X` and `y`
    #[arg(long, value_name = "NPZ")]
    valid: PathBuf,
    /// Output: the probe, complete or not at all
    #[arg(long, short, value_name = "SAFETENSORS")]
    output: PathBuf,
    /// mean (sees base composition only: its effects do not depend on position), positional, kmer or kmer+positional
    #[arg(long, value_name = "KIND", default_value = "mean", value_parser = parse::<ProbeKind>)]
    kind: ProbeKind,
    /// Length of k-mers, 1 to 8
    #[arg(long, value_name = "K", default_value_t = 6)]
    k: usize,
    /// A k-mer and its reverse complement share a weight
    #[arg(long)]
    both_strands: bool,
    /// class (0 or 1; stops on AUROC) or value (any number; stops on Pearson correlation)
    #[arg(long, value_name = "TARGET", default_value = "class", value_parser = parse::<ProbeTarget>)]
    target: ProbeTarget,
    /// Penalty l2/2 · Σ w² on the weights [default: 0 for mean, 0.001 for positional, 0.005 with k-mers]
    #[arg(long, value_name = "L2")]
    l2: Option<f64>,
    /// Hidden units of a mean probe
    #[arg(long, value_name = "H", default_value_t = 128)]
    hidden: usize,
    /// Largest number of passes over the training data
    #[arg(long, value_name = "N", default_value_t = 50)]
    epochs: usize,
    /// Learning rate of Adam
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    lr: f64,
    /// Sequences a step
    #[arg(long, value_name = "N", default_value_t = 256)]
    batch: usize,
    /// Epochs without a better validation metric before training stops
    #[arg(long, value_name = "N", default_value_t = 5)]
    patience: usize,
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn train(args: &TrainArgs, context: &Context) -> anyhow::Result<()> {
    check_free(&args.output, context)?;
    let (training, training_targets) = labelled(&args.train)?;
    let (validation, validation_targets) = labelled(&args.valid)?;
    let options = ProbeTraining {
        kind: args.kind,
        k: args.k,
        both_strands: args.both_strands,
        target: args.target,
        l2: args.l2,
        hidden: args.hidden,
        epochs: args.epochs,
        learning_rate: args.lr,
        batch: args.batch,
        patience: args.patience,
    };
    let trained = train_probe(
        &ProbeData { sequences: &training, targets: &training_targets },
        &ProbeData { sequences: &validation, targets: &validation_targets },
        &options,
        context.run(),
    )
    .map_err(|error| with_file(error, args))?;
    trained.probe.save(&args.output)?;
    let mut output = Output::open(None, context)?;
    writeln!(output, "epoch\ttraining_loss\tvalidation_loss\tvalidation_metric\tbest")?;
    for (index, epoch) in trained.history.iter().enumerate() {
        let best = if index == trained.best_epoch { "*" } else { "" };
        let (number, metric) = (index + 1, epoch.validation_metric);
        let losses = (Number(epoch.training_loss), Number(epoch.validation_loss));
        writeln!(output, "{number}\t{}\t{}\t{}\t{best}", losses.0, losses.1, Number(metric))?;
    }
    output.commit()
}

/// What is wrong with the data, with the file that it was read from.
fn with_file(error: ModelsError, args: &TrainArgs) -> anyhow::Error {
    match error {
        ModelsError::Data { set, problem } => {
            let path = if set == "training" { &args.train } else { &args.valid };
            anyhow::anyhow!("{}: {problem}", path.display())
        }
        ModelsError::Option { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

/// The arrays `X` and `y` of a file.
fn labelled(path: &Path) -> anyhow::Result<(SequenceBatch, Vec<f64>)> {
    let mut file = NpzReader::open(path)?;
    let batch = file.one_hot("X", &Alphabet::dna(), usize::MAX)?;
    let (shape, targets) = file.numbers("y")?;
    if shape != [batch.len()] {
        anyhow::bail!("{}: array `y` has shape {shape:?}, expected [{}]", path.display(), batch.len());
    }
    Ok((batch, targets))
}

#[derive(Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Output table: name, logit, probability [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
}

/// Sequences in memory at a time.
const PREDICTED_AT_ONCE: usize = 4096;

fn predict(args: &PredictArgs, context: &Context) -> anyhow::Result<()> {
    let probe = args.model.load_probe(context)?;
    let input = args.input.read(probe.spec(), context)?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "name\tlogit\tprobability")?;
    for (index, names) in input.names.chunks(PREDICTED_AT_ONCE).enumerate() {
        let first = index * PREDICTED_AT_ONCE;
        let sequences = input.sequences().fetch(first..first + names.len())?;
        let batch = SequenceBatch::from_sequences(&sequences)?;
        for (logit, name) in probe.logits(&batch)?.into_iter().zip(names) {
            let probability = 1.0 / (1.0 + (-logit).exp());
            writeln!(output, "{name}\t{}\t{}", Number(logit), Number(probability))?;
        }
    }
    output.commit()
}
