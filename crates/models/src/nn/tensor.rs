use std::sync::Arc;

use candle_core::{D, DType};

use super::Real;
use super::gradients::Origin;
use crate::{Device, ModelsError};

/// The tensor library's own type; it is named in this module's files alone.
pub(super) type Raw = candle_core::Tensor;

/// What its operations return.
pub(super) type RawResult<T> = candle_core::Result<T>;

/// How many bits the numbers of a tensor have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits: training and prediction.
    #[default]
    Single,
    /// 64 bits: comparisons and gradient checks.
    Double,
}

impl Precision {
    pub(super) const fn dtype(self) -> DType {
        match self {
            Self::Single => DType::F32,
            Self::Double => DType::F64,
        }
    }
}

/// An array of numbers on a device, with the record of how it was computed.
///
/// It offers just those operations whose values and gradients are right on every device: each is checked against
/// finite differences.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Without a record of the tensor library's own.
    pub(super) raw: Raw,
    pub(super) origin: Option<Arc<Origin>>,
}

impl Tensor {
    /// A tensor of single numbers in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there are more or fewer values than the shape holds or the device fails.
    pub fn from_f32(values: Vec<f32>, shape: &[usize], device: Device) -> Result<Self, ModelsError> {
        Ok(Self::plain(Raw::from_vec(values, shape, &device.open()?)?))
    }

    /// A tensor of numbers in row-major order, rounded to the precision.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there are more or fewer values than the shape holds or the device fails.
    pub fn from_f64(
        values: Vec<f64>,
        shape: &[usize],
        precision: Precision,
        device: Device,
    ) -> Result<Self, ModelsError> {
        let raw = Raw::from_vec(values, shape, &candle_core::Device::Cpu)?;
        Ok(Self::plain(raw.to_dtype(precision.dtype())?.to_device(&device.open()?)?))
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.raw.dims()
    }

    /// The precision of its numbers.
    pub fn precision(&self) -> Precision {
        match self.raw.dtype() {
            DType::F64 => Precision::Double,
            _ => Precision::Single,
        }
    }

    /// The values in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn to_f64(&self) -> Result<Vec<f64>, ModelsError> {
        Ok(self.raw.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
    }

    /// The values in row-major order, rounded to single precision.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn to_f32(&self) -> Result<Vec<f32>, ModelsError> {
        Ok(self.raw.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    /// Shows the values of single precision, in row-major order, where they lie.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the precision is another or the device fails.
    pub fn read_f32(&self, read: &mut dyn FnMut(&[f32])) -> Result<(), ModelsError> {
        Ok(with_values(&self.raw.to_device(&candle_core::Device::Cpu)?, |values| read(values))?)
    }

    /// The only value.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there is not exactly one, or the device fails.
    pub fn scalar(&self) -> Result<f64, ModelsError> {
        Ok(self.raw.to_dtype(DType::F64)?.reshape(())?.to_scalar()?)
    }

    /// The result of moving values about; `back` moves the gradient back.
    pub(super) fn moved(
        &self,
        raw: Raw,
        back: impl Fn(&Raw) -> RawResult<Raw> + Send + Sync + 'static,
    ) -> Self {
        Self::recorded(raw, [self], move |_, gradient| Ok([Some(back(gradient)?)]))
    }

    /// The same values in another shape, read in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self, ModelsError> {
        let before = self.raw.shape().clone();
        Ok(self.moved(self.raw.reshape(shape)?, move |gradient| gradient.reshape(&before)))
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there is no such axis or the device fails.
    pub fn transpose(&self, first: usize, second: usize) -> Result<Self, ModelsError> {
        let exchange = move |x: &Raw| x.transpose(first, second)?.contiguous();
        Ok(self.moved(exchange(&self.raw)?, exchange))
    }

    /// `count` items of an axis from `start`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the axis has none or fewer, or the device fails.
    pub fn narrow(&self, axis: usize, start: usize, count: usize) -> Result<Self, ModelsError> {
        let raw = self.raw.narrow(axis, start, count)?.contiguous()?;
        let after = self.raw.dim(axis)? - start - count;
        Ok(self.moved(raw, move |gradient| gradient.pad_with_zeros(axis, start, after)))
    }

    /// Zeros before and after an axis.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there is no such axis or the device fails.
    pub fn pad(&self, axis: usize, before: usize, after: usize) -> Result<Self, ModelsError> {
        let count = self.raw.dim(axis)?;
        let raw = self.raw.pad_with_zeros(axis, before, after)?;
        Ok(self.moved(raw, move |gradient| gradient.narrow(axis, before, count)?.contiguous()))
    }

    /// The products of the matrices of the last two axes: (…, M, K) and (…, K, N), the axes before the same.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn product(&self, other: &Self) -> Result<Self, ModelsError> {
        let (a, b) = (self.raw.clone(), other.raw.clone());
        let raw = batch_product(&a, &b)?;
        Ok(Self::recorded(raw, [self, other], move |[by_a, by_b], gradient| {
            let by_a = by_a.then(|| batch_product(gradient, &b.t()?)).transpose()?;
            Ok([by_a, by_b.then(|| batch_product(&a.t()?, gradient)).transpose()?])
        }))
    }
}

/// The product of the matrices of the last two axes.
fn batch_product(a: &Raw, b: &Raw) -> RawResult<Raw> {
    // Products of transposed or broadcast views are wrong in places.
    a.contiguous()?.matmul(&b.contiguous()?)
}

/// The last axis's length, and the number of rows of that length.
pub(super) fn rows_and_width(dims: &[usize]) -> (usize, usize) {
    let width = dims.last().copied().unwrap_or(1);
    (dims.iter().rev().skip(1).product(), width)
}

/// One number of the raw tensor's own type, as a tensor that broadcasts.
pub(super) fn constant(like: &Raw, value: f64) -> RawResult<Raw> {
    Raw::new(&[value], like.device())?.to_dtype(like.dtype())
}

/// The sum over the last axis, kept as an axis of length 1.
pub(super) fn sum_last(x: &Raw) -> RawResult<Raw> {
    x.sum_keepdim(D::Minus1)
}

/// The values of a tensor on the processor, as they lie.
pub(super) fn with_values<T: Real, R>(x: &Raw, read: impl FnOnce(&[T]) -> R) -> RawResult<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else {
        candle_core::bail!("a tensor that is not on the processor");
    };
    let values = T::cpu_storage_as_slice(storage)?;
    let (start, count) = (layout.start_offset(), layout.shape().elem_count());
    match values.get(start..start + count) {
        Some(values) => Ok(read(values)),
        None => candle_core::bail!("a tensor whose layout lies outside its values"),
    }
}
