//! One loop for the training of all models: [`fit`] drives a [`Trainee`].

use crate::{Checkpoint, ModelsError};

mod dataset;
mod digest;
mod exact;
mod feed;
mod fit;
mod folder;
mod initializer;
mod network;
mod optimizer;
mod options;
mod order;
mod scalar;
mod schedule;
mod speed;
mod state;
mod watch;

pub use dataset::{BatchRows, Batches, Dataset};
pub(crate) use digest::Fnv;
pub use feed::{Feed, with_feed};
pub use fit::fit;
pub use folder::RunFolder;
pub use initializer::Initializer;
pub(crate) use network::{Network, NetworkTrainee, Stepping};
pub use optimizer::{
    Adam, AdamStep, GradientNorm, Moments, Optimizer, Sgd, adam_first_moment, adam_second_moment,
    adam_update, add_penalty, decay_weights, decays, scale_gradient, sgd_momentum, sgd_nesterov, sgd_update,
};
pub use options::FitOptions;
pub use order::RowOrder;
pub use scalar::Scalar;
pub use schedule::{Plateau, Schedule};
pub use state::{Ended, EpochReport, FitReport};
pub use watch::Watch;

/// A model being trained: its weights, its optimizer, its data.
///
/// How gradients come about is its own matter. What [`fit`] asks is that everything depends on the saved state
/// and the [`Step`] alone, so that a run that was interrupted goes on as if it had not been: random numbers
/// (dropout, noise) come from streams keyed by the step, never from a generator that is carried along.
pub trait Trainee {
    /// The number of steps of an epoch. An epoch is what lies between two validations: a pass over the data, or
    /// any other number of steps.
    fn n_steps(&self) -> u64;

    /// What the model is and learns from, as names and texts: digests of the data, the size of batches, the
    /// optimizer. A run is resumed only with the same ones.
    fn identity(&self) -> Vec<(String, String)>;

    /// One update of the weights: forward, gradients, clipping, optimizer.
    ///
    /// A step may accumulate the gradients of several batches. They are then those of the mean loss over all
    /// examples of the step, however these are divided into batches.
    ///
    /// # Errors
    /// [`ModelsError::Gradient`] for a gradient that is not finite, or whatever stands in the way.
    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError>;

    /// Measures the model on the validation data; must not change what later steps do.
    ///
    /// # Errors
    /// [`ModelsError::Cancelled`] if the model heard of a wish to stop: it is asked again when the run is resumed.
    fn validate(&mut self, epoch: u64) -> Result<Validation, ModelsError>;

    /// Everything that later steps depend on: weights, moments, buffers, at full precision.
    ///
    /// # Errors
    /// Whatever stands in the way of reading them.
    fn state(&self) -> Result<Checkpoint, ModelsError>;

    /// Takes up a state, so that all that follows is as it would have been.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError>;

    /// The weights as the file of a finished model holds them.
    ///
    /// # Errors
    /// Whatever stands in the way of reading them.
    fn weights(&self) -> Result<Checkpoint, ModelsError>;

    /// Takes up the weights of an earlier epoch, when training is over.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError>;
}

/// Which step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The step of the epoch, from 0.
    pub index: u64,
    /// The step of the run, from 0.
    pub global: u64,
}

/// What a step came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// The sum of the examples' losses, before the update.
    pub loss_sum: f64,
    /// The number of examples, or the sum of their weights.
    pub examples: f64,
    /// The norm of the gradient before clipping, if it was computed.
    pub gradient_norm: Option<f64>,
    /// The same of groups of parameters by their names, if the model has such.
    pub group_norms: Vec<(String, f64)>,
}

/// What the validation data said.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Validation {
    /// The mean loss.
    #[serde(with = "exact")]
    pub loss: f64,
    /// Further numbers by their names.
    #[serde(with = "exact::named")]
    pub metrics: Vec<(String, f64)>,
}

impl Validation {
    /// A metric by its name; `None` if it was not measured.
    ///
    /// ```
    /// use cistron_models::Validation;
    ///
    /// let validation = Validation { loss: 0.3, metrics: vec![("auroc".to_owned(), 0.9)] };
    /// assert_eq!(validation.metric("auroc"), Some(0.9));
    /// ```
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// All numbers by their names, the loss first.
    fn numbers(&self) -> Vec<(&str, f64)> {
        let metrics = self.metrics.iter().map(|(name, value)| (name.as_str(), *value));
        std::iter::once(("loss", self.loss)).chain(metrics).collect()
    }
}

#[cfg(test)]
mod tests;
