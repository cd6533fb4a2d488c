use crate::nn::Real;

/// A number in a lane of a vector. `FUSED`: whether the processor multiplies and adds in one operation.
pub(in crate::vae) trait Lane: Real + Default {
    /// `a·b + c`.
    fn fma<const FUSED: bool>(a: Self, b: Self, c: Self) -> Self;
    /// eˣ, to 2 units in the last place for finite results; from e⁻⁸⁷ to e⁸⁸ in single precision.
    fn exp_of<const FUSED: bool>(x: Self) -> Self;
    /// ln x of a positive normal number, to 2 units in the last place.
    fn ln_of<const FUSED: bool>(x: Self) -> Self;
    /// The square root.
    fn root(x: Self) -> Self;
    /// A number of single precision.
    fn of_single(x: f32) -> Self;
}

impl Lane for f64 {
    #[inline(always)]
    fn fma<const FUSED: bool>(a: Self, b: Self, c: Self) -> Self {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn exp_of<const FUSED: bool>(x: Self) -> Self {
        x.exp()
    }

    #[inline(always)]
    fn ln_of<const FUSED: bool>(x: Self) -> Self {
        x.ln()
    }

    #[inline(always)]
    fn root(x: Self) -> Self {
        x.sqrt()
    }

    #[inline(always)]
    fn of_single(x: f32) -> Self {
        Self::from(x)
    }
}

/// Adding and taking away 1.5·2²³ rounds to a whole number, which then stands in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;
/// ln 2 in two parts, the first short enough that its product with an exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// The bits of √½, where the exponent of a logarithm's argument is cut off.
const ROOT_HALF: u32 = 0x3f35_04f3;

/// (ln(1 + m) - m + m²/2) / m³ for m from √½ - 1 to √2 - 1 (Cephes, `logf`), coefficients from the highest power.
const LOGARITHM: [f32; 9] = [
    7.037_683_6e-2,
    -0.115_146_1,
    0.116_769_99,
    -0.124_201_41,
    0.142_493_23,
    -0.166_680_58,
    0.200_007_15,
    -0.249_999_94,
    0.333_333_3,
];

/// Σ cᵢ xⁱ, coefficients from the highest power.
#[inline(always)]
pub(super) fn polynomial<const FUSED: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = 0.0;
    for coefficient in coefficients {
        sum = f32::fma::<FUSED>(sum, x, coefficient);
    }
    sum
}

impl Lane for f32 {
    #[inline(always)]
    fn fma<const FUSED: bool>(a: Self, b: Self, c: Self) -> Self {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    /// Range reduction to ±ln(2)/2, then the Taylor series to the seventh power.
    #[inline(always)]
    fn exp_of<const FUSED: bool>(x: Self) -> Self {
        let x = if x > 88.0 { 88.0 } else { x };
        let x = if x < -87.0 { -87.0 } else { x };
        let shifted = Self::fma::<FUSED>(x, std::f32::consts::LOG2_E, ROUNDING);
        let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUNDING.to_bits() as i32);
        let whole = shifted - ROUNDING;
        let rest = Self::fma::<FUSED>(whole, -LN_2_HIGH, x);
        let rest = Self::fma::<FUSED>(whole, -LN_2_LOW, rest);
        let series = polynomial::<FUSED, 8>(
            rest,
            [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0],
        );
        Self::from_bits((series.to_bits() as i32).wrapping_add(exponent << 23) as u32)
    }

    #[inline(always)]
    fn ln_of<const FUSED: bool>(x: Self) -> Self {
        let bits = x.to_bits().wrapping_sub(ROOT_HALF);
        let exponent = (bits as i32) >> 23;
        let m = Self::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_HALF)) - 1.0;
        let square = m * m;
        let series = polynomial::<FUSED, 9>(m, LOGARITHM);
        let rest = Self::fma::<FUSED>(series * m, square, -0.5 * square);
        Self::fma::<FUSED>(exponent as Self, std::f32::consts::LN_2, m + rest)
    }

    #[inline(always)]
    fn root(x: Self) -> Self {
        x.sqrt()
    }

    #[inline(always)]
    fn of_single(x: f32) -> Self {
        x
    }
}
