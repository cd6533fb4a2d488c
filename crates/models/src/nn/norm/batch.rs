use candle_core::bail;

use super::super::Real;
use super::super::kernel::{Kernel, View, apply, compute};
use super::super::linear::ColumnSums;
use super::super::tensor::{Raw, RawResult, Tensor, rows_and_width, with_values};
use super::super::vector::{column_sums2, for_row_blocks};
use crate::ModelsError;

/// Each channel's mean and variance over all rows, in `f64`.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Statistics {
    pub(in super::super) rows: usize,
    pub(in super::super) mean: Vec<f64>,
    /// The mean square of the deviation.
    pub(in super::super) variance: Vec<f64>,
}

impl Statistics {
    fn of(x: &Raw) -> RawResult<Self> {
        if x.dtype() == candle_core::DType::F64 {
            with_values::<f64, _>(x, |values| Self::of_values(values, rows_and_width(x.dims()).1))
        } else {
            with_values::<f32, _>(x, |values| Self::of_values(values, rows_and_width(x.dims()).1))
        }
    }

    fn of_values<T: Real>(values: &[T], width: usize) -> Self {
        let rows = values.len() / width.max(1);
        let share = |sums: Vec<f64>| sums.into_iter().map(|sum| sum / rows as f64).collect::<Vec<f64>>();
        let mean = share(column_sums2(values, values, width, |_, x, _| x));
        let centre: Vec<T> = mean.iter().map(|&mean| T::of(mean)).collect();
        let square = |i: usize, x: T, _| (x - centre[i]) * (x - centre[i]);
        Self { rows, variance: share(column_sums2(values, values, width, square)), mean }
    }

    /// 1 / √(variance + ε).
    fn inverse(&self, epsilon: f64) -> Vec<f64> {
        self.variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect()
    }
}

/// x (…, C), scale (C), shift (C): each channel by its mean and deviation over this batch, then scaled and shifted.
pub(in super::super) struct BatchNorm {
    mean: Vec<f64>,
    inverse: Vec<f64>,
    epsilon: f64,
}

impl BatchNorm {
    pub(in super::super) fn new(x: &Raw, epsilon: f64) -> RawResult<(Self, Statistics)> {
        let statistics = Statistics::of(&x.to_device(&candle_core::Device::Cpu)?)?;
        Ok((
            Self { mean: statistics.mean.clone(), inverse: statistics.inverse(epsilon), epsilon },
            statistics,
        ))
    }

    fn sums(&self, x: &Raw, gradient: &Raw) -> RawResult<GradientSums> {
        match x.dtype() {
            candle_core::DType::F64 => self.sums_of::<f64>(x, gradient),
            _ => self.sums_of::<f32>(x, gradient),
        }
    }

    fn sums_of<T: Real>(&self, x: &Raw, gradient: &Raw) -> RawResult<GradientSums> {
        let (mean, inverse): (Vec<T>, Vec<T>) = (narrowed(self.mean.clone()), narrowed(self.inverse.clone()));
        let sums = |x: &[T], gradient: &[T]| GradientSums {
            gradient: column_sums2(x, gradient, mean.len(), |_, _, g| g),
            product: column_sums2(x, gradient, mean.len(), |i, x, g| (x - mean[i]) * inverse[i] * g),
        };
        with_values::<T, _>(x, |x| with_values::<T, _>(gradient, |gradient| sums(x, gradient)))?
    }
}

/// Each channel's sums over all rows: the gradients by shift and scale.
struct GradientSums {
    /// Of the gradient.
    gradient: Vec<f64>,
    /// Of the gradient times the normalised x.
    product: Vec<f64>,
}

/// Its gradient by x, from x, the gradient and the scale.
struct BatchNormByInput {
    mean: Vec<f64>,
    inverse: Vec<f64>,
    sums: GradientSums,
}

/// x · scale + shift, channel by channel.
pub(in super::super) struct ScaleShift;

/// The gradients of [`ScaleShift`] by x (gradient, scale) and by the scale (x, gradient).
struct ScaleShiftByInput;
struct ScaleShiftByScale;

/// The batch normalised by its own statistics, and those.
pub(in super::super) fn normalised_batch(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    epsilon: f64,
) -> Result<(Tensor, Statistics), ModelsError> {
    let (kernel, statistics) = BatchNorm::new(&x.raw, epsilon)?;
    if statistics.rows < 2 {
        return Err(ModelsError::Data {
            set: "training",
            problem: format!("batch normalisation takes at least 2 rows to train, got {}", statistics.rows),
        });
    }
    Ok((apply(kernel, [x, scale, shift])?, statistics))
}

fn check_channels(x: &[usize], others: [&[usize]; 2]) -> RawResult<Vec<usize>> {
    let (_, width) = rows_and_width(x);
    match others {
        [&[scale], &[shift]] if scale == width && shift == width => Ok(x.to_vec()),
        _ => bail!("normalisation of {others:?} channels takes no input of shape {x:?}"),
    }
}

fn narrowed<T: Real>(values: impl IntoIterator<Item = f64>) -> Vec<T> {
    values.into_iter().map(T::of).collect()
}

/// `out[r, c] = x[r, c] · factor[c] + constant[c]`.
fn scale_and_shift<T: Real>(x: &[T], factor: &[T], constant: &[T], out: &mut [T]) {
    let width = factor.len();
    for_row_blocks(
        out,
        width,
        #[inline(always)]
        |first, out| {
            for (x, out) in x[first * width..].chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                let channels = factor.iter().zip(constant);
                for ((out, x), (a, b)) in out.iter_mut().zip(x).zip(channels) {
                    *out = *x * *a + *b;
                }
            }
        },
    );
}

