use std::fmt::Display;
use std::ops::{Add, Div, Mul, Sub};

use crate::Tensor;

/// A number that weights are made of: `f32` or `f64`.
pub trait Real:
    Copy
    + Display
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + sealed::Sealed
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number in 64 bits.
    fn to_f64(self) -> f64;
    /// The square root.
    fn sqrt(self) -> Self;
    /// A tensor of these numbers, or `None` if they do not fill the shape.
    fn tensor(shape: &[usize], values: &[Self]) -> Option<Tensor>;
    /// The numbers of a tensor.
    fn values(tensor: &Tensor) -> Vec<Self>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Real for f32 {
    const ZERO: Self = 0.0;

    fn from_f64(value: f64) -> Self {
        value as Self
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn sqrt(self) -> Self {
        Self::sqrt(self)
    }

    fn tensor(shape: &[usize], values: &[Self]) -> Option<Tensor> {
        Tensor::from_f32(shape, values)
    }

    fn values(tensor: &Tensor) -> Vec<Self> {
        tensor.to_f32()
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn sqrt(self) -> Self {
        Self::sqrt(self)
    }

    fn tensor(shape: &[usize], values: &[Self]) -> Option<Tensor> {
        Tensor::from_f64(shape, values)
    }

    fn values(tensor: &Tensor) -> Vec<Self> {
        tensor.to_f64()
    }
}
