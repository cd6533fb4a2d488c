use candle_core::bail;
use rayon::prelude::*;

use super::Real;
use super::activation::{Activation, softplus};
use super::kernel::{Kernel, View, apply, compute};
use super::softmax::{BASES, LogSoftmax, centred, softmax_rows};
use super::tensor::{Raw, RawResult, Tensor, constant, rows_and_width, sum_last};
use super::vector::{PIECE, for_row_blocks, lane_sum, lane_sum2, map2, sum2, vectorised};
use crate::ModelsError;

/// What a prediction costs against its target, as a mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Over rows of logits (…, K) with the classes' probabilities (…, K): -Σ t ln softmax(z), mean over rows.
    CrossEntropy,
    /// Over logits with targets in 0..=1: -t ln σ(z) - (1 - t) ln(1 - σ(z)), finite for every logit.
    BinaryCrossEntropy,
    /// (z - t)².
    SquaredError,
    /// Over rates with counts: z - t ln z, the logarithm of no less than 1e-20, as enformer-pytorch.
    Poisson,
    /// Over logarithms of rates with counts: eᶻ - t z.
    PoissonOfLog,
    /// Over rows of rates (…, K) along positions with counts: the Poisson loss of each row's total, over K, plus
    /// `weight` times the multinomial loss -Σ t ln(z / Σ z), over K; mean over rows (Borzoi, doi:10.1038/s41588-024-02053-6).
    PoissonMultinomial {
        /// The weight of the multinomial part.
        weight: f64,
    },
}

/// The least rate whose logarithm is taken.
const LEAST_RATE: f64 = 1e-20;

/// ∂ loss / ∂ z, times the gradient of the loss.
struct LossGradient(Loss);

/// The sum of all values.
struct Sum;

/// One value in a given shape.
struct Spread(Vec<usize>);

impl Loss {
    fn is_by_row(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::PoissonMultinomial { .. })
    }

    /// The number of things that the mean is over.
    fn count(self, dims: &[usize]) -> usize {
        if self.is_by_row() { rows_and_width(dims).0 } else { dims.iter().product() }
    }
}

fn check_shapes(z: &[usize], target: &[usize]) -> RawResult<()> {
    if z != target || z.iter().product::<usize>() == 0 || z.is_empty() {
        bail!("a loss takes a prediction and a target of one shape, got {z:?} and {target:?}");
    }
    Ok(())
}

/// The sum over rows of `row(prediction, target, scratch)`, in `f64` over pieces of a fixed size.
fn sum_rows<T: Real>(
    z: &[T],
    target: &[T],
    width: usize,
    block: impl Fn(&[T], &[T], &mut [T]) -> f64 + Sync,
) -> f64 {
    let length = (PIECE / width).max(1) * width;
    let pieces = z.par_chunks(length).zip(target.par_chunks(length));
    let sum = |scratch: &mut Vec<T>, (z, target): (&[T], &[T])| {
        scratch.resize(z.len(), T::zero());
        vectorised(
            #[inline(always)]
            || block(z, target, scratch),
        )
    };
    let parts: Vec<f64> = pieces.map_init(Vec::new, sum).collect();
    parts.into_iter().sum()
}

/// Turns the softmax of each row into the slopes of its cross-entropy.
#[inline(always)]
fn cross_entropy_slopes<T: Real>(target: &[T], width: usize, scale: T, out: &mut [T]) {
    for (row, target) in out.chunks_exact_mut(width).zip(target.chunks_exact(width)) {
        let total = lane_sum(target, |t| t);
        for (p, t) in row.iter_mut().zip(target) {
            *p = (*p * total - *t) * scale;
        }
    }
}

#[inline(always)]
fn cross_entropy_rows<T: Real>(z: &[T], target: &[T], width: usize, scratch: &mut [T]) -> f64 {
    if width == BASES {
        cross_entropy_rows_of(z, target, BASES, scratch)
    } else {
        cross_entropy_rows_of(z, target, width, scratch)
    }
}

