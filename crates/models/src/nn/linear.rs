use candle_core::bail;
use faer::Accum;

use super::Real;
use super::activation::{Activation, relu};
use super::kernel::{Kernel, View, apply, compute};
use super::matrix::{matrix, matrix_mut, product};
use super::tensor::{Raw, RawResult, Tensor, rows_and_width};
use super::vector::{column_sums2, for_row_blocks, map2};
use crate::ModelsError;

/// `x Wᵀ + b` over the last axis, or what of it is above 0.
pub(super) struct Linear {
    /// Whether what is below 0 becomes 0, while it is at hand: another pass over memory costs as much as the product.
    pub(super) relu: bool,
}

/// `x Wᵀ` over the last axis.
pub(super) struct LinearWithoutBias;

/// The gradient by x: `g W`.
struct LinearByInput;

/// The gradient by W: `gᵀ x`.
struct LinearByWeight;

/// The sum over all axes but the last.
pub(super) struct ColumnSums;

fn output_shape(x: &[usize], weight: &[usize]) -> RawResult<Vec<usize>> {
    match (x, weight) {
        ([rows @ .., width], [outputs, inputs]) if width == inputs => {
            Ok(rows.iter().chain([outputs]).copied().collect())
        }
        _ => bail!("a linear layer with weights of shape {weight:?} takes no input of shape {x:?}"),
    }
}

fn input_by_weight<T: Real>(
    x: View<'_, T>,
    weight: View<'_, T>,
    accum: Accum,
    out: &mut [T],
) -> RawResult<()> {
    let (outputs, inputs) = rows_and_width(weight.dims);
    let weight = matrix(weight.values, inputs)?;
    product(matrix(x.values, inputs)?, weight.transpose(), accum, matrix_mut(out, outputs)?);
    Ok(())
}

impl Kernel<3> for Linear {
    const NAME: &'static str = "linear";

    fn shape(&self, [x, weight, bias]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        let shape = output_shape(x, weight)?;
        if bias != [weight[0]] {
            bail!("a linear layer with weights of shape {weight:?} takes no bias of shape {bias:?}");
        }
        Ok(shape)
    }

    fn compute<T: Real>(&self, [x, weight, bias]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        out.chunks_exact_mut(bias.values.len().max(1)).for_each(|row| row.copy_from_slice(bias.values));
        input_by_weight(x, weight, Accum::Add, out)?;
        if self.relu {
            for_row_blocks(
                out,
                bias.values.len(),
                #[inline(always)]
                |_, out| {
                    for x in out {
                        *x = relu(*x);
                    }
                },
            );
        }
        Ok(())
    }

    fn backward(
        &self,
        [by_x, by_weight, by_bias]: [bool; 3],
        [x, weight, _]: [&Raw; 3],
        output: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 3]> {
        let gradient =
            &if self.relu { compute(&WhereAboveZero, [output, gradient])? } else { gradient.clone() };
        let [by_x, by_weight] = gradients([by_x, by_weight], [x, weight], gradient)?;
        let by_bias = by_bias.then(|| compute(&ColumnSums, [gradient])).transpose()?;
        Ok([by_x, by_weight, by_bias])
    }

    fn composed(&self, [x, weight, bias]: [&Raw; 3]) -> RawResult<Raw> {
        let sum = LinearWithoutBias.composed([x, weight])?.broadcast_add(bias)?;
        if self.relu { Activation::Relu.composed([&sum]) } else { Ok(sum) }
    }
}

impl Kernel<2> for LinearWithoutBias {
    const NAME: &'static str = "linear";

    fn shape(&self, [x, weight]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        output_shape(x, weight)
    }

    fn compute<T: Real>(&self, [x, weight]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        input_by_weight(x, weight, Accum::Replace, out)
    }

    fn backward(
        &self,
        wanted: [bool; 2],
        inputs: [&Raw; 2],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 2]> {
        gradients(wanted, inputs, gradient)
    }

    fn composed(&self, [x, weight]: [&Raw; 2]) -> RawResult<Raw> {
        let shape = output_shape(x.dims(), weight.dims())?;
        let (rows, width) = rows_and_width(x.dims());
        // Two axes and no gaps: the product is wrong for some others.
        x.contiguous()?.reshape((rows, width))?.matmul(&weight.t()?)?.reshape(shape)
    }
}

fn gradients(
    [by_x, by_weight]: [bool; 2],
    [x, weight]: [&Raw; 2],
    gradient: &Raw,
) -> RawResult<[Option<Raw>; 2]> {
    let by_x = by_x.then(|| compute(&LinearByInput, [gradient, weight])).transpose()?;
    let by_weight = by_weight.then(|| compute(&LinearByWeight, [gradient, x])).transpose()?;
    Ok([by_x, by_weight])
}

impl Kernel<2> for LinearByInput {
    const NAME: &'static str = "gradient of a linear layer by its input";

    fn shape(&self, [gradient, weight]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        let (rows, (_, inputs)) = (&gradient[..gradient.len() - 1], rows_and_width(weight));
        Ok(rows.iter().copied().chain([inputs]).collect())
    }

    fn compute<T: Real>(&self, [gradient, weight]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (outputs, inputs) = rows_and_width(weight.dims);
        let weight = matrix(weight.values, inputs)?;
        product(matrix(gradient.values, outputs)?, weight, Accum::Replace, matrix_mut(out, inputs)?);
        Ok(())
    }
}

impl Kernel<2> for LinearByWeight {
    const NAME: &'static str = "gradient of a linear layer by its weights";

    fn shape(&self, [gradient, x]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![rows_and_width(gradient).1, rows_and_width(x).1])
    }

    fn compute<T: Real>(&self, [gradient, x]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (outputs, inputs) = (rows_and_width(gradient.dims).1, rows_and_width(x.dims).1);
        let gradient = matrix(gradient.values, outputs)?;
        product(gradient.transpose(), matrix(x.values, inputs)?, Accum::Replace, matrix_mut(out, inputs)?);
        Ok(())
    }
}

impl Kernel<1> for ColumnSums {
    const NAME: &'static str = "column sums";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        Ok(vec![rows_and_width(x).1])
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let sums = column_sums2(x.values, x.values, out.len(), |_, x, _| x);
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = T::of(sum));
        Ok(())
    }
}

/// The gradient where the output is above 0, else 0.
struct WhereAboveZero;

impl Kernel<2> for WhereAboveZero {
    const NAME: &'static str = "gradient of a rectified linear layer";

    fn shape(&self, [output, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(output.to_vec())
    }

    fn compute<T: Real>(&self, [output, gradient]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        map2(output.values, gradient.values, out, |y, g| if y > T::zero() { g } else { T::zero() });
        Ok(())
    }
}

impl Tensor {
    /// What of `x Wᵀ + b` is above 0, else 0: [`linear`](Self::linear) and [`Activation::Relu`] in one pass.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn linear_relu(&self, weight: &Self, bias: &Self) -> Result<Self, ModelsError> {
        Ok(apply(Linear { relu: true }, [self, weight, bias])?)
    }

    /// `x Wᵀ + b` over the last axis: x (…, I), W (O, I), b (O), result (…, O).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn linear(&self, weight: &Self, bias: Option<&Self>) -> Result<Self, ModelsError> {
        Ok(match bias {
            Some(bias) => apply(Linear { relu: false }, [self, weight, bias])?,
            None => apply(LinearWithoutBias, [self, weight])?,
        })
    }
}
