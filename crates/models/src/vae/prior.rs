use std::f64::consts::{LN_2, PI, SQRT_2};

/// What the weights of a tensor cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Prior {
    /// Points that cost nothing.
    Free,
    /// A normal prior of normal posteriors: the divergence in closed form.
    Normal { mean: f64, sd: f64 },
    /// Another prior of normal posteriors: the divergence by a draw.
    Sampled(ScaleDensity),
    /// So many times the squares of points.
    Squares(f64),
    /// So many times the negative log density of points.
    Density(ScaleDensity, f64),
    /// So many times the norm of each unit's points at each position.
    Norms(f64),
}

/// The prior of a scale s, as a density of u = ln s; of u itself if it is normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ScaleDensity {
    Normal { mean: f64, sd: f64 },
    Horseshoe { scale: f64 },
    Laplacian { scale: f64 },
    Ard { scale: f64 },
}

/// What keeps inverse squares finite.
const LEAST_SQUARE: f64 = 1e-8;

impl ScaleDensity {
    /// The logarithm of the density at u. It is that of the published code, which leaves out constants of some kinds.
    pub(super) fn log_density(self, u: f64) -> f64 {
        let square = (2.0 * u).exp();
        match self {
            Self::Normal { mean, sd } => {
                -0.5 * (2.0 * PI * sd * sd).ln() - (u - mean).powi(2) / (2.0 * sd * sd)
            }
            Self::Horseshoe { scale } => LN_2 + scale.ln() - PI.ln() + u - (scale * scale + square).ln(),
            Self::Laplacian { scale } => LN_2 - scale.ln() - square / scale + 2.0 * u,
            Self::Ard { scale } => {
                LN_2 + scale * scale.ln()
                    - libm::lgamma(scale)
                    - scale / (square + LEAST_SQUARE)
                    - 2.0 * scale * u
            }
        }
    }

    /// Its slope at u.
    pub(super) fn slope(self, u: f64) -> f64 {
        let square = (2.0 * u).exp();
        match self {
            Self::Normal { mean, sd } => (mean - u) / (sd * sd),
            Self::Horseshoe { scale } => 1.0 - 2.0 * square / (scale * scale + square),
            Self::Laplacian { scale } => 2.0 - 2.0 * square / scale,
            Self::Ard { scale } => 2.0 * scale * square / (square + LEAST_SQUARE).powi(2) - 2.0 * scale,
        }
    }
}

/// The divergence of normal posteriors from a normal prior, turned negative, of the sums of log deviations, variances
/// and squared distances of `n` of them.
pub(super) fn negative_divergence([log_sds, variances, distances]: [f64; 3], n: usize, sd: f64) -> f64 {
    let n = n as f64;
    log_sds - n * sd.ln() - 0.5 * (variances + distances) / (sd * sd) + 0.5 * n
}

/// The number below which a standard normal one lies with probability `p`, by bisection.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if 0.5 * libm::erfc(-middle / SQRT_2) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        for (p, expected) in [(0.5, 0.0), (0.001, -3.090_232_306_167_813_5), (0.975, 1.959_963_984_540_054)] {
            assert!((normal_quantile(p) - expected).abs() < 1e-13, "{p}");
        }
    }

    #[test]
    fn slopes_are_differences() {
        let densities = [
            ScaleDensity::Normal { mean: 0.3, sd: 1.7 },
            ScaleDensity::Horseshoe { scale: 0.7 },
            ScaleDensity::Laplacian { scale: 0.7 },
            ScaleDensity::Ard { scale: 0.7 },
        ];
        for (density, u) in densities.into_iter().flat_map(|density| [-2.0, 0.1, 1.3].map(|u| (density, u))) {
            let h = 1e-5;
            let difference = (density.log_density(u + h) - density.log_density(u - h)) / (2.0 * h);
            // The error of a central difference is of the order of h².
            assert!(
                (density.slope(u) - difference).abs() <= 1e-7 * (1.0 + difference.abs()),
                "{density:?} at {u}"
            );
        }
    }

    #[test]
    fn the_half_cauchy_density_has_the_mass_of_one() {
        let density = ScaleDensity::Horseshoe { scale: 0.5 };
        let sum: f64 = (-40_000..40_000).map(|i| density.log_density(f64::from(i) * 1e-3).exp() * 1e-3).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }
}
