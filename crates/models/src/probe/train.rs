use cistron_core::{Run, area_under_roc};
use cistron_encode::SequenceBatch;

use super::{LinearProbe, ProbeKind};
use crate::ModelsError;

mod adam;
mod data;
mod mean;
mod options;
mod sparse;

pub use data::ProbeData;
pub use options::{ProbeTarget, ProbeTraining};

use adam::Adam;
use data::{Scale, Scaled, check_data};
use mean::MeanTrainee;
use sparse::SparseTrainee;

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
