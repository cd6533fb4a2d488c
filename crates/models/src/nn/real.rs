use std::fmt::Debug;
use std::iter::Sum;

use candle_core::WithDType;
use faer::traits::ComplexField;

/// A floating-point type that networks compute in.
///
/// The functions of `f64` are those of the standard library and of `libm`. The functions of `f32` are written as
/// branch-free arithmetic, so that a loop over a slice becomes vector instructions; their products and sums are
/// never fused, so that every instruction set gives the same bytes.
pub(crate) trait Real: WithDType + ComplexField + Debug + Sum + num_traits::Float {
    /// eˣ, to 2 units in the last place.
    fn exponential(self) -> Self;
    /// The hyperbolic tangent, to 4 units in the last place.
    fn hyperbolic_tangent(self) -> Self;
    /// The error function, to 4e-7.
    fn error_function(self) -> Self;
    /// ln(1 + t) for t in 0..=1, to 3 units in the last place.
    fn log_one_plus(self) -> Self;

    /// 1 / (1 + e⁻ˣ), without overflow.
    #[inline(always)]
    fn logistic(self) -> Self {
        let decay = (-self.abs()).exponential();
        let above = Self::one() / (Self::one() + decay);
        if self < Self::zero() { decay * above } else { above }
    }

    /// The number in double precision.
    #[inline(always)]
    fn wide(self) -> f64 {
        WithDType::to_f64(self)
    }

    /// The number as this type.
    #[inline(always)]
    fn of(value: f64) -> Self {
        Self::from_f64(value)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn hyperbolic_tangent(self) -> Self {
        self.tanh()
    }

    #[inline(always)]
    fn error_function(self) -> Self {
        libm::erf(self)
    }

    #[inline(always)]
    fn log_one_plus(self) -> Self {
        self.ln_1p()
    }
}

/// Adding and taking away 1.5·2²³ rounds to a whole number, which then stands in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;
/// ln 2 in two parts, the first short enough that its product with an exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// 2/√π · (-1)ⁿ / (n! (2n + 1)) for n from 11 to 0.
const ERROR_SERIES: [f32; 12] = [
    -1.229_055_5e-9,
    1.480_719_3e-8,
    -1.636_584_5e-7,
    1.646_211_4e-6,
    -1.492_565e-5,
    1.205_533_3e-4,
    -8.548_327e-4,
    5.223_977_6e-3,
    -2.686_617_1e-2,
    0.112_837_92,
    -0.376_126_4,
    std::f32::consts::FRAC_2_SQRT_PI,
];

/// Σ cᵢ xⁱ, coefficients from the highest power.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    // Not by `fold`: it may be compiled apart, and a call within a loop takes no vector instructions.
    let mut sum = 0.0;
    for coefficient in &coefficients {
        sum = sum * x + coefficient;
    }
    sum
}

/// One of two numbers that are both computed: with a branch between them a loop would take no vector instructions.
#[inline(always)]
fn either(first: bool, a: f32, b: f32) -> f32 {
    let mask = u32::from(first).wrapping_neg();
    f32::from_bits((a.to_bits() & mask) | (b.to_bits() & !mask))
}

/// 2ⁿ for the n that [`ROUNDING`] left in the lowest bits, halved and rounded down or up.
#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) << 23) as u32)
}

