use cistron_core::{Run, area_under_roc};
use cistron_encode::SequenceBatch;

use super::{LinearProbe, ProbeKind, check_k, wrong};
use crate::ModelsError;

mod adam;
mod mean;
mod sparse;

use adam::Adam;
use mean::MeanTrainee;
use sparse::SparseTrainee;

/// More hidden units than any probe of four letters needs.
const MAX_HIDDEN: usize = 1 << 20;

/// What the numbers to be predicted are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeTarget {
    /// 0 or 1. The loss is the binary cross-entropy of the logit, training stops on the area under the ROC
    /// curve.
    #[default]
    Class,
    /// Any number. The loss is the squared error, training stops on the Pearson correlation.
    Value,
}

impl ProbeTarget {
    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Value => "value",
        }
    }
}

impl std::fmt::Display for ProbeTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ProbeTarget {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        [Self::Class, Self::Value]
            .into_iter()
            .find(|target| target.name() == text)
            .ok_or_else(|| wrong("target", text.to_owned(), "class or value"))
    }
}

/// Sequences and the number of each that a probe shall predict.
#[derive(Clone, Copy, Debug)]
pub struct ProbeData<'a> {
    /// The sequences (N).
    pub sequences: &'a SequenceBatch,
    /// The numbers (N).
    pub targets: &'a [f64],
}

/// How a probe is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeTraining {
    /// The parts of the probe. Default: mean.
    pub kind: ProbeKind,
    /// The length of k-mers, 1 to 8. Default: 6.
    pub k: usize,
    /// Whether a k-mer and its reverse complement share a weight. Default: no.
    pub both_strands: bool,
    /// What the targets are. Default: classes.
    pub target: ProbeTarget,
    /// The penalty `l2/2 · Σ w²` on all weights (not on the biases of positional and k-mer probes), added to the
    /// mean loss. Default (`None`): 0 for the mean, [`Self::POSITIONAL_L2`] for positional probes and
    /// [`Self::KMER_L2`] for those with k-mers.
    pub l2: Option<f64>,
    /// The number of hidden units of a mean probe. Default: 128.
    pub hidden: usize,
    /// The largest number of passes over the training data. Default: 50.
    pub epochs: usize,
    /// The step of Adam. Default: 1e-3.
    pub learning_rate: f64,
    /// The number of sequences of a step. Default: 256.
    pub batch: usize,
    /// The number of epochs without a better validation metric after which training stops. Default: 5.
    pub patience: usize,
}

impl ProbeTraining {
    /// The default penalty of a positional probe.
    pub const POSITIONAL_L2: f64 = 1e-3;

    /// The default penalty of a probe with k-mers: there are more weights than most training sets can settle.
    pub const KMER_L2: f64 = 0.005;

    fn penalty(&self) -> f64 {
        self.l2.unwrap_or(match self.kind {
            ProbeKind::Mean => 0.0,
            ProbeKind::Positional => Self::POSITIONAL_L2,
            ProbeKind::Kmer | ProbeKind::KmerPositional => Self::KMER_L2,
        })
    }

    fn check(&self) -> Result<(), ModelsError> {
        check_k(self.k)?;
        let counts = [
            ("hidden", self.hidden),
            ("epochs", self.epochs),
            ("batch", self.batch),
            ("patience", self.patience),
        ];
        for (option, value) in counts {
            if value == 0 {
                return Err(wrong(option, "0".to_owned(), "at least 1"));
            }
        }
        if self.hidden > MAX_HIDDEN {
            return Err(wrong("hidden", self.hidden.to_string(), &format!("at most {MAX_HIDDEN}")));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(wrong("learning rate", self.learning_rate.to_string(), "a finite number above 0"));
        }
        let l2 = self.penalty();
        if !(l2.is_finite() && l2 >= 0.0) {
            return Err(wrong("l2", l2.to_string(), "a finite number from 0"));
        }
        Ok(())
    }
}

impl Default for ProbeTraining {
    fn default() -> Self {
        Self {
            kind: ProbeKind::default(),
            k: 6,
            both_strands: false,
            target: ProbeTarget::default(),
            l2: None,
            hidden: 128,
            epochs: 50,
            learning_rate: 1e-3,
            batch: 256,
            patience: 5,
        }
    }
}

