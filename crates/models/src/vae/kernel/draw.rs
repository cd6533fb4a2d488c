use super::{LANES, Lane};

/// A draw of weights with normal posteriors.
pub(in crate::vae) struct Draw<'a, T> {
    /// Their means.
    pub(in crate::vae) mean: &'a [T],
    /// The logarithms of their standard deviations.
    pub(in crate::vae) log_sd: &'a [T],
    /// Standard normal numbers; becomes the weights.
    pub(in crate::vae) weights: &'a mut [T],
    /// The prior's mean.
    pub(in crate::vae) prior: T,
}

/// Sums of the log deviations, of the variances and of the squared distances of the means from the prior's.
#[inline(always)]
fn sample_body<T: Lane, const FUSED: bool, const N: usize>(draw: Draw<'_, T>) -> [f64; 3] {
    let Draw { mean, log_sd, weights, prior } = draw;
    let mut sums = [[T::zero(); LANES]; 3];
    let (mean, mean_rest) = mean.as_chunks::<LANES>();
    let (log_sd, log_sd_rest) = log_sd.as_chunks::<LANES>();
    let (weights, weights_rest) = weights.as_chunks_mut::<LANES>();
    for ((w, mean), log_sd) in weights.iter_mut().zip(mean).zip(log_sd) {
        let (mut sd, mut distance) = ([T::zero(); LANES], [T::zero(); LANES]);
        // One short loop a statement is what compilers make vectors of.
        for i in 0..LANES {
            sd[i] = T::exp_of::<FUSED>(log_sd[i]);
        }
        for i in 0..LANES {
            distance[i] = mean[i] - prior;
        }
        for i in 0..LANES {
            w[i] = T::fma::<FUSED>(sd[i], w[i], mean[i]);
        }
        for i in 0..LANES {
            sums[0][i] += log_sd[i];
        }
        for i in 0..LANES {
            sums[1][i] = T::fma::<FUSED>(sd[i], sd[i], sums[1][i]);
        }
        for i in 0..LANES {
            sums[2][i] = T::fma::<FUSED>(distance[i], distance[i], sums[2][i]);
        }
    }
    let mut totals = sums.map(|lanes| lanes.iter().map(|lane| lane.wide()).sum::<f64>());
    for ((w, mean), log_sd) in weights_rest.iter_mut().zip(mean_rest).zip(log_sd_rest) {
        let (sd, distance) = (T::exp_of::<FUSED>(*log_sd), *mean - prior);
        *w = T::fma::<FUSED>(sd, *w, *mean);
        totals[0] += log_sd.wide();
        totals[1] += (sd * sd).wide();
        totals[2] += (distance * distance).wide();
    }
    totals
}

super::kernel!(
    /// Draws weights, and gives the sums that their divergence from the prior is made of: of the log deviations, of
    /// the variances, of the squared distances of the means from the prior's.
    sample = sample_body(draw: Draw<'_, T>) -> [f64; 3]
);

#[inline(always)]
fn redraw_body<T: Lane, const FUSED: bool, const N: usize>(draw: Draw<'_, T>, noise: &[T], sd: &mut [T]) {
    let n = draw.weights.len();
    let (mean, log_sd, noise, sd) = (&draw.mean[..n], &draw.log_sd[..n], &noise[..n], &mut sd[..n]);
    for i in 0..n {
        sd[i] = T::exp_of::<FUSED>(log_sd[i]);
        draw.weights[i] = T::fma::<FUSED>(sd[i], noise[i], mean[i]);
    }
}

super::kernel!(
    /// The same draw again from its noise, and the standard deviations.
    redraw = redraw_body(draw: Draw<'_, T>, noise: &[T], sd: &mut [T])
);
