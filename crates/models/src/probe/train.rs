use cistron_core::Run;
use cistron_encode::SequenceBatch;

use super::{LinearProbe, ProbeKind};
use crate::train::{FitOptions, Watch, fit};
use crate::{ModelsError, Validation};

mod data;
mod mean;
mod options;
mod sparse;
mod trainee;

pub use data::ProbeData;
pub use options::{ProbeTarget, ProbeTraining};

use data::{Scale, Scaled, check_data};
use mean::MeanForm;
use sparse::SparseForm;
use trainee::{METRIC, ProbeTrainee};

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
            train(&MeanForm::new(options.hidden, run.seed), &training, &validation, options, run)
        }
        _ => train(
            &SparseForm::new(options, width, training.start(options))?,
            &training,
            &validation,
            options,
            run,
        ),
    }
}

/// A form of the logit whose weights are being found. They lie in one list, which the loop need not understand.
trait Form {
    /// What it keeps of a data set.
    type Features;

    /// The features of sequences.
    fn features(&self, sequences: &SequenceBatch) -> Self::Features;
    /// The weights to start from.
    fn start(&self) -> Vec<f64>;
    /// The weights from this index on are biases, which no penalty draws to 0.
    fn n_penalized(&self) -> usize;
    /// The logits of rows.
    fn logits(&self, weights: &[f64], features: &Self::Features, rows: &[u64], out: &mut Vec<f64>);
    /// Adds the gradient by the weights, given that by each row's logit.
    fn add_gradient(
        &self,
        weights: &[f64],
        features: &Self::Features,
        rows: &[u64],
        by_logit: &[f64],
        gradient: &mut [f64],
    );
    /// The probe of the weights, its logit scaled and shifted.
    fn probe(&self, weights: &[f64], scale: Scale) -> Result<LinearProbe, ModelsError>;
}

fn train<F: Form>(
    form: &F,
    training: &Scaled<'_>,
    validation: &Scaled<'_>,
    options: &ProbeTraining,
    run: Run<'_>,
) -> Result<TrainedProbe, ModelsError> {
    let mut trainee = ProbeTrainee::new(form, training, validation, options, run.seed)?;
    let plan = FitOptions {
        epochs: options.epochs as u64,
        learning_rate: options.learning_rate,
        best: Some(Watch::Highest(METRIC.to_owned())),
        patience: Some(options.patience as u64),
        ..FitOptions::default()
    };
    let report = fit(&mut trainee, &plan, None, run)?;
    let probe = form.probe(&trainee.into_weights(), training.scale)?.with_target(options.target);
    let history = report.history.iter().map(|epoch| ProbeEpoch::new(epoch.training_loss, &epoch.validation));
    Ok(TrainedProbe { probe, history: history.collect(), best_epoch: report.best_epoch })
}

impl ProbeEpoch {
    fn new(training_loss: f64, Validation { loss, metrics }: &Validation) -> Self {
        let validation_metric = metrics.iter().map(|(_, value)| *value).sum();
        Self { training_loss, validation_loss: *loss, validation_metric }
    }
}

/// The nearest number that 32 bits hold.
fn narrow(value: f64) -> f64 {
    f64::from(value as f32)
}

#[cfg(test)]
mod tests;
