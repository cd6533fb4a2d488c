//! Products of matrices on the processor, shared out over threads in blocks that do not depend on their number.

use candle_core::Error;
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use super::Real;
use super::tensor::RawResult;

/// The rows or columns of a block of the result.
const BLOCK: usize = 256;
/// Below so many products of two numbers one thread does it all.
const ENOUGH: usize = 1 << 19;

/// `out = a · b + keep · out` for `a` (m, k), `b` (k, n), `out` (m, n) of any strides.
pub(super) fn product<T: Real>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    keep: T,
    mut out: ArrayViewMut2<'_, T>,
) {
    let (rows, columns) = out.dim();
    if rows * columns * a.ncols() < ENOUGH || rows.max(columns) <= BLOCK {
        general_mat_mul(T::one(), &a, &b, keep, &mut out);
    } else if rows >= columns {
        let blocks = out.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter();
        blocks.zip(a.axis_chunks_iter(Axis(0), BLOCK)).for_each(|(mut out, a)| {
            general_mat_mul(T::one(), &a, &b, keep, &mut out);
        });
    } else {
        let blocks = out.axis_chunks_iter_mut(Axis(1), BLOCK).into_par_iter();
        blocks.zip(b.axis_chunks_iter(Axis(1), BLOCK)).for_each(|(mut out, b)| {
            general_mat_mul(T::one(), &a, &b, keep, &mut out);
        });
    }
}

/// Values of a tensor as a matrix of this many columns.
pub(super) fn matrix<T>(values: &[T], columns: usize) -> RawResult<ArrayView2<'_, T>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    ArrayView2::from_shape((rows, columns), values).map_err(Error::wrap)
}

/// The same of values to be written.
pub(super) fn matrix_mut<T>(values: &mut [T], columns: usize) -> RawResult<ArrayViewMut2<'_, T>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    ArrayViewMut2::from_shape((rows, columns), values).map_err(Error::wrap)
}
