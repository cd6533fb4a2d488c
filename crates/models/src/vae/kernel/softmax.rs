use super::Lane;

/// A sequence and what the network says of it.
pub(in crate::vae) struct SoftmaxRow<'a, T> {
    /// What all units say together (A, width); becomes the logits or, with a `share`, the gradient by them, which is 0
    /// at gaps and beyond the last position.
    pub(in crate::vae) logits: &'a mut [T],
    /// What is added (A, width), if anything.
    pub(in crate::vae) bias: Option<&'a [T]>,
    /// What the sum is multiplied by.
    pub(in crate::vae) temperature: T,
    /// The letters, below A, or gaps.
    pub(in crate::vae) codes: &'a [u8],
    /// The share of this sequence in the mean of which the gradient is wanted.
    pub(in crate::vae) share: Option<T>,
    pub(in crate::vae) width: usize,
}

/// Makes the logits of some positions, in place; gives the logarithms of the sums of their exponentials.
#[inline(always)]
pub(super) fn log_norms<T: Lane, const FUSED: bool, const N: usize>(
    row: &mut SoftmaxRow<'_, T>,
    at: usize,
) -> [T; N] {
    let width = row.width;
    let mut largest = [T::zero(); N];
    for (j, logits) in row.logits.chunks_exact_mut(width).enumerate() {
        let logits = &mut logits[at..at + N];
        if let Some(bias) = row.bias {
            let bias = &bias[j * width + at..][..N];
            for i in 0..N {
                logits[i] += bias[i];
            }
        }
        for logit in logits.iter_mut() {
            *logit *= row.temperature;
        }
        for i in 0..N {
            largest[i] = if j == 0 || logits[i] > largest[i] { logits[i] } else { largest[i] };
        }
    }
    let mut total = [T::zero(); N];
    for logits in row.logits.chunks_exact(width) {
        let logits = &logits[at..at + N];
        for i in 0..N {
            total[i] += T::exp_of::<FUSED>(logits[i] - largest[i]);
        }
    }
    let mut norms = [T::zero(); N];
    for i in 0..N {
        norms[i] = largest[i] + T::ln_of::<FUSED>(total[i]);
    }
    norms
}

#[inline(always)]
fn softmax_body<T: Lane, const FUSED: bool, const N: usize>(mut row: SoftmaxRow<'_, T>) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for at in (0..row.width).step_by(N) {
        let norm = log_norms::<T, FUSED, N>(&mut row, at);
        let SoftmaxRow { logits, codes, share, width, .. } = &mut row;
        let (width, share) = (*width, *share);
        let letters = logits.len() / width;
        let mut shares = [T::zero(); N];
        for (i, code) in codes.iter().skip(at).take(N).enumerate() {
            let code = usize::from(*code);
            if code < letters {
                let logit = logits[code * width + at + i];
                sums[0] += (logit - norm[i]).wide();
                if let Some(share) = share {
                    shares[i] = share;
                    sums[1] += (share * logit).wide();
                }
            }
        }
        let Some(share) = share else { continue };
        let mut slope = [T::zero(); N];
        for row in logits.chunks_exact_mut(width) {
            let row = &mut row[at..at + N];
            for i in 0..N {
                let by_logit = -T::exp_of::<FUSED>(row[i] - norm[i]) * shares[i];
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
    /// The logarithm of the sequence's probability, gaps left out, and the sum of the gradient times the logits.
    softmax = softmax_body(row: SoftmaxRow<'_, T>) -> [f64; 2]
);
