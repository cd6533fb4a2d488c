use super::Real;
use super::kernel::{Kernel, View, apply, compute};
use super::tensor::{Raw, RawResult, Tensor, constant};
use super::vector::{change, map, map2, vectorised};
use crate::ModelsError;

/// √(2/π) and the cubic term of the approximation by tanh.
const TANH_SCALE: f64 = 0.797_884_560_802_865_4;
const TANH_CUBE: f64 = 0.044_715;
/// The slope of a leaky unit below 0.
const LEAK: f64 = 0.01;
/// The scale within the sigmoid form of GELU.
const SIGMOID_SCALE: f64 = 1.702;

/// Below this the ends of a chord count as one point.
pub(super) const CHORD: f64 = 1e-6;

/// A function of one number, applied to each.
///
/// Where a slope is not defined, it is that of PyTorch: 0 for [`Self::Relu`] at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "those of a version of the format of networks")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x Φ(x) with the normal distribution function (Hendrycks and Gimpel, arXiv:1606.08415).
    Gelu,
    /// The same paper's approximation by tanh.
    GeluTanh,
    /// The same paper's approximation x σ(1.702 x).
    GeluSigmoid,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// eˣ.
    Exp,
    /// ln(1 + eˣ), which neither overflows nor rounds to 0 early.
    Softplus,
    /// x above 0, eˣ - 1 below.
    Elu,
    /// x above 0, 0.01 x below.
    LeakyRelu,
}

/// The function and its slope, both of x.
macro_rules! with_functions {
    ($activation:expr, $type:ident, |$value:ident, $slope:ident| $body:expr) => {
        match $activation {
            Activation::Relu => with_functions!(@ $value, $slope, relu, relu_slope, $type, $body),
            Activation::Gelu => with_functions!(@ $value, $slope, gelu, gelu_slope, $type, $body),
            Activation::GeluTanh => with_functions!(@ $value, $slope, gelu_tanh, gelu_tanh_slope, $type, $body),
            Activation::GeluSigmoid => {
                with_functions!(@ $value, $slope, gelu_sigmoid, gelu_sigmoid_slope, $type, $body)
            }
            Activation::Sigmoid => with_functions!(@ $value, $slope, Real::logistic, sigmoid_slope, $type, $body),
            Activation::Tanh => with_functions!(@ $value, $slope, Real::hyperbolic_tangent, tanh_slope, $type, $body),
            Activation::Exp => with_functions!(@ $value, $slope, Real::exponential, Real::exponential, $type, $body),
            Activation::Softplus => with_functions!(@ $value, $slope, softplus, Real::logistic, $type, $body),
            Activation::Elu => with_functions!(@ $value, $slope, elu, elu_slope, $type, $body),
            Activation::LeakyRelu => with_functions!(@ $value, $slope, leaky, leaky_slope, $type, $body),
        }
    };
    (@ $value:ident, $slope:ident, $f:expr, $g:expr, $type:ident, $body:expr) => {{
        #[allow(unused_variables, reason = "each use needs one of the two")]
        let ($value, $slope) = (|x: $type| $f(x), |x: $type| $g(x));
        $body
    }};
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Relu,
        Self::Gelu,
        Self::GeluTanh,
        Self::GeluSigmoid,
        Self::Sigmoid,
        Self::Tanh,
        Self::Exp,
        Self::Softplus,
        Self::Elu,
        Self::LeakyRelu,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::GeluSigmoid => "gelu_sigmoid",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Exp => "exp",
            Self::Softplus => "softplus",
            Self::Elu => "elu",
            Self::LeakyRelu => "leaky_relu",
        }
    }

    /// Changes of what the function is applied to become changes of what it gives: f(x + change) - f(x). Where the
    /// function is made of straight lines the difference is taken without rounding f(x), else in double precision.
    pub(super) fn differences<T: Real>(self, x: &[T], change: &mut [T]) {
        match self {
            Self::Relu => straight_differences(T::zero(), x, change),
            Self::LeakyRelu => straight_differences(T::of(LEAK), x, change),
            _ => with_functions!(self, f64, |value, slope| {
                for (change, x) in change.iter_mut().zip(x) {
                    if *change != T::zero() {
                        *change = T::of(value(x.wide() + change.wide()) - value(x.wide()));
                    }
                }
            }),
        }
    }

    /// Multiplies gradients by the slope of the chord from the reference to x; where the two are less than
    /// [`CHORD`] apart, by the slope at x. Chords of curves are taken in double precision.
    pub(super) fn chords<T: Real>(self, x: &[T], reference: &[T], gradient: &mut [T]) {
        match self {
            Self::Relu => chords(x, reference, gradient, relu, relu_slope),
            Self::LeakyRelu => chords(x, reference, gradient, leaky, leaky_slope),
            _ => with_functions!(self, f64, |value, slope| {
                for (gradient, (x, reference)) in gradient.iter_mut().zip(x.iter().zip(reference)) {
                    *gradient *= T::of(chord(x.wide(), reference.wide(), value, slope));
                }
            }),
        }
    }

    /// Applies the function to each number where it lies, on this thread.
    pub(crate) fn in_place<T: Real>(self, values: &mut [T]) {
        with_functions!(self, T, |value, slope| change(values, value));
    }
}

