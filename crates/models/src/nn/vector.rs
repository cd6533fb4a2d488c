//! Loops over slices: vector instructions within a piece, threads over pieces of a fixed size.

use rayon::prelude::*;

use super::Real;

/// The length of the pieces that threads share out: large against handing one over, small against a cache.
pub(super) const PIECE: usize = 1 << 15;

/// Sums that run side by side.
const LANES: usize = 16;

/// Runs a loop as compiled for the vector instructions of this machine. No product and sum is fused, so the result is
/// the same on every machine.
///
/// What is to be compiled for them must be part of the loop: closures that are passed on are `#[inline(always)]`, and
/// loops are written out, since `for_each` and `fold` may be compiled apart.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    // Not `Arch::dispatch`: another crate's features would make it take AVX-512.
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = pulp::x86::V3::try_new() {
        return avx2.vectorize(work);
    }
    work()
}

/// `out[i] = f(x[i])`.
pub(super) fn map<T: Real>(x: &[T], out: &mut [T], f: impl Fn(T) -> T + Copy + Sync) {
    let piece = |(out, x): (&mut [T], &[T])| {
        vectorised(
            #[inline(always)]
            || {
                for (out, x) in out.iter_mut().zip(x) {
                    *out = f(*x);
                }
            },
        );
    };
    if out.len() <= PIECE {
        piece((out, x));
    } else {
        out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(piece);
    }
}

/// `x[i] = f(x[i])`, on this thread.
pub(super) fn change<T: Real>(x: &mut [T], f: impl Fn(T) -> T) {
    vectorised(
        #[inline(always)]
        || {
            for x in x {
                *x = f(*x);
            }
        },
    );
}

/// `out[i] = f(x[i], y[i])`.
pub(super) fn map2<T: Real>(x: &[T], y: &[T], out: &mut [T], f: impl Fn(T, T) -> T + Copy + Sync) {
    let piece = |((out, x), y): ((&mut [T], &[T]), &[T])| {
        vectorised(
            #[inline(always)]
            || {
                for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                    *out = f(*x, *y);
                }
            },
        );
    };
    if out.len() <= PIECE {
        piece(((out, x), y));
    } else {
        let pairs = out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE));
        pairs.zip(y.par_chunks(PIECE)).for_each(piece);
    }
}

/// Works on rows of `out`, many together: `work` gets the index of its first row and the rows' values.
pub(super) fn for_row_blocks<T: Real>(out: &mut [T], width: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let rows = (PIECE / width.max(1)).max(1);
    if out.len() <= PIECE || width == 0 {
        vectorised(
            #[inline(always)]
            || work(0, out),
        );
    } else {
        out.par_chunks_mut(rows * width).enumerate().for_each(|(i, out)| {
            vectorised(
                #[inline(always)]
                || work(i * rows, out),
            );
        });
    }
}

/// Σ `f(x[i], y[i])`, in sixteen sums side by side: a vector instruction adds many at once, and rounding grows with a
/// sixteenth of the length.
#[inline(always)]
pub(super) fn lane_sum2<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> T) -> T {
    if x.len() < LANES {
        let mut sum = T::zero();
        for (x, y) in x.iter().zip(y) {
            sum += f(*x, *y);
        }
        return sum;
    }
    let mut lanes = [T::zero(); LANES];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for i in 0..LANES {
            lanes[i] += f(x[i], y[i]);
        }
    }
    let rest: T = x_rest.iter().zip(y_rest).map(|(x, y)| f(*x, *y)).sum();
    lanes.into_iter().sum::<T>() + rest
}

/// Σ `f(x[i])` in the same way.
#[inline(always)]
pub(crate) fn lane_sum<T: Real>(x: &[T], f: impl Fn(T) -> T) -> T {
    lane_sum2(x, x, |x, _| f(x))
}

/// Σ `f(x[i], y[i])` in `f64` over pieces: the same for every number of threads.
pub(super) fn sum2<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> T + Copy + Sync) -> f64 {
    let piece = |(x, y): (&[T], &[T])| {
        vectorised(
            #[inline(always)]
            || {
                let blocks = x.chunks(1024).zip(y.chunks(1024));
                blocks.map(|(x, y)| lane_sum2(x, y, f).wide()).sum::<f64>()
            },
        )
    };
    if x.len() <= PIECE {
        return piece((x, y));
    }
    let parts: Vec<f64> = x.par_chunks(PIECE).zip(y.par_chunks(PIECE)).map(piece).collect();
    parts.into_iter().sum()
}

/// Column sums of `f(x[i], y[i])` over rows of a width, in `f64`: 64 rows at a time in the numbers' own precision.
pub(super) fn column_sums2<T: Real>(
    x: &[T],
    y: &[T],
    width: usize,
    f: impl Fn(usize, T, T) -> T + Copy + Sync,
) -> Vec<f64> {
    let block = |(x, y): (&[T], &[T])| {
        vectorised(
            #[inline(always)]
            || {
                let mut total = vec![0.0; width];
                let mut part = vec![T::zero(); width];
                for (x, y) in x.chunks(64 * width).zip(y.chunks(64 * width)) {
                    part.fill(T::zero());
                    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact(width)) {
                        let pairs = x.iter().zip(y).enumerate();
                        for (sum, (i, (x, y))) in part.iter_mut().zip(pairs) {
                            *sum += f(i, *x, *y);
                        }
                    }
                    for (total, part) in total.iter_mut().zip(&part) {
                        *total += part.wide();
                    }
                }
                total
            },
        )
    };
    if width == 0 {
        return Vec::new();
    }
    let rows = (PIECE / width).max(64) * width;
    if x.len() <= rows {
        return block((x, y));
    }
    let parts: Vec<Vec<f64>> = x.par_chunks(rows).zip(y.par_chunks(rows)).map(block).collect();
    let mut total = vec![0.0; width];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}
