use std::ops::Range;
use std::time::Duration;

use cistron_core::Run;
use cistron_encode::kmer::{self, DenoisingMetrics, KmerPass, KmerSampler};

use super::{Body, Denoiser, DenoiserKind, guesses, one_hot};
use crate::nn::{Loss, Parameters, Pass, Tensor};
use crate::train::{
    Adam, Batches, Dataset, Feed, FitOptions, FitReport, Network, NetworkTrainee, Optimizer, Plateau,
    RunFolder, Schedule, Step, StepReport, Stepping, Trainee, Validation, Watch, fit, with_feed,
};
use crate::{Checkpoint, ModelsError};

/// How a denoiser is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct DenoiserTraining {
    /// The shape of the network. Default: a convolution to 512 channels.
    pub kind: DenoiserKind,
    /// The largest number of passes over the training windows. Default: 20.
    pub epochs: u64,
    /// The longest wall time. Default: none.
    pub max_time: Option<Duration>,
    /// The k-mers of a step. Default: 128.
    pub batch: usize,
    /// The learning rate. Default (`None`): 2e-3 for networks, by Adam; [`Self::SEED_RATE`] for the sum of the losses
    /// of a step's bases for seeds, by plain descent.
    pub learning_rate: Option<f64>,
    /// How the learning rate changes. Default: it falls to a tenth after 3 epochs without a lower validation loss.
    pub schedule: Schedule,
    /// The number of epochs without a lower validation Hamming distance after which training stops. Default: none.
    pub patience: Option<u64>,
    /// The validation pairs that are measured after each epoch, at most. Default: 20,000.
    pub validation_pairs: u64,
    /// The steps between saved states inside an epoch. Default: 1,000.
    pub save_every: u64,
    /// The batches that are made ahead by a thread of their own; no influence on results. Default: 2.
    pub ahead: usize,
}

impl DenoiserTraining {
    /// The default learning rate of seeds.
    pub const SEED_RATE: f64 = 0.2;

    fn rate(&self) -> f64 {
        let usual = if matches!(self.kind, DenoiserKind::Seeds { .. }) { Self::SEED_RATE } else { 2e-3 };
        self.learning_rate.unwrap_or(usual)
    }

    fn fitting(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            max_time: self.max_time,
            learning_rate: self.rate(),
            schedule: self.schedule.clone(),
            best: Some(Watch::Lowest("hamming".to_owned())),
            patience: self.patience,
            save_every: Some(self.save_every),
            ..FitOptions::default()
        }
    }
}

impl Default for DenoiserTraining {
    fn default() -> Self {
        Self {
            kind: DenoiserKind::Conv { channels: DenoiserKind::CHANNELS },
            epochs: 20,
            max_time: None,
            batch: 128,
            learning_rate: None,
            schedule: Schedule::Plateau(Plateau { patience: 3, ..Plateau::default() }),
            patience: None,
            validation_pairs: 20_000,
            save_every: 1_000,
            ahead: 2,
        }
    }
}

/// A trained denoiser and how it came about.
#[derive(Debug)]
pub struct TrainedDenoiser {
    /// The network of the epoch with the lowest validation Hamming distance, or as it began.
    pub denoiser: Denoiser,
    /// Whether no epoch was better than a network as it began that returns its input: the denoiser is that one.
    pub untrained: bool,
    /// Each epoch that ran. Its metrics are `hamming`, `exact`, `fixed` and `broken`, and `identity`: the Hamming
    /// distance of the noisy k-mers themselves.
    pub report: FitReport,
}

