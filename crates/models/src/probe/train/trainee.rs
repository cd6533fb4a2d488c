use cistron_core::{Seed, area_under_roc};

use super::data::{Scale, Scaled};
use super::{Form, ProbeTarget, ProbeTraining};
use crate::train::{
    Adam, BatchRows, Batches, Moments, Optimizer, Step, StepReport, Trainee, Validation, add_penalty,
};
use crate::{Checkpoint, Device, ModelsError, Tensor, nn};

/// What epochs are compared by: the area under the ROC curve (classes) or Pearson's correlation (values).
pub(super) const METRIC: &str = "metric";

/// The name of the weights, which lie in one list.
const WEIGHTS: &str = "weights";

/// A probe in training: gradients in closed form, Adam, all in f64.
pub(super) struct ProbeTrainee<'a, F: Form> {
    form: &'a F,
    options: &'a ProbeTraining,
    training: Set<'a, F>,
    validation: Set<'a, F>,
    n_steps: u64,
    rows: BatchRows,
    weights: Vec<f64>,
    moments: Moments<f64>,
    gradient: Vec<f64>,
    logits: Vec<f64>,
}

struct Set<'a, F: Form> {
    data: &'a Scaled<'a>,
    features: F::Features,
}

impl<'a, F: Form> ProbeTrainee<'a, F> {
    pub(super) fn new(
        form: &'a F,
        training: &'a Scaled<'a>,
        validation: &'a Scaled<'a>,
        options: &'a ProbeTraining,
        seed: Seed,
    ) -> Result<Self, ModelsError> {
        let set = |data: &'a Scaled<'a>| Set { data, features: form.features(data.sequences) };
        let n_rows = training.targets.len() as u64;
        let batches = Batches::labelled(n_rows, options.batch, seed, "probe batches")?;
        let weights = form.start();
        Ok(Self {
            form,
            options,
            training: set(training),
            validation: set(validation),
            n_steps: batches.n_steps(),
            rows: batches.reader(),
            moments: Moments::new(Optimizer::Adam(Adam::default()))?,
            gradient: vec![0.0; weights.len()],
            logits: Vec::new(),
            weights,
        })
    }

    pub(super) fn into_weights(self) -> Vec<f64> {
        self.weights
    }

    fn metric(&self, logits: &[f64]) -> f64 {
        let targets = &self.validation.data.targets;
        let metric = match self.options.target {
            ProbeTarget::Class => {
                let positive: Vec<bool> = targets.iter().map(|&value| value == 1.0).collect();
                area_under_roc(logits, &positive)
            }
            ProbeTarget::Value => pearson(logits, targets),
        };
        metric.unwrap_or(0.0)
    }
}

impl<F: Form> Trainee for ProbeTrainee<'_, F> {
    fn n_steps(&self) -> u64 {
        self.n_steps
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("probe".to_owned(), format!("{:?}", self.options))]
    }

    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
        let Self { form, options, training: Set { data, features }, weights, gradient, logits, .. } = self;
        let batch = self.rows.rows(at.epoch, at.index);
        form.logits(weights, features, batch, logits);
        let targets = batch.iter().map(|&row| data.targets[row as usize]).collect();
        let (z, mean) = mean_loss(logits, targets, options.target)?;
        let slopes = mean.gradients()?.get(&z).map_or(Ok(Vec::new()), |slopes| slopes.to_f64())?;
        gradient.fill(0.0);
        form.add_gradient(weights, features, batch, &slopes, gradient);
        let n_penalized = form.n_penalized();
        add_penalty(&mut gradient[..n_penalized], &weights[..n_penalized], options.penalty());
        let examples = batch.len() as f64;
        self.moments.begin_step();
        self.moments.update(WEIGHTS, weights, gradient, learning_rate, false);
        let loss_sum = examples * mean.scalar()? * unit(data.scale, options.target);
        Ok(StepReport { loss_sum, examples, ..StepReport::default() })
    }

    fn validate(&mut self, _: u64) -> Result<Validation, ModelsError> {
        let Set { data, features } = &self.validation;
        let rows: Vec<u64> = (0..data.targets.len() as u64).collect();
        let mut logits = Vec::new();
        self.form.logits(&self.weights, features, &rows, &mut logits);
        let (_, mean) = mean_loss(&logits, data.targets.clone(), self.options.target)?;
        let loss = mean.scalar()? * unit(data.scale, self.options.target);
        Ok(Validation { loss, metrics: vec![(METRIC.to_owned(), self.metric(&logits))] })
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        let mut state = self.weights()?;
        self.moments.save(&mut state);
        Ok(state)
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.set_weights(state)?;
        self.moments.restore(state, &[(WEIGHTS, self.weights.len())])
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        let mut weights = Checkpoint::new();
        if let Some(values) = Tensor::from_f64(&[self.weights.len()], &self.weights) {
            weights.insert(WEIGHTS, values);
        }
        Ok(weights)
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        self.weights = weights.values(WEIGHTS, &[Some(self.weights.len())])?;
        Ok(())
    }
}

/// Logits as a variable, and the mean of their losses.
pub(super) fn mean_loss(
    logits: &[f64],
    targets: Vec<f64>,
    kind: ProbeTarget,
) -> Result<(nn::Tensor, nn::Tensor), ModelsError> {
    let column = |values| nn::Tensor::from_f64(values, &[logits.len()], nn::Precision::Double, Device::Cpu);
    let loss = match kind {
        ProbeTarget::Class => nn::Loss::BinaryCrossEntropy,
        ProbeTarget::Value => nn::Loss::SquaredError,
    };
    let z = column(logits.to_vec())?.variable();
    let mean = z.loss(&column(targets)?, loss)?;
    Ok((z, mean))
}

/// What a squared error of scaled targets is in the targets' own unit.
fn unit(scale: Scale, target: ProbeTarget) -> f64 {
    match target {
        ProbeTarget::Class => 1.0,
        ProbeTarget::Value => scale.factor * scale.factor,
    }
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
