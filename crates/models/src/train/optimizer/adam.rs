use super::check_option;
use crate::ModelsError;
use crate::train::Real;

/// Adam of Kingma and Ba 2015 (arXiv:1412.6980, algorithm 1). Defaults as in PyTorch, but without decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// How much of the first moment stays with each step. Default: 0.9.
    pub beta1: f64,
    /// How much of the second moment stays with each step. Default: 0.999.
    pub beta2: f64,
    /// What is added to the root of the second moment, outside the root. Default: 1e-8.
    pub epsilon: f64,
    /// The weight decay. Default: 0 (PyTorch's `AdamW`: 0.01).
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl Adam {
    /// The numbers of step `step`, from 1, at a learning rate.
    pub fn step(self, step: u64, learning_rate: f64) -> AdamStep {
        let power = |beta: f64| beta.powf(step as f64);
        AdamStep {
            rate: learning_rate / (1.0 - power(self.beta1)),
            root: (1.0 - power(self.beta2)).sqrt(),
            epsilon: self.epsilon,
        }
    }

    pub(super) fn check(self) -> Result<(), ModelsError> {
        for (option, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            check_option(option, beta, (0.0..1.0).contains(&beta), "0 to below 1")?;
        }
        let epsilon = self.epsilon;
        check_option("epsilon", epsilon, epsilon > 0.0 && epsilon.is_finite(), "a finite number above 0")
    }
}

/// What one step of Adam does to all weights alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The learning rate over the first moment's bias, `1 - β1ᵗ`.
    pub rate: f64,
    /// The root of the second moment's bias, `√(1 - β2ᵗ)`.
    pub root: f64,
    /// What is added to the root of the second moment.
    pub epsilon: f64,
}

/// The mean gradient: `m ← m + (1-β1)·(g - m)`.
pub fn adam_first_moment<T: Real>(first: &mut [T], gradient: &[T], beta1: f64) {
    let new = T::from_f64(1.0 - beta1);
    if 1.0 - beta1 < 0.5 {
        first.iter_mut().zip(gradient).for_each(|(m, g)| *m = *m + new * (*g - *m));
    } else {
        // PyTorch's `lerp` starts from the nearer end.
        let old = T::from_f64(1.0) - new;
        first.iter_mut().zip(gradient).for_each(|(m, g)| *m = *g - (*g - *m) * old);
    }
}

/// The mean squared gradient: `v ← β2·v + (1-β2)·g·g`.
pub fn adam_second_moment<T: Real>(second: &mut [T], gradient: &[T], beta2: f64) {
    let (old, new) = (T::from_f64(beta2), T::from_f64(1.0 - beta2));
    second.iter_mut().zip(gradient).for_each(|(v, g)| *v = *v * old + new * *g * *g);
}

/// Moves weights by the corrected moments: `w ← w - rate·m / (√v/root + ε)`.
pub fn adam_update<T: Real>(weights: &mut [T], first: &[T], second: &[T], step: AdamStep) {
    let (rate, root) = (T::from_f64(-step.rate), T::from_f64(step.root));
    let epsilon = T::from_f64(step.epsilon);
    let moments = first.iter().zip(second);
    weights.iter_mut().zip(moments).for_each(|(w, (m, v))| *w = *w + rate * *m / (v.sqrt() / root + epsilon));
}