#[inline(always)]
fn cross_entropy_rows_of<T: Real>(z: &[T], target: &[T], width: usize, scratch: &mut [T]) -> f64 {
    centred(z, width, scratch);
    let linear = lane_sum2(scratch, target, |z, t| z * t).wide();
    for z in scratch.iter_mut() {
        *z = z.exponential();
    }
    let rows = scratch.chunks_exact(width).zip(target.chunks_exact(width));
    let logs = rows.map(|(row, target)| lane_sum(row, |x| x).ln().wide() * lane_sum(target, |t| t).wide());
    logs.sum::<f64>() - linear
}

#[inline(always)]
fn log_rate<T: Real>(rate: T) -> T {
    let least = T::of(LEAST_RATE);
    (if rate < least { least } else { rate }).ln()
}

#[inline(always)]
fn poisson_multinomial_rows<T: Real>(z: &[T], target: &[T], width: usize, weight: f64) -> f64 {
    let rows = z.chunks_exact(width).zip(target.chunks_exact(width));
    let row = |(z, target): (&[T], &[T])| {
        let (total, counts) = (lane_sum(z, |z| z), lane_sum(target, |t| t));
        let poisson = (total - counts * log_rate(total)).wide();
        let log_total = log_rate(total);
        let multinomial = -lane_sum2(z, target, |z, t| t * (log_rate(z) - log_total)).wide();
        (poisson + weight * multinomial) / width as f64
    };
    rows.map(row).sum()
}

impl Kernel<2> for Loss {
    const NAME: &'static str = "loss";

    fn shape(&self, [z, target]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        check_shapes(z, target)?;
        Ok(Vec::new())
    }

    fn compute<T: Real>(&self, [z, target]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (width, count) = (rows_and_width(z.dims).1, self.count(z.dims) as f64);
        let (z, target) = (z.values, target.values);
        let sum = match *self {
            Self::CrossEntropy => sum_rows(
                z,
                target,
                width,
                #[inline(always)]
                |z, target, scratch| cross_entropy_rows(z, target, width, scratch),
            ),
            Self::BinaryCrossEntropy => sum2(z, target, |z, t| softplus(z) - t * z),
            Self::SquaredError => sum2(z, target, |z, t| (z - t) * (z - t)),
            Self::Poisson => sum2(z, target, |z, t| z - t * log_rate(z)),
            Self::PoissonOfLog => sum2(z, target, |z, t| z.exponential() - t * z),
            Self::PoissonMultinomial { weight } => sum_rows(
                z,
                target,
                width,
                #[inline(always)]
                |z, target, _| poisson_multinomial_rows(z, target, width, weight),
            ),
        };
        out.fill(T::of(sum / count));
        Ok(())
    }

    fn backward(
        &self,
        [_, by_target]: [bool; 2],
        [z, target]: [&Raw; 2],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 2]> {
        if by_target {
            bail!("a target that depends on parameters");
        }
        Ok([Some(compute(&LossGradient(*self), [z, target, gradient])?), None])
    }

    fn composed(&self, [z, target]: [&Raw; 2]) -> RawResult<Raw> {
        check_shapes(z.dims(), target.dims())?;
        let log = |rate: &Raw| rate.maximum(&constant(rate, LEAST_RATE)?.broadcast_as(rate.shape())?)?.log();
        let width = rows_and_width(z.dims()).1 as f64;
        let each = match *self {
            Self::CrossEntropy => sum_last(&LogSoftmax.composed([z])?.mul(target)?)?.neg()?,
            Self::BinaryCrossEntropy => Activation::Softplus.composed([z])?.sub(&target.mul(z)?)?,
            Self::SquaredError => z.sub(target)?.sqr()?,
            Self::Poisson => z.sub(&target.mul(&log(z)?)?)?,
            Self::PoissonOfLog => z.exp()?.sub(&target.mul(z)?)?,
            Self::PoissonMultinomial { weight } => {
                let (total, counts) = (sum_last(z)?, sum_last(target)?);
                let log_total = log(&total)?;
                let poisson = total.sub(&counts.mul(&log_total)?)?;
                let multinomial = sum_last(&target.mul(&log(z)?.broadcast_sub(&log_total)?)?)?;
                poisson.sub(&multinomial.affine(weight, 0.0)?)?.affine(1.0 / width, 0.0)?
            }
        };
        each.mean_all()
    }
}

