use candle_core::bail;

use super::Real;
use super::kernel::{Kernel, View, apply, compute};
use super::tensor::{Raw, RawResult, Tensor};
use crate::ModelsError;

mod correlate;
mod spread;

use correlate::weight_sums;
pub(super) use correlate::{Correlation, Part, Rows, Taps};
pub(super) use spread::Spread;

/// How a convolution walks over positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// The distance of the windows of neighbouring outputs. Default: 1.
    pub stride: usize,
    /// Zeros before the first and after the last position. Default: 0.
    pub padding: usize,
    /// The distance of neighbouring taps. Default: 1.
    pub dilation: usize,
    /// Groups of channels that do not see one another. Default: 1.
    pub groups: usize,
}

impl Default for ConvShape {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// What a convolution's shapes come to.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    batch: usize,
    length: usize,
    channels: usize,
    outputs: usize,
    taps: usize,
    out_length: usize,
}

impl ConvShape {
    fn geometry(self, x: &[usize], weight: &[usize]) -> RawResult<Geometry> {
        let (&[batch, length, channels], &[outputs, group_channels, taps]) = (x, weight) else {
            bail!("a convolution takes an input of three axes and weights of three, got {x:?} and {weight:?}")
        };
        let Self { stride, padding, dilation, groups } = self;
        let fits = [stride, dilation, groups, taps].iter().all(|&n| n > 0)
            && group_channels * groups == channels
            && outputs.is_multiple_of(groups);
        if !fits {
            bail!("a convolution {self:?} with weights of shape {weight:?} takes no input of shape {x:?}");
        }
        let span = (taps - 1) * dilation + 1;
        let Some(room) = (length + 2 * padding).checked_sub(span) else {
            bail!(
                "a convolution over {span} positions takes no input of {length} with {padding} zeros at each end"
            )
        };
        Ok(Geometry { batch, length, channels, outputs, taps, out_length: room / stride + 1 })
    }
}

/// Convolution along positions: x (B, L, C), weights (O, C / groups, taps).
pub(super) struct Conv(pub(super) ConvShape);

/// The gradient by x. The input's length is not to be seen from the output's.
struct ConvByInput {
    shape: ConvShape,
    length: usize,
}

/// The gradient by the weights.
struct ConvByWeight {
    shape: ConvShape,
    taps: usize,
}

impl Kernel<2> for Conv {
    const NAME: &'static str = "convolution";

    fn shape(&self, [x, weight]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        let Geometry { batch, out_length, outputs, .. } = self.0.geometry(x, weight)?;
        Ok(vec![batch, out_length, outputs])
    }

    fn compute<T: Real>(&self, [x, weight]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let geometry = self.0.geometry(x.dims, weight.dims)?;
        let ConvShape { stride, padding, dilation, groups } = self.0;
        let Geometry { length, channels, outputs, taps, out_length, .. } = geometry;
        let taps = Taps { count: taps, dilation, groups, inputs: channels, outputs };
        Correlation {
            rows: Rows { values: x.values, length, channels, stretch: 1, before: padding as isize },
            step: stride,
            taps,
            weights: &taps.packed(weight.values),
            out_length,
        }
        .run(out)
    }

    fn backward(
        &self,
        wanted: [bool; 2],
        [x, weight]: [&Raw; 2],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 2]> {
        let (shape, length, taps) = (self.0, x.dim(1)?, weight.dim(2)?);
        let by_x = || compute(&ConvByInput { shape, length }, [gradient, weight]);
        let by_weight = || compute(&ConvByWeight { shape, taps }, [gradient, x]);
        Ok([wanted[0].then(by_x).transpose()?, wanted[1].then(by_weight).transpose()?])
    }

    /// One matrix product a tap and group.
    fn composed(&self, [x, weight]: [&Raw; 2]) -> RawResult<Raw> {
        let ConvShape { stride, padding, dilation, groups } = self.0;
        let Geometry { batch, channels, outputs, taps, out_length, .. } =
            self.0.geometry(x.dims(), weight.dims())?;
        // Zeros after the end, so that every tap's positions can be cut into runs of `stride`.
        let x = x.pad_with_zeros(1, padding, padding + stride)?;
        let (inputs, outputs) = (channels / groups, outputs / groups);
        let mut parts = Vec::with_capacity(groups);
        for group in 0..groups {
            let x = x.narrow(2, group * inputs, inputs)?;
            let weight = weight.narrow(0, group * outputs, outputs)?;
            let mut sum: Option<Raw> = None;
            for tap in 0..taps {
                let seen = x.narrow(1, tap * dilation, out_length * stride)?.contiguous()?;
                let seen =
                    seen.reshape((batch, out_length, stride, inputs))?.narrow(2, 0, 1)?.contiguous()?;
                let weight = weight.narrow(2, tap, 1)?.squeeze(2)?.t()?.contiguous()?;
                let part = seen.reshape((batch * out_length, inputs))?.matmul(&weight)?;
                sum = Some(match sum {
                    Some(sum) => (sum + part)?,
                    None => part,
                });
            }
            parts.extend(sum);
        }
        Raw::cat(&parts, 1)?.reshape((batch, out_length, outputs * groups))
    }
}

impl Kernel<2> for ConvByInput {
    const NAME: &'static str = "gradient of a convolution by its input";

    fn shape(&self, [gradient, weight]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![gradient[0], self.length, weight[1] * self.shape.groups])
    }

    /// The correlation of the gradient, stretched by the stride, with the taps in reverse.
    fn compute<T: Real>(&self, [gradient, weight]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let ConvShape { stride, padding, dilation, groups } = self.shape;
        let &[outputs, inputs, count] = weight.dims else { bail!("weights of three axes") };
        let taps = Taps { count, dilation, groups, inputs: outputs, outputs: inputs * groups };
        let before = ((count - 1) * dilation) as isize - padding as isize;
        Correlation {
            rows: Rows {
                values: gradient.values,
                length: gradient.dims[1],
                channels: outputs,
                stretch: stride,
                before,
            },
            step: 1,
            taps,
            weights: &taps.packed_reverse(weight.values),
            out_length: self.length,
        }
        .run(out)
    }
}

impl Kernel<2> for ConvByWeight {
    const NAME: &'static str = "gradient of a convolution by its weights";

    fn shape(&self, [gradient, x]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![gradient[2], x[2] / self.shape.groups, self.taps])
    }

    fn compute<T: Real>(&self, [gradient, x]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let ConvShape { stride, padding, dilation, groups } = self.shape;
        let (length, channels, outputs) = (x.dims[1], x.dims[2], gradient.dims[2]);
        let taps = Taps { count: self.taps, dilation, groups, inputs: channels, outputs };
        let rows = Rows { values: x.values, length, channels, stretch: 1, before: padding as isize };
        let packed = weight_sums(&rows, stride, taps, gradient.values, gradient.dims[1])?;
        taps.unpack(&packed, out);
        Ok(())
    }
}

impl Tensor {
    /// Convolution along positions: x (B, L, C), weights (O, C / groups, taps) as PyTorch stores them, result
    /// (B, L', O).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn conv(&self, weight: &Self, shape: ConvShape) -> Result<Self, ModelsError> {
        Ok(apply(Conv(shape), [self, weight])?)
    }
}
