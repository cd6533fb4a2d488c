//! `cistron enformer finetune`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use cistron::genome::{DEFAULT_MAX_MEMORY, Split, open_reference};
use cistron::models::{
    Activation, EnformerConfig, EnformerContextAttention, EnformerContexts, EnformerHeadInput, EnformerStart,
    EnformerTraining, FitReport, HeadStart, ModelsError, RunFolder, Schedule, TrackLoss, Trainable, Watch,
    finetune_enformer,
};
use cistron::{GenomeWindows, Observer, TargetShards, Warning};
use clap::Args;
use serde_json::json;

use crate::context::{Context, usage};
use crate::output::{Number, Output, check_free};
use crate::record::{Record, digests};

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct FinetuneArgs {
    /// Folder of the model
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Take no more of the model's folder than config.json, and train from the start
    #[arg(long)]
    from_scratch: bool,
    /// Folder of `enformer targets`; its part `valid` chooses the epoch
    #[arg(long, value_name = "DIR")]
    targets: PathBuf,
    /// Genome, plain, bgzip or gzip
    #[arg(long, value_name = "FASTA")]
    fasta: PathBuf,
    /// Largest genome that is read into memory (plain gzip), in bytes
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MEMORY)]
    max_memory: u64,
    /// Folder of the finetuned model, which other commands take as theirs
    #[arg(long, value_name = "RUN")]
    out_dir: PathBuf,
    /// Tracks of the targets, with commas between them [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    tracks: Vec<String>,
    /// Go on with a head of the model, whose tracks are those of the targets [default: a new head]
    #[arg(long, value_name = "NAME")]
    head: Option<String>,
    /// Function of a new head's numbers: softplus, or none, which --loss mse allows
    #[arg(long, value_name = "NAME", default_value = "softplus", value_parser = ["softplus", "none"])]
    activation: String,
    /// What a new head reads: embeddings, transformer (rows of the last block) or normed_transformer
    #[arg(long, value_name = "NAME", default_value = "embeddings", value_parser = input_of_heads)]
    reads: EnformerHeadInput,
    /// Numbers of each track, such as embeddings of cell types, of which a new head makes its tracks, so that it also
    /// knows tracks it was not trained with: a header `track`, …, then a name and its numbers, with tabs
    #[arg(long, value_name = "TSV", conflicts_with = "head")]
    contexts: Option<PathBuf>,
    /// Let embeddings attend to the contexts, one or more rows a track, with N heads [default: no attention]
    #[arg(long, value_name = "N", requires = "contexts")]
    context_heads: Option<usize>,
    /// Width of each of these heads
    #[arg(long, value_name = "N", default_value_t = 64, requires = "context_heads")]
    context_head_width: usize,
    /// poisson (counts), mse (any numbers) or poisson-multinomial (counts) [default: mse for logarithms, else poisson]
    #[arg(long, value_name = "LOSS", value_parser = parse::<TrackLoss>)]
    loss: Option<TrackLoss>,
    /// Groups of tensors that are trained: head, pointwise, last:N, transformer, layer-norms, tower, batch-norm, lora:R
    #[arg(long, value_name = "GROUP,…", default_value = "head,pointwise,last:2", value_parser = parse::<Trainable>)]
    train: Trainable,
    /// Learning rate of `AdamW`
    #[arg(long, value_name = "RATE", default_value_t = 1e-5)]
    lr: f64,
    /// Steps over which the learning rate rises
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup: u64,
    /// Let the learning rate then fall to 0 along half a cosine
    #[arg(long)]
    cosine: bool,
    /// Weight decay
    #[arg(long, value_name = "DECAY", default_value_t = 0.01)]
    weight_decay: f64,
    /// Largest norm of a step's gradient
    #[arg(long, value_name = "NORM", default_value_t = 0.5)]
    clip: f64,
    /// Windows of a pass
    #[arg(long, value_name = "N", default_value_t = 4)]
    batch: usize,
    /// Passes of a step
    #[arg(long, value_name = "N", default_value_t = 1)]
    accumulate: u64,
    /// Largest number of passes over the training windows
    #[arg(long, value_name = "N", default_value_t = 10)]
    epochs: u64,
    /// Epochs without a better one before training stops [default: all epochs]
    #[arg(long, value_name = "N")]
    patience: Option<u64>,
    /// What the best epoch has: pearson, pearson_windows (highest) or loss (lowest)
    #[arg(long, value_name = "NAME", default_value = "pearson", value_parser = ["pearson", "pearson_windows", "loss"])]
    best: String,
    /// Read training windows on either strand
    #[arg(long)]
    rc_augment: bool,
    /// Tracks that are one another on the reverse strand
    #[arg(long, value_name = "A:B,…", value_delimiter = ',', requires = "rc_augment")]
    mirror: Vec<String>,
    /// Shift training windows by up to N bases either way; their numbers stay
    #[arg(long, value_name = "N", default_value_t = 0)]
    shift_augment: u32,
    /// Keep what frozen layers make of each window in a file [default file: RUN/trunk.cache]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    cache_trunk: Option<String>,
    /// Compute layers again for their gradients: more work, less memory
    #[arg(long)]
    recompute: bool,
    /// Steps between lines of the log
    #[arg(long, value_name = "N", default_value_t = 50)]
    log_every: u64,
    /// Steps between states from which a killed run is resumed [default: at ends of epochs]
    #[arg(long, value_name = "N")]
    save_every: Option<u64>,
    /// Go on with an interrupted run; the result is that of one that was not
    #[arg(long)]
    resume: bool,
}

