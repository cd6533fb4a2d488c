use cistron_core::{Seed, Stream};

use super::real::Real;
use crate::ModelsError;

/// What a parameter starts from, by PyTorch's rules (`torch.nn.init`); the random numbers are ours.
///
/// The numbers of a parameter depend on the seed and its name alone, not on the order in which parameters are
/// made. Fan-in is the number of inputs of an output: the sizes of all axes but the first; fan-out those of all
/// but the second.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_models::Initializer;
///
/// // What `torch.nn.Linear(100, 3)` starts from: weights and biases uniform in ±1/√100.
/// let weight: Vec<f32> = Initializer::layer_weight().values(Seed::new(1), "out.weight", &[3, 100])?;
/// let bias: Vec<f32> = Initializer::layer_bias(&[3, 100])?.values(Seed::new(1), "out.bias", &[3])?;
/// assert!(weight.iter().chain(&bias).all(|value| value.abs() <= 0.1));
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// Even in ±`bound`.
    Uniform {
        /// The largest absolute value.
        bound: f64,
    },
    /// The normal distribution around 0.
    Normal {
        /// Its standard deviation.
        deviation: f64,
    },
    /// The normal distribution around 0 given that the absolute value is at most `bound`. PyTorch's bound is 2,
    /// in the unit of the values and not in standard deviations.
    TruncatedNormal {
        /// The standard deviation before the cut.
        deviation: f64,
        /// The largest absolute value.
        bound: f64,
    },
    /// Even in ±`√(6 / ((1 + slope²)·fan-in))` (He et al. 2015, arXiv:1502.01852).
    KaimingUniform {
        /// The negative slope of the rectifier that follows.
        slope: f64,
    },
    /// Even in ±`gain·√(6 / (fan-in + fan-out))` (Glorot and Bengio 2010).
    XavierUniform {
        /// The gain of what follows; 1 for a linear layer.
        gain: f64,
    },
    /// Normal around 0 with the deviation `gain·√(2 / (fan-in + fan-out))`.
    XavierNormal {
        /// The gain of what follows; 1 for a linear layer.
        gain: f64,
    },
}

impl Initializer {
    /// The weights of a linear or convolutional layer: Kaiming's with slope √5, which is even in ±1/√fan-in.
    pub const fn layer_weight() -> Self {
        Self::KaimingUniform { slope: SQRT_5 }
    }

    /// The biases of a layer whose weights have this shape: even in ±1/√fan-in.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for a shape of fewer than two axes or of size 0.
    pub fn layer_bias(weight_shape: &[usize]) -> Result<Self, ModelsError> {
        Ok(Self::Uniform { bound: 1.0 / fans(weight_shape)?.0.sqrt() })
    }

    /// The numbers that a parameter starts from, row after row.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for a bound or deviation that is negative or not finite, a truncation at 0, and,
    /// where fans are needed, a shape of fewer than two axes or of size 0.
    pub fn values<T: Real>(self, seed: Seed, name: &str, shape: &[usize]) -> Result<Vec<T>, ModelsError> {
        let n = shape.iter().product();
        let stream = seed.stream(&format!("parameter {name}"), 0);
        Ok(match self {
            Self::Zeros => vec![T::ZERO; n],
            Self::Ones => vec![T::from_f64(1.0); n],
            Self::Uniform { bound } => {
                let bound = width("bound", bound)?;
                draw(n, stream, |stream| (2.0 * stream.uniform() - 1.0) * bound)
            }
            Self::Normal { deviation } => {
                let deviation = width("deviation", deviation)?;
                draw(n, stream, |stream| deviation * stream.normal())
            }
            Self::TruncatedNormal { deviation, bound } => {
                let (deviation, bound) = (width("deviation", deviation)?, width("bound", bound)?);
                if bound == 0.0 {
                    return Err(refuse("bound", bound, "a finite number above 0"));
                }
                draw(n, stream, |stream| truncated_normal(stream, deviation, bound))
            }
            _ => return self.by_fans(shape)?.values(seed, name, shape),
        })
    }

    /// The distribution that a rule by fans comes to.
    fn by_fans(self, shape: &[usize]) -> Result<Self, ModelsError> {
        let (fan_in, fan_out) = fans(shape)?;
        Ok(match self {
            Self::KaimingUniform { slope } => {
                Self::Uniform { bound: (6.0 / ((1.0 + slope * slope) * fan_in)).sqrt() }
            }
            Self::XavierUniform { gain } => Self::Uniform { bound: gain * (6.0 / (fan_in + fan_out)).sqrt() },
            Self::XavierNormal { gain } => {
                Self::Normal { deviation: gain * (2.0 / (fan_in + fan_out)).sqrt() }
            }
            other => other,
        })
    }
}

const SQRT_5: f64 = 2.236_067_977_499_79;

fn draw<T: Real>(n: usize, mut stream: Stream, mut next: impl FnMut(&mut Stream) -> f64) -> Vec<T> {
    (0..n).map(|_| T::from_f64(next(&mut stream))).collect()
}

