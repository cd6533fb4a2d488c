use cistron_core::Seed;

use super::kernel::{AdamRule, Draw, GaussianStep, Lane, Level, adam, adam_gaussian, redraw, sample};
use super::noise::Noise;
use super::prior::{Prior, ScaleDensity, negative_divergence};
use super::tensors::{FIRST_LOG_SD, Layout, SCALE_DIVERGENCE, TensorSpec, width};
use crate::train::Scalar;
use crate::{Checkpoint, ModelsError};

/// What norms of weights are taken of besides their squares, so that they have slopes at 0.
const LEAST_NORM: f64 = 1e-8;

/// Weights, their posteriors if they have any, and what Adam remembers of them.
#[derive(Clone, Debug)]
pub(super) struct Variable<T> {
    pub(super) spec: TensorSpec,
    /// Means, or the weights themselves.
    pub(super) mean: Vec<T>,
    /// Logarithms of standard deviations; none of points.
    pub(super) log_sd: Vec<T>,
    /// First and second moments of means, then of log deviations; none before training.
    pub(super) moments: [Vec<T>; 4],
}

/// A draw of a small tensor's weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Sampled<T> {
    pub(super) weights: Vec<T>,
    pub(super) noise: Vec<T>,
}

/// Part of a variable, to be changed.
pub(super) struct Slice<'a, T> {
    pub(super) mean: &'a mut [T],
    pub(super) log_sd: &'a mut [T],
    pub(super) moments: [&'a mut [T]; 4],
}

/// What a step of a slice needs besides its gradient.
#[derive(Clone, Copy)]
pub(super) struct Moving<'a, T> {
    pub(super) prior: Prior,
    pub(super) layout: Layout,
    /// What a unit of divergence or penalty costs.
    pub(super) cost: f64,
    pub(super) noise: &'a [T],
    pub(super) sd: &'a [T],
    pub(super) rule: AdamRule<T>,
    pub(super) level: Level,
}

impl<T: Lane + Scalar> Variable<T> {
    pub(super) fn new(spec: TensorSpec, seed: Seed) -> Result<Self, ModelsError> {
        let mean = spec.first(seed)?;
        let mut log_sd = Vec::new();
        if spec.is_drawn() {
            log_sd = vec![T::of(FIRST_LOG_SD); mean.len()];
            spec.layout.fill(&mut log_sd, spec.filling()[1]);
        }
        Ok(Self { spec, mean, log_sd, moments: Default::default() })
    }

    /// Adds the weights to a checkpoint.
    pub(super) fn save(&self, checkpoint: &mut Checkpoint) {
        for (name, values) in self.spec.names().into_iter().zip([&self.mean, &self.log_sd]) {
            self.insert(checkpoint, name, values);
        }
    }

    /// Adds what Adam remembers.
    pub(super) fn save_moments(&self, checkpoint: &mut Checkpoint) {
        for ([first, second], values) in self.moment_names().into_iter().zip(self.moments.as_chunks::<2>().0)
        {
            self.insert(checkpoint, first, &values[0]);
            self.insert(checkpoint, second, &values[1]);
        }
    }

    fn moment_names(&self) -> Vec<[String; 2]> {
        let name = |name: String| [format!("optimizer.{name}.first"), format!("optimizer.{name}.second")];
        self.spec.names().into_iter().map(name).collect()
    }

