use cistron_core::Seed;

use super::config::{VaeActivation, VaeConfig};
use super::dense::{affine, by_bias, by_inputs, by_weights};
use super::encoder::Rule;
use super::kernel::{Lane, Level};
use super::noise::Noise;
use super::output::{DrawnOutput, Output};
use super::tensors;
use super::variable::{Sampled, Variable};
use crate::ModelsError;
use crate::train::Scalar;

/// From latent variables to the logits of letters.
#[derive(Clone, Debug)]
pub(super) struct Decoder<T> {
    activation: VaeActivation,
    final_activation: VaeActivation,
    /// Weights and biases.
    layers: Vec<[Variable<T>; 2]>,
    pub(super) output: Output<T>,
}

/// A draw of all its weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn<T> {
    layers: Vec<[Sampled<T>; 2]>,
    pub(super) output: DrawnOutput<T>,
    /// Minus the divergence of posteriors from priors, or the penalty of points.
    pub(super) negative_cost: f64,
}

/// What a layer gives.
#[derive(Clone, Debug)]
pub(super) struct Hidden<T> {
    pub(super) values: Vec<T>,
    /// What they were multiplied by, if units were left out.
    mask: Option<Vec<T>>,
}

impl<T: Lane + Scalar> Decoder<T> {
    pub(super) fn new(config: &VaeConfig, seed: Seed) -> Result<Self, ModelsError> {
        let variable = |spec| Variable::new(spec, seed);
        let pair = |[weights, bias]: tensors::Layer| Ok([variable(weights)?, variable(bias)?]);
        Ok(Self {
            activation: config.decoder_activation,
            final_activation: config.final_activation,
            layers: tensors::decoder(config).into_iter().map(pair).collect::<Result<_, ModelsError>>()?,
            output: Output::new(config, seed)?,
        })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable<T>> {
        self.layers.iter().flatten().chain(self.output.variables())
    }

    pub(super) fn variables_mut(&mut self) -> impl Iterator<Item = &mut Variable<T>> {
        self.layers.iter_mut().flatten().chain(self.output.variables_mut())
    }

    /// Draws all weights.
    pub(super) fn draw(&self, noise: &Noise<T>, level: Level, drawn: &mut Drawn<T>) {
        drawn.layers.resize_with(self.layers.len(), Default::default);
        let mut sum = 0.0;
        for (layer, drawn) in self.layers.iter().zip(&mut drawn.layers) {
            for (variable, drawn) in layer.iter().zip(drawn) {
                sum += variable.draw(noise, level, drawn);
            }
        }
        drawn.negative_cost = sum + self.output.draw(noise, level, &mut drawn.output);
    }

    /// What follows a layer.
    fn activation(&self, layer: usize) -> VaeActivation {
        if layer + 1 == self.layers.len() { self.final_activation } else { self.activation }
    }

    /// What each layer gives for `n` rows of latent variables, with the masks of units if some are left out.
    pub(super) fn hidden(
        &self,
        z: &[T],
        n: usize,
        drawn: &Drawn<T>,
        level: Level,
        mut mask: impl FnMut(usize, usize) -> Option<Vec<T>>,
    ) -> Vec<Hidden<T>> {
        let mut all: Vec<Hidden<T>> = Vec::with_capacity(self.layers.len());
        for (layer, [weights, bias]) in drawn.layers.iter().enumerate() {
            let x = all.last().map_or(z, |below| &below.values);
            let mut values = affine(level, x, n, &weights.weights, &bias.weights);
            self.activation(layer).apply(&mut values);
            let mask = mask(layer, values.len());
            if let Some(mask) = &mask {
                values.iter_mut().zip(mask).for_each(|(x, mask)| *x *= *mask);
            }
            all.push(Hidden { values, mask });
        }
        all
    }

    /// A step of the layers, from the gradient by what the last one gives; gives the gradient by the latent variables.
    pub(super) fn step_layers(
        &mut self,
        (z, hidden): (&[T], &[Hidden<T>]),
        mut gradient: Vec<T>,
        (drawn, noise): (&Drawn<T>, &Noise<T>),
        cost: f64,
        (rule, level): Rule<T>,
    ) -> Vec<T> {
        for i in (0..self.layers.len()).rev() {
            let n = gradient.len() / self.layers[i][1].mean.len();
            self.multiply_slopes(i, &hidden[i], &mut gradient);
            let x = if i == 0 { z } else { &hidden[i - 1].values };
            let below = by_inputs(&gradient, n, &drawn.layers[i][0].weights);
            let of = [by_weights(x, &gradient, n), by_bias(level, &gradient, n)];
            let variables = self.layers[i].iter_mut().zip(&drawn.layers[i]);
            for ((variable, drawn), mut gradient) in variables.zip(of) {
                variable.step(&mut gradient, drawn, noise, (cost, rule, level));
            }
            gradient = below;
        }
        gradient
    }

    fn multiply_slopes(&self, layer: usize, hidden: &Hidden<T>, gradient: &mut [T]) {
        let Some(mask) = &hidden.mask else {
            return self.activation(layer).multiply_slopes(&hidden.values, gradient);
        };
        // What the function gave, where the unit was not left out; elsewhere the gradient is 0.
        let value = |(x, mask): (&T, &T)| if *mask > T::zero() { *x / *mask } else { T::zero() };
        let values: Vec<T> = hidden.values.iter().zip(mask).map(value).collect();
        gradient.iter_mut().zip(mask).for_each(|(g, mask)| *g *= *mask);
        self.activation(layer).multiply_slopes(&values, gradient);
    }
}
