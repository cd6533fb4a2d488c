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
/// Fewer rows are rounded otherwise, and so are products of so few numbers.
const STEADY: usize = 8;
const STEADY_PRODUCTS: usize = 4097;
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

/// As [`block_product`], where rows must not depend on how many others there are: few are rounded otherwise than many,
/// so some are added that nobody reads.
pub(crate) fn steady_block_product<T: Real>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    accum: Accum,
    mut out: MatMut<'_, T>,
) {
    let (rows, inner, columns) = (a.nrows(), a.ncols(), b.ncols());
    let steady = STEADY.max(STEADY_PRODUCTS.div_ceil((inner * columns).max(1)));
    if rows >= steady {
        return block_product(a, b, accum, out);
    }
    let mut room = vec![T::zero(); steady * (inner + columns)];
    let (left, result) = room.split_at_mut(steady * inner);
    let mut left = MatMut::from_row_major_slice_mut(left, steady, inner);
    let mut result = MatMut::from_row_major_slice_mut(result, steady, columns);
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

#[cfg(test)]
mod tests {
    use cistron_core::Seed;

    use super::*;

    fn numbers<T: Real>(n: usize, name: &str) -> Vec<T> {
        let mut stream = Seed::new(1).stream(name, 0);
        (0..n).map(|_| T::of(stream.normal())).collect()
    }

    fn check<T: Real>() {
        const MOST: usize = 300;
        for inner in [1, 2, 7, 20, 64, 65, 80, 128, 300, 700] {
            for columns in [1, 2, 3, 5, 17, 70, 192] {
                let all = numbers::<T>(MOST * inner, "rows");
                let weights = numbers::<T>(columns * inner, "weights");
                let begin = numbers::<T>(MOST * columns, "begin");
                let run = |rows: usize, accum| {
                    let mut out = begin[..rows * columns].to_vec();
                    let a = matrix(&all[..rows * inner], inner).unwrap();
                    let b = matrix(&weights, inner).unwrap().transpose();
                    steady_block_product(a, b, accum, matrix_mut(&mut out, columns).unwrap());
                    out
                };
                for accum in [Accum::Add, Accum::Replace] {
                    let expected = run(MOST, accum);
                    for rows in [1, 2, 7, 8, 9, 16, 21, 32, 50, 64, 100, 255] {
                        let found = run(rows, accum);
                        assert!(found == expected[..rows * columns], "{rows} {inner} {columns}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_how_many_others_there_are() {
        check::<f32>();
        check::<f64>();
    }
}
