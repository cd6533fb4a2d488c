//! Fully connected layers, row after row: inputs (n, in), weights (in, out), outputs (n, out).

use faer::{Accum, MatMut, MatRef};

use super::config::VaeActivation;
use super::kernel::{Lane, Level, add};
use crate::nn::product;

/// Numbers as a matrix of so many columns.
pub(super) fn matrix<T>(values: &[T], columns: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, values.len() / columns, columns)
}

/// Numbers to be written as a matrix of so many columns.
pub(super) fn matrix_mut<T>(values: &mut [T], columns: usize) -> MatMut<'_, T> {
    let rows = values.len() / columns;
    MatMut::from_row_major_slice_mut(values, rows, columns)
}

/// `x W + b`.
pub(super) fn affine<T: Lane>(level: Level, x: &[T], n: usize, weights: &[T], bias: &[T]) -> Vec<T> {
    let mut out = vec![T::zero(); n * bias.len()];
    let inputs = weights.len() / bias.len();
    let (a, b) = (matrix(x, inputs), matrix(weights, bias.len()));
    product(a, b, Accum::Replace, matrix_mut(&mut out, bias.len()));
    out.chunks_exact_mut(bias.len()).for_each(|row| add(level, row, bias));
    out
}

/// The gradient by the weights: `xᵀ d`.
pub(super) fn by_weights<T: Lane>(x: &[T], d: &[T], n: usize) -> Vec<T> {
    let (inputs, outputs) = (x.len() / n, d.len() / n);
    let mut out = vec![T::zero(); inputs * outputs];
    let (a, b) = (matrix(x, inputs).transpose(), matrix(d, outputs));
    product(a, b, Accum::Replace, matrix_mut(&mut out, outputs));
    out
}

/// The gradient by the bias: the sum over rows.
pub(super) fn by_bias<T: Lane>(level: Level, d: &[T], n: usize) -> Vec<T> {
    let mut out = vec![T::zero(); d.len() / n];
    let width = out.len();
    d.chunks_exact(width).for_each(|row| add(level, &mut out, row));
    out
}

/// The gradient by the inputs, `d Wᵀ`.
pub(super) fn by_inputs<T: Lane>(d: &[T], n: usize, weights: &[T]) -> Vec<T> {
    let outputs = d.len() / n;
    let inputs = weights.len() / outputs;
    let mut out = vec![T::zero(); n * inputs];
    let (a, b) = (matrix(d, outputs), matrix(weights, outputs).transpose());
    product(a, b, Accum::Replace, matrix_mut(&mut out, inputs));
    out
}

impl VaeActivation {
    /// Applies the function where the numbers lie.
    pub(super) fn apply<T: Lane>(self, values: &mut [T]) {
        self.function().in_place(values);
    }

    /// Multiplies gradients by the slopes, told from what the function gave.
    pub(super) fn multiply_slopes<T: Lane>(self, values: &[T], gradient: &mut [T]) {
        let one = T::one();
        let slope = |y: T| match self {
            Self::Relu => {
                if y > T::zero() {
                    one
                } else {
                    T::zero()
                }
            }
            Self::Sigmoid => y * (one - y),
            Self::Tanh => one - y * y,
            Self::Elu => {
                if y > T::zero() {
                    one
                } else {
                    y + one
                }
            }
        };
        gradient.iter_mut().zip(values).for_each(|(g, y)| *g *= slope(*y));
    }
}
