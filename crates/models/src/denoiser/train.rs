use std::time::Duration;

use cistron_core::Run;
use cistron_encode::kmer::{DenoisingMetrics, KmerPass, KmerSampler};

use super::{BATCH, Denoiser, DenoiserKind, guesses, one_hot};
use crate::ModelsError;
use crate::nn::{Loss, Parameters, Pass, Tensor};
use crate::train::{
    Adam, Batches, Dataset, FitOptions, FitReport, Network, NetworkTrainee, Optimizer, Plateau, RunFolder,
    Schedule, Stepping, Validation, Watch, fit, with_feed,
};

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
    /// The step of Adam. Default: 2e-3.
    pub learning_rate: f64,
    /// The number of epochs without a lower validation loss after which the rate falls to a tenth. Default: 3.
    pub plateau: u64,
    /// The number of epochs without a lower validation Hamming distance after which training stops. Default: none.
    pub patience: Option<u64>,
    /// The validation pairs that are measured after each epoch, at most. Default: 20,000.
    pub validation_pairs: u64,
    /// The steps between saved states inside an epoch. Default: 1,000.
    pub save_every: u64,
    /// The batches that are made ahead by a thread of their own; no influence on results. Default: 2.
    pub ahead: usize,
}

impl Default for DenoiserTraining {
    fn default() -> Self {
        Self {
            kind: DenoiserKind::Conv { channels: DenoiserKind::CHANNELS },
            epochs: 20,
            max_time: None,
            batch: 128,
            learning_rate: 2e-3,
            plateau: 3,
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
    /// The network of the epoch with the lowest validation Hamming distance.
    pub denoiser: Denoiser,
    /// Each epoch that ran. Its metrics are `hamming`, `exact`, `fixed` and `broken`, and `identity`: the Hamming
    /// distance of the noisy k-mers themselves.
    pub report: FitReport,
}

/// Trains a network to guess clean k-mers, by Adam on the cross-entropy of each base.
///
/// Training and validation use the same loss; noise is drawn anew in each epoch of training and is always the same in
/// validation. The result does not depend on the number of threads. With a folder, states are saved on the way, and
/// a run that was interrupted goes on as if it had not been.
///
/// # Errors
/// [`ModelsError::Option`] for an option out of range or samplers of different k-mers; [`ModelsError::Diverged`];
/// [`ModelsError::Cancelled`]; [`ModelsError::Io`], [`ModelsError::Resume`] and others for a folder that does not fit.
///
/// ```
/// use cistron_core::Run;
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
    let denoiser = Denoiser::new(training.k(), options.kind, training.noise().probability(), run.seed)?;
    let learner = Learner { denoiser, training: *training, validation: *validation, options, run };
    let batches = Batches::new(training.len(), options.batch, run.seed)?;
    let stepping = Stepping { optimizer: Optimizer::Adam(Adam::default()), clip: Some(1.0), accumulate: 1 };
    let fitting = FitOptions {
        epochs: options.epochs,
        max_time: options.max_time,
        learning_rate: options.learning_rate,
        schedule: Schedule::Plateau(Plateau { patience: options.plateau, ..Plateau::default() }),
        best: Some(Watch::Lowest("hamming".to_owned())),
        patience: options.patience,
        save_every: Some(options.save_every),
        ..FitOptions::default()
    };
    let pairs = Pairs(*training);
    let report = with_feed(&pairs, batches, options.ahead, |feed| {
        let mut trainee = NetworkTrainee::new(&learner, feed, stepping, run.seed)?;
        fit(&mut trainee, &fitting, folder, run)
    })?;
    Ok(TrainedDenoiser { denoiser: learner.denoiser, report })
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
        let pass = self.0.pass(cistron_encode::kmer::Pass::Training { epoch: epoch as u32 });
        let k = self.0.k();
        let mut codes = Codes { clean: vec![0; rows.len() * k], noisy: vec![0; rows.len() * k] };
        let places = codes.clean.chunks_exact_mut(k).zip(codes.noisy.chunks_exact_mut(k));
        for (row, (clean, noisy)) in rows.iter().zip(places) {
            pass.fill(*row, clean, noisy)?;
        }
        Ok(codes)
    }
}

/// A denoiser and its data.
struct Learner<'a> {
    denoiser: Denoiser,
    training: KmerSampler<'a>,
    validation: KmerSampler<'a>,
    options: &'a DenoiserTraining,
    run: Run<'a>,
}

impl Learner<'_> {
    /// The mean cross-entropy of a base.
    fn cost(&self, logits: &Tensor, clean: &[u8]) -> Result<Tensor, ModelsError> {
        logits.loss(&one_hot(clean, self.denoiser.k)?.reshape(logits.shape())?, Loss::CrossEntropy)
    }

    /// Adds the pairs from `first` on to the metrics; returns the sum of the losses of their bases.
    fn measure(
        &self,
        pass: &KmerPass<'_>,
        pairs: std::ops::Range<u64>,
        metrics: &mut DenoisingMetrics,
    ) -> Result<f64, ModelsError> {
        let n = (pairs.end - pairs.start) as usize * self.denoiser.k;
        let [mut clean, mut noisy, mut prediction] = [(); 3].map(|()| vec![0; n]);
        let mut confidence = vec![0.0; n];
        pass.fill(pairs.start, &mut clean, &mut noisy)?;
        let logits = self.denoiser.logits(&noisy, &Pass::Evaluation)?;
        guesses(&logits, &mut prediction, &mut confidence)?;
        metrics.add(&clean, &noisy, &prediction, &confidence)?;
        Ok(self.cost(&logits, &clean)?.scalar()? * n as f64)
    }
}

impl Network for Learner<'_> {
    type Batch = Codes;

    fn parameters(&self) -> &Parameters {
        &self.denoiser.parameters
    }

    fn loss(&self, batch: &Codes, pass: &mut Pass) -> Result<(Tensor, f64), ModelsError> {
        let logits = self.denoiser.logits(&batch.noisy, pass)?;
        Ok((self.cost(&logits, &batch.clean)?, batch.clean.len() as f64))
    }

    fn validate(&self, _: u64) -> Result<Validation, ModelsError> {
        let pass = self.validation.pass(cistron_encode::kmer::Pass::Validation);
        let n = self.validation.len().min(self.options.validation_pairs);
        let (mut metrics, mut loss) = (DenoisingMetrics::new(self.denoiser.k)?, 0.0);
        for first in (0..n).step_by(BATCH) {
            if self.run.is_cancelled() {
                return Err(ModelsError::Cancelled { done: first, total: n });
            }
            loss += self.measure(&pass, first..(first + BATCH as u64).min(n), &mut metrics)?;
        }
        let named = |name: &str, value: f64| (name.to_owned(), value);
        Ok(Validation {
            loss: loss / (n as f64 * self.denoiser.k as f64),
            metrics: vec![
                named("hamming", metrics.hamming()),
                named("identity", metrics.identity()),
                named("exact", metrics.exact()),
                named("fixed", metrics.fixed()),
                named("broken", metrics.broken()),
            ],
        })
    }

    fn identity(&self) -> Vec<(String, String)> {
        let Denoiser { k, kind, noise, .. } = &self.denoiser;
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
