use candle_core::{D, DType};

use super::Real;
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
pub struct Tensor(pub(super) Raw);

/// Lends a method of the tensor library.
macro_rules! pass {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) = $body:expr) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
        pub fn $name(&self, $($argument: $type),*) -> Result<Self, ModelsError> {
            let apply: fn(&Raw, $($type),*) -> RawResult<Raw> = $body;
            Ok(Self(apply(&self.0, $($argument),*)?))
        }
    };
}

impl Tensor {
    /// A tensor of single numbers in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there are more or fewer values than the shape holds or the device fails.
    pub fn from_f32(values: Vec<f32>, shape: &[usize], device: Device) -> Result<Self, ModelsError> {
        Ok(Self(Raw::from_vec(values, shape, &device.open()?)?))
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
        Ok(Self(raw.to_dtype(precision.dtype())?.to_device(&device.open()?)?))
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.0.dims()
    }

    /// The precision of its numbers.
    pub fn precision(&self) -> Precision {
        match self.0.dtype() {
            DType::F64 => Precision::Double,
            _ => Precision::Single,
        }
    }

    /// The values in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn to_f64(&self) -> Result<Vec<f64>, ModelsError> {
        Ok(self.0.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
    }

    /// The values in row-major order, rounded to single precision.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn to_f32(&self) -> Result<Vec<f32>, ModelsError> {
        Ok(self.0.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    /// The only value.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there is not exactly one, or the device fails.
    pub fn scalar(&self) -> Result<f64, ModelsError> {
        Ok(self.0.to_dtype(DType::F64)?.reshape(())?.to_scalar()?)
    }

    pass! {
        /// The same values in another shape, read in row-major order.
        reshape(shape: &[usize]) = |x, shape| x.reshape(shape)
    }
    pass! {
        /// Two axes exchanged.
        transpose(first: usize, second: usize) = |x, first, second| x.transpose(first, second)?.contiguous()
    }
    pass! {
        /// `count` items of an axis from `start`.
        narrow(axis: usize, start: usize, count: usize) = |x, axis, start, count| x.narrow(axis, start, count)?.contiguous()
    }
    pass! {
        /// Zeros before and after an axis.
        pad(axis: usize, before: usize, after: usize) = |x, axis, before, after| x.pad_with_zeros(axis, before, after)
    }
    pass! {
        /// The sum, item by item, of tensors of one shape.
        add(other: &Self) = |x, other| x.add(&other.0)
    }
    pass! {
        /// The difference, item by item, of tensors of one shape.
        sub(other: &Self) = |x, other| x.sub(&other.0)
    }
    pass! {
        /// The product, item by item, of tensors of one shape.
        mul(other: &Self) = |x, other| x.mul(&other.0)
    }
    pass! {
        /// `factor · x + constant`.
        affine(factor: f64, constant: f64) = |x, factor, constant| x.affine(factor, constant)
    }
    pass! {
        /// The same values without the record of how they were computed: no gradient passes through.
        detached() = |x| Ok(x.detach())
    }
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
