//! One column of a pairwise model given all others: its loss over the sequences, and the gradient.

/// What all columns share: sequences, by their letters and by their rows of couplings.
pub(in crate::alignment) struct Site<'a> {
    /// The letters of the column, N; from A on they are gaps.
    pub(super) letters: &'a [u8],
    /// For each sequence and column the row of couplings that it takes, `(N, L)`; the last row is zero.
    pub(super) rows: &'a [u32],
    /// The columns, L.
    pub(super) width: usize,
    /// The letters of the alphabet, A, at most P.
    pub(super) n_letters: usize,
    pub(super) weights: &'a [f32],
    /// The sequences with a letter in a column, one list for each column and letter after another.
    pub(super) sequences: &'a [u32],
    /// Where each list begins and the last ends, L·A + 1.
    pub(super) starts: &'a [usize],
    /// The column itself, which is not coupled.
    pub(super) column: usize,
}

/// Room for one column: numbers of letters stand in P lanes, of which A are used.
pub(in crate::alignment) struct SiteRoom<const P: usize> {
    /// The fields of the column.
    pub(super) fields: [f32; P],
    /// Couplings by other column and its letter, L·A rows and one of zeros.
    pub(super) couplings: Vec<[f32; P]>,
    /// What a sequence expects less what it has, N.
    pub(super) residuals: Vec<[f32; P]>,
}

/// The gradient of one column.
pub(in crate::alignment) struct SiteGradient<'a, const P: usize> {
    pub(super) fields: &'a mut [f32; P],
    /// By other column and its letter, L·A rows.
    pub(super) couplings: &'a mut [[f32; P]],
}

/// Minus the weighted log-probability of the letters of a column given the rest of their sequences; writes the gradient.
///
/// Gaps are left out: a sequence with a gap in the column counts nothing, one elsewhere adds nothing.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is compiled anew for each instruction set that calls it")]
pub(in crate::alignment) fn evaluate<const P: usize>(
    site: &Site<'_>,
    room: &mut SiteRoom<P>,
    gradient: SiteGradient<'_, P>,
) -> f64 {
    let mut loss = 0.0;
    let mut of_fields = [0.0; P];
    let sequences = site.letters.iter().zip(site.rows.chunks_exact(site.width)).zip(site.weights);
    for (((&letter, rows), &weight), residual) in sequences.zip(&mut room.residuals) {
        *residual = [0.0; P];
        let letter = usize::from(letter);
        if letter >= site.n_letters {
            continue;
        }
        let mut logits = room.fields;
        add_rows(&mut logits, &room.couplings, rows);
        let max = logits.iter().take(site.n_letters).fold(f32::NEG_INFINITY, |max, &it| max.max(it));
        for (residual, &logit) in residual.iter_mut().zip(&logits) {
            *residual = exp(logit - max);
        }
        // Lanes beyond the alphabet have no share.
        residual.iter_mut().skip(site.n_letters).for_each(|it| *it = 0.0);
        let sum: f32 = residual.iter().sum();
        let own = logits.get(letter).copied().unwrap_or(max);
        loss += f64::from(weight) * (f64::from(sum).ln() - f64::from(own - max));
        let scale = weight / sum;
        for it in &mut *residual {
            *it *= scale;
        }
        if let Some(own) = residual.get_mut(letter) {
            *own -= weight;
        }
        for (field, residual) in of_fields.iter_mut().zip(&*residual) {
            *field += residual;
        }
    }
    *gradient.fields = of_fields;
    let lists = site.starts.iter().zip(site.starts.iter().skip(1));
    for ((row, (&start, &end)), gradient) in lists.enumerate().zip(gradient.couplings) {
        *gradient = [0.0; P];
        if row / site.n_letters != site.column {
            add_rows(gradient, &room.residuals, site.sequences.get(start..end).unwrap_or_default());
        }
    }
    loss
}

/// Adds the rows of a table with these numbers, even and odd ones apart.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is compiled anew for each instruction set that calls it")]
fn add_rows<const P: usize>(sum: &mut [f32; P], table: &[[f32; P]], rows: &[u32]) {
    let zero = [0.0; P];
    let (mut even, mut odd) = (*sum, zero);
    let (pairs, last) = rows.as_chunks::<2>();
    for [a, b] in pairs {
        let a = table.get(*a as usize).unwrap_or(&zero);
        let b = table.get(*b as usize).unwrap_or(&zero);
        for lane in 0..P {
            even[lane] += a[lane];
        }
        for lane in 0..P {
            odd[lane] += b[lane];
        }
    }
    for row in last {
        let row = table.get(*row as usize).unwrap_or(&zero);
        for lane in 0..P {
            even[lane] += row[lane];
        }
    }
    for lane in 0..P {
        sum[lane] = even[lane] + odd[lane];
    }
}

/// The exponential of a number that is not positive, to 2 units in the last place; below -87 that of -87.
///
/// Cephes' polynomial, written so that it runs in lanes, with nothing fused: the same bits everywhere.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled anew for each instruction set that calls it")]
fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// The logarithm of 2 in two parts, the first with zeros at its end.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = x - whole * HIGH - whole * LOW;
    let mut y = 1.987_569_1e-4;
    y = y * r + 1.398_199_9e-3;
    y = y * r + 8.333_452e-3;
    y = y * r + 4.166_579_6e-2;
    y = y * r + 1.666_666_5e-1;
    y = y * r + 0.5;
    y = y * (r * r) + r + 1.0;
    y * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right() {
        for i in 0..=8700 {
            let x = -(i as f32) / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) / expected - 1.0).abs();
            assert!(error < 2.0 * f64::from(f32::EPSILON), "{x}: {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), exp(-87.0));
    }
}
