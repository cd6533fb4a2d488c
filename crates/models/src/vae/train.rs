use cistron_core::{Run, Seed};
use cistron_encode::alignment::Family;
use ndarray::{Array2, Axis};

use super::{Vae, VaeAdam, VaeConfig, VaeLearner, VaeNoise, VaeUpdate};
use crate::train::{
    FitOptions, FitReport, Fnv, RunFolder, Schedule, Step, StepReport, Trainee, Validation, fit,
};
use crate::{Checkpoint, ModelsError};

/// The sequences whose evidence lower bounds are measured on the way.
const MEASURED: usize = 256;

/// How a VAE is trained.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "options, with defaults for the rest")]
pub struct VaeTraining {
    /// The number of updates. Default: 6,000.
    pub steps: u64,
    /// The sequences of an update, drawn by their weights with replacement. Default: 100.
    pub batch: usize,
    /// The learning rate. Default: 3e-3, which suits [`VaeConfig::small`]; DeepSequence has 1e-3 for its own.
    pub learning_rate: f64,
    /// How it changes. Default: constant for the first half, then half a cosine down to a fiftieth.
    pub schedule: Schedule,
    /// How Adam counts its steps. Default: as published.
    pub adam: VaeAdam,
    /// How often the network is measured and its state saved. Default: 10 times.
    pub reports: u64,
}

impl Default for VaeTraining {
    fn default() -> Self {
        Self {
            steps: 6_000,
            batch: 100,
            learning_rate: 3e-3,
            schedule: Schedule::LateCosine { hold: 0.5, floor: 0.02 },
            adam: VaeAdam::Standard,
            reports: 10,
        }
    }
}

impl VaeTraining {
    /// EVE's training of [`VaeConfig::eve`]: 400,000 updates of 256 sequences at a constant rate of 1e-4.
    ///
    /// ```
    /// use cistron_models::VaeTraining;
    ///
    /// assert_eq!((VaeTraining::eve().batch, VaeTraining::eve().steps), (256, 400_000));
    /// ```
    pub fn eve() -> Self {
        Self {
            steps: 400_000,
            batch: 256,
            learning_rate: 1e-4,
            schedule: Schedule::Constant,
            reports: 100,
            ..Self::default()
        }
    }
}

/// A trained VAE and how it came about.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct TrainedVae {
    /// The network after the last update.
    pub vae: Vae,
    /// What was measured on the way: the loss is minus the mean evidence lower bound of 256 sequences of the family.
    pub report: FitReport,
}

/// Trains a VAE on a family, whose letters, length, focus sequence and positions take the place of the
/// configuration's.
///
/// The result depends on the family, the options and the seed, not on the number of threads; to the last bit on
/// processors of the same vector instructions. With a folder, `config.json`, states and a log are saved on the way, and
/// a run that was interrupted goes on as if it had not been.
///
/// # Errors
/// [`ModelsError::Option`] for an option out of its range, [`ModelsError::Data`] for a family without weights,
/// [`ModelsError::Diverged`], [`ModelsError::Cancelled`] and those of the folder.
///
/// ```
/// use cistron_core::{Run, Seed};
/// use cistron_encode::alignment::{Alignment, PrepareOptions};
/// use cistron_models::{VaeConfig, VaeTraining, train_vae};
///
/// let text = ">WT/10-13\nADFK\n>a\nAEFR\n>b\nGDFK\n>c\nGEFR\n";
/// let alignment = Alignment::read(text.as_bytes(), "toy.fa".as_ref())?;
/// let family = alignment.prepare(&PrepareOptions::default())?.0;
/// let config = VaeConfig { encoder: vec![8], decoder: vec![8, 4], n_latent: 2, ..VaeConfig::default() };
/// let options = VaeTraining { steps: 20, batch: 4, ..VaeTraining::default() };
/// let vae = train_vae(&config, &family, &options, None, Run::default())?.vae;
/// let mutants = [vae.wild_type()?.parse("D11E:K13R")?];
/// assert!(vae.mutant_effects(&mutants, 10, Seed::new(1))?[0].effect.is_finite());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train_vae(
    config: &VaeConfig,
    family: &Family,
    options: &VaeTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedVae, ModelsError> {
    for (option, count) in
        [("steps", options.steps), ("batch", options.batch as u64), ("reports", options.reports)]
    {
        if count == 0 {
            let (found, expected) = ("0".to_owned(), "at least 1".to_owned());
            return Err(ModelsError::Option { option, found, expected });
        }
    }
    let config = VaeConfig {
        alphabet: family.alphabet().to_string(),
        length: family.width(),
        focus: family.wild_type().letters(),
        positions: family.positions().to_vec(),
        ..config.clone()
    };
    let vae = Vae::new(&config, run.seed)?;
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder.path()).map_err(ModelsError::io(folder.path()))?;
        vae.save_config(folder.path())?;
    }
    let mut trainee = Training::new(VaeLearner::new(vae, options.adam), family, options, run.seed);
    let fitting = FitOptions {
        epochs: options.reports,
        max_steps: Some(options.steps),
        learning_rate: options.learning_rate,
        schedule: options.schedule.clone(),
        best: None,
        ..FitOptions::default()
    };
    let report = fit(&mut trainee, &fitting, folder, run)?;
    Ok(TrainedVae { vae: trainee.learner.into_vae(), report })
}