impl Real for f32 {
    /// Range reduction to ±ln(2)/2, then the Taylor series to the seventh power. Above the largest finite result it is
    /// infinite, below the smallest 0.
    #[inline(always)]
    fn exponential(self) -> Self {
        // Comparisons keep NaN, which `clamp` on the result of `max` would not.
        let x = if self > 89.0 { 89.0 } else { self };
        let x = if x < -104.0 { -104.0 } else { x };
        let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
        let whole = shifted - ROUNDING;
        let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUNDING.to_bits() as i32);
        let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
        let series =
            polynomial(rest, [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0]);
        // Two factors, since 2ⁿ itself can lie outside the normal numbers.
        let half = exponent >> 1;
        series * power_of_two(half) * power_of_two(exponent - half)
    }

    /// Lambert's continued fraction below 1, the exponential form above.
    #[inline(always)]
    fn hyperbolic_tangent(self) -> Self {
        let square = self * self;
        let near = self * polynomial(square, [1.0, 378.0, 17_325.0, 135_135.0])
            / polynomial(square, [28.0, 3_150.0, 62_370.0, 135_135.0]);
        let decay = (-2.0 * self.abs()).exponential();
        let far = ((1.0 - decay) / (1.0 + decay)).copysign(self);
        either(square < 1.0, near, far)
    }

    /// The Taylor series below 1; above, Abramowitz and Stegun (1964), formula 7.1.26.
    #[inline(always)]
    fn error_function(self) -> Self {
        let square = self * self;
        let near = self * polynomial(square, ERROR_SERIES);
        let t = 1.0 / (1.0 + 0.327_591_1 * self.abs());
        let tail = t
            * polynomial(t, [1.061_405_4, -1.453_152_1, 1.421_413_7, -0.284_496_74, 0.254_829_6])
            * (-square).exponential();
        let far = (1.0 - tail).copysign(self);
        either(square < 1.0, near, far)
    }

    /// 2 artanh(t / (2 + t)) by its Taylor series.
    #[inline(always)]
    fn log_one_plus(self) -> Self {
        let z = self / (2.0 + self);
        let square = z * z;
        let series = polynomial(
            square,
            [2.0 / 17.0, 2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0],
        );
        z * series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest distance of `ours` from `exact` over a grid, in units of the exact value's last place.
    fn worst(range: (f64, f64), ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        let at = |i: u32| range.0 + (range.1 - range.0) * f64::from(i) / f64::from(steps);
        let distance = |i: u32| {
            let x = at(i) as f32;
            let truth = exact(f64::from(x));
            let unit = f64::from((truth.abs() as f32).max(f32::MIN_POSITIVE).next_up())
                - f64::from((truth.abs() as f32).max(f32::MIN_POSITIVE));
            (f64::from(ours(x)) - truth).abs() / unit
        };
        (0..=steps).map(distance).fold(0.0, f64::max)
    }

    #[test]
    fn single_precision_functions_keep_their_accuracy() {
        assert!(worst((-87.0, 88.7), Real::exponential, f64::exp) <= 2.0);
        assert!(worst((-20.0, 20.0), Real::hyperbolic_tangent, f64::tanh) <= 4.0);
        assert!(worst((1e-6, 1.0), Real::log_one_plus, f64::ln_1p) <= 3.0);
        assert!(worst((-80.0, 80.0), Real::logistic, |x| 1.0 / (1.0 + (-x).exp())) <= 4.0);
        for i in -6_000..=6_000_i16 {
            let x = f32::from(i) / 1e3;
            let error = f64::from(x.error_function()) - libm::erf(f64::from(x));
            assert!(error.abs() <= 4e-7, "erf({x}): {error}");
        }
    }

    #[test]
    fn single_precision_functions_keep_their_ends() {
        assert_eq!(f32::INFINITY.exponential(), f32::INFINITY);
        assert_eq!(89.0_f32.exponential(), f32::INFINITY);
        assert_eq!(f32::NEG_INFINITY.exponential(), 0.0);
        assert_eq!(0.0_f32.exponential(), 1.0);
        assert!(f32::NAN.exponential().is_nan() && f32::NAN.hyperbolic_tangent().is_nan());
        assert!(f32::NAN.error_function().is_nan() && f32::NAN.logistic().is_nan());
        assert_eq!((f32::INFINITY.hyperbolic_tangent(), f32::NEG_INFINITY.hyperbolic_tangent()), (1.0, -1.0));
        assert_eq!((f32::INFINITY.error_function(), f32::NEG_INFINITY.error_function()), (1.0, -1.0));
        assert_eq!((f32::INFINITY.logistic(), f32::NEG_INFINITY.logistic()), (1.0, 0.0));
        assert_eq!(0.0_f32.log_one_plus(), 0.0);
    }
}
