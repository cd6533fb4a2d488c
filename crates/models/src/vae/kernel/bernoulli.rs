use super::Lane;
use super::softmax::{SoftmaxRow, log_norms};

#[inline(always)]
fn bernoulli_body<T: Lane, const FUSED: bool, const N: usize>(mut row: SoftmaxRow<'_, T>) -> [f64; 2] {
    let (one, mut sums) = (T::one(), [0.0; 2]);
    for at in (0..row.width).step_by(N) {
        let norm = log_norms::<T, FUSED, N>(&mut row, at);
        let SoftmaxRow { logits, codes, share, width, .. } = &mut row;
        let (width, share) = (*width, *share);
        let letters = logits.len() / width;
        // ln(1 + p) and p / (1 + p), of the probability p of each letter.
        let (mut softplus, mut logistic) = ([T::zero(); N], [T::zero(); N]);
        for row in logits.chunks_exact(width) {
            let row = &row[at..at + N];
            for i in 0..N {
                let p = T::exp_of::<FUSED>(row[i] - norm[i]);
                softplus[i] += T::ln_of::<FUSED>(one + p);
                logistic[i] += p / (one + p);
            }
        }
        // The sum over letters of the gradient by ln p; nothing beyond the last position.
        let (mut by_logs, mut shares) = ([T::zero(); N], [T::zero(); N]);
        for (i, code) in codes.iter().skip(at).take(N).enumerate() {
            let code = usize::from(*code);
            sums[0] -= softplus[i].wide();
            by_logs[i] = T::zero() - logistic[i];
            shares[i] = share.unwrap_or(T::zero());
            if code < letters {
                let logit = logits[code * width + at + i];
                sums[0] += (logit - norm[i]).wide();
                by_logs[i] += one;
                sums[1] += (shares[i] * logit).wide();
            }
        }
        let Some(share) = share else { continue };
        let mut slope = [T::zero(); N];
        for row in logits.chunks_exact_mut(width) {
            let row = &mut row[at..at + N];
            for i in 0..N {
                let p = T::exp_of::<FUSED>(row[i] - norm[i]);
                let by_logit = (T::zero() - p / (one + p) - p * by_logs[i]) * shares[i];
                slope[i] = T::fma::<FUSED>(by_logit, row[i], slope[i]);
                row[i] = by_logit;
            }
        }
        sums[1] += slope.iter().map(|lane| lane.wide()).sum::<f64>();
        for (i, code) in codes.iter().skip(at).take(N).enumerate() {
            if usize::from(*code) < letters {
                logits[usize::from(*code) * width + at + i] += share;
            }
        }
    }
    sums
}

super::kernel!(
    /// As [`softmax`](super::softmax), but each letter at each position is a yes or no with the logarithm of its
    /// probability as its log-odds: Σ x ln p - ln(1 + p). A gap is a no to every letter.
    bernoulli = bernoulli_body(row: SoftmaxRow<'_, T>) -> [f64; 2]
);
