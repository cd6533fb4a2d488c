use super::check_option;
use crate::ModelsError;
use crate::train::Real;

/// Stochastic gradient descent, with momentum if wanted (PyTorch's `SGD` with dampening 0).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sgd {
    /// How much of the velocity stays with each step. Default: 0.
    pub momentum: f64,
    /// Whether the gradient is looked up ahead, by Nesterov's rule. Default: no.
    pub nesterov: bool,
    /// The weight decay, as a penalty on the loss. Default: 0.
    pub weight_decay: f64,
}

impl Sgd {
    pub(super) fn check(self) -> Result<(), ModelsError> {
        let momentum = self.momentum;
        check_option(
            "momentum",
            momentum,
            momentum >= 0.0 && momentum.is_finite(),
            "a finite number from 0",
        )?;
        let expected = "a momentum above 0 for Nesterov's rule";
        check_option("momentum", momentum, !self.nesterov || momentum > 0.0, expected)
    }
}

/// The velocity: `b ← momentum·b + g`. It starts from 0.
pub fn sgd_momentum<T: Real>(velocity: &mut [T], gradient: &[T], momentum: f64) {
    let momentum = T::from_f64(momentum);
    velocity.iter_mut().zip(gradient).for_each(|(b, g)| *b = *b * momentum + *g);
}

/// The gradient seen ahead, after the velocity has taken it in: `g ← g + momentum·b`.
pub fn sgd_nesterov<T: Real>(gradient: &mut [T], velocity: &[T], momentum: f64) {
    let momentum = T::from_f64(momentum);
    gradient.iter_mut().zip(velocity).for_each(|(g, b)| *g = *g + momentum * *b);
}

/// Moves weights against a direction: the gradient, seen ahead by Nesterov's rule, or the velocity.
/// `w ← w - learning_rate·d`.
pub fn sgd_update<T: Real>(weights: &mut [T], direction: &[T], learning_rate: f64) {
    let rate = T::from_f64(-learning_rate);
    weights.iter_mut().zip(direction).for_each(|(w, d)| *w = *w + rate * *d);
}
