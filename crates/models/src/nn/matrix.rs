//! Products of matrices on the processor, shared out over threads in blocks that do not depend on their number.

use candle_core::bail;
use faer::linalg::matmul::matmul;
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::Real;
use super::tensor::RawResult;

/// The rows or columns of a block of the result.
const BLOCK: usize = 256;
/// Fewer rows are rounded otherwise.
const STEADY: usize = 8;
/// Below so many products of two numbers one thread does it all.
const ENOUGH: usize = 1 << 19;

/// `out = a · b`, or what is added to `out`, for `a` (m, k), `b` (k, n), `out` (m, n).
pub(crate) fn product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, out: MatMut<'_, T>) {
    let (rows, columns) = (out.nrows(), out.ncols());
    if is_little(rows, a.ncols(), columns) {
        block_product(a, b, accum, out);
    } else if rows >= columns {
        let blocks = out.par_row_chunks_mut(BLOCK).zip(a.par_row_chunks(BLOCK));
        blocks.for_each(|(out, a)| block_product(a, b, accum, out));
    } else {
        let blocks = out.par_col_chunks_mut(BLOCK).zip(b.par_col_chunks(BLOCK));
        blocks.for_each(|(out, b)| block_product(a, b, accum, out));
    }
}

fn is_little(rows: usize, inner: usize, columns: usize) -> bool {
    rows * inner * columns < ENOUGH || rows.max(columns) <= BLOCK
}

/// The same on this thread.
pub(crate) fn block_product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, out: MatMut<'_, T>) {
    matmul(out, accum, a, b, T::one(), Par::Seq);
}

/// As [`product`], where rows must not depend on how many others there are.
pub(crate) fn steady_product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum, out: MatMut<'_, T>) {
    if is_little(out.nrows(), a.ncols(), out.ncols()) {
        return steady_block_product(a, b, accum, out);
    }
    let blocks = out.par_row_chunks_mut(BLOCK).zip(a.par_row_chunks(BLOCK));
    blocks.for_each(|(out, a)| steady_block_product(a, b, accum, out));
}

/// The same on this thread. Few rows are rounded otherwise than many, so some are added that nobody reads.
pub(crate) fn steady_block_product<T: Real>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    accum: Accum,
    mut out: MatMut<'_, T>,
) {
    let (rows, inner, columns) = (a.nrows(), a.ncols(), b.ncols());
    if rows >= STEADY {
        return block_product(a, b, accum, out);
    }
    let mut room = vec![T::zero(); STEADY * (inner + columns)];
    let (left, result) = room.split_at_mut(STEADY * inner);
    let mut left = MatMut::from_row_major_slice_mut(left, STEADY, inner);
    let mut result = MatMut::from_row_major_slice_mut(result, STEADY, columns);
    left.rb_mut().subrows_mut(0, rows).copy_from(a);
    if let Accum::Add = accum {
        result.rb_mut().subrows_mut(0, rows).copy_from(out.rb());
    }
    block_product(left.rb(), b, accum, result.rb_mut());
    out.copy_from(result.rb().subrows(0, rows));
}

/// Values of a tensor as a matrix of this many columns.
pub(super) fn matrix<T>(values: &[T], columns: usize) -> RawResult<MatRef<'_, T>> {
    strided(values, values.len().checked_div(columns).unwrap_or(0), columns, columns)
}

/// Rows of values that begin `stride` apart: they may overlap.
pub(super) fn strided<T>(
    values: &[T],
    rows: usize,
    columns: usize,
    stride: usize,
) -> RawResult<MatRef<'_, T>> {
    if rows > 0 && columns > 0 && (rows - 1) * stride + columns > values.len() {
        bail!("{rows} rows of {columns} values, {stride} apart, do not fit into {}", values.len());
    }
    Ok(MatRef::from_row_major_slice_with_stride(values, rows, columns, stride))
}

/// Values to be written as a matrix of this many columns.
pub(super) fn matrix_mut<T>(values: &mut [T], columns: usize) -> RawResult<MatMut<'_, T>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    if rows * columns != values.len() {
        bail!("{} values do not make rows of {columns}", values.len());
    }
    Ok(MatMut::from_row_major_slice_mut(values, rows, columns))
}
