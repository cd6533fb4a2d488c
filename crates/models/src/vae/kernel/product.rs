use super::Lane;

/// Results of `T` letters at `N` positions.
#[inline(always)]
fn combine_tile<T: Lane, const FUSED: bool, const N: usize, const LETTERS: usize>(
    coefficients: &[T],
    rows: &[T],
    scale: Option<&[T]>,
    [at, letter, n, width]: [usize; 4],
    out: &mut [T],
) {
    let mut sums = [[T::zero(); N]; LETTERS];
    for (row, coefficients) in rows.chunks_exact(width).zip(coefficients.chunks_exact(n)) {
        let row: &[T] = &row[at..at + N];
        let coefficients = &coefficients[letter..letter + LETTERS];
        for j in 0..LETTERS {
            for i in 0..N {
                sums[j][i] = T::fma::<FUSED>(row[i], coefficients[j], sums[j][i]);
            }
        }
    }
    for (j, mut sum) in sums.into_iter().enumerate() {
        if let Some(scale) = scale {
            let scale = &scale[at..at + N];
            for i in 0..N {
                sum[i] *= scale[i];
            }
        }
        out[(letter + j) * width + at..][..N].copy_from_slice(&sum);
    }
}

#[inline(always)]
fn combine_body<T: Lane, const FUSED: bool, const N: usize>(
    coefficients: &[T],
    rows: &[T],
    scale: Option<&[T]>,
    width: usize,
    out: &mut [T],
) {
    let n = out.len() / width;
    for at in (0..width).step_by(N) {
        let mut letter = 0;
        while letter + 10 <= n {
            combine_tile::<T, FUSED, N, 10>(coefficients, rows, scale, [at, letter, n, width], out);
            letter += 10;
        }
        while letter + 5 <= n {
            combine_tile::<T, FUSED, N, 5>(coefficients, rows, scale, [at, letter, n, width], out);
            letter += 5;
        }
        while letter < n {
            combine_tile::<T, FUSED, N, 1>(coefficients, rows, scale, [at, letter, n, width], out);
            letter += 1;
        }
    }
}

super::kernel!(
    /// `out[j, l] = scale[l] · Σₖ coefficients[k, j] · rows[k, l]` for rows of `width` positions, a multiple of the
    /// lanes.
    combine = combine_body(coefficients: &[T], rows: &[T], scale: Option<&[T]>, width: usize, out: &mut [T])
);

/// The way back through `V = s(S) · U`, U being one unit's rows of letters.
pub(in crate::vae) struct ScaleGradient<'a, T> {
    /// The gradient by V (A, width).
    pub(in crate::vae) by_scaled: &'a [T],
    /// V (A, width).
    pub(in crate::vae) scaled: &'a [T],
    /// s(S) (width).
    pub(in crate::vae) scale: &'a [T],
    /// Whether s is the logistic function, else it is the exponential.
    pub(in crate::vae) logistic: bool,
    /// Becomes the gradient by U (A, width).
    pub(in crate::vae) by_rows: &'a mut [T],
    /// The gradient by S (width) is added.
    pub(in crate::vae) by_scale: &'a mut [T],
}

#[inline(always)]
fn scale_gradient_body<T: Lane, const FUSED: bool, const N: usize>(step: ScaleGradient<'_, T>) {
    let ScaleGradient { by_scaled, scaled, scale, logistic, by_rows, by_scale } = step;
    let width = scale.len();
    for at in (0..width).step_by(N) {
        let mut s = [T::zero(); N];
        s.copy_from_slice(&scale[at..at + N]);
        let mut sum = [T::zero(); N];
        let rows = by_scaled.chunks_exact(width).zip(scaled.chunks_exact(width));
        for ((by_scaled, scaled), by_rows) in rows.zip(by_rows.chunks_exact_mut(width)) {
            let (x, y, out) = (&by_scaled[at..at + N], &scaled[at..at + N], &mut by_rows[at..at + N]);
            for i in 0..N {
                sum[i] = T::fma::<FUSED>(x[i], y[i], sum[i]);
            }
            for i in 0..N {
                out[i] = x[i] * s[i];
            }
        }
        for (i, by_scale) in by_scale[at..at + N].iter_mut().enumerate() {
            *by_scale += if logistic { sum[i] * (T::one() - s[i]) } else { sum[i] };
        }
    }
}

super::kernel!(
    /// Gradients by what was scaled and by its scale.
    scale_gradient = scale_gradient_body(step: ScaleGradient<'_, T>)
);