/// The slope of a function's chord, or at x if it is too short.
#[inline(always)]
fn chord<T: Real>(x: T, reference: T, value: impl Fn(T) -> T, slope: impl Fn(T) -> T) -> T {
    let change = x - reference;
    if change.abs() < T::of(CHORD) { slope(x) } else { (value(x) - value(reference)) / change }
}

fn chords<T: Real>(
    x: &[T],
    reference: &[T],
    gradient: &mut [T],
    value: impl Fn(T) -> T,
    slope: impl Fn(T) -> T,
) {
    vectorised(
        #[inline(always)]
        || {
            for (gradient, (x, reference)) in gradient.iter_mut().zip(x.iter().zip(reference)) {
                *gradient *= chord(*x, *reference, &value, &slope);
            }
        },
    );
}

/// Differences of the function that is x above 0 and `slope · x` below.
fn straight_differences<T: Real>(slope: T, x: &[T], change: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for (change, x) in change.iter_mut().zip(x) {
                // The part of the way that lies above 0, and the part below.
                let (from, to) = (*x, *x + *change);
                let falls = if *change < -from { -from } else { *change };
                let rises = if to > T::zero() { to } else { T::zero() };
                let above = if from > T::zero() { falls } else { rises };
                *change = above + slope * (*change - above);
            }
        },
    );
}

#[inline(always)]
pub(super) fn relu<T: Real>(x: T) -> T {
    // This way round NaN stays NaN.
    if x <= T::zero() { T::zero() } else { x }
}

#[inline(always)]
fn relu_slope<T: Real>(x: T) -> T {
    if x > T::zero() { T::one() } else { T::zero() }
}

#[inline(always)]
fn normal_cdf<T: Real>(x: T) -> T {
    T::of(0.5) * (T::one() + (x * T::of(std::f64::consts::FRAC_1_SQRT_2)).error_function())
}

#[inline(always)]
fn gelu<T: Real>(x: T) -> T {
    x * normal_cdf(x)
}

#[inline(always)]
fn gelu_slope<T: Real>(x: T) -> T {
    let density = T::of(0.5 * TANH_SCALE) * (T::of(-0.5) * x * x).exponential();
    normal_cdf(x) + x * density
}

#[inline(always)]
fn tanh_argument<T: Real>(x: T) -> T {
    T::of(TANH_SCALE) * (x + T::of(TANH_CUBE) * x * x * x)
}

#[inline(always)]
fn gelu_tanh<T: Real>(x: T) -> T {
    T::of(0.5) * x * (T::one() + tanh_argument(x).hyperbolic_tangent())
}

#[inline(always)]
fn gelu_tanh_slope<T: Real>(x: T) -> T {
    let tanh = tanh_argument(x).hyperbolic_tangent();
    let inner = T::of(TANH_SCALE) * (T::one() + T::of(3.0 * TANH_CUBE) * x * x);
    T::of(0.5) * (T::one() + tanh + x * (T::one() - tanh * tanh) * inner)
}

#[inline(always)]
pub(crate) fn gelu_sigmoid<T: Real>(x: T) -> T {
    x * (T::of(SIGMOID_SCALE) * x).logistic()
}

