use candle_core::{D, bail};

use super::Real;
use super::kernel::{Kernel, View, apply, compute};
use super::tensor::{Raw, RawResult, Tensor, rows_and_width, sum_last};
use super::vector::{for_row_blocks, lane_sum, lane_sum2};
use crate::ModelsError;

/// eˣ / Σ eˣ over the last axis.
pub(super) struct Softmax;

/// x - ln Σ eˣ over the last axis.
pub(super) struct LogSoftmax;

/// The gradient by the logits, from the result and its gradient.
struct SoftmaxGradient {
    log: bool,
}

/// The width of rows of bases. They are so many and so short that their loops are compiled for this width.
pub(super) const BASES: usize = 4;

/// The largest value of a row. NaN may be passed over: what is less than it by NaN is NaN, and so is the row's sum.
#[inline(always)]
fn largest<T: Real>(row: &[T]) -> T {
    let mut best = row.first().copied().unwrap_or_else(T::zero);
    for &x in row {
        best = if x > best { x } else { best };
    }
    best
}

/// Each row minus its largest value.
#[inline(always)]
pub(super) fn centred<T: Real>(x: &[T], width: usize, out: &mut [T]) {
    for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let top = largest(row);
        for (out, x) in out.iter_mut().zip(row) {
            *out = *x - top;
        }
    }
}

/// The softmax of each row, in place. The exponentials are taken over all rows at once: rows can be short.
#[inline(always)]
pub(super) fn softmax_rows<T: Real>(x: &[T], width: usize, out: &mut [T]) {
    if width == BASES { softmax_rows_of(x, BASES, out) } else { softmax_rows_of(x, width, out) }
}

#[inline(always)]
fn softmax_rows_of<T: Real>(x: &[T], width: usize, out: &mut [T]) {
    centred(x, width, out);
    for x in out.iter_mut() {
        *x = x.exponential();
    }
    for row in out.chunks_exact_mut(width) {
        let inverse = T::one() / lane_sum(row, |x| x);
        for x in row {
            *x *= inverse;
        }
    }
}

fn same_shape(x: &[usize]) -> RawResult<Vec<usize>> {
    match x {
        [.., width] if *width > 0 => Ok(x.to_vec()),
        _ => bail!("softmax takes no input of shape {x:?}"),
    }
}

impl Kernel<1> for Softmax {
    const NAME: &'static str = "softmax";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        same_shape(x)
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let (_, width) = rows_and_width(x.dims);
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                softmax_rows(&x.values[first * width..][..out.len()], width, out);
            },
        );
        Ok(())
    }

    fn backward(
        &self,
        _: [bool; 1],
        _: [&Raw; 1],
        output: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&SoftmaxGradient { log: false }, [output, gradient])?)])
    }

    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        LogSoftmax.composed([x])?.exp()
    }
}

impl Kernel<1> for LogSoftmax {
    const NAME: &'static str = "log-softmax";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        same_shape(x)
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let (_, width) = rows_and_width(x.dims);
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                centred(&x.values[first * width..][..out.len()], width, out);
                for row in out.chunks_exact_mut(width) {
                    let log = lane_sum(row, Real::exponential).ln();
                    for x in row {
                        *x -= log;
                    }
                }
            },
        );
        Ok(())
    }

    fn backward(
        &self,
        _: [bool; 1],
        _: [&Raw; 1],
        output: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&SoftmaxGradient { log: true }, [output, gradient])?)])
    }

    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        // The largest value is a constant: its own gradient, wrong at ties, would cancel out.
        let shifted = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?;
        shifted.broadcast_sub(&sum_last(&shifted.exp()?)?.log()?)
    }
}

impl Kernel<2> for SoftmaxGradient {
    const NAME: &'static str = "gradient of softmax";

    fn shape(&self, [output, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(output.to_vec())
    }

    fn compute<T: Real>(&self, [output, gradient]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (_, width) = rows_and_width(output.dims);
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                let results = output.values[first * width..].chunks_exact(width);
                let gradients = gradient.values[first * width..].chunks_exact(width);
                for ((y, gradient), out) in results.zip(gradients).zip(out.chunks_exact_mut(width)) {
                    let pairs = || gradient.iter().zip(y);
                    if self.log {
                        let sum = lane_sum(gradient, |g| g);
                        for (out, (g, y)) in out.iter_mut().zip(pairs()) {
                            *out = *g - y.exponential() * sum;
                        }
                    } else {
                        let sum = lane_sum2(gradient, y, |g, y| g * y);
                        for (out, (g, y)) in out.iter_mut().zip(pairs()) {
                            *out = *y * (*g - sum);
                        }
                    }
                }
            },
        );
        Ok(())
    }
}

impl Tensor {
    /// eˣ / Σ eˣ over the last axis.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the last axis is empty or the device fails.
    pub fn softmax(&self) -> Result<Self, ModelsError> {
        Ok(apply(Softmax, [self])?)
    }

    /// x - ln Σ eˣ over the last axis.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the last axis is empty or the device fails.
    pub fn log_softmax(&self) -> Result<Self, ModelsError> {
        Ok(apply(LogSoftmax, [self])?)
    }
}