fn parse<T: std::str::FromStr<Err = ModelsError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: ModelsError| error.to_string())
}

fn input_of_heads(text: &str) -> Result<EnformerHeadInput, String> {
    let found = EnformerHeadInput::ALL.into_iter().find(|input| input.name() == text);
    let expected = EnformerHeadInput::ALL.map(EnformerHeadInput::name).join(", ");
    found.ok_or_else(|| format!("found {text:?}, expected one of {expected}"))
}

pub(super) fn finetune(args: &FinetuneArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    if !args.resume {
        check_free(&args.out_dir.join("model.safetensors"), context)?;
    }
    let shards = TargetShards::open(&args.targets)?;
    let tracks = if args.tracks.is_empty() { shards.tracks() } else { &args.tracks };
    let options = args.options(&shards, tracks, context)?;
    let scratch = args.from_scratch.then(|| EnformerConfig::read(&args.model)).transpose()?;
    let start = scratch.as_ref().map_or(EnformerStart::Folder(&args.model), EnformerStart::Scratch);
    let config = options.config_for(&start.config()?, shards.bins(), tracks).map_err(of_options)?;
    if shards.bin_size() != 1 << config.num_downsamples {
        let (found, expected) = (shards.bin_size(), 1 << config.num_downsamples);
        let path = args.targets.join("targets.json");
        bail!("{}: `bin_size` is {found}, expected the model's {expected}", path.display());
    }
    let reference = open_reference(&args.fasta, args.max_memory)?;
    let frame = (config.input_length, config.first_bin());
    let windows = |part| GenomeWindows::new(&*reference, &shards, part, frame, tracks);
    let (training, validation) = (windows(Split::Train)?, windows(Split::Valid)?);
    let folder = if args.resume {
        RunFolder::resume(&args.out_dir)?
    } else if context.force {
        RunFolder::replace(&args.out_dir)
    } else {
        RunFolder::create(&args.out_dir)?
    };
    let mut output = Output::open(None, context)?;
    for name in options.trainable.resolve(&config).map_err(of_options)? {
        writeln!(output, "trained\t{name}")?;
    }
    output.flush()?;
    let trained = finetune_enformer(start, &training, &validation, &options, Some(&folder), context.run());
    let trained = trained.map_err(|error| match error {
        ModelsError::Data { problem, .. } => anyhow!("{}: {problem}", args.targets.display()),
        error => of_options(error),
    })?;
    if !trained.loaded.extra.is_empty() {
        let extra = &trained.loaded.extra;
        let text = format!("tensors of the model not used: {}", extra.join(", "));
        context.progress.warn(Warning::new(extra.len() as u64, text));
    }
    let mut inputs = vec![args.model.clone(), args.targets.join("targets.json"), args.fasta.clone()];
    inputs.extend(args.contexts.clone());
    let inputs = digests(&inputs)?;
    let more = json!({
        "command": "enformer finetune", "loss": options.loss.name(), "resumed": args.resume, "tracks": tracks,
    });
    record.write(&args.out_dir, context, &inputs, &more)?;
    write_epochs(output, &trained.report)
}

