use candle_core::bail;
use rayon::prelude::*;

use super::Real;
use super::kernel::{Kernel, View, apply, compute};
use super::tensor::{Raw, RawResult, Tensor};
use super::vector::vectorised;
use crate::ModelsError;

/// How a pool walks over positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// The positions of a window.
    pub kernel: usize,
    /// The distance of neighbouring windows.
    pub stride: usize,
    /// Positions added before the first and after the last, at most half a window: 0 for a mean, never the largest.
    pub padding: usize,
}

/// What a pool makes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The largest value; the gradient goes to the first of equal ones, NaN is larger than all.
    Max,
    /// The sum over the window's length; padding counts as 0.
    Mean,
}

impl PoolShape {
    /// Windows side by side.
    pub const fn tiles(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0 }
    }

    fn check(self, x: &[usize]) -> RawResult<[usize; 4]> {
        let Self { kernel, stride, padding } = self;
        let &[batch, length, channels] = x else { bail!("a pool takes an input of three axes, got {x:?}") };
        let room = (length + 2 * padding).checked_sub(kernel);
        match room {
            Some(room) if kernel > 0 && stride > 0 && 2 * padding <= kernel && channels > 0 => {
                Ok([batch, length, channels, room / stride + 1])
            }
            _ => bail!("a pool {self:?} takes no input of shape {x:?}"),
        }
    }

    /// The positions of window `i`, without padding.
    pub(super) fn window(self, i: usize, length: usize) -> std::ops::Range<usize> {
        let start = i * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(length)
    }
}

/// A pool over positions: x (B, L, C).
pub(super) struct Pooling(pub(super) Pool, pub(super) PoolShape);

/// Its gradient, from x and the gradient of the result.
struct PoolingGradient(Pool, PoolShape);

impl Kernel<1> for Pooling {
    const NAME: &'static str = "pool";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        let [batch, _, channels, out_length] = self.1.check(x)?;
        Ok(vec![batch, out_length, channels])
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let [_, length, channels, out_length] = self.1.check(x.dims)?;
        let scale = T::of(1.0 / self.1.kernel as f64);
        let item = |(x, out): (&[T], &mut [T])| {
            vectorised(
                #[inline(always)]
                || {
                    for (i, out) in out.chunks_exact_mut(channels).enumerate() {
                        let window = self.1.window(i, length);
                        let mut rows =
                            x[window.start * channels..window.end * channels].chunks_exact(channels);
                        rows.by_ref().take(1).for_each(|row| out.copy_from_slice(row));
                        match self.0 {
                            Pool::Max => {
                                for row in rows {
                                    larger(out, row);
                                }
                            }
                            Pool::Mean => {
                                for row in rows {
                                    out.iter_mut().zip(row).for_each(|(out, x)| *out += *x);
                                }
                                for out in out {
                                    *out *= scale;
                                }
                            }
                        }
                    }
                },
            );
        };
        if out_length * channels > 0 {
            let items = x.values.par_chunks_exact((length * channels).max(1));
            items.zip(out.par_chunks_exact_mut(out_length * channels)).for_each(item);
        }
        Ok(())
    }

    fn backward(&self, _: [bool; 1], [x]: [&Raw; 1], _: &Raw, gradient: &Raw) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&PoolingGradient(self.0, self.1), [x, gradient])?)])
    }

    /// Each of a window's positions in turn, as slices of the whole input.
    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        let PoolShape { kernel, stride, padding } = self.1;
        let [batch, _, channels, out_length] = self.1.check(x.dims())?;
        let outside = match self.0 {
            Pool::Max => f64::NEG_INFINITY,
            Pool::Mean => 0.0,
        };
        let pad = |rows: usize| Raw::full(outside, (batch, rows, channels), x.device())?.to_dtype(x.dtype());
        let x = Raw::cat(&[&pad(padding)?, x, &pad(padding + stride)?], 1)?;
        let mut best: Option<Raw> = None;
        for offset in 0..kernel {
            let seen = x.narrow(1, offset, out_length * stride)?.contiguous()?;
            let seen = seen.reshape((batch, out_length, stride, channels))?.narrow(2, 0, 1)?.squeeze(2)?;
            best = Some(match (best, self.0) {
                (None, _) => seen,
                (Some(best), Pool::Max) => seen.gt(&best)?.where_cond(&seen, &best)?,
                (Some(sum), Pool::Mean) => (sum + seen)?,
            });
        }
        match (best, self.0) {
            (Some(best), Pool::Max) => Ok(best),
            (Some(sum), Pool::Mean) => sum.affine(1.0 / kernel as f64, 0.0),
            (None, _) => bail!("a pool over no positions"),
        }
    }
}

/// Keeps the larger of each pair.
#[inline(always)]
fn larger<T: Real>(best: &mut [T], row: &[T]) {
    for (best, x) in best.iter_mut().zip(row) {
        *best = if *x > *best || x.is_nan() { *x } else { *best };
    }
}

impl Kernel<2> for PoolingGradient {
    const NAME: &'static str = "gradient of a pool";

    fn shape(&self, [x, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    fn compute<T: Real>(&self, [x, gradient]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let [_, length, channels, out_length] = self.1.check(x.dims)?;
        if out_length * channels * length == 0 {
            return Ok(());
        }
        let items = x.values.par_chunks_exact(length * channels);
        let gradients = gradient.values.par_chunks_exact(out_length * channels);
        let outs = out.par_chunks_exact_mut(length * channels);
        items.zip(gradients).zip(outs).for_each(|((x, gradient), out)| {
            vectorised(
                #[inline(always)]
                || match self.0 {
                    Pool::Max => self.1.spread_to_largest(x, gradient, channels, out),
                    Pool::Mean => self.1.spread_evenly(gradient, channels, out),
                },
            );
        });
        Ok(())
    }
}

impl PoolShape {
    pub(super) fn spread_evenly<T: Real>(self, gradient: &[T], channels: usize, out: &mut [T]) {
        let scale = T::of(1.0 / self.kernel as f64);
        let length = out.len() / channels;
        for (i, gradient) in gradient.chunks_exact(channels).enumerate() {
            let window = self.window(i, length);
            for row in out[window.start * channels..window.end * channels].chunks_exact_mut(channels) {
                for (out, g) in row.iter_mut().zip(gradient) {
                    *out += *g * scale;
                }
            }
        }
    }

    fn spread_to_largest<T: Real>(self, x: &[T], gradient: &[T], channels: usize, out: &mut [T]) {
        let length = out.len() / channels;
        let mut best = vec![T::zero(); channels];
        let mut at = vec![0_usize; channels];
        for (i, gradient) in gradient.chunks_exact(channels).enumerate() {
            let window = self.window(i, length);
            best.copy_from_slice(&x[window.start * channels..(window.start + 1) * channels]);
            at.fill(window.start);
            for position in window.skip(1) {
                let row = &x[position * channels..(position + 1) * channels];
                for ((best, at), x) in best.iter_mut().zip(&mut at).zip(row) {
                    if *x > *best || x.is_nan() {
                        (*best, *at) = (*x, position);
                    }
                }
            }
            for (channel, (at, gradient)) in at.iter().zip(gradient).enumerate() {
                out[at * channels + channel] += *gradient;
            }
        }
    }
}

impl Tensor {
    /// A pool over positions: (B, L, C) to (B, L', C). An incomplete last window is left out.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn pool(&self, pool: Pool, shape: PoolShape) -> Result<Self, ModelsError> {
        Ok(apply(Pooling(pool, shape), [self])?)
    }
}