    fn insert(&self, checkpoint: &mut Checkpoint, name: String, values: &[T]) {
        let values = self.spec.layout.unpack(values, self.spec.size());
        if let Some(tensor) = T::tensor(&self.spec.shape, &values) {
            checkpoint.insert(name, tensor);
        }
    }

    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), ModelsError> {
        let filling = self.spec.filling();
        for (i, name) in self.spec.names().into_iter().enumerate() {
            let values = self.spec.read(checkpoint, &name, filling[i])?;
            *(if i == 0 { &mut self.mean } else { &mut self.log_sd }) = values;
        }
        Ok(())
    }

    pub(super) fn load_moments(&mut self, checkpoint: &Checkpoint) -> Result<(), ModelsError> {
        for (i, name) in self.moment_names().into_iter().flatten().enumerate() {
            self.moments[i] = self.spec.read(checkpoint, &name, T::zero())?;
        }
        Ok(())
    }

    /// What Adam remembers before the first step.
    pub(super) fn begin_training(&mut self) {
        for (i, moments) in self.moments.iter_mut().enumerate() {
            *moments = vec![T::zero(); if i < 2 { self.mean.len() } else { self.log_sd.len() }];
        }
    }

    /// Puts the first moments in the place of means and log deviations.
    pub(super) fn become_gradient(&mut self) {
        let [by_mean, _, by_log_sd, _] = &mut self.moments;
        (self.mean, self.log_sd) = (std::mem::take(by_mean), std::mem::take(by_log_sd));
    }

    /// Draws the weights; gives what they cost, turned negative.
    pub(super) fn draw(&self, noise: &Noise<T>, level: Level, drawn: &mut Sampled<T>) -> f64 {
        drawn.weights.clear();
        if !self.spec.is_drawn() {
            drawn.weights.extend_from_slice(&self.mean);
            return -self.penalty(&self.mean);
        }
        drawn.noise.resize(self.mean.len(), T::zero());
        noise.fill(level, self.spec.stream, 0, &mut drawn.noise);
        drawn.weights.extend_from_slice(&drawn.noise);
        let prior = self.spec.filling::<T>()[0];
        let (mean, log_sd, weights) = (&self.mean[..], &self.log_sd[..], &mut drawn.weights[..]);
        let sums = sample(level, Draw { mean, log_sd, weights, prior });
        match self.spec.prior {
            Prior::Sampled(density) => {
                let mut noise_of = vec![T::zero(); self.mean.len()];
                noise.fill(level, SCALE_DIVERGENCE, 0, &mut noise_of);
                self.sampled_divergence(density, &noise_of)
            }
            Prior::Normal { sd, .. } => negative_divergence(sums, self.mean.len(), sd),
            _ => 0.0,
        }
    }

    /// The divergence from a prior that is not normal, turned negative, by a draw of its own.
    fn sampled_divergence(&self, density: ScaleDensity, noise: &[T]) -> f64 {
        let entropy = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).ln();
        let each = |i: usize| {
            let (mean, log_sd) = (self.mean[i].wide(), self.log_sd[i].wide());
            density.log_density(mean + log_sd.exp() * noise[i].wide()) + log_sd + entropy
        };
        self.places().map(each).sum()
    }

    /// What points cost.
    pub(super) fn penalty(&self, weights: &[T]) -> f64 {
        match self.spec.prior {
            Prior::Squares(factor) => factor * weights.iter().map(|w| w.wide() * w.wide()).sum::<f64>(),
            Prior::Density(density, factor) => {
                -factor * self.places().map(|i| density.log_density(weights[i].wide())).sum::<f64>()
            }
            Prior::Norms(factor) => factor * norms(self.spec.layout, weights),
            _ => 0.0,
        }
    }

    /// Where the tensor's own numbers lie, without what fills rows up.
    fn places(&self) -> impl Iterator<Item = usize> {
        let (length, width) = match self.spec.layout {
            Layout::Positions { length, .. } => (length, width(length)),
            _ => (1, 1),
        };
        (0..self.mean.len()).filter(move |i| i % width < length)
    }

    /// A step, from the likelihood's gradient by the drawn weights.
    pub(super) fn step(
        &mut self,
        gradient: &mut [T],
        drawn: &Sampled<T>,
        noise: &Noise<T>,
        (cost, rule, level): (f64, AdamRule<T>, Level),
    ) {
        if let Prior::Sampled(density) = self.spec.prior {
            return self.sampled_step(gradient, drawn, density, noise, (cost, rule, level));
        }
        let mut sd = vec![T::zero(); self.log_sd.len()];
        if self.spec.is_drawn() {
            let mut weights = vec![T::zero(); self.mean.len()];
            let draw =
                Draw { mean: &self.mean, log_sd: &self.log_sd, weights: &mut weights, prior: T::zero() };
            redraw(level, draw, &drawn.noise, &mut sd);
        }
        let (prior, layout) = (self.spec.prior, self.spec.layout);
        let moving = Moving { prior, layout, cost, noise: &drawn.noise, sd: &sd, rule, level };
        self.whole().step(gradient, &moving);
    }

    /// A step of posteriors whose divergence is drawn.
    fn sampled_step(
        &mut self,
        gradient: &mut [T],
        drawn: &Sampled<T>,
        density: ScaleDensity,
        noise: &Noise<T>,
        (cost, rule, level): (f64, AdamRule<T>, Level),
    ) {
        let mut own = vec![T::zero(); self.mean.len()];
        noise.fill(level, SCALE_DIVERGENCE, 0, &mut own);
        let mut by_log_sd = vec![T::zero(); self.mean.len()];
        for i in self.places() {
            let sd = self.log_sd[i].wide().exp();
            let slope = density.slope(self.mean[i].wide() + sd * own[i].wide());
            by_log_sd[i] = T::of(
                gradient[i].wide() * sd * drawn.noise[i].wide() + cost * (1.0 + slope * sd * own[i].wide()),
            );
            gradient[i] += T::of(cost * slope);
        }
        let [m1, m2, s1, s2] = &mut self.moments;
        adam(level, &mut self.mean, [m1, m2], gradient, rule);
        adam(level, &mut self.log_sd, [s1, s2], &by_log_sd, rule);
    }

    /// All of it.
    pub(super) fn whole(&mut self) -> Slice<'_, T> {
        let [m1, m2, s1, s2] = &mut self.moments;
        Slice { mean: &mut self.mean, log_sd: &mut self.log_sd, moments: [m1, m2, s1, s2] }
    }

    /// Its parts of so many numbers.
    pub(super) fn slices(&mut self, n: usize) -> impl Iterator<Item = Slice<'_, T>> {
        self.whole().split(n)
    }
}