/// What one pass over the training data came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeEpoch {
    /// The mean loss over the training data while the weights changed, without the penalty.
    pub training_loss: f64,
    /// The mean loss over the validation data after the epoch, without the penalty.
    pub validation_loss: f64,
    /// The validation data's area under the ROC curve (classes) or Pearson correlation (values; 0 where the
    /// predictions are all equal).
    pub validation_metric: f64,
}

/// A trained probe and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedProbe {
    /// The probe of the best epoch; its weights are rounded to 32 bits, as they are stored.
    pub probe: LinearProbe,
    /// Each epoch that ran.
    pub history: Vec<ProbeEpoch>,
    /// The best epoch as an index of the history: highest metric, then lowest loss, then first.
    pub best_epoch: usize,
}

/// Trains a probe by mini-batches with Adam (β 0.9 and 0.999, ε 1e-8), stopping when the validation data gets no
/// better, and returns the best epoch's weights.
///
/// All arithmetic is in f64 with gradients in closed form. Batches are drawn anew each epoch from the run's
/// seed. The result does not depend on the number of threads. Values are scaled to mean 0 and variance 1 for
/// training and the weights scaled back, so that options mean the same for any unit; losses are in the targets'
/// own unit.
///
/// A mean probe starts as `torch.nn.Linear` does (uniform in ±1/√fan-in), the others from zero weights and the
/// bias that predicts the mean. A letter that is not known adds nothing.
///
/// # Errors
/// [`ModelsError::Option`] for an option out of range, [`ModelsError::Data`] for data that do not fit together,
/// a target that is not finite or (classes) neither 0 nor 1, a class that is missing, or values that are all
/// equal; [`ModelsError::Model`] for sequences that are no DNA; [`ModelsError::Cancelled`].
///
/// **Cost**: an epoch takes about 5 ns a letter for k-mers with positions, less for the other kinds, on one thread.
///
/// ```
/// use cistron_core::{Alphabet, Run, Seed};
/// use cistron_encode::random_sequences;
/// use cistron_models::{ProbeData, ProbeKind, ProbeTraining, train_probe};
///
/// // Sequences that begin with A against the others.
/// let sequences = random_sequences(&Alphabet::dna(), 500, 10, &[], Seed::new(1))?;
/// let targets: Vec<f64> = sequences.codes().column(0).iter().map(|&c| f64::from(u8::from(c == 0))).collect();
/// let data = ProbeData { sequences: &sequences, targets: &targets };
/// let options = ProbeTraining { kind: ProbeKind::Positional, batch: 20, ..Default::default() };
/// let trained = train_probe(&data, &data, &options, Run::default())?;
/// assert!(trained.history[trained.best_epoch].validation_metric > 0.99);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train_probe(
    training: &ProbeData<'_>,
    validation: &ProbeData<'_>,
    options: &ProbeTraining,
    run: Run<'_>,
) -> Result<TrainedProbe, ModelsError> {
    options.check()?;
    let width = training.sequences.width();
    check_data("training", training, width, options.target)?;
    check_data("validation", validation, width, options.target)?;
    let scale = Scale::of(training.targets, options.target)?;
    let training = Scaled::new(training, scale);
    let validation = Scaled::new(validation, scale);
    match options.kind {
        ProbeKind::Mean => {
            fit(&MeanTrainee::new(options.hidden, run.seed), &training, &validation, options, run)
        }
        _ => fit(
            &SparseTrainee::new(options, width, training.start(options))?,
            &training,
            &validation,
            options,
            run,
        ),
    }
}

/// A model whose weights are being found. Weights lie in one list, so that the optimizer need not know them.
trait Trainee: Sync {
    /// What it keeps of a data set.
    type Features: Sync;

    /// The features of sequences.
    fn features(&self, sequences: &SequenceBatch) -> Self::Features;
    /// The weights to start from.
    fn start(&self) -> Vec<f64>;
    /// The weights from this index on are biases, which no penalty draws to 0.
    fn n_penalized(&self) -> usize;
    /// The logits of rows.
    fn logits(&self, weights: &[f64], features: &Self::Features, rows: &[usize], out: &mut Vec<f64>);
    /// Adds the gradient by the weights, given that by each row's logit.
    fn add_gradient(
        &self,
        weights: &[f64],
        features: &Self::Features,
        rows: &[usize],
        by_logit: &[f64],
        gradient: &mut [f64],
    );
    /// The probe of the weights, its logit scaled and shifted.
    fn probe(&self, weights: &[f64], scale: Scale) -> Result<LinearProbe, ModelsError>;
}