/// An option out of its range is a wrong use of the command.
fn of_options(error: ModelsError) -> anyhow::Error {
    match error {
        ModelsError::Option { .. } => usage(error.to_string()),
        error => error.into(),
    }
}

impl FinetuneArgs {
    fn options(
        &self,
        shards: &TargetShards,
        tracks: &[String],
        context: &Context,
    ) -> anyhow::Result<EnformerTraining> {
        let by_targets = if shards.is_log1p() { TrackLoss::SquaredError } else { TrackLoss::Poisson };
        let cache = |file: &String| match &**file {
            "" => self.out_dir.join("trunk.cache"),
            file => file.into(),
        };
        let attention = |heads| EnformerContextAttention { heads, head_width: self.context_head_width };
        Ok(EnformerTraining {
            trainable: self.train.clone(),
            head: self.head.clone().map_or(HeadStart::TrackMeans, HeadStart::Kept),
            activation: (self.activation == "softplus").then_some(Activation::Softplus),
            reads: self.reads,
            contexts: self.contexts.as_ref().map(EnformerContexts::read).transpose()?,
            context_attention: self.context_heads.map(attention),
            loss: self.loss.unwrap_or(by_targets),
            learning_rate: self.lr,
            warmup_steps: self.warmup,
            schedule: if self.cosine { Schedule::Cosine { floor: 0.0 } } else { Schedule::Constant },
            weight_decay: self.weight_decay,
            clip: Some(self.clip),
            batch: self.batch,
            accumulate: self.accumulate,
            epochs: self.epochs,
            patience: self.patience,
            best: match &*self.best {
                "loss" => Watch::default(),
                metric => Watch::Highest(metric.to_owned()),
            },
            reverse_complement: self.rc_augment,
            mirror: self.mirror(tracks)?,
            max_shift: self.shift_augment,
            cache: self.cache_trunk.as_ref().map(cache),
            recompute: self.recompute,
            device: context.device,
            log_every: Some(self.log_every),
            save_every: self.save_every,
        })
    }

    /// Of each track the one that it is on the reverse strand.
    fn mirror(&self, tracks: &[String]) -> anyhow::Result<Option<Vec<usize>>> {
        if self.mirror.is_empty() {
            return Ok(None);
        }
        let mut mirror: Vec<usize> = (0..tracks.len()).collect();
        for pair in &self.mirror {
            let place = |name: &str| tracks.iter().position(|track| track == name);
            let places = pair.split_once(':').and_then(|(a, b)| Some((place(a)?, place(b)?)));
            let (a, b) = places.ok_or_else(|| {
                usage(format!("--mirror has {pair:?}, expected two of {} with a colon", tracks.join(", ")))
            })?;
            (mirror[a], mirror[b]) = (b, a);
        }
        Ok(Some(mirror))
    }
}

fn write_epochs(mut output: Output, report: &FitReport) -> anyhow::Result<()> {
    writeln!(output, "epoch\ttraining_loss\tvalidation_loss\tpearson\tpearson_windows\tbest")?;
    for (index, epoch) in report.history.iter().enumerate() {
        let best = if index == report.best_epoch { "*" } else { "" };
        let metric = |name| Number(epoch.validation.metric(name).unwrap_or(f64::NAN));
        let losses = (Number(epoch.training_loss), Number(epoch.validation.loss));
        let (pooled, windows) = (metric("pearson"), metric("pearson_windows"));
        writeln!(output, "{}\t{}\t{}\t{pooled}\t{windows}\t{best}", index + 1, losses.0, losses.1)?;
    }
    output.commit()
}