#[inline(always)]
fn gelu_sigmoid_slope<T: Real>(x: T) -> T {
    let gate = (T::of(SIGMOID_SCALE) * x).logistic();
    gate * (T::one() + T::of(SIGMOID_SCALE) * x * (T::one() - gate))
}

#[inline(always)]
fn sigmoid_slope<T: Real>(x: T) -> T {
    let value = x.logistic();
    value * (T::one() - value)
}

#[inline(always)]
fn tanh_slope<T: Real>(x: T) -> T {
    let value = x.hyperbolic_tangent();
    T::one() - value * value
}

#[inline(always)]
pub(super) fn softplus<T: Real>(x: T) -> T {
    relu(x) + (-x.abs()).exponential().log_one_plus()
}

#[inline(always)]
fn elu<T: Real>(x: T) -> T {
    if x <= T::zero() { x.exponential() - T::one() } else { x }
}

#[inline(always)]
fn elu_slope<T: Real>(x: T) -> T {
    if x <= T::zero() { x.exponential() } else { T::one() }
}

#[inline(always)]
fn leaky<T: Real>(x: T) -> T {
    if x <= T::zero() { T::of(LEAK) * x } else { x }
}

#[inline(always)]
fn leaky_slope<T: Real>(x: T) -> T {
    if x <= T::zero() { T::of(LEAK) } else { T::one() }
}

impl Kernel<1> for Activation {
    const NAME: &'static str = "activation";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        with_functions!(*self, T, |value, slope| map(x.values, out, value));
        Ok(())
    }

    fn backward(&self, _: [bool; 1], [x]: [&Raw; 1], _: &Raw, gradient: &Raw) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&Slope(*self), [x, gradient])?)])
    }

    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        let below = x.le(&constant(x, 0.0)?.broadcast_as(x.shape())?)?;
        let either = |negative: &Raw, positive: &Raw| below.where_cond(negative, positive);
        let half_of_one_plus = |y: Raw| y.affine(0.5, 0.5);
        match self {
            Self::Relu => either(&x.zeros_like()?, x),
            Self::Gelu => x.mul(&half_of_one_plus(x.affine(std::f64::consts::FRAC_1_SQRT_2, 0.0)?.erf()?)?),
            Self::GeluTanh => {
                let inner = x.add(&x.mul(x)?.mul(x)?.affine(TANH_CUBE, 0.0)?)?.affine(TANH_SCALE, 0.0)?;
                x.mul(&half_of_one_plus(inner.tanh()?)?)
            }
            Self::GeluSigmoid => x.mul(&half_of_one_plus(x.affine(0.5 * SIGMOID_SCALE, 0.0)?.tanh()?)?),
            Self::Sigmoid => half_of_one_plus(x.affine(0.5, 0.0)?.tanh()?),
            Self::Tanh => x.tanh(),
            Self::Exp => x.exp(),
            Self::Softplus => {
                // ln(1 + t) of a small t rounds to 0, but is t to all digits.
                let small = x.le(&constant(x, -20.0)?.broadcast_as(x.shape())?)?;
                let away = either(x, &x.neg()?)?;
                let bounded = either(&x.zeros_like()?, x)?.add(&(away.exp()? + 1.0)?.log()?)?;
                small.where_cond(&either(x, &x.zeros_like()?)?.exp()?, &bounded)
            }
            // The exponential of what lies above 0 is not used, but if infinite would spoil the gradient.
            Self::Elu => either(&(either(x, &x.zeros_like()?)?.exp()? - 1.0)?, x),
            Self::LeakyRelu => either(&x.affine(LEAK, 0.0)?, x),
        }
    }
}

/// `gradient · f'(x)`.
struct Slope(Activation);

impl Kernel<2> for Slope {
    const NAME: &'static str = "slope of an activation";

    fn shape(&self, [x, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(x.to_vec())
    }

    fn compute<T: Real>(&self, [x, gradient]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        with_functions!(self.0, T, |value, slope| map2(x.values, gradient.values, out, |x, gradient| {
            gradient * slope(x)
        }));
        Ok(())
    }
}

impl Tensor {
    /// An activation of each number.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn activate(&self, activation: Activation) -> Result<Self, ModelsError> {
        Ok(apply(activation, [self])?)
    }
}