/// How targets are made comparable: `target = shift + factor · scaled`.
#[derive(Clone, Copy, Debug)]
struct Scale {
    shift: f64,
    factor: f64,
}

impl Scale {
    fn of(targets: &[f64], target: ProbeTarget) -> Result<Self, ModelsError> {
        if target == ProbeTarget::Class {
            return Ok(Self { shift: 0.0, factor: 1.0 });
        }
        let n = targets.len() as f64;
        let shift = targets.iter().sum::<f64>() / n;
        let factor = (targets.iter().map(|target| (target - shift).powi(2)).sum::<f64>() / n).sqrt();
        if factor.is_finite() && factor > 0.0 {
            return Ok(Self { shift, factor });
        }
        let problem = format!("targets have standard deviation {factor}, expected a finite number above 0");
        Err(ModelsError::Data { set: "training", problem })
    }
}

struct Scaled<'a> {
    sequences: &'a SequenceBatch,
    targets: Vec<f64>,
    scale: Scale,
}

impl<'a> Scaled<'a> {
    fn new(data: &ProbeData<'a>, scale: Scale) -> Self {
        let targets = data.targets.iter().map(|target| (target - scale.shift) / scale.factor).collect();
        Self { sequences: data.sequences, targets, scale }
    }

    /// The bias that predicts the mean.
    fn start(&self, options: &ProbeTraining) -> f64 {
        let mean = self.targets.iter().sum::<f64>() / self.targets.len() as f64;
        match options.target {
            ProbeTarget::Class => (mean / (1.0 - mean)).ln(),
            ProbeTarget::Value => mean,
        }
    }
}

fn check_data(
    set: &'static str,
    data: &ProbeData<'_>,
    width: usize,
    target: ProbeTarget,
) -> Result<(), ModelsError> {
    let refuse = |problem| Err(ModelsError::Data { set, problem });
    let spec = cistron_encode::ModelSpec::scalar(cistron_core::Alphabet::dna(), Some(width), super::TRACK);
    spec.check(data.sequences.alphabet(), data.sequences.width())?;
    let (n, targets) = (data.sequences.len(), data.targets);
    if targets.len() != n {
        return refuse(format!("{n} sequences have {} targets, expected one each", targets.len()));
    }
    if n == 0 {
        return refuse("found no sequence, expected at least 1".to_owned());
    }
    if let Some(row) = targets.iter().position(|target| !target.is_finite()) {
        return refuse(format!("target of row {row} is {}, expected a finite number", targets[row]));
    }
    if target == ProbeTarget::Value {
        return Ok(());
    }
    if let Some(row) = targets.iter().position(|&target| target != 0.0 && target != 1.0) {
        return refuse(format!("target of row {row} is {}, expected 0 or 1", targets[row]));
    }
    match targets.iter().filter(|&&target| target == 1.0).count() {
        0 => refuse(format!("all {n} targets are 0, expected both classes")),
        ones if ones == n => refuse(format!("all {n} targets are 1, expected both classes")),
        _ => Ok(()),
    }
}

/// The loss of a logit and its derivative.
fn loss(logit: f64, target: f64, kind: ProbeTarget) -> (f64, f64) {
    match kind {
        // -t·ln σ(z) - (1-t)·ln(1-σ(z)) in a form that no z overflows.
        ProbeTarget::Class => {
            let value = logit.max(0.0) - logit * target + (-logit.abs()).exp().ln_1p();
            (value, 1.0 / (1.0 + (-logit).exp()) - target)
        }
        ProbeTarget::Value => ((logit - target).powi(2), 2.0 * (logit - target)),
    }
}

