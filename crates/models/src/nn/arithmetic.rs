use candle_core::bail;

use super::Real;
use super::kernel::{Kernel, View, apply, compute};
use super::tensor::{Raw, RawResult, Tensor};
use super::vector::{map, map2};
use crate::ModelsError;

/// What is done to each pair of numbers of two tensors of one shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
}

impl Kernel<2> for Arithmetic {
    const NAME: &'static str = "arithmetic";

    fn shape(&self, [a, b]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        if a != b {
            bail!("tensors of shapes {a:?} and {b:?}, expected the same");
        }
        Ok(a.to_vec())
    }

    fn compute<T: Real>(&self, [a, b]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        match self {
            Self::Add => map2(a.values, b.values, out, |a, b| a + b),
            Self::Subtract => map2(a.values, b.values, out, |a, b| a - b),
            Self::Multiply => map2(a.values, b.values, out, |a, b| a * b),
        }
        Ok(())
    }

    fn backward(
        &self,
        [by_a, by_b]: [bool; 2],
        [a, b]: [&Raw; 2],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 2]> {
        let times = |other: &Raw| compute(&Self::Multiply, [gradient, other]);
        Ok(match self {
            Self::Add => [Some(gradient.clone()), Some(gradient.clone())],
            Self::Subtract => {
                let negative = || compute(&Affine { factor: -1.0, constant: 0.0 }, [gradient]);
                [Some(gradient.clone()), by_b.then(negative).transpose()?]
            }
            Self::Multiply => [by_a.then(|| times(b)).transpose()?, by_b.then(|| times(a)).transpose()?],
        })
    }

    fn composed(&self, [a, b]: [&Raw; 2]) -> RawResult<Raw> {
        match self {
            Self::Add => a.add(b),
            Self::Subtract => a.sub(b),
            Self::Multiply => a.mul(b),
        }
    }
}

/// `factor · x + constant`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) factor: f64,
    pub(super) constant: f64,
}

impl Kernel<1> for Affine {
    const NAME: &'static str = "affine";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let (factor, constant) = (T::of(self.factor), T::of(self.constant));
        map(x.values, out, |x| x * factor + constant);
        Ok(())
    }

    fn backward(&self, _: [bool; 1], _: [&Raw; 1], _: &Raw, gradient: &Raw) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&Self { factor: self.factor, constant: 0.0 }, [gradient])?)])
    }

    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        x.affine(self.factor, self.constant)
    }
}

impl Tensor {
    /// The sum, item by item, of tensors of one shape.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn add(&self, other: &Self) -> Result<Self, ModelsError> {
        Ok(apply(Arithmetic::Add, [self, other])?)
    }

    /// The difference, item by item, of tensors of one shape.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn sub(&self, other: &Self) -> Result<Self, ModelsError> {
        Ok(apply(Arithmetic::Subtract, [self, other])?)
    }

    /// The product, item by item, of tensors of one shape.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn mul(&self, other: &Self) -> Result<Self, ModelsError> {
        Ok(apply(Arithmetic::Multiply, [self, other])?)
    }

    /// `factor · x + constant`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn affine(&self, factor: f64, constant: f64) -> Result<Self, ModelsError> {
        Ok(apply(Affine { factor, constant }, [self])?)
    }
}
