use cistron_core::Seed;
use faer::Accum;
use rayon::prelude::*;

use super::config::{VaeConfig, VaeLikelihood, VaeSparsity};
use super::dense::{matrix, matrix_mut};
use super::encoder::Rule;
use super::kernel::{
    Draw, Lane, Level, ScaleGradient, SoftmaxRow, add, bernoulli, combine, redraw, sample, scale_gradient,
    softmax,
};
use super::noise::Noise;
use super::prior::{Prior, negative_divergence};
use super::tensors::{self, OUTPUT, width};
use super::variable::{Moving, Sampled, Slice, Variable};
use crate::ModelsError;
use crate::nn::{block_product, product};
use crate::train::Scalar;

/// Rows of scales that a thread takes at a time.
const SCALE_ROWS: usize = 4;

/// From the decoder's last layer to logits: by far most weights, and nearly all the work.
///
/// A unit has `rows` numbers at each position, of which a convolution makes letters; they are multiplied by a function
/// of the scale that the unit shares with others. What comes of that (`scaled`) is kept, the weights themselves are
/// drawn again on the way back, where noise, divergence and step are one pass.
#[derive(Clone, Debug)]
pub(super) struct Output<T> {
    weights: Variable<T>,
    convolution: Option<Variable<T>>,
    bias: Option<Variable<T>>,
    pub(super) scale: Option<Variable<T>>,
    temperature: Option<Variable<T>>,
    shape: Shape,
    likelihood: VaeLikelihood,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    width: usize,
    letters: usize,
    /// The numbers of a unit at a position.
    rows: usize,
    /// The units of a row of scales.
    patterns: usize,
    logistic: bool,
}

impl Shape {
    /// The weights of a unit.
    const fn unit(self) -> usize {
        self.rows * self.width
    }

    /// What a unit says of letters.
    const fn scaled(self) -> usize {
        self.letters * self.width
    }
}

/// A draw of its weights.
#[derive(Clone, Debug, Default)]
pub(super) struct DrawnOutput<T> {
    convolution: Sampled<T>,
    bias: Sampled<T>,
    scale: Sampled<T>,
    temperature: Sampled<T>,
    /// The functions of the scales (scale rows, width).
    factors: Vec<T>,
    /// What each unit says (units, letters, width).
    scaled: Vec<T>,
    /// What logits are multiplied by.
    factor: T,
}

/// What the likelihood came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Likelihood<T> {
    /// The log probability of each sequence.
    pub(super) log_probabilities: Vec<f64>,
    /// Of their mean, by the logits (n, letters, width); the logits themselves if it was not wanted.
    pub(super) by_logits: Vec<T>,
    /// Of their mean, by the temperature's weight.
    by_temperature: f64,
}