/// Trains a network to guess clean k-mers, by Adam on the cross-entropy of each base.
///
/// Training and validation use the same loss; noise is drawn anew in each epoch of training and is always the same in
/// validation. What begins as the identity is never left worse than that: if no epoch is better on the validation
/// windows, the result is untrained. The result does not depend on the number of threads. With a folder, states are saved on the way, and
/// a run that was interrupted goes on as if it had not been.
///
/// # Errors
/// [`ModelsError::Option`] for an option out of range or samplers of different k-mers; [`ModelsError::Diverged`];
/// [`ModelsError::Cancelled`]; [`ModelsError::Io`], [`ModelsError::Resume`] and others for a folder that does not fit.
///
/// ```
/// use cistron_core::{Run, Seed};
/// use cistron_encode::kmer::{KmerSampler, Noise, PackedSequences, Strands, WindowSet};
/// use cistron_models::{DenoiserKind, DenoiserTraining, train_denoiser};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGGTCATTACCGATTTGACAGATTACACCAGGT");
/// let windows = WindowSet::all(&genome, 9)?;
/// let sampler = KmerSampler::new(&genome, &windows, Strands::Forward, Noise::new(0.1)?, Seed::new(1))?;
/// let options = DenoiserTraining { kind: DenoiserKind::Conv { channels: 32 }, batch: 8, ..Default::default() };
/// let trained = train_denoiser(&sampler, &sampler, &options, None, Run::default())?;
/// assert_eq!(trained.report.history.len(), 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train_denoiser(
    training: &KmerSampler<'_>,
    validation: &KmerSampler<'_>,
    options: &DenoiserTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedDenoiser, ModelsError> {
    if validation.k() != training.k() {
        return Err(ModelsError::Option {
            option: "k of validation",
            found: validation.k().to_string(),
            expected: training.k().to_string(),
        });
    }
    let start = || Denoiser::new(training.k(), options.kind, training.noise().probability(), run.seed);
    let mut denoiser = start()?;
    let data = Data { training: *training, validation: *validation, options, run };
    let batches = Batches::new(training.len(), options.batch, run.seed)?;
    let fitting = options.fitting();
    let report = with_feed(&Pairs(*training), batches, options.ahead, |feed| {
        if let Body::Network { parameters, .. } = &denoiser.body {
            let learner = Learner { denoiser: &denoiser, parameters, data };
            let optimizer = Optimizer::Adam(Adam::default());
            let stepping = Stepping { optimizer, clip: Some(1.0), accumulate: 1, decay_all: false };
            fit(&mut NetworkTrainee::new(&learner, feed, stepping, run.seed)?, &fitting, folder, run)
        } else {
            fit(&mut SeedTrainee { denoiser: &mut denoiser, data, feed }, &fitting, folder, run)
        }
    })?;
    let untrained = options.kind.starts_as_identity() && !helps(&report);
    Ok(TrainedDenoiser { denoiser: if untrained { start()? } else { denoiser }, untrained, report })
}

/// Whether the best epoch leaves no more wrong bases than there were.
fn helps(report: &FitReport) -> bool {
    let best = report.history.get(report.best_epoch).map(|epoch| &epoch.validation);
    best.is_none_or(|best| best.metric("hamming") <= best.metric("identity"))
}

/// Pairs of k-mers as a data set.
struct Pairs<'a>(KmerSampler<'a>);

/// Codes (n · k) of the clean k-mers and of the noisy ones.
struct Codes {
    clean: Vec<u8>,
    noisy: Vec<u8>,
}

impl Dataset for Pairs<'_> {
    type Batch = Codes;

    fn n_rows(&self) -> u64 {
        self.0.len()
    }

    fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Codes, ModelsError> {
        let pass = self.0.pass(kmer::Pass::Training { epoch: epoch as u32 });
        let k = self.0.k();
        let mut codes = Codes { clean: vec![0; rows.len() * k], noisy: vec![0; rows.len() * k] };
        let places = codes.clean.chunks_exact_mut(k).zip(codes.noisy.chunks_exact_mut(k));
        for (row, (clean, noisy)) in rows.iter().zip(places) {
            pass.fill(*row, clean, noisy)?;
        }
        Ok(codes)
    }
}

/// What a denoiser learns from and is measured on.
#[derive(Clone, Copy)]
struct Data<'a> {
    training: KmerSampler<'a>,
    validation: KmerSampler<'a>,
    options: &'a DenoiserTraining,
    run: Run<'a>,
}

/// The mean cross-entropy of a base.
fn cost(logits: &Tensor, clean: &[u8]) -> Result<Tensor, ModelsError> {
    logits.loss(&one_hot(clean, clean.len())?.reshape(logits.shape())?, Loss::CrossEntropy)
}

