//! The rules of steps that see more than one number.

use super::back::Pair;
use crate::nn::Real;
use crate::nn::activation::CHORD;
use crate::nn::pool::PoolShape;

/// Multipliers of a window's maximum, added to `out` (rows, width).
///
/// The change of the maximum has two parts: up to the larger of both maxima, which is due to where the sequence has its
/// own, and from there on, due to where the reference has its own. Each is divided by the change at its place; where
/// nothing changes at the sequence's place, that is the gradient.
pub(super) fn largest<T: Real>(shape: PoolShape, pair: Pair<'_, T>, gradient: &[T], out: &mut [T]) {
    let Pair { rows, width, x, reference } = pair;
    if width == 0 {
        return;
    }
    let (mut own, mut other) = (Largest::new(width), Largest::new(width));
    for (window, gradient) in gradient.chunks_exact(width).enumerate() {
        let window = shape.window(window, rows);
        own.find(x, window.clone());
        other.find(reference, window);
        for (channel, &gradient) in gradient.iter().enumerate() {
            let (most, most_of_reference) = (own.values[channel], other.values[channel]);
            let both = if most > most_of_reference { most } else { most_of_reference };
            let place = own.places[channel] * width + channel;
            let change = x[place] - reference[place];
            out[place] +=
                if change == T::zero() { gradient } else { gradient * (both - most_of_reference) / change };
            let place = other.places[channel] * width + channel;
            let change = x[place] - reference[place];
            if change != T::zero() {
                out[place] += gradient * (most - both) / change;
            }
        }
    }
}

/// Each channel's first largest value in a window, and where it stands.
struct Largest<T> {
    values: Vec<T>,
    places: Vec<usize>,
}

impl<T: Real> Largest<T> {
    fn new(width: usize) -> Self {
        Self { values: vec![T::zero(); width], places: vec![0; width] }
    }

    fn find(&mut self, x: &[T], window: std::ops::Range<usize>) {
        let width = self.values.len();
        self.places.fill(window.start);
        self.values.copy_from_slice(&x[window.start * width..][..width]);
        for position in window.skip(1) {
            let row = &x[position * width..][..width];
            for ((value, place), x) in self.values.iter_mut().zip(&mut self.places).zip(row) {
                if *x > *value || x.is_nan() {
                    (*value, *place) = (*x, position);
                }
            }
        }
    }
}

/// Multipliers of a softmax over each row, in place of those of its results, in double precision.
///
/// With a = exp(x - c) for one c, v = 1 / Σ a and y = a v, the change of y is split by its logarithm into those of x and
/// of v, and that of v goes back through the sum to each a.
pub(super) fn softmax<T: Real>(pair: Pair<'_, T>, gradient: &mut [T]) {
    let width = pair.width.max(1);
    let size = pair.x.len().max(1);
    for (reference, gradient) in pair.reference.chunks_exact(size).zip(gradient.chunks_exact_mut(size)) {
        let rows = pair.x.chunks_exact(width).zip(reference.chunks_exact(width));
        for ((x, reference), gradient) in rows.zip(gradient.chunks_exact_mut(width)) {
            softmax_row(x, reference, gradient);
        }
    }
}

fn softmax_row<T: Real>(x: &[T], reference: &[T], gradient: &mut [T]) {
    let centre = x.iter().chain(reference).map(|x| x.wide()).fold(f64::NEG_INFINITY, f64::max);
    let power = |x: &T| (x.wide() - centre).exp();
    let inverse = |x: &[T]| 1.0 / x.iter().map(power).sum::<f64>().max(f64::MIN_POSITIVE);
    let (v, v_reference) = (inverse(x), inverse(reference));
    let log_v = v.ln() - v_reference.ln();
    let log_v_by_v = ratio(log_v, v - v_reference, 1.0 / v_reference);
    // The change of each result by that of its logarithm.
    let by_log = |x: &T, reference: &T| {
        let own = power(reference) * v_reference;
        ratio(power(x) * v - own, x.wide() - reference.wide() + log_v, own)
    };
    let pairs = || x.iter().zip(reference);
    let sum: f64 =
        pairs().zip(&*gradient).map(|((x, reference), g)| g.wide() * by_log(x, reference) * log_v_by_v).sum();
    let through_sum = -sum * v * v_reference;
    for ((x, reference), gradient) in pairs().zip(gradient) {
        let by_x = ratio(power(x) - power(reference), x.wide() - reference.wide(), power(reference));
        *gradient = T::of(gradient.wide() * by_log(x, reference) + by_x * through_sum);
    }
}

/// One change by another, or a slope if the other is too small.
fn ratio(change: f64, by: f64, slope: f64) -> f64 {
    if by.abs() > CHORD { change / by } else { slope }
}