impl<T: Lane + Scalar> Output<T> {
    pub(super) fn new(config: &VaeConfig, seed: Seed) -> Result<Self, ModelsError> {
        let tensors::OutputTensors { weights, convolution, bias, scale, temperature } =
            tensors::output(config);
        let maybe = |spec: Option<_>| spec.map(|spec| Variable::new(spec, seed)).transpose();
        Ok(Self {
            weights: Variable::new(weights, seed)?,
            convolution: maybe(convolution)?,
            bias: maybe(bias)?,
            scale: maybe(scale)?,
            temperature: maybe(temperature)?,
            shape: Shape {
                width: width(config.length),
                letters: config.n_letters(),
                rows: config.n_output_rows(),
                patterns: config.n_patterns,
                logistic: config.sparsity == Some(VaeSparsity::Logit),
            },
            likelihood: config.likelihood,
        })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable<T>> {
        let others = [&self.convolution, &self.bias, &self.scale, &self.temperature];
        std::iter::once(&self.weights).chain(others.into_iter().flatten())
    }

    pub(super) fn variables_mut(&mut self) -> impl Iterator<Item = &mut Variable<T>> {
        let Self { weights, convolution, bias, scale, temperature, .. } = self;
        std::iter::once(weights).chain([convolution, bias, scale, temperature].into_iter().flatten())
    }

    /// Draws all weights; gives what they cost, turned negative.
    pub(super) fn draw(&self, noise: &Noise<T>, level: Level, drawn: &mut DrawnOutput<T>) -> f64 {
        let draw = |variable: &Option<Variable<T>>, drawn: &mut Sampled<T>| {
            variable.as_ref().map_or(0.0, |variable| variable.draw(noise, level, drawn))
        };
        let sum = draw(&self.convolution, &mut drawn.convolution)
            + draw(&self.bias, &mut drawn.bias)
            + draw(&self.scale, &mut drawn.scale)
            + draw(&self.temperature, &mut drawn.temperature);
        drawn.factors.clear();
        let logistic = self.shape.logistic;
        let factor = |s: &T| if logistic { s.logistic() } else { T::exp_of::<false>(*s) };
        drawn.factors.extend(drawn.scale.weights.iter().map(factor));
        drawn.factor = drawn.temperature.weights.first().map_or(T::one(), |t| T::of(softplus(t.wide())));
        sum + self.draw_weights(noise, level, drawn)
    }

    fn draw_weights(&self, noise: &Noise<T>, level: Level, drawn: &mut DrawnOutput<T>) -> f64 {
        let shape = self.shape;
        let DrawnOutput { convolution, factors, scaled, .. } = drawn;
        scaled.resize(self.weights.mean.len() / shape.unit() * shape.scaled(), T::zero());
        let factors = (!factors.is_empty()).then_some(&factors[..]);
        let block = SCALE_ROWS * shape.patterns;
        let of_block = |weights: &mut Vec<T>, (index, scaled): (usize, &mut [T])| {
            let mut sums = [0.0; 3];
            for (i, scaled) in scaled.chunks_exact_mut(shape.scaled()).enumerate() {
                let unit = index * block + i;
                let own = self.draw_unit(unit, noise, level, weights);
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                let row = unit / shape.patterns * shape.width;
                let factors = factors.map(|factors| &factors[row..row + shape.width]);
                if self.convolution.is_some() {
                    combine(level, &convolution.weights, weights, factors, shape.width, scaled);
                } else {
                    scaled.copy_from_slice(weights);
                    if let Some(factors) = factors {
                        scaled.chunks_exact_mut(shape.width).for_each(|row| multiply(row, factors));
                    }
                }
            }
            sums
        };
        let blocks = scaled.par_chunks_mut(block * shape.scaled()).enumerate();
        let sums: Vec<[f64; 3]> = blocks.map_init(|| vec![T::zero(); shape.unit()], of_block).collect();
        match self.weights.spec.prior {
            Prior::Normal { sd, .. } => {
                let sums = std::array::from_fn(|i| sums.iter().map(|of_block| of_block[i]).sum());
                negative_divergence(sums, self.weights.mean.len(), sd)
            }
            _ => -self.weights.penalty(&self.weights.mean),
        }
    }

    /// Draws the weights of a unit; gives the sums that their divergence is made of.
    fn draw_unit(&self, unit: usize, noise: &Noise<T>, level: Level, weights: &mut [T]) -> [f64; 3] {
        let place = unit * self.shape.unit()..(unit + 1) * self.shape.unit();
        let mean = &self.weights.mean[place.clone()];
        if !self.weights.spec.is_drawn() {
            weights.copy_from_slice(mean);
            return [0.0; 3];
        }
        noise.fill(level, OUTPUT, unit, weights);
        let log_sd = &self.weights.log_sd[place];
        sample(level, Draw { mean, log_sd, weights, prior: T::zero() })
    }

    /// The log probabilities of sequences, from what the last layer gives, and with `share` the gradient of their sum
    /// times it.
    pub(super) fn likelihood(
        &self,
        hidden: &[T],
        codes: &[u8],
        n: usize,
        drawn: &DrawnOutput<T>,
        share: Option<f64>,
        level: Level,
    ) -> Likelihood<T> {
        let (size, units) = (self.shape.scaled(), hidden.len() / n);
        let mut logits = vec![T::zero(); n * size];
        let scaled = matrix(&drawn.scaled, size);
        product(matrix(hidden, units), scaled, Accum::Replace, matrix_mut(&mut logits, size));
        let bias = (!drawn.bias.weights.is_empty()).then_some(&drawn.bias.weights[..]);
        let row = |(logits, codes): (&mut [T], &[u8])| {
            let (temperature, share) = (drawn.factor, share.map(T::of));
            let row = SoftmaxRow { logits, bias, temperature, codes, share, width: self.shape.width };
            match self.likelihood {
                VaeLikelihood::Categorical => softmax(level, row),
                VaeLikelihood::Bernoulli => bernoulli(level, row),
            }
        };
        let rows = logits.par_chunks_exact_mut(size).zip(codes.par_chunks_exact(codes.len() / n));
        let sums: Vec<[f64; 2]> = rows.map(row).collect();
        let slope: f64 = sums.iter().map(|sums| sums[1]).sum();
        let t = drawn.temperature.weights.first().map_or(0.0, |t| t.wide());
        let by_temperature = slope / drawn.factor.wide() / (1.0 + (-t).exp());
        if share.is_some() && self.temperature.is_some() {
            for x in &mut logits {
                *x *= drawn.factor;
            }
        }
        let log_probabilities = sums.iter().map(|sums| sums[0]).collect();
        Likelihood { log_probabilities, by_logits: logits, by_temperature }
    }

    /// A step of all weights, from the gradient by the logits; gives the gradient by what the last layer gives.
    pub(super) fn step(
        &mut self,
        hidden: &[T],
        likelihood: &Likelihood<T>,
        (drawn, noise): (&DrawnOutput<T>, &Noise<T>),
        cost: f64,
        (rule, level): Rule<T>,
    ) -> Vec<T> {
        let size = self.shape.scaled();
        let by_logits = &likelihood.by_logits;
        let n = by_logits.len() / size;
        let units = hidden.len() / n;
        let mut by_hidden = vec![T::zero(); hidden.len()];
        let (a, b) = (matrix(by_logits, size), matrix(&drawn.scaled, size).transpose());
        product(a, b, Accum::Replace, matrix_mut(&mut by_hidden, units));
        let [mut by_convolution, mut by_scale] =
            self.step_weights(hidden, by_logits, (drawn, noise), cost, (rule, level));
        let with = (cost, rule, level);
        if let Some(convolution) = &mut self.convolution {
            convolution.step(&mut by_convolution, &drawn.convolution, noise, with);
        }
        if let Some(scale) = &mut self.scale {
            scale.step(&mut by_scale, &drawn.scale, noise, with);
        }
        if let Some(bias) = &mut self.bias {
            let mut sum = vec![T::zero(); size];
            by_logits.chunks_exact(size).for_each(|row| add(level, &mut sum, row));
            bias.step(&mut sum, &drawn.bias, noise, with);
        }
        if let Some(temperature) = &mut self.temperature {
            let mut slope = [T::of(likelihood.by_temperature)];
            temperature.step(&mut slope, &drawn.temperature, noise, with);
        }
        by_hidden
    }

    /// The pass over the weights; gives the gradients by the convolution's weights and by the scales.
    fn step_weights(
        &mut self,
        hidden: &[T],
        by_logits: &[T],
        (drawn, noise): (&DrawnOutput<T>, &Noise<T>),
        cost: f64,
        (rule, level): Rule<T>,
    ) -> [Vec<T>; 2] {
        let shape = self.shape;
        let (prior, layout) = (self.weights.spec.prior, self.weights.spec.layout);
        let pass = Pass {
            shape,
            hidden: matrix(hidden, hidden.len() * shape.scaled() / by_logits.len()),
            by_logits: matrix(by_logits, shape.scaled()),
            drawn,
            noise,
            has_convolution: self.convolution.is_some(),
            transposed: transposed(&drawn.convolution.weights, shape.letters),
            moving: Moving { prior, layout, cost, noise: &[], sd: &[], rule, level },
        };
        let mut by_scale = vec![T::zero(); drawn.factors.len()];
        let block = SCALE_ROWS * shape.width;
        let blocks = by_scale.chunks_mut(block).chain(std::iter::repeat_with(|| &mut [][..]));
        let slices = self.weights.slices(SCALE_ROWS * shape.patterns * shape.unit());
        let blocks: Vec<_> = slices.zip(blocks).enumerate().collect();
        let by_convolution: Vec<Vec<T>> = blocks
            .into_par_iter()
            .map_init(|| Slabs::new(shape), |slabs, (index, block)| pass.block(index, block, slabs))
            .collect();
        let mut sum = vec![T::zero(); drawn.convolution.weights.len()];
        for part in &by_convolution {
            add(level, &mut sum, part);
        }
        [sum, by_scale]
    }
}

/// What the pass over the weights reads.
struct Pass<'a, T> {
    shape: Shape,
    /// (n, units)
    hidden: faer::MatRef<'a, T>,
    /// (n, letters · width)
    by_logits: faer::MatRef<'a, T>,
    drawn: &'a DrawnOutput<T>,
    noise: &'a Noise<T>,
    has_convolution: bool,
    /// The convolution's weights, letters first.
    transposed: Vec<T>,
    moving: Moving<'a, T>,
}