impl Kernel<3> for LossGradient {
    const NAME: &'static str = "gradient of a loss";

    fn shape(&self, [z, _, _]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        Ok(z.to_vec())
    }

    fn compute<T: Real>(&self, [z, target, gradient]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        let width = rows_and_width(z.dims).1;
        let outer = gradient.values.iter().copied().sum::<T>().wide();
        let scale = T::of(outer / self.0.count(z.dims) as f64);
        let (z, target) = (z.values, target.values);
        match self.0 {
            Loss::CrossEntropy => for_row_blocks(
                out,
                width,
                #[inline(always)]
                |first, out| {
                    let (start, end) = (first * width, first * width + out.len());
                    softmax_rows(&z[start..end], width, out);
                    if width == BASES {
                        cross_entropy_slopes(&target[start..end], BASES, scale, out);
                    } else {
                        cross_entropy_slopes(&target[start..end], width, scale, out);
                    }
                },
            ),
            Loss::BinaryCrossEntropy => map2(z, target, out, |z, t| (z.logistic() - t) * scale),
            Loss::SquaredError => map2(z, target, out, |z, t| (z - t) * (scale + scale)),
            Loss::Poisson => map2(z, target, out, |z, t| (T::one() - t * log_rate_slope(z)) * scale),
            Loss::PoissonOfLog => map2(z, target, out, |z, t| (z.exponential() - t) * scale),
            Loss::PoissonMultinomial { weight } => {
                let (weight, scale) = (T::of(weight), scale * T::of(1.0 / width as f64));
                for_row_blocks(
                    out,
                    width,
                    #[inline(always)]
                    |first, out| {
                        let rows = z[first * width..]
                            .chunks_exact(width)
                            .zip(target[first * width..].chunks_exact(width));
                        for ((z, target), out) in rows.zip(out.chunks_exact_mut(width)) {
                            let (total, counts) = (lane_sum(z, |z| z), lane_sum(target, |t| t));
                            let shared = T::one() - counts * log_rate_slope(total)
                                + weight * counts * log_rate_slope(total);
                            let pairs = z.iter().zip(target);
                            out.iter_mut().zip(pairs).for_each(|(out, (z, t))| {
                                *out = (shared - weight * *t * log_rate_slope(*z)) * scale;
                            });
                        }
                    },
                );
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn log_rate_slope<T: Real>(rate: T) -> T {
    if rate < T::of(LEAST_RATE) { T::zero() } else { T::one() / rate }
}

impl Kernel<1> for Sum {
    const NAME: &'static str = "sum";

    fn shape(&self, _: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        Ok(Vec::new())
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let sum = sum2(x.values, x.values, |x, _| x);
        out.fill(T::of(sum));
        Ok(())
    }

    fn backward(&self, _: [bool; 1], [x]: [&Raw; 1], _: &Raw, gradient: &Raw) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&Spread(x.dims().to_vec()), [gradient])?)])
    }

    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        x.sum_all()
    }
}

impl Kernel<1> for Spread {
    const NAME: &'static str = "gradient of a sum";

    fn shape(&self, _: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        Ok(self.0.clone())
    }

    fn compute<T: Real>(&self, [gradient]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        out.fill(gradient.values.iter().copied().sum());
        Ok(())
    }
}

impl Tensor {
    /// A loss of this prediction against a target of the same shape, as a tensor of one number.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the shapes differ or are empty, or the device fails.
    pub fn loss(&self, target: &Self, loss: Loss) -> Result<Self, ModelsError> {
        Ok(apply(loss, [self, target])?)
    }

    /// The sum of all values, added up in `f64`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn sum(&self) -> Result<Self, ModelsError> {
        Ok(apply(Sum, [self])?)
    }
}
