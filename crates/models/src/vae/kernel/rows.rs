use super::Lane;

#[inline(always)]
fn add_body<T: Lane, const FUSED: bool, const N: usize>(out: &mut [T], x: &[T]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += *x;
    }
}

super::kernel!(
    /// `out += x`.
    add = add_body(out: &mut [T], x: &[T])
);

/// The numbers that are summed at a time.
const PIECE: usize = 64;

#[inline(always)]
fn gather_body<T: Lane, const FUSED: bool, const N: usize>(table: &[T], rows: &[usize], out: &mut [T]) {
    let n = out.len();
    let whole = n / PIECE * PIECE;
    for at in (0..whole).step_by(PIECE) {
        let mut sum = [T::zero(); PIECE];
        sum.copy_from_slice(&out[at..at + PIECE]);
        for row in rows {
            let row = &table[row * n + at..][..PIECE];
            for i in 0..PIECE {
                sum[i] += row[i];
            }
        }
        out[at..at + PIECE].copy_from_slice(&sum);
    }
    for row in rows {
        for (out, x) in out[whole..].iter_mut().zip(&table[row * n + whole..]) {
            *out += *x;
        }
    }
}

super::kernel!(
    /// Adds rows of a table, each as long as `out`.
    gather = gather_body(table: &[T], rows: &[usize], out: &mut [T])
);