/// What the pass writes that is used at once.
struct Slabs<T> {
    noise: Vec<T>,
    sd: Vec<T>,
    weights: Vec<T>,
    gradient: Vec<T>,
    by_rows: Vec<T>,
    /// Of all units of a block.
    by_scaled: Vec<T>,
}

impl<T: Lane> Slabs<T> {
    fn new(shape: Shape) -> Self {
        let slab = |n| vec![T::zero(); n];
        Self {
            noise: slab(shape.unit()),
            sd: slab(shape.unit()),
            weights: slab(shape.unit()),
            gradient: slab(shape.unit()),
            by_rows: slab(shape.scaled()),
            by_scaled: slab(SCALE_ROWS * shape.patterns * shape.scaled()),
        }
    }
}

impl<T: Lane> Pass<'_, T> {
    /// The units of some rows of scales; gives the gradient by the convolution's weights.
    fn block(
        &self,
        index: usize,
        (slice, by_scale): (Slice<'_, T>, &mut [T]),
        slabs: &mut Slabs<T>,
    ) -> Vec<T> {
        let Self { shape, drawn, moving, .. } = self;
        let mut by_convolution = vec![T::zero(); drawn.convolution.weights.len()];
        let units = slice.mean.len() / shape.unit();
        let first = index * SCALE_ROWS * shape.patterns;
        let mut by_scaled = std::mem::take(&mut slabs.by_scaled);
        let hidden = self.hidden.transpose().subrows(first, units);
        let out = matrix_mut(&mut by_scaled[..units * shape.scaled()], shape.scaled());
        block_product(hidden, self.by_logits, Accum::Replace, out);
        let each = slice.split(shape.unit()).zip(by_scaled.chunks_exact(shape.scaled()));
        for (i, (slice, by_scaled)) in each.enumerate() {
            let unit = first + i;
            self.backward(unit, by_scaled, i / shape.patterns, by_scale, slabs);
            self.redraw(unit, &slice, slabs);
            let Slabs { noise, sd, weights, gradient, by_rows, .. } = &mut *slabs;
            if self.has_convolution {
                let (a, b) = (matrix(weights, shape.width), matrix(by_rows, shape.width).transpose());
                block_product(a, b, Accum::Add, matrix_mut(&mut by_convolution, shape.letters));
                combine(moving.level, &self.transposed, by_rows, None, shape.width, gradient);
            } else {
                gradient.copy_from_slice(by_rows);
            }
            slice.step(gradient, &Moving { noise, sd, ..*moving });
        }
        slabs.by_scaled = by_scaled;
        by_convolution
    }

    /// From the gradient by what a unit says to that by its rows before they are scaled.
    fn backward(
        &self,
        unit: usize,
        by_scaled: &[T],
        row_of_block: usize,
        by_scale: &mut [T],
        slabs: &mut Slabs<T>,
    ) {
        let Shape { width, patterns, logistic, .. } = self.shape;
        let by_rows = &mut slabs.by_rows[..];
        if self.drawn.factors.is_empty() {
            return by_rows.copy_from_slice(by_scaled);
        }
        let scale = &self.drawn.factors[unit / patterns * width..][..width];
        let scaled = &self.drawn.scaled[unit * self.shape.scaled()..][..self.shape.scaled()];
        let by_scale = &mut by_scale[row_of_block * width..][..width];
        let step = ScaleGradient { by_scaled, scaled, scale, logistic, by_rows, by_scale };
        scale_gradient(self.moving.level, step);
    }

    /// Draws a unit's weights again.
    fn redraw(&self, unit: usize, slice: &Slice<'_, T>, slabs: &mut Slabs<T>) {
        let Slabs { noise, sd, weights, .. } = slabs;
        if slice.log_sd.is_empty() {
            return weights.copy_from_slice(slice.mean);
        }
        let level = self.moving.level;
        self.noise.fill(level, OUTPUT, unit, noise);
        let draw = Draw { mean: &*slice.mean, log_sd: &*slice.log_sd, weights, prior: T::zero() };
        redraw(level, draw, noise, sd);
    }
}

fn multiply<T: Lane>(row: &mut [T], factors: &[T]) {
    row.iter_mut().zip(factors).for_each(|(x, factor)| *x *= *factor);
}

/// A matrix of so many columns, columns first.
fn transposed<T: Copy>(values: &[T], columns: usize) -> Vec<T> {
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied()).collect()
}

/// ln(1 + eˣ).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