struct Training<'a> {
    learner: VaeLearner,
    family: &'a Family,
    options: &'a VaeTraining,
    seed: Seed,
    /// The sums of the weights up to each sequence.
    sums: Vec<f64>,
    /// Sequences of the family to be measured.
    measured: Array2<u8>,
}

impl<'a> Training<'a> {
    fn new(learner: VaeLearner, family: &'a Family, options: &'a VaeTraining, seed: Seed) -> Self {
        let mut sum = 0.0;
        let add = |weight: &f64| {
            sum += weight;
            sum
        };
        let sums = family.weights().iter().map(add).collect();
        let mut training = Self { learner, family, options, seed, sums, measured: Array2::zeros((0, 0)) };
        training.measured = training.draw(seed.stream("vae measured", 0), MEASURED);
        training
    }

    /// Sequences drawn by their weights.
    fn draw(&self, mut stream: cistron_core::Stream, n: usize) -> Array2<u8> {
        let (neff, last) = (self.neff(), self.sums.len().saturating_sub(1));
        let mut row = || {
            let place = stream.uniform() * neff;
            self.sums.partition_point(|sum| *sum <= place).min(last)
        };
        let rows: Vec<usize> = (0..n).map(|_| row()).collect();
        self.family.codes().select(Axis(0), &rows)
    }

    fn neff(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }
}

impl Trainee for Training<'_> {
    fn n_steps(&self) -> u64 {
        self.options.steps.div_ceil(self.options.reports)
    }

    fn identity(&self) -> Vec<(String, String)> {
        let mut hash = Fnv::default();
        self.family.codes().iter().for_each(|code| hash.add(&[*code]));
        self.family.weights().iter().for_each(|weight| hash.add(&weight.to_le_bytes()));
        let config = serde_json::to_string(self.learner.vae().config()).unwrap_or_default();
        [
            ("network", config),
            ("training data", format!("{} sequences, {:016x}", self.family.len(), hash.number())),
            ("batch", self.options.batch.to_string()),
            ("adam", self.options.adam.name().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn step(&mut self, at: Step, rate: f64) -> Result<StepReport, ModelsError> {
        let batch = self.draw(self.seed.stream("vae batch", at.global), self.options.batch);
        let noise = VaeNoise::Drawn { seed: self.seed, step: at.global };
        let update = VaeUpdate { neff: self.neff(), number: at.global + 1, rate };
        let terms = self.learner.step(batch.view(), noise, update)?;
        let examples = self.options.batch as f64;
        Ok(StepReport { loss_sum: -terms.objective * examples, examples, ..StepReport::default() })
    }

    fn validate(&mut self, _: u64) -> Result<Validation, ModelsError> {
        // A pass that no update is the same as.
        let noise = VaeNoise::Drawn { seed: self.seed, step: u64::MAX };
        let bounds = self.learner.vae().elbo(self.measured.view(), noise)?;
        let loss = -bounds.iter().sum::<f64>() / bounds.len() as f64;
        Ok(Validation { loss, metrics: Vec::new() })
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        Ok(self.learner.state())
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.learner.restore(state)
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        Ok(self.learner.vae().weights())
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        self.learner.set_weights(weights)
    }
}
