use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use cistron::Alphabet;
use cistron::encode::{NpzReader, SequenceBatch};
use cistron::models::{
    ConvNetConfig, ConvNetData, ConvNetLoss, ConvNetTraining, EpochReport, FitReport, ModelsError, RunFolder,
    train_convnet,
};
use cistron::plot::{LineChart, Series, line_chart};
use clap::Args;
use serde_json::json;

use crate::context::{Context, usage};
use crate::output::{Number, Output, check_free};
use crate::record::{Record, digests, write_text};

#[derive(Args)]
pub(crate) struct TrainArgs {
    /// The network: a config.json of model type convnet
    #[arg(long, value_name = "JSON")]
    config: PathBuf,
    /// Training data: `X` (N, L, letters) and `y`, (N), (N, tracks) or (N, bins, tracks)
    #[arg(long, value_name = "NPZ")]
    train: PathBuf,
    /// Validation data, which decides when to stop: `X` and `y`
    #[arg(long, value_name = "NPZ")]
    valid: PathBuf,
    /// Folder of the network, which other commands take as their model
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// bce (classes), mse (any numbers) or poisson (counts)
    #[arg(long, value_name = "LOSS", default_value = "bce", value_parser = parse_loss)]
    loss: ConvNetLoss,
    /// Largest number of passes over the training data
    #[arg(long, value_name = "N", default_value_t = 20)]
    epochs: u64,
    /// Learning rate of `AdamW` at the start; it falls along half a cosine
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    lr: f64,
    /// Sequences a step
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Epochs without a lower validation loss before training stops
    #[arg(long, value_name = "N", default_value_t = 5)]
    patience: u64,
    /// Weight decay
    #[arg(long, value_name = "DECAY", default_value_t = 0.01)]
    weight_decay: f64,
    /// Shift training sequences by up to N letters either way
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_shift: usize,
    /// Keep a running mean of the weights, of which this share stays at each step, such as 0.99
    #[arg(long, value_name = "SHARE")]
    average: Option<f64>,
    /// Go on with an interrupted run; the result is that of one that was not
    #[arg(long)]
    resume: bool,
}

fn parse_loss(text: &str) -> Result<ConvNetLoss, String> {
    text.parse().map_err(|error: ModelsError| error.to_string())
}

pub(super) fn run(args: &TrainArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let place = || args.config.display().to_string();
    let text = fs::read_to_string(&args.config).with_context(place)?;
    let config = ConvNetConfig::from_json(&text).with_context(place)?;
    if !args.resume {
        check_free(&args.output.join("model.safetensors"), context)?;
    }
    let letters = config.letters().with_context(place)?;
    let (training, training_targets) = labelled(&args.train, &letters)?;
    let (validation, validation_targets) = labelled(&args.valid, &letters)?;
    let folder = if args.resume {
        RunFolder::resume(&args.output)?
    } else if context.force {
        RunFolder::replace(&args.output)
    } else {
        RunFolder::create(&args.output)?
    };
    let trained = train_convnet(
        &config,
        &ConvNetData { sequences: &training, targets: &training_targets },
        &ConvNetData { sequences: &validation, targets: &validation_targets },
        &args.options(),
        Some(&folder),
        context.run(),
    )
    .map_err(|error| with_file(error, args))?;
    trained.net.save(&args.output)?;
    write_curve(&args.output, &trained.report.history)?;
    let inputs = digests(&[args.config.clone(), args.train.clone(), args.valid.clone()])?;
    let more = json!({"command": "model train", "loss": args.loss.name(), "resumed": args.resume});
    record.write(&args.output, context, &inputs, &more)?;
    print_epochs(&trained.report, context)
}

impl TrainArgs {
    fn options(&self) -> ConvNetTraining {
        ConvNetTraining {
            loss: self.loss,
            epochs: self.epochs,
            learning_rate: self.lr,
            batch: self.batch,
            patience: Some(self.patience),
            weight_decay: self.weight_decay,
            max_shift: self.max_shift,
            average: self.average,
            ..ConvNetTraining::default()
        }
    }
}

/// What is wrong with the data, with the file that it was read from.
fn with_file(error: ModelsError, args: &TrainArgs) -> anyhow::Error {
    match error {
        ModelsError::Data { set, problem } => {
            let path = if set == "training" { &args.train } else { &args.valid };
            anyhow!("{}: {problem}", path.display())
        }
        ModelsError::Network { .. } => anyhow!("{}: {error}", args.config.display()),
        ModelsError::Option { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

/// The arrays `X` and `y` of a file, each row of `y` in C order.
fn labelled(path: &Path, letters: &Alphabet) -> anyhow::Result<(SequenceBatch, Vec<f64>)> {
    let mut file = NpzReader::open(path)?;
    let batch = file.one_hot("X", letters, usize::MAX)?;
    let (shape, targets) = file.numbers("y")?;
    if shape.first() != Some(&batch.len()) {
        let expected = format!("{} rows as `X`", batch.len());
        anyhow::bail!("{}: array `y` has shape {shape:?}, expected {expected}", path.display());
    }
    Ok((batch, targets))
}

/// `loss.svg`, of training and validation.
fn write_curve(folder: &Path, history: &[EpochReport]) -> anyhow::Result<()> {
    let curve = |value: &dyn Fn(&EpochReport) -> f64| -> Vec<(f64, f64)> {
        history.iter().map(|epoch| ((epoch.epoch + 1) as f64, value(epoch))).collect()
    };
    let (training, validation) = (curve(&|epoch| epoch.training_loss), curve(&|epoch| epoch.validation.loss));
    let series =
        [Series { name: "training", points: &training }, Series { name: "validation", points: &validation }];
    let chart = LineChart { title: "Loss", x_label: "epoch", y_label: "mean loss", series: &series };
    write_text(&folder.join("loss.svg"), &line_chart(&chart)?)
}

fn print_epochs(report: &FitReport, context: &Context) -> anyhow::Result<()> {
    let mut output = Output::open(None, context)?;
    writeln!(output, "epoch\ttraining_loss\tvalidation_loss\tvalidation_auroc\tbest")?;
    for (index, epoch) in report.history.iter().enumerate() {
        let best = if index == report.best_epoch { "*" } else { "" };
        let losses = (Number(epoch.training_loss), Number(epoch.validation.loss));
        let area = epoch.validation.metric("auroc").map(|area| Number(area).to_string()).unwrap_or_default();
        writeln!(output, "{}\t{}\t{}\t{area}\t{best}", index + 1, losses.0, losses.1)?;
    }
    output.commit()
}
