use super::Lane;

/// What a step of Adam does to all weights alike: `m ← β₁m + (1-β₁)g`, `v ← β₂v + (1-β₂)g²`, `w ← w + rate·m/(√v + ε)`.
///
/// It climbs, and ε stands beside the root of the second moment as it is, not of the corrected one as in PyTorch.
#[derive(Clone, Copy, Debug)]
pub(in crate::vae) struct AdamRule<T> {
    pub(in crate::vae) rate: T,
    pub(in crate::vae) beta1: T,
    pub(in crate::vae) beta2: T,
    pub(in crate::vae) epsilon: T,
}

#[inline(always)]
fn moved<T: Lane, const FUSED: bool>(w: T, m: &mut T, v: &mut T, g: T, rule: &AdamRule<T>) -> T {
    *m = T::fma::<FUSED>(rule.beta1, *m, (T::one() - rule.beta1) * g);
    *v = T::fma::<FUSED>(rule.beta2, *v, (T::one() - rule.beta2) * g * g);
    w + rule.rate * *m / (T::root(*v) + rule.epsilon)
}

#[inline(always)]
fn adam_body<T: Lane, const FUSED: bool, const N: usize>(
    weights: &mut [T],
    moments: [&mut [T]; 2],
    gradient: &[T],
    rule: AdamRule<T>,
) {
    let n = weights.len();
    let [first, second] = moments;
    let (first, second, gradient) = (&mut first[..n], &mut second[..n], &gradient[..n]);
    for i in 0..n {
        weights[i] = moved::<T, FUSED>(weights[i], &mut first[i], &mut second[i], gradient[i], &rule);
    }
}

super::kernel!(
    /// A step of Adam uphill.
    adam = adam_body(weights: &mut [T], moments: [&mut [T]; 2], gradient: &[T], rule: AdamRule<T>)
);

/// Weights with normal posteriors and all that their step needs.
pub(in crate::vae) struct GaussianStep<'a, T> {
    pub(in crate::vae) mean: &'a mut [T],
    pub(in crate::vae) log_sd: &'a mut [T],
    /// First and second moments of the means, then of the log deviations.
    pub(in crate::vae) moments: [&'a mut [T]; 4],
    /// The likelihood's gradient by the drawn weights.
    pub(in crate::vae) gradient: &'a [T],
    /// The noise that they were drawn with.
    pub(in crate::vae) noise: &'a [T],
    /// The standard deviations that they were drawn with.
    pub(in crate::vae) sd: &'a [T],
    /// The prior's mean.
    pub(in crate::vae) prior: T,
    /// One over the prior's variance.
    pub(in crate::vae) precision: T,
    /// What a unit of divergence from the prior costs.
    pub(in crate::vae) cost: T,
}

#[inline(always)]
fn adam_gaussian_body<T: Lane, const FUSED: bool, const N: usize>(
    step: GaussianStep<'_, T>,
    rule: AdamRule<T>,
) {
    let GaussianStep { mean, log_sd, moments: [m1, m2, s1, s2], prior, precision, cost, .. } = step;
    let n = mean.len();
    let (log_sd, m1, m2) = (&mut log_sd[..n], &mut m1[..n], &mut m2[..n]);
    let (s1, s2) = (&mut s1[..n], &mut s2[..n]);
    let (gradient, noise, sd) = (&step.gradient[..n], &step.noise[..n], &step.sd[..n]);
    for i in 0..n {
        let (g, e) = (gradient[i], sd[i]);
        let by_mean = g - cost * precision * (mean[i] - prior);
        let by_log_sd = g * noise[i] * e + cost * (T::one() - e * e * precision);
        mean[i] = moved::<T, FUSED>(mean[i], &mut m1[i], &mut m2[i], by_mean, &rule);
        log_sd[i] = moved::<T, FUSED>(log_sd[i], &mut s1[i], &mut s2[i], by_log_sd, &rule);
    }
}

super::kernel!(
    /// The gradients of the likelihood through the draw and of the divergence from the prior in closed form, and a step
    /// of Adam, in one pass.
    adam_gaussian = adam_gaussian_body(step: GaussianStep<'_, T>, rule: AdamRule<T>)
);