/// Parts of a list that may be empty.
fn cut<T>(values: &mut [T], n: usize) -> impl Iterator<Item = &mut [T]> {
    values.chunks_mut(n).chain(std::iter::repeat_with(|| &mut [][..]))
}

/// The norms of each unit's weights at each position, added up.
fn norms<T: Lane>(layout: Layout, weights: &[T]) -> f64 {
    let Layout::Positions { length, channels, .. } = layout else { return 0.0 };
    let width = width(length);
    let norm = |unit: &[T], at: usize| {
        let squares = unit.iter().skip(at).step_by(width).map(|w| w.wide() * w.wide());
        (squares.sum::<f64>() + LEAST_NORM).sqrt()
    };
    let units = weights.chunks_exact(channels * width);
    units.map(|unit| (0..length).map(|at| norm(unit, at)).sum::<f64>()).sum()
}

/// Adds the gradient of minus `factor` times the norms.
fn add_norm_slopes<T: Lane>(layout: Layout, weights: &[T], factor: f64, gradient: &mut [T]) {
    let Layout::Positions { length, channels, .. } = layout else { return };
    let width = width(length);
    let mut squares = vec![0.0; width];
    let units = weights.chunks_exact(channels * width).zip(gradient.chunks_exact_mut(channels * width));
    for (unit, gradient) in units {
        squares.fill(LEAST_NORM);
        for row in unit.chunks_exact(width) {
            squares.iter_mut().zip(row).for_each(|(sum, w)| *sum += w.wide() * w.wide());
        }
        for (row, gradient) in unit.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            for ((g, w), square) in gradient.iter_mut().zip(row).zip(&squares) {
                *g -= T::of(factor * w.wide() / square.sqrt());
            }
        }
    }
}

impl<'a, T: Lane> Slice<'a, T> {
    /// Its parts of so many numbers.
    pub(super) fn split(self, n: usize) -> impl Iterator<Item = Slice<'a, T>> {
        let Self { mean, log_sd, moments: [m1, m2, s1, s2] } = self;
        let means = mean.chunks_mut(n).zip(cut(m1, n).zip(cut(m2, n)));
        let deviations = cut(log_sd, n).zip(cut(s1, n).zip(cut(s2, n)));
        means.zip(deviations).map(|((mean, (m1, m2)), (log_sd, (s1, s2)))| Slice {
            mean,
            log_sd,
            moments: [m1, m2, s1, s2],
        })
    }

    /// A step, from the likelihood's gradient by the drawn weights.
    pub(super) fn step(self, gradient: &mut [T], moving: &Moving<'_, T>) {
        let Moving { prior, layout, cost, noise, sd, rule, level } = *moving;
        let Self { mean, log_sd, moments: [m1, m2, s1, s2] } = self;
        match prior {
            Prior::Normal { mean: prior, sd: prior_sd } => {
                let step = GaussianStep {
                    mean: &mut *mean,
                    log_sd: &mut *log_sd,
                    moments: [m1, m2, s1, s2],
                    gradient,
                    noise,
                    sd,
                    prior: T::of(prior),
                    precision: T::of(1.0 / (prior_sd * prior_sd)),
                    cost: T::of(cost),
                };
                adam_gaussian(level, step, rule);
                // The rounded deviation of the prior is not quite where its divergence is least.
                layout.fill(mean, T::of(prior));
                layout.fill(log_sd, T::of(prior_sd.ln()));
                return;
            }
            Prior::Squares(factor) => {
                let slope = T::of(-2.0 * cost * factor);
                gradient.iter_mut().zip(&*mean).for_each(|(g, w)| *g += slope * *w);
            }
            Prior::Density(density, factor) => {
                let slopes = mean.iter().map(|w| T::of(cost * factor * density.slope(w.wide())));
                gradient.iter_mut().zip(slopes).for_each(|(g, slope)| *g += slope);
                layout.fill(gradient, T::zero());
            }
            Prior::Norms(factor) => add_norm_slopes(layout, mean, cost * factor, gradient),
            Prior::Free | Prior::Sampled(_) => {}
        }
        adam(level, mean, [m1, m2], gradient, rule);
    }
}
