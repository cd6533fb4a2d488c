use cistron_core::Seed;
use rayon::prelude::*;

use super::config::{VaeActivation, VaeConfig};
use super::dense::{affine, by_bias, by_inputs, by_weights};
use super::kernel::{AdamRule, Lane, Level, adam, gather};
use super::tensors;
use super::variable::Variable;
use crate::ModelsError;
use crate::train::Scalar;

/// From sequences to the posteriors of their latent variables. Its weights are points.
#[derive(Clone, Debug)]
pub(super) struct Encoder<T> {
    activation: VaeActivation,
    letters: usize,
    /// The features of each letter.
    convolution: Option<Variable<T>>,
    /// Weights and biases.
    layers: Vec<[Variable<T>; 2]>,
    mean: [Variable<T>; 2],
    log_sd: [Variable<T>; 2],
}

/// What the encoder says of sequences.
#[derive(Clone, Debug)]
pub(super) struct Encoded<T> {
    /// The features of each letter at each position (n, L · features), if letters become features.
    features: Vec<T>,
    /// What each layer gives.
    hidden: Vec<Vec<T>>,
    /// (n, latent)
    pub(super) mean: Vec<T>,
    /// (n, latent)
    pub(super) log_sd: Vec<T>,
}

/// How weights move.
pub(super) type Rule<T> = (AdamRule<T>, Level);

/// The positions that a thread takes at a time.
const POSITIONS: usize = 16;

