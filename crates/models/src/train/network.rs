use cistron_core::Seed;

use super::{
    Dataset, Feed, GradientNorm, Moments, Optimizer, Step, StepReport, Trainee, Validation, decays,
    scale_gradient,
};
use crate::nn::{Gradients, Parameters, Pass, Tensor};
use crate::{Checkpoint, ModelsError};

/// A network and what it is trained for.
pub(crate) trait Network {
    /// What a step looks at.
    type Batch: Send;

    /// All that training changes.
    fn parameters(&self) -> &Parameters;

    /// The mean loss over a batch and the number of its examples.
    fn loss(&self, batch: &Self::Batch, pass: &mut Pass) -> Result<(Tensor, f64), ModelsError>;

    /// Measures the network on the validation data.
    fn validate(&self, epoch: u64) -> Result<Validation, ModelsError>;

    /// What it is and learns from, as names and texts.
    fn identity(&self) -> Vec<(String, String)>;

    /// The group of a parameter, of which the log has the norm of the gradient: what its name begins with.
    fn group<'a>(&self, parameter: &'a str) -> &'a str {
        parameter.split_once('.').map_or(parameter, |(group, _)| group)
    }
}

/// How a network's gradients become steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stepping {
    pub(crate) optimizer: Optimizer,
    /// The largest norm of the gradient over all parameters together.
    pub(crate) clip: Option<f64>,
    /// The number of batches of a step.
    pub(crate) accumulate: u64,
    /// Whether weight decay acts on every parameter, as PyTorch's does unless it is told otherwise; else on those that
    /// [`decays`] names.
    pub(crate) decay_all: bool,
}

/// A network in training.
pub(crate) struct NetworkTrainee<'a, 'f, N: Network, D: Dataset<Batch = N::Batch>> {
    network: &'a N,
    feed: &'a mut Feed<'f, D>,
    stepping: Stepping,
    moments: Moments<f32>,
    /// A gradient for each trained parameter, by name.
    gradients: Vec<(String, Vec<f32>, bool)>,
    seed: Seed,
}

impl<'a, 'f, N: Network, D: Dataset<Batch = N::Batch>> NetworkTrainee<'a, 'f, N, D> {
    pub(crate) fn new(
        network: &'a N,
        feed: &'a mut Feed<'f, D>,
        stepping: Stepping,
        seed: Seed,
    ) -> Result<Self, ModelsError> {
        let moments = Moments::new(stepping.optimizer)?;
        let gradient = |(name, tensor): (&str, Tensor)| {
            let shape = tensor.shape();
            let decays = stepping.decay_all || decays(name, shape);
            (name.to_owned(), vec![0.0; shape.iter().product()], decays)
        };
        let gradients = network.parameters().trained().map(gradient).collect();
        Ok(Self { network, feed, stepping, moments, gradients, seed })
    }

    /// Adds `weight` times new gradients.
    fn accumulate(&mut self, new: &Gradients, weight: f32) -> Result<(), ModelsError> {
        let parameters = self.network.parameters().trained();
        for ((_, tensor), (name, gradient, _)) in parameters.zip(&mut self.gradients) {
            let new = new.get(&tensor).ok_or_else(|| ModelsError::Gradient {
                parameter: name.clone(),
                index: 0,
                found: f64::NAN,
            })?;
            new.read_f32(&mut |new| {
                gradient.iter_mut().zip(new).for_each(|(sum, new)| *sum += weight * new);
            })?;
        }
        Ok(())
    }

    /// The norm of the gradient, which is then clipped, and that of each group before it is.
    fn clipped_norms(&mut self) -> Result<(f64, Vec<(String, f64)>), ModelsError> {
        let mut norm = GradientNorm::new();
        let mut groups: Vec<(&str, GradientNorm)> = Vec::new();
        for (name, gradient, _) in &self.gradients {
            let group = self.network.group(name);
            let place = groups.iter().position(|(known, _)| *known == group).unwrap_or_else(|| {
                groups.push((group, GradientNorm::new()));
                groups.len() - 1
            });
            let of_one = norm.add(name, gradient)?;
            if let Some((_, of_group)) = groups.get_mut(place) {
                of_group.merge(of_one);
            }
        }
        let groups = groups.into_iter().map(|(group, norm)| (group.to_owned(), norm.value())).collect();
        let factor = self.stepping.clip.map_or(1.0, |most| norm.clip_factor(most));
        if factor < 1.0 {
            self.gradients.iter_mut().for_each(|(_, gradient, _)| scale_gradient(gradient, factor));
        }
        Ok((norm.value(), groups))
    }
}

impl<N: Network, D: Dataset<Batch = N::Batch>> Trainee for NetworkTrainee<'_, '_, N, D> {
    fn n_steps(&self) -> u64 {
        self.feed.n_steps().div_ceil(self.stepping.accumulate)
    }

    fn identity(&self) -> Vec<(String, String)> {
        let mut identity = self.network.identity();
        identity.push(("optimizer".to_owned(), format!("{:?}", self.stepping)));
        identity
    }

    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
        let first = at.index * self.stepping.accumulate;
        let batches = first..(first + self.stepping.accumulate).min(self.feed.n_steps());
        let mut report = StepReport::default();
        self.gradients.iter_mut().for_each(|(_, gradient, _)| gradient.fill(0.0));
        let n_batches = batches.end - batches.start;
        for (place, index) in batches.enumerate() {
            let batch = self.feed.get(at.epoch, index)?;
            let stream =
                self.seed.stream("training pass", at.global * self.stepping.accumulate + place as u64);
            let (loss, examples) = self.network.loss(&batch, &mut Pass::Training(Box::new(stream)))?;
            report.loss_sum += loss.scalar()? * examples;
            report.examples += examples;
            let weight = if n_batches == 1 { 1.0 } else { examples as f32 };
            self.accumulate(&loss.gradients()?, weight)?;
        }
        if n_batches > 1 {
            let share = 1.0 / report.examples;
            self.gradients.iter_mut().for_each(|(_, gradient, _)| scale_gradient(gradient, share));
        }
        let (norm, groups) = self.clipped_norms()?;
        (report.gradient_norm, report.group_norms) = (Some(norm), groups);
        self.moments.begin_step();
        for (name, gradient, decays) in &mut self.gradients {
            self.network.parameters().change(name, &mut |weights| {
                self.moments.update(name, weights, gradient, learning_rate, *decays);
            })?;
        }
        Ok(report)
    }

    fn validate(&mut self, epoch: u64) -> Result<Validation, ModelsError> {
        self.network.validate(epoch)
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        let mut state = self.weights()?;
        self.moments.save(&mut state);
        Ok(state)
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        let sizes: Vec<(&str, usize)> =
            self.gradients.iter().map(|(name, gradient, _)| (&**name, gradient.len())).collect();
        self.moments.restore(state, &sizes)?;
        self.network.parameters().load(state)
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        self.network.parameters().save()
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        self.network.parameters().load(weights)
    }
}