fn fans(shape: &[usize]) -> Result<(f64, f64), ModelsError> {
    match shape {
        [out, input, kernel @ ..] if shape.iter().all(|&size| size > 0) => {
            let field = kernel.iter().map(|&size| size as f64).product::<f64>();
            Ok((*input as f64 * field, *out as f64 * field))
        }
        _ => Err(ModelsError::Option {
            option: "shape",
            found: format!("{shape:?}"),
            expected: "at least two axes, none of size 0".to_owned(),
        }),
    }
}

fn width(option: &'static str, value: f64) -> Result<f64, ModelsError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(refuse(option, value, "a finite number from 0"))
}

fn refuse(option: &'static str, value: f64, expected: &str) -> ModelsError {
    ModelsError::Option { option, found: value.to_string(), expected: expected.to_owned() }
}

/// By rejection, of normal numbers where most pass and of even ones where the cut is so near that the density
/// hardly falls; at least half of the proposals pass.
fn truncated_normal(stream: &mut Stream, deviation: f64, bound: f64) -> f64 {
    loop {
        if bound < deviation {
            let value = (2.0 * stream.uniform() - 1.0) * bound;
            if stream.uniform() < (-0.5 * (value / deviation).powi(2)).exp() {
                return value;
            }
        } else {
            let value = deviation * stream.normal();
            if value.abs() <= bound {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(initializer: Initializer, shape: &[usize]) -> Vec<f64> {
        initializer.values(Seed::new(3), "layer.weight", shape).unwrap()
    }

    /// The mean, variance and largest absolute value.
    fn moments(values: &[f64]) -> [f64; 3] {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        [mean, variance, values.iter().fold(0.0, |most, value| value.abs().max(most))]
    }

    #[test]
    fn distributions_have_their_moments_and_bounds() {
        // Bounds of torch's documentation for a kernel (64, 32, 5): fan-in 160, fan-out 320. The variance of even
        // numbers is bound²/3; of the normal cut at one deviation 1 - 2·φ(1)/(2Φ(1)-1) = 0.291125, at two 0.773741.
        let shape = [64, 32, 5];
        let even = |bound: f64| (bound * bound / 3.0, bound);
        let cases = [
            (Initializer::Uniform { bound: 0.3 }, even(0.3)),
            (Initializer::layer_weight(), even(1.0 / 160_f64.sqrt())),
            (Initializer::KaimingUniform { slope: 0.0 }, even((6.0_f64 / 160.0).sqrt())),
            (Initializer::XavierUniform { gain: 2.0 }, even(2.0 * (6.0_f64 / 480.0).sqrt())),
            (Initializer::layer_bias(&shape).unwrap(), even(1.0 / 160_f64.sqrt())),
            (Initializer::Normal { deviation: 0.5 }, (0.25, f64::INFINITY)),
            (Initializer::XavierNormal { gain: 1.0 }, (2.0 / 480.0, f64::INFINITY)),
            (Initializer::TruncatedNormal { deviation: 1.0, bound: 2.0 }, (0.773_741, 2.0)),
            (Initializer::TruncatedNormal { deviation: 3.0, bound: 3.0 }, (9.0 * 0.291_125, 3.0)),
            (Initializer::TruncatedNormal { deviation: 1e6, bound: 1.0 }, (1.0 / 3.0, 1.0)),
        ];
        for (initializer, (variance, bound)) in cases {
            let found = moments(&values(initializer, &shape));
            // 10,240 numbers: five standard errors of the mean are 0.05 deviations; of the variance, whose
            // relative error is √(2/n) for the normal, 7 %.
            assert!(found[0].abs() < 0.05 * variance.sqrt(), "{initializer:?}: {found:?}");
            assert!((found[1] / variance - 1.0).abs() < 0.07, "{initializer:?}: {found:?}");
            assert!(found[2] <= bound, "{initializer:?}: {found:?}");
        }
        assert_eq!(values(Initializer::Zeros, &[2, 2]), [0.0; 4]);
        assert_eq!(values(Initializer::Ones, &[3]), [1.0; 3]);
    }

    #[test]
    fn numbers_depend_on_the_seed_and_the_name_alone() {
        let draw =
            |seed, name| Initializer::layer_weight().values::<f32>(Seed::new(seed), name, &[4, 4]).unwrap();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn what_makes_no_distribution_is_refused() {
        let message = |initializer: Initializer, shape: &[usize]| {
            initializer.values::<f64>(Seed::new(1), "a", shape).unwrap_err().to_string()
        };
        let cases = [
            (Initializer::layer_weight(), "option shape is [5], expected at least two axes, none of size 0"),
            (Initializer::Uniform { bound: -1.0 }, "option bound is -1, expected a finite number from 0"),
            (
                Initializer::Normal { deviation: f64::NAN },
                "option deviation is NaN, expected a finite number from 0",
            ),
            (
                Initializer::TruncatedNormal { deviation: 1.0, bound: 0.0 },
                "option bound is 0, expected a finite number above 0",
            ),
        ];
        for (initializer, expected) in cases {
            assert_eq!(message(initializer, &[5]), expected);
        }
        assert!(Initializer::layer_bias(&[3, 0]).is_err());
    }
}