impl Kernel<3> for BatchNorm {
    const NAME: &'static str = "batch normalisation";

    fn shape(&self, [x, scale, shift]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        check_channels(x, [scale, shift])
    }

    fn compute<T: Real>(&self, [x, scale, shift]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        let factor = scale.values.iter().zip(&self.inverse).map(|(scale, inverse)| scale.wide() * inverse);
        let factor: Vec<f64> = factor.collect();
        let centre = self.mean.iter().zip(&factor).map(|(mean, factor)| mean * factor);
        let constant = shift.values.iter().zip(centre).map(|(shift, centre)| shift.wide() - centre);
        scale_and_shift(x.values, &narrowed::<T>(factor.iter().copied()), &narrowed::<T>(constant), out);
        Ok(())
    }

    fn backward(
        &self,
        [by_x, ..]: [bool; 3],
        [x, scale, _]: [&Raw; 3],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 3]> {
        let sums = self.sums(x, gradient)?;
        let channels = |sums: &[f64]| Raw::new(sums, scale.device())?.to_dtype(scale.dtype()).map(Some);
        let [by_shift, by_scale] = [channels(&sums.gradient)?, channels(&sums.product)?];
        let kernel = BatchNormByInput { mean: self.mean.clone(), inverse: self.inverse.clone(), sums };
        let by_x = by_x.then(|| compute(&kernel, [x, gradient, scale])).transpose()?;
        Ok([by_x, by_scale, by_shift])
    }

    fn composed(&self, [x, scale, shift]: [&Raw; 3]) -> RawResult<Raw> {
        let (rows, width) = rows_and_width(x.dims());
        let flat = x.reshape((rows, width))?;
        let centred = flat.broadcast_sub(&flat.mean_keepdim(0)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(0)? + self.epsilon)?.sqrt()?;
        let normal = centred.broadcast_div(&deviation)?;
        normal.broadcast_mul(scale)?.broadcast_add(shift)?.reshape(x.dims())
    }
}

impl Kernel<3> for BatchNormByInput {
    const NAME: &'static str = "gradient of batch normalisation by its input";

    fn shape(&self, [x, _, _]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    /// With x̂ = (x - μ) / σ: γ/σ (g - mean g - x̂ mean(g x̂)).
    fn compute<T: Real>(&self, [x, gradient, scale]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        let width = self.mean.len();
        let (mean, inverse): (Vec<T>, Vec<T>) = (narrowed(self.mean.clone()), narrowed(self.inverse.clone()));
        let rows = (x.values.len() / width.max(1)) as f64;
        let share = |sums: &[f64]| narrowed::<T>(sums.iter().map(|sum| sum / rows));
        let (mean_gradient, mean_product) = (share(&self.sums.gradient), share(&self.sums.product));
        for_row_blocks(
            out,
            width,
            #[inline(always)]
            |first, out| {
                let (x, gradient) = (&x.values[first * width..], &gradient.values[first * width..]);
                let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
                for ((x, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
                    for (i, out) in out.iter_mut().enumerate() {
                        let normal = (x[i] - mean[i]) * inverse[i];
                        let rest = gradient[i] - mean_gradient[i] - normal * mean_product[i];
                        *out = scale.values[i] * inverse[i] * rest;
                    }
                }
            },
        );
        Ok(())
    }
}

impl Kernel<3> for ScaleShift {
    const NAME: &'static str = "scale and shift";

    fn shape(&self, [x, scale, shift]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        check_channels(x, [scale, shift])
    }

    fn compute<T: Real>(&self, [x, scale, shift]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        scale_and_shift(x.values, scale.values, shift.values, out);
        Ok(())
    }

    fn backward(
        &self,
        [by_x, by_scale, by_shift]: [bool; 3],
        [x, scale, _]: [&Raw; 3],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 3]> {
        Ok([
            by_x.then(|| compute(&ScaleShiftByInput, [gradient, scale])).transpose()?,
            by_scale.then(|| compute(&ScaleShiftByScale, [x, gradient])).transpose()?,
            by_shift.then(|| compute(&ColumnSums, [gradient])).transpose()?,
        ])
    }

    fn composed(&self, [x, scale, shift]: [&Raw; 3]) -> RawResult<Raw> {
        x.broadcast_mul(scale)?.broadcast_add(shift)
    }
}

impl Kernel<2> for ScaleShiftByInput {
    const NAME: &'static str = "gradient of scale and shift by its input";

    fn shape(&self, [gradient, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(gradient.to_vec())
    }

    fn compute<T: Real>(&self, [gradient, scale]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        scale_and_shift(gradient.values, scale.values, &vec![T::zero(); scale.values.len()], out);
        Ok(())
    }
}

impl Kernel<2> for ScaleShiftByScale {
    const NAME: &'static str = "gradient of scale and shift by the scale";

    fn shape(&self, [x, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![rows_and_width(x).1])
    }

    fn compute<T: Real>(&self, [x, gradient]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let sums = column_sums2(x.values, gradient.values, out.len(), |_, x, g| x * g);
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = T::of(sum));
        Ok(())
    }
}

impl Tensor {
    /// x · scale + shift over the last axis: x (…, C), scale (C), shift (C).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn scale_shift(&self, scale: &Self, shift: &Self) -> Result<Self, ModelsError> {
        Ok(apply(ScaleShift, [self, scale, shift])?)
    }
}
