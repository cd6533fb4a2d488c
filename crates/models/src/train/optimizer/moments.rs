use std::collections::BTreeMap;

use super::{
    Adam, AdamStep, Optimizer, Sgd, adam_first_moment, adam_second_moment, adam_update, add_penalty,
    decay_weights, sgd_momentum, sgd_nesterov, sgd_update,
};
use crate::train::Real;
use crate::{Checkpoint, ModelsError, Tensor, TensorElement};

/// Numbers that go through all passes before the next ones: what fits the first cache.
const BLOCK: usize = 1024;

/// An optimizer together with what it remembers of each parameter, for weights that are slices.
///
/// In a checkpoint the number of steps is `optimizer.steps`, the moments are `optimizer.<parameter>.first` and
/// `.second`; of SGD only the first (the velocity), and none without momentum.
///
/// ```
/// use cistron_models::{Adam, Moments, Optimizer};
///
/// let mut moments = Moments::new(Optimizer::Adam(Adam::default()))?;
/// let mut weights = [1.0_f64];
/// moments.begin_step();
/// moments.update("w", &mut weights, &mut [2.0], 0.1, false);
/// // The first step of Adam is the learning rate against the gradient's sign.
/// assert!((weights[0] - 0.9).abs() < 1e-8);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Moments<T> {
    optimizer: Optimizer,
    steps: u64,
    slots: BTreeMap<String, Slot<T>>,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    first: Vec<T>,
    second: Vec<T>,
}

const STEPS: &str = "optimizer.steps";

impl<T: Real> Moments<T> {
    /// The optimizer before its first step.
    ///
    /// # Errors
    /// As [`Optimizer::check`].
    pub fn new(optimizer: Optimizer) -> Result<Self, ModelsError> {
        optimizer.check()?;
        Ok(Self { optimizer, steps: 0, slots: BTreeMap::new() })
    }

    /// The number of steps begun.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Begins a step; every parameter is then updated once.
    pub fn begin_step(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Moves the weights of a parameter by their gradient, which may be changed on the way. `decays` says
    /// whether weight decay acts on it (see [`decays`](crate::decays)). Weights and gradient have one length,
    /// the same in each step.
    pub fn update(
        &mut self,
        parameter: &str,
        weights: &mut [T],
        gradient: &mut [T],
        learning_rate: f64,
        decays: bool,
    ) {
        let [n_first, n_second] = sizes(self.optimizer, weights.len());
        if !self.slots.contains_key(parameter) {
            let slot = Slot { first: vec![T::ZERO; n_first], second: vec![T::ZERO; n_second] };
            self.slots.insert(parameter.to_owned(), slot);
        }
        let Some(Slot { first, second }) = self.slots.get_mut(parameter) else { return };
        let decay = if decays { self.optimizer.weight_decay() } else { 0.0 };
        match self.optimizer {
            Optimizer::Sgd(sgd) => descend(sgd, [weights, gradient, first], learning_rate, decay),
            Optimizer::Adam(adam) => {
                if decay > 0.0 {
                    add_penalty(gradient, weights, decay);
                }
                let step = adam.step(self.steps, learning_rate);
                adapt(adam, step, weights, gradient, first, second);
            }
            Optimizer::AdamW(adam) => {
                decay_weights(weights, learning_rate, decay);
                let step = adam.step(self.steps, learning_rate);
                adapt(adam, step, weights, gradient, first, second);
            }
        }
    }

    /// Adds what is remembered to a checkpoint.
    pub fn save(&self, checkpoint: &mut Checkpoint) {
        let steps = self.steps.to_le_bytes().to_vec();
        let tensors = self.slots.iter().flat_map(|(parameter, slot)| {
            [("first", &slot.first), ("second", &slot.second)]
                .map(|(moment, values)| (name(parameter, moment), T::tensor(&[values.len()], values)))
        });
        let steps = (STEPS.to_owned(), Tensor::from_bytes(TensorElement::I64, &[], steps));
        for (name, tensor) in tensors.chain([steps]) {
            if let Some(tensor) = tensor.filter(|tensor| !tensor.is_empty()) {
                checkpoint.insert(name, tensor);
            }
        }
    }

    /// Takes what is remembered from a checkpoint, for parameters of these names and numbers of weights.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`]; the moments
    /// are then as they were.
    pub fn restore(
        &mut self,
        checkpoint: &Checkpoint,
        parameters: &[(&str, usize)],
    ) -> Result<(), ModelsError> {
        let steps = checkpoint.values(STEPS, &[])?.iter().sum::<f64>() as u64;
        let mut slots = BTreeMap::new();
        // Before the first step there is nothing to remember.
        for (parameter, n) in parameters.iter().filter(|_| steps > 0) {
            let [first, second] = sizes(self.optimizer, *n);
            let first = read(checkpoint, &name(parameter, "first"), first)?;
            let second = read(checkpoint, &name(parameter, "second"), second)?;
            slots.insert((*parameter).to_owned(), Slot { first, second });
        }
        (self.steps, self.slots) = (steps, slots);
        Ok(())
    }
}

fn name(parameter: &str, moment: &str) -> String {
    format!("optimizer.{parameter}.{moment}")
}

/// How many numbers are remembered of each moment of `n` weights.
fn sizes(optimizer: Optimizer, n: usize) -> [usize; 2] {
    match optimizer {
        Optimizer::Sgd(sgd) if sgd.momentum == 0.0 => [0, 0],
        Optimizer::Sgd(_) => [n, 0],
        Optimizer::Adam(_) | Optimizer::AdamW(_) => [n, n],
    }
}

fn read<T: Real>(checkpoint: &Checkpoint, name: &str, n: usize) -> Result<Vec<T>, ModelsError> {
    if n == 0 {
        return Ok(Vec::new());
    }
    checkpoint.values(name, &[Some(n)])?;
    Ok(checkpoint.get(name).map(T::values).unwrap_or_default())
}

fn descend<T: Real>(sgd: Sgd, slices: [&mut [T]; 3], learning_rate: f64, decay: f64) {
    let [weights, gradient, velocity] = slices;
    if decay > 0.0 {
        add_penalty(gradient, weights, decay);
    }
    if sgd.momentum == 0.0 {
        return sgd_update(weights, gradient, learning_rate);
    }
    sgd_momentum(velocity, gradient, sgd.momentum);
    if sgd.nesterov {
        sgd_nesterov(gradient, velocity, sgd.momentum);
        sgd_update(weights, gradient, learning_rate);
    } else {
        sgd_update(weights, velocity, learning_rate);
    }
}

fn adapt<T: Real>(
    adam: Adam,
    step: AdamStep,
    weights: &mut [T],
    gradient: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let moments = first.chunks_mut(BLOCK).zip(second.chunks_mut(BLOCK));
    let blocks = weights.chunks_mut(BLOCK).zip(gradient.chunks(BLOCK)).zip(moments);
    for ((weights, gradient), (first, second)) in blocks {
        adam_first_moment(first, gradient, adam.beta1);
        adam_second_moment(second, gradient, adam.beta2);
        adam_update(weights, first, second, step);
    }
}