impl<T: Lane + Scalar> Encoder<T> {
    pub(super) fn new(config: &VaeConfig, seed: Seed) -> Result<Self, ModelsError> {
        let tensors::EncoderTensors { convolution, layers, mean, log_sd } = tensors::encoder(config);
        let variable = |spec| Variable::new(spec, seed);
        let pair = |[weights, bias]: tensors::Layer| Ok([variable(weights)?, variable(bias)?]);
        Ok(Self {
            activation: config.encoder_activation,
            letters: config.n_letters(),
            convolution: convolution.map(variable).transpose()?,
            layers: layers.into_iter().map(pair).collect::<Result<_, ModelsError>>()?,
            mean: pair(mean)?,
            log_sd: pair(log_sd)?,
        })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable<T>> {
        let layers = self.layers.iter().flatten();
        self.convolution.iter().chain(layers).chain(&self.mean).chain(&self.log_sd)
    }

    pub(super) fn variables_mut(&mut self) -> impl Iterator<Item = &mut Variable<T>> {
        let layers = self.layers.iter_mut().flatten();
        self.convolution.iter_mut().chain(layers).chain(&mut self.mean).chain(&mut self.log_sd)
    }

    /// The features of each letter, those of a gap last.
    fn letter_features(&self, convolution: &Variable<T>) -> Vec<T> {
        let n = convolution.mean.len() / self.letters;
        let mut features = convolution.mean.clone();
        features.resize((self.letters + 1) * n, T::zero());
        self.activation.apply(&mut features);
        features
    }

    /// Reads `n` sequences of codes.
    pub(super) fn encode(&self, codes: &[u8], n: usize, level: Level) -> Encoded<T> {
        let mut features = Vec::new();
        let mut hidden: Vec<Vec<T>> = Vec::with_capacity(self.layers.len());
        if let Some(convolution) = &self.convolution {
            let table = self.letter_features(convolution);
            let width = table.len() / (self.letters + 1);
            features.reserve(codes.len() * width);
            for code in codes {
                let letter = usize::from(*code).min(self.letters);
                features.extend_from_slice(&table[letter * width..][..width]);
            }
        }
        for [weights, bias] in &self.layers {
            let mut out = match hidden.last() {
                Some(x) => affine(level, x, n, &weights.mean, &bias.mean),
                None if self.convolution.is_some() => affine(level, &features, n, &weights.mean, &bias.mean),
                None => self.first_layer(codes, n, level, weights, bias),
            };
            self.activation.apply(&mut out);
            hidden.push(out);
        }
        let last = hidden.last().map_or(&[][..], Vec::as_slice);
        let head = |[weights, bias]: &[Variable<T>; 2]| affine(level, last, n, &weights.mean, &bias.mean);
        let (mean, log_sd) = (head(&self.mean), head(&self.log_sd));
        Encoded { features, hidden, mean, log_sd }
    }

    /// The first layer of one-hot letters: sums of rows of its weights.
    fn first_layer(
        &self,
        codes: &[u8],
        n: usize,
        level: Level,
        weights: &Variable<T>,
        bias: &Variable<T>,
    ) -> Vec<T> {
        let (units, length) = (bias.mean.len(), codes.len() / n.max(1));
        let mut out = vec![T::zero(); n * units];
        let rows = out.par_chunks_exact_mut(units).zip(codes.par_chunks_exact(length.max(1)));
        rows.for_each_init(Vec::new, |rows, (out, codes)| {
            rows.clear();
            let letters = codes.iter().enumerate().filter(|(_, code)| usize::from(**code) < self.letters);
            rows.extend(letters.map(|(position, code)| position * self.letters + usize::from(*code)));
            out.copy_from_slice(&bias.mean);
            gather(level, &weights.mean, rows, out);
        });
        out
    }

    /// A step, from the gradients by means and log deviations.
    pub(super) fn step(
        &mut self,
        codes: &[u8],
        encoded: &Encoded<T>,
        [by_mean, by_log_sd]: [&[T]; 2],
        rule: Rule<T>,
    ) {
        let n = by_mean.len() / self.mean[1].mean.len();
        let last = encoded.hidden.last().map_or(&[][..], Vec::as_slice);
        let mut gradient = by_inputs(by_mean, n, &self.mean[0].mean);
        let other = by_inputs(by_log_sd, n, &self.log_sd[0].mean);
        gradient.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        dense_step(&mut self.mean, last, by_mean, n, rule);
        dense_step(&mut self.log_sd, last, by_log_sd, n, rule);
        for i in (0..self.layers.len()).rev() {
            self.activation.multiply_slopes(&encoded.hidden[i], &mut gradient);
            let is_one_hot = i == 0 && self.convolution.is_none();
            if is_one_hot {
                return self.first_step(codes, n, &gradient, rule);
            }
            let x = if i == 0 { &encoded.features } else { &encoded.hidden[i - 1] };
            let below = by_inputs(&gradient, n, &self.layers[i][0].mean);
            dense_step(&mut self.layers[i], x, &gradient, n, rule);
            gradient = below;
        }
        self.convolution_step(codes, &gradient, rule);
    }

    /// A step of the first layer of one-hot letters: the gradient of a row of weights is the sum of those of the
    /// sequences with its letter.
    fn first_step(&mut self, codes: &[u8], n: usize, gradient: &[T], (rule, level): Rule<T>) {
        let (letters, length) = (self.letters, codes.len() / n);
        let Some([weights, bias]) = self.layers.first_mut() else { return };
        let units = bias.mean.len();
        step_points(bias, &by_bias(level, gradient, n), (rule, level));
        let slices: Vec<_> = weights.slices(POSITIONS * letters * units).enumerate().collect();
        slices.into_par_iter().for_each_init(
            || (vec![T::zero(); units], vec![Vec::new(); letters]),
            |(sum, with_letter), (piece, slice)| {
                let [first, second, ..] = slice.moments;
                let of_rows = first.chunks_exact_mut(units).zip(second.chunks_exact_mut(units));
                let all = slice.mean.chunks_exact_mut(units).zip(of_rows);
                for (row, (weights, (first, second))) in all.enumerate() {
                    let (position, letter) = (piece * POSITIONS + row / letters, row % letters);
                    if letter == 0 {
                        let column = codes.iter().skip(position).step_by(length);
                        sort_by_letter(column, with_letter);
                    }
                    let rows = &with_letter[letter];
                    // A letter that was never seen here has no moments, and its step is exactly 0.
                    if rows.is_empty() && second.iter().all(|v| *v == T::zero()) {
                        continue;
                    }
                    sum.fill(T::zero());
                    gather(level, gradient, rows, sum);
                    adam(level, weights, [first, second], sum, rule);
                }
            },
        );
    }

    /// A step of the features of letters, from the gradient by the features at each position.
    fn convolution_step(&mut self, codes: &[u8], gradient: &[T], rule: Rule<T>) {
        let Some(convolution) = &self.convolution else { return };
        let table = self.letter_features(convolution);
        let width = table.len() / (self.letters + 1);
        let mut sums = vec![T::zero(); table.len()];
        for (code, gradient) in codes.iter().zip(gradient.chunks_exact(width)) {
            let letter = usize::from(*code).min(self.letters);
            let sums = &mut sums[letter * width..][..width];
            sums.iter_mut().zip(gradient).for_each(|(sum, x)| *sum += *x);
        }
        self.activation.multiply_slopes(&table, &mut sums);
        sums.truncate(self.letters * width);
        if let Some(convolution) = &mut self.convolution {
            step_points(convolution, &sums, rule);
        }
    }
}

/// The sequences that have each letter at a position.
fn sort_by_letter<'a>(column: impl Iterator<Item = &'a u8>, with_letter: &mut [Vec<usize>]) {
    with_letter.iter_mut().for_each(Vec::clear);
    for (sequence, code) in column.enumerate() {
        if let Some(sequences) = with_letter.get_mut(usize::from(*code)) {
            sequences.push(sequence);
        }
    }
}

/// A step of weights and biases, from the gradient by what they give.
fn dense_step<T: Lane + Scalar>(
    layer: &mut [Variable<T>; 2],
    x: &[T],
    gradient: &[T],
    n: usize,
    rule: Rule<T>,
) {
    let [weights, bias] = layer;
    step_points(weights, &by_weights(x, gradient, n), rule);
    step_points(bias, &by_bias(rule.1, gradient, n), rule);
}

fn step_points<T: Lane + Scalar>(points: &mut Variable<T>, gradient: &[T], (rule, level): Rule<T>) {
    let slice = points.whole();
    let [first, second, ..] = slice.moments;
    adam(level, slice.mean, [first, second], gradient, rule);
}