fn fit<T: Trainee>(
    trainee: &T,
    training: &Scaled<'_>,
    validation: &Scaled<'_>,
    options: &ProbeTraining,
    run: Run<'_>,
) -> Result<TrainedProbe, ModelsError> {
    let features = trainee.features(training.sequences);
    let validation_features = trainee.features(validation.sequences);
    let mut weights = trainee.start();
    let mut adam = Adam::new(weights.len(), options.learning_rate);
    let mut best = (0, weights.clone());
    let mut history: Vec<ProbeEpoch> = Vec::new();
    run.observer.begin("training the probe", Some(options.epochs as u64));
    for epoch in 0..options.epochs {
        if run.is_cancelled() {
            return Err(ModelsError::Cancelled { done: epoch as u64, total: options.epochs as u64 });
        }
        let mut rows: Vec<usize> = (0..training.targets.len()).collect();
        run.seed.stream("probe batches", epoch as u64).shuffle(&mut rows);
        let training_loss = pass(trainee, training, &features, &rows, options, &mut weights, &mut adam);
        let now =
            evaluate(trainee, validation, &validation_features, training_loss, options.target, &weights);
        history.push(now);
        run.observer.advance(1);
        let before = history[best.0];
        let better = now.validation_metric > before.validation_metric
            || now.validation_metric == before.validation_metric
                && now.validation_loss < before.validation_loss;
        if epoch == 0 || better {
            best = (epoch, weights.clone());
        } else if epoch - best.0 >= options.patience {
            break;
        }
    }
    run.observer.end();
    let probe = trainee.probe(&best.1, training.scale)?.with_target(options.target);
    Ok(TrainedProbe { probe, history, best_epoch: best.0 })
}

/// One epoch; the mean loss on the way.
fn pass<T: Trainee>(
    trainee: &T,
    data: &Scaled<'_>,
    features: &T::Features,
    rows: &[usize],
    options: &ProbeTraining,
    weights: &mut [f64],
    adam: &mut Adam,
) -> f64 {
    let (l2, penalized) = (options.penalty(), trainee.n_penalized());
    let (mut gradient, mut logits, mut total) = (vec![0.0; weights.len()], Vec::new(), 0.0);
    for batch in rows.chunks(options.batch) {
        trainee.logits(weights, features, batch, &mut logits);
        for (logit, &row) in logits.iter_mut().zip(batch) {
            let (value, slope) = loss(*logit, data.targets[row], options.target);
            total += value;
            *logit = slope / batch.len() as f64;
        }
        gradient.fill(0.0);
        trainee.add_gradient(weights, features, batch, &logits, &mut gradient);
        for (slope, weight) in gradient.iter_mut().zip(&*weights).take(penalized) {
            *slope += l2 * weight;
        }
        adam.step(weights, &gradient);
    }
    total / rows.len() as f64 * unit(data.scale, options.target)
}

/// What a squared error of scaled targets is in the targets' own unit.
fn unit(scale: Scale, target: ProbeTarget) -> f64 {
    match target {
        ProbeTarget::Class => 1.0,
        ProbeTarget::Value => scale.factor * scale.factor,
    }
}

fn evaluate<T: Trainee>(
    trainee: &T,
    data: &Scaled<'_>,
    features: &T::Features,
    training_loss: f64,
    target: ProbeTarget,
    weights: &[f64],
) -> ProbeEpoch {
    let rows: Vec<usize> = (0..data.targets.len()).collect();
    let mut logits = Vec::new();
    trainee.logits(weights, features, &rows, &mut logits);
    let losses = logits.iter().zip(&data.targets).map(|(logit, value)| loss(*logit, *value, target).0);
    let validation_loss = losses.sum::<f64>() / rows.len() as f64 * unit(data.scale, target);
    let metric = match target {
        ProbeTarget::Class => {
            let positive: Vec<bool> = data.targets.iter().map(|&value| value == 1.0).collect();
            area_under_roc(&logits, &positive)
        }
        ProbeTarget::Value => pearson(&logits, &data.targets),
    };
    ProbeEpoch { training_loss, validation_loss, validation_metric: metric.unwrap_or(0.0) }
}

/// Pearson's correlation; `None` where one side is constant or not finite.
fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    let correlation = ab / (aa.sqrt() * bb.sqrt());
    correlation.is_finite().then_some(correlation.clamp(-1.0, 1.0))
}

/// The nearest number that 32 bits hold.
fn narrow(value: f64) -> f64 {
    f64::from(value as f32)
}

#[cfg(test)]
mod tests;
