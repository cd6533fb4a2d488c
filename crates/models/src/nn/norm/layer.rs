use candle_core::{D, bail};

use super::super::Real;
use super::super::kernel::{Kernel, View, apply, compute};
use super::super::linear::ColumnSums;
use super::super::tensor::{Raw, RawResult, Tensor, rows_and_width};
use super::super::vector::{for_row_blocks, lane_sum, lane_sum2};
use crate::ModelsError;

/// x (…, C), scale (C), shift (C): each row by its own mean and deviation, then scaled and shifted.
pub(in super::super) struct LayerNorm {
    pub(in super::super) epsilon: f64,
}

/// Its gradient by x, from x, the gradient and the scale.
struct LayerNormByInput {
    epsilon: f64,
}

/// Gradient times normalised x, whose column sums are the gradient by the scale.
struct LayerNormProduct {
    epsilon: f64,
}

/// The mean of a row and the inverse of its deviation.
#[inline(always)]
fn centre<T: Real>(row: &[T], epsilon: f64) -> (T, T) {
    let count = T::of(row.len() as f64);
    let mean = lane_sum(row, |x| x) / count;
    let variance = lane_sum(row, |x| (x - mean) * (x - mean)) / count;
    (mean, T::one() / (variance + T::of(epsilon)).sqrt())
}

impl Kernel<3> for LayerNorm {
    const NAME: &'static str = "layer normalisation";

    fn shape(&self, [x, scale, shift]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        let (_, width) = rows_and_width(x);
        if width == 0 || scale != [width] || shift != [width] {
            bail!("layer normalisation of {scale:?} and {shift:?} channels takes no input of shape {x:?}");
        }
        Ok(x.to_vec())
    }

    fn compute<T: Real>(&self, [x, scale, shift]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        let (_, width) = rows_and_width(x.dims);
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                let rows = x.values[first * width..].chunks_exact(width);
                for (row, out) in rows.zip(out.chunks_exact_mut(width)) {
                    let (mean, inverse) = centre(row, self.epsilon);
                    let channels = scale.values.iter().zip(shift.values);
                    for ((out, x), (scale, shift)) in out.iter_mut().zip(row).zip(channels) {
                        *out = (*x - mean) * inverse * *scale + *shift;
                    }
                }
            },
        );
        Ok(())
    }

    fn backward(
        &self,
        [by_x, by_scale, by_shift]: [bool; 3],
        [x, scale, _]: [&Raw; 3],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 3]> {
        let epsilon = self.epsilon;
        let gradient_by_x = || compute(&LayerNormByInput { epsilon }, [x, gradient, scale]);
        let gradient_by_scale =
            || compute(&ColumnSums, [&compute(&LayerNormProduct { epsilon }, [x, gradient])?]);
        Ok([
            by_x.then(gradient_by_x).transpose()?,
            by_scale.then(gradient_by_scale).transpose()?,
            by_shift.then(|| compute(&ColumnSums, [gradient])).transpose()?,
        ])
    }

    fn composed(&self, [x, scale, shift]: [&Raw; 3]) -> RawResult<Raw> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
        centred.broadcast_div(&deviation)?.broadcast_mul(scale)?.broadcast_add(shift)
    }
}

impl Kernel<3> for LayerNormByInput {
    const NAME: &'static str = "gradient of layer normalisation by its input";

    fn shape(&self, [x, _, _]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    /// With h = γ g and x̂ = (x - μ) / σ: (h - mean h - x̂ mean(h x̂)) / σ.
    fn compute<T: Real>(&self, [x, gradient, scale]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        let (_, width) = rows_and_width(x.dims);
        let count = T::of(width as f64);
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                let (x, gradient) = (&x.values[first * width..], &gradient.values[first * width..]);
                let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
                for ((x, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
                    let (mean, inverse) = centre(x, self.epsilon);
                    for ((out, g), scale) in out.iter_mut().zip(gradient).zip(scale.values) {
                        *out = *g * *scale;
                    }
                    let mean_scaled = lane_sum(out, |h| h) / count;
                    let mean_product = lane_sum2(out, x, |h, x| h * (x - mean) * inverse) / count;
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = (*out - mean_scaled - (*x - mean) * inverse * mean_product) * inverse;
                    }
                }
            },
        );
        Ok(())
    }
}

impl Kernel<2> for LayerNormProduct {
    const NAME: &'static str = "gradient of layer normalisation by its scale";

    fn shape(&self, [x, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    fn compute<T: Real>(&self, [x, gradient]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (_, width) = rows_and_width(x.dims);
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                let (x, gradient) = (&x.values[first * width..], &gradient.values[first * width..]);
                let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
                for ((x, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
                    let (mean, inverse) = centre(x, self.epsilon);
                    let pairs = x.iter().zip(gradient);
                    for (out, (x, g)) in out.iter_mut().zip(pairs) {
                        *out = (*x - mean) * inverse * *g;
                    }
                }
            },
        );
        Ok(())
    }
}

impl Tensor {
    /// Layer normalisation over the last axis: x (…, C), scale (C), shift (C).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn layer_norm(&self, scale: &Self, shift: &Self, epsilon: f64) -> Result<Self, ModelsError> {
        Ok(apply(LayerNorm { epsilon }, [self, scale, shift])?)
    }
}
