use super::real::Real;
use crate::ModelsError;

mod adam;
mod clip;
mod moments;
mod sgd;

pub use adam::{Adam, AdamStep, adam_first_moment, adam_second_moment, adam_update};
pub use clip::{GradientNorm, scale_gradient};
pub use moments::Moments;
pub use sgd::{Sgd, sgd_momentum, sgd_nesterov, sgd_update};

/// How gradients move weights; the rules are PyTorch's, operation by operation, save that PyTorch fuses some
/// multiplications with additions where the processor can, and we never do.
///
/// An optimizer acts on each number by itself, so that it does not matter how weights are cut into tensors,
/// blocks or threads. What it remembers is held by [`Moments`]; a model whose weights are no slices applies the
/// passes (named by each variant) itself.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent: [`add_penalty`], [`sgd_momentum`], [`sgd_nesterov`], [`sgd_update`].
    Sgd(Sgd),
    /// Adam, weight decay as a penalty on the loss (L2): [`add_penalty`], then [`adam_first_moment`],
    /// [`adam_second_moment`], [`adam_update`].
    Adam(Adam),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101): [`decay_weights`], then
    /// as [`Optimizer::Adam`].
    AdamW(Adam),
}

impl Optimizer {
    /// The weight decay, whatever the kind.
    pub const fn weight_decay(self) -> f64 {
        match self {
            Self::Sgd(Sgd { weight_decay, .. })
            | Self::Adam(Adam { weight_decay, .. })
            | Self::AdamW(Adam { weight_decay, .. }) => weight_decay,
        }
    }

    /// Checks that every number is in its range.
    ///
    /// # Errors
    /// [`ModelsError::Option`]: `beta1` and `beta2` in 0 to below 1, `epsilon` above 0, `momentum` and
    /// `weight decay` finite and from 0, Nesterov's rule only with a momentum.
    pub fn check(self) -> Result<(), ModelsError> {
        match self {
            Self::Sgd(sgd) => sgd.check()?,
            Self::Adam(adam) | Self::AdamW(adam) => adam.check()?,
        }
        let decay = self.weight_decay();
        check_option("weight decay", decay, decay >= 0.0 && decay.is_finite(), "a finite number from 0")
    }
}

impl Default for Optimizer {
    /// Adam without decay.
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

/// Whether weight decay acts on a parameter: on matrices and kernels, not on biases, nor on anything of fewer
/// than two axes, which leaves out the scales and shifts of norms.
///
/// ```
/// use cistron_models::decays;
///
/// assert!(decays("stem.conv.weight", &[64, 4, 15]));
/// assert!(!decays("stem.norm.weight", &[64]));
/// assert!(!decays("attention.rel_content_bias", &[1, 8, 1, 64]));
/// ```
pub fn decays(name: &str, shape: &[usize]) -> bool {
    shape.len() >= 2 && !name.ends_with("bias")
}

/// Adds the gradient of the penalty `decay/2 · Σ w²`: `g ← g + decay·w`.
pub fn add_penalty<T: Real>(gradient: &mut [T], weights: &[T], decay: f64) {
    let decay = T::from_f64(decay);
    gradient.iter_mut().zip(weights).for_each(|(g, w)| *g = *g + decay * *w);
}

/// Draws weights to 0 without a look at their gradient: `w ← (1 - learning_rate·decay)·w`.
pub fn decay_weights<T: Real>(weights: &mut [T], learning_rate: f64, decay: f64) {
    let factor = T::from_f64(1.0 - learning_rate * decay);
    weights.iter_mut().for_each(|w| *w = *w * factor);
}

pub(super) fn check_option(
    option: &'static str,
    value: f64,
    is_right: bool,
    expected: &str,
) -> Result<(), ModelsError> {
    if is_right {
        return Ok(());
    }
    Err(ModelsError::Option { option, found: value.to_string(), expected: expected.to_owned() })
}

#[cfg(test)]
mod tests;