impl Data<'_> {
    fn validate(&self, denoiser: &Denoiser) -> Result<Validation, ModelsError> {
        let pass = self.validation.pass(kmer::Pass::Validation);
        let n = self.validation.len().min(self.options.validation_pairs);
        let (mut metrics, mut loss) = (DenoisingMetrics::new(denoiser.k)?, 0.0);
        let batch = denoiser.batch();
        for first in (0..n).step_by(batch) {
            if self.run.is_cancelled() {
                return Err(ModelsError::Cancelled { done: first, total: n });
            }
            loss += measure(denoiser, &pass, first..(first + batch as u64).min(n), &mut metrics)?;
        }
        let metrics = [
            ("hamming", metrics.hamming()),
            ("identity", metrics.identity()),
            ("exact", metrics.exact()),
            ("fixed", metrics.fixed()),
            ("broken", metrics.broken()),
        ];
        Ok(Validation {
            loss: loss / (n as f64 * denoiser.k as f64),
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        })
    }

    fn identity(&self, denoiser: &Denoiser) -> Vec<(String, String)> {
        let Denoiser { k, kind, noise, .. } = denoiser;
        let DenoiserTraining { batch, validation_pairs, .. } = self.options;
        [
            ("network", format!("{kind:?}")),
            ("k", k.to_string()),
            ("noise", noise.to_string()),
            ("training windows", self.training.len().to_string()),
            ("validation windows", self.validation.len().to_string()),
            ("validation pairs", validation_pairs.to_string()),
            ("batch", batch.to_string()),
            ("seed", self.run.seed.number().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// Adds pairs to the metrics; returns the sum of the losses of their bases.
fn measure(
    denoiser: &Denoiser,
    pass: &KmerPass<'_>,
    pairs: Range<u64>,
    metrics: &mut DenoisingMetrics,
) -> Result<f64, ModelsError> {
    let n = (pairs.end - pairs.start) as usize * denoiser.k;
    let [mut clean, mut noisy, mut prediction] = [(); 3].map(|()| vec![0; n]);
    let mut confidence = vec![0.0; n];
    pass.fill(pairs.start, &mut clean, &mut noisy)?;
    let logits = denoiser.logits(&noisy, &Pass::Evaluation)?;
    guesses(&logits, &mut prediction, &mut confidence)?;
    metrics.add(&clean, &noisy, &prediction, &confidence)?;
    Ok(cost(&logits, &clean)?.scalar()? * n as f64)
}

/// A network in training.
struct Learner<'a> {
    denoiser: &'a Denoiser,
    parameters: &'a Parameters,
    data: Data<'a>,
}

impl Network for Learner<'_> {
    type Batch = Codes;

    fn parameters(&self) -> &Parameters {
        self.parameters
    }

    fn loss(&self, batch: &Codes, pass: &mut Pass) -> Result<(Tensor, f64), ModelsError> {
        let logits = self.denoiser.logits(&batch.noisy, pass)?;
        Ok((cost(&logits, &batch.clean)?, batch.clean.len() as f64))
    }

    fn validate(&self, _: u64) -> Result<Validation, ModelsError> {
        self.data.validate(self.denoiser)
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.data.identity(self.denoiser)
    }
}

/// Seeds in training: a step touches the few tables that its k-mers name.
struct SeedTrainee<'a, 'f, 'd> {
    denoiser: &'a mut Denoiser,
    data: Data<'d>,
    feed: &'a mut Feed<'f, Pairs<'d>>,
}

impl Trainee for SeedTrainee<'_, '_, '_> {
    fn n_steps(&self) -> u64 {
        self.feed.n_steps()
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.data.identity(self.denoiser)
    }

    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
        let Codes { clean, noisy } = self.feed.get(at.epoch, at.index)?;
        let logits = self.denoiser.logits(&noisy, &Pass::Evaluation)?.variable();
        let loss = cost(&logits, &clean)?.affine(clean.len() as f64, 0.0)?;
        if let (Body::Seeds(seeds), Some(slopes)) = (&mut self.denoiser.body, loss.gradients()?.get(&logits))
        {
            slopes.read_f32(&mut |slopes| seeds.descend(&noisy, slopes, learning_rate as f32))?;
        }
        Ok(StepReport { loss_sum: loss.scalar()?, examples: clean.len() as f64, ..StepReport::default() })
    }

    fn validate(&mut self, _: u64) -> Result<Validation, ModelsError> {
        self.data.validate(self.denoiser)
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        self.denoiser.weights()
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.denoiser.load(state)
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        self.denoiser.weights()
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        self.denoiser.load(weights)
    }
}
