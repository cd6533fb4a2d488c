use crate::nn::Parameters;
use crate::train::{Step, StepReport, Trainee, Validation};
use crate::{Checkpoint, ModelsError, Tensor};

/// Before the names of averaged numbers in a state.
const PREFIX: &str = "average.";

/// A network in training of which a running mean of all numbers is measured and kept (Polyak and Juditsky 1992,
/// doi:10.1137/0330046, with weights that fall off as in TensorFlow's `ExponentialMovingAverage`).
pub(super) struct Averaged<'a, T> {
    trainee: T,
    parameters: &'a Parameters,
    /// What stays of the mean at each step, once many were made.
    share: f64,
    mean: Vec<(String, Vec<f32>)>,
    /// Whether the network has the means of an earlier epoch.
    is_set: bool,
}

impl<'a, T: Trainee> Averaged<'a, T> {
    pub(super) fn new(trainee: T, parameters: &'a Parameters, share: f64) -> Result<Self, ModelsError> {
        let mean = parameters.all().map(|(name, tensor)| Ok((name.to_owned(), tensor.to_f32()?)));
        let mean = mean.collect::<Result<_, ModelsError>>()?;
        Ok(Self { trainee, parameters, share, mean, is_set: false })
    }

    /// Leaves the means in the network, when training is over: those of the best epoch are there unless it was the last.
    pub(super) fn finish(mut self) -> Result<(), ModelsError> {
        if self.is_set { Ok(()) } else { self.exchange() }
    }

    /// Exchanges the numbers of the network with their means.
    fn exchange(&mut self) -> Result<(), ModelsError> {
        for (name, mean) in &mut self.mean {
            self.parameters.change(name, &mut |values| values.swap_with_slice(mean))?;
        }
        Ok(())
    }

    /// Works with the means in the network.
    fn with_means<R>(
        &mut self,
        work: impl FnOnce(&mut T) -> Result<R, ModelsError>,
    ) -> Result<R, ModelsError> {
        self.exchange()?;
        let result = work(&mut self.trainee);
        self.exchange()?;
        result
    }
}

impl<T: Trainee> Trainee for Averaged<'_, T> {
    fn n_steps(&self) -> u64 {
        self.trainee.n_steps()
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.trainee.identity()
    }

    fn step(&mut self, at: Step, learning_rate: f64) -> Result<StepReport, ModelsError> {
        let report = self.trainee.step(at, learning_rate)?;
        // Early on the first numbers should not count for much.
        let steps = (at.global + 1) as f64;
        let share = self.share.min(steps / (steps + 9.0)) as f32;
        for (name, mean) in &mut self.mean {
            self.parameters.change(name, &mut |values| {
                for (mean, value) in mean.iter_mut().zip(values) {
                    *mean += (1.0 - share) * (*value - *mean);
                }
            })?;
        }
        Ok(report)
    }

    fn validate(&mut self, epoch: u64) -> Result<Validation, ModelsError> {
        self.with_means(|trainee| trainee.validate(epoch))
    }

    fn state(&self) -> Result<Checkpoint, ModelsError> {
        let mut state = self.trainee.state()?;
        for (name, mean) in &self.mean {
            let tensor = Tensor::from_f32(&[mean.len()], mean);
            if let Some(tensor) = tensor {
                state.insert(format!("{PREFIX}{name}"), tensor);
            }
        }
        Ok(state)
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        for (name, mean) in &mut self.mean {
            let values = state.values(&format!("{PREFIX}{name}"), &[Some(mean.len())])?;
            mean.iter_mut().zip(values).for_each(|(mean, value)| *mean = value as f32);
        }
        self.trainee.restore(state)
    }

    fn weights(&self) -> Result<Checkpoint, ModelsError> {
        let mut weights = Checkpoint::new();
        for ((name, tensor), (_, mean)) in self.parameters.all().zip(&self.mean) {
            let values = Tensor::from_f32(tensor.shape(), mean);
            if let Some(values) = values {
                weights.insert(name, values);
            }
        }
        Ok(weights)
    }

    fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        self.is_set = true;
        self.trainee.set_weights(weights)
    }
}
