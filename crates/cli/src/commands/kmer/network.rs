//! Training of denoising networks: options, curves, files.

use std::path::Path;
use std::time::Duration;

use cistron::encode::kmer::{KmerSampler, KmerSplit, Noise, PackedSequences};
use cistron::models::{
    DenoiserKind, DenoiserTraining, EpochReport, ModelsError, RunFolder, Schedule, TrainedDenoiser,
    train_denoiser,
};
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Observer, Warning};
use clap::{Args, ValueEnum};

use super::kmer_error;
use super::train::TrainArgs;
use crate::context::{Context, usage};
use crate::record::write_text;

/// Below these shares of wrong bases the notebook calls a k-mer well denoised, or denoised.
const THRESHOLDS: [(&str, f64); 2] = [("good denoise", 0.05), ("denoise", 0.1)];

#[derive(Args)]
#[command(next_help_heading = "Options of networks and seeds")]
pub(super) struct NetworkArgs {
    /// Channels (conv)
    #[arg(long, value_name = "N", default_value_t = DenoiserKind::CHANNELS)]
    pub(super) channels: usize,
    /// Bases of a seed, 1 to 11 (seeds)
    #[arg(long, value_name = "N", default_value_t = DenoiserKind::SEED)]
    pub(super) seed_width: usize,
    /// Largest number of passes over the training windows
    #[arg(long, value_name = "N", default_value_t = 20)]
    epochs: u64,
    /// K-mers of a step
    #[arg(long, value_name = "N", default_value_t = 128)]
    batch: usize,
    /// Learning rate [default: 0.002 for networks, 0.2 for seeds]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// How the learning rate changes: it falls to a tenth after 3 epochs without a lower loss, follows half a cosine to 0 over
    /// all epochs, or stays
    #[arg(long, value_enum, default_value_t)]
    schedule: ScheduleArg,
    /// Epochs without a lower Hamming distance before training stops [default: it does not]
    #[arg(long, value_name = "N")]
    patience: Option<u64>,
    /// Longest wall time of training
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// Go on with an interrupted run; the result is that of one that was not
    #[arg(long)]
    pub(super) resume: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ScheduleArg {
    #[default]
    Plateau,
    Cosine,
    Constant,
}

impl From<ScheduleArg> for Schedule {
    fn from(schedule: ScheduleArg) -> Self {
        match schedule {
            ScheduleArg::Plateau => DenoiserTraining::default().schedule,
            ScheduleArg::Cosine => Self::Cosine { floor: 0.0 },
            ScheduleArg::Constant => Self::Constant,
        }
    }
}

/// Trains a network; leaves its weights, its log and its curves in the folder.
pub(super) fn train(
    args: &TrainArgs,
    kind: DenoiserKind,
    sequences: &PackedSequences,
    split: &KmerSplit,
    context: &Context,
) -> anyhow::Result<TrainedDenoiser> {
    let noise = Noise::new(args.noise).map_err(kmer_error)?;
    let sampler = |windows| {
        KmerSampler::new(sequences, windows, args.strands.into(), noise, context.seed).map_err(kmer_error)
    };
    let (training, validation) = (sampler(&split.training)?, sampler(&split.validation)?);
    let options = args.network.options(kind)?;
    let folder = if args.network.resume {
        RunFolder::resume(&args.output)?
    } else if context.force {
        RunFolder::replace(&args.output)
    } else {
        RunFolder::create(&args.output)?
    };
    let trained = train_denoiser(&training, &validation, &options, Some(&folder), context.run())
        .map_err(model_error)?;
    if trained.untrained {
        let epochs = trained.report.history.len() as u64;
        let what =
            "epochs, none better on the windows held out than returning the input: the model does that";
        context.progress.warn(Warning::new(epochs, what));
    }
    write_curves(&args.output, &trained.report.history)?;
    Ok(trained)
}

impl NetworkArgs {
    fn options(&self, kind: DenoiserKind) -> anyhow::Result<DenoiserTraining> {
        let max_time = self.minutes.map(|minutes| Duration::try_from_secs_f64(60.0 * minutes)).transpose();
        let max_time = max_time.map_err(|error| usage(format!("--minutes: {error}")))?;
        Ok(DenoiserTraining {
            kind,
            epochs: self.epochs,
            max_time,
            batch: self.batch,
            learning_rate: self.lr,
            schedule: self.schedule.into(),
            patience: self.patience,
            ..DenoiserTraining::default()
        })
    }
}

/// An option outside its range is a wrong use.
fn model_error(error: ModelsError) -> anyhow::Error {
    match error {
        ModelsError::Option { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

/// `loss.svg` and `hamming.svg`, the second with the identity and the notebook's thresholds.
fn write_curves(folder: &Path, history: &[EpochReport]) -> anyhow::Result<()> {
    let curve = |value: &dyn Fn(&EpochReport) -> f64| -> Vec<(f64, f64)> {
        history.iter().map(|epoch| ((epoch.epoch + 1) as f64, value(epoch))).collect()
    };
    let metric = |epoch: &EpochReport, name: &str| epoch.validation.metric(name).unwrap_or(f64::NAN);
    let (training, validation) = (curve(&|epoch| epoch.training_loss), curve(&|epoch| epoch.validation.loss));
    let losses =
        [Series { name: "training", points: &training }, Series { name: "validation", points: &validation }];
    let chart =
        LineChart { title: "Loss", x_label: "epoch", y_label: "cross-entropy of a base", series: &losses };
    write_text(&folder.join("loss.svg"), &line_chart(&chart)?)?;

    let hamming = curve(&|epoch| metric(epoch, "hamming"));
    let identity = curve(&|epoch| metric(epoch, "identity"));
    let levels = THRESHOLDS.map(|(name, level)| (name, curve(&|_| level)));
    let mut series = vec![
        Series { name: "validation", points: &hamming },
        Series { name: "doing nothing", points: &identity },
    ];
    series.extend(levels.iter().map(|(name, points)| Series { name, points }));
    let chart = LineChart {
        title: "Hamming distance",
        x_label: "epoch",
        y_label: "share of wrong bases",
        series: &series,
    };
    write_text(&folder.join("hamming.svg"), &line_chart(&chart)?)
}
