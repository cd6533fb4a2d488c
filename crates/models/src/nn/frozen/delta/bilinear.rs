use std::f64::consts::TAU;

use faer::Accum;

use crate::nn::Real;
use crate::nn::conv::Taps;
use crate::nn::matrix::{block_product, matrix, matrix_mut, steady_block_product};
use crate::nn::tensor::RawResult;

/// Of the products of numbers that taps take, so large a share may be left, with the work at both ends.
const WORTH: f64 = 0.7;

/// A convolution of spans of one width as a product of polynomials: both are evaluated at points of the unit circle,
/// where all numbers are at most one in size, multiplied there, and the product's coefficients are found from its
/// values. Two conjugate points take three products of real numbers (Gauss). Of a product of even degree the leading
/// coefficient, which is that of both leading coefficients, wraps around to the lowest and is taken away from it.
pub(in crate::nn::frozen) struct Bilinear<T> {
    /// The number of products.
    pub(super) rank: usize,
    /// (rank, places of a span).
    evaluation: Vec<T>,
    /// (rank, inputs, outputs).
    weights: Vec<T>,
    /// (places of the result, rank).
    interpolation: Vec<T>,
}

/// The three factors for polynomials of `width` and `count` coefficients, row after row of the rank.
struct Factors {
    rank: usize,
    evaluation: Vec<f64>,
    weights: Vec<f64>,
    /// (rank, places of the result).
    interpolation: Vec<f64>,
}

impl Factors {
    fn new(width: usize, count: usize) -> Self {
        let places = width + count - 1;
        let points = places - places % 2;
        let mut factors =
            Self { rank: 0, evaluation: Vec::new(), weights: Vec::new(), interpolation: Vec::new() };
        let scale = 1.0 / points.max(1) as f64;
        for point in 0..=points / 2 {
            // Reduced first, so that the angle is exact.
            let angle = move |i: usize| ((i * point) % points.max(1)) as f64 * TAU * scale;
            let (cos, sin) = (move |i| angle(i).cos(), move |i| angle(i).sin());
            let both = |i: usize| cos(i) + sin(i);
            // Nothing for a leading coefficient beyond the circle: it has wrapped around.
            let part = |scale: f64, f: &dyn Fn(usize) -> f64, i| if i < points { scale * f(i) } else { 0.0 };
            if point == 0 || 2 * point == points {
                factors.push((width, &cos), (count, &cos), (places, &|i| part(scale, &cos, i)));
            } else {
                let two = 2.0 * scale;
                let difference = |i: usize| sin(i) - cos(i);
                factors.push((width, &both), (count, &cos), (places, &|i| part(two, &both, i)));
                factors.push((width, &cos), (count, &difference), (places, &|i| part(two, &sin, i)));
                factors.push((width, &sin), (count, &both), (places, &|i| part(-two, &cos, i)));
            }
        }
        if places % 2 == 1 {
            let last = |n: usize| move |i: usize| f64::from(u8::from(i + 1 == n));
            let unwrap = move |i: usize| last(places)(i) - f64::from(u8::from(i == 0));
            factors.push((width, &last(width)), (count, &last(count)), (places, &unwrap));
        }
        factors
    }

    fn push(
        &mut self,
        evaluation: (usize, &dyn Fn(usize) -> f64),
        weights: (usize, &dyn Fn(usize) -> f64),
        interpolation: (usize, &dyn Fn(usize) -> f64),
    ) {
        self.rank += 1;
        self.evaluation.extend((0..evaluation.0).map(evaluation.1));
        self.weights.extend((0..weights.0).map(weights.1));
        self.interpolation.extend((0..interpolation.0).map(interpolation.1));
    }
}

impl<T: Real + Default> Bilinear<T> {
    /// For spans of a width and packed weights, if it takes fewer products of numbers than tap by tap.
    pub(in crate::nn::frozen) fn new(width: usize, taps: Taps, weights: &[T]) -> RawResult<Option<Self>> {
        let places = width + taps.count - 1;
        if taps.groups > 1 || taps.dilation > 1 || width < 2 || taps.count < 2 || !pays(width, taps) {
            return Ok(None);
        }
        let factors = Factors::new(width, taps.count);
        let rank = factors.rank;
        // Taps of a correlation run against the coefficients of a product.
        let reversed = factors.weights.chunks_exact(taps.count).flat_map(|row| row.iter().rev());
        let at_points: Vec<T> = reversed.map(|&x| T::of(x)).collect();
        let mut multiplied = vec![T::zero(); rank * taps.inputs * taps.outputs];
        let size = taps.inputs * taps.outputs;
        block_product(
            matrix(&at_points, taps.count)?,
            matrix(weights, size)?,
            Accum::Replace,
            matrix_mut(&mut multiplied, size)?,
        );
        let by_place = (0..places).flat_map(|i| (0..rank).map(move |r| (i, r)));
        Ok(Some(Self {
            rank,
            evaluation: factors.evaluation.iter().map(|&x| T::of(x)).collect(),
            weights: multiplied,
            interpolation: by_place.map(|(i, r)| T::of(factors.interpolation[r * places + i])).collect(),
        }))
    }

    /// Values of the polynomials at the points: (places, n) to (rank, n).
    pub(super) fn evaluate(&self, values: &[T], n: usize, points: &mut [T]) -> RawResult<()> {
        let evaluation = matrix(&self.evaluation, self.evaluation.len() / self.rank)?;
        block_product(evaluation, matrix(values, n)?, Accum::Replace, matrix_mut(points, n)?);
        Ok(())
    }

    /// (rank, n, inputs) to (rank, n, outputs).
    pub(super) fn multiply(
        &self,
        points: &[T],
        products: &mut [T],
        [n, inputs, outputs]: [usize; 3],
    ) -> RawResult<()> {
        let points = points.chunks_exact((n * inputs).max(1));
        let products = products.chunks_exact_mut((n * outputs).max(1));
        for ((x, weights), out) in
            points.zip(self.weights.chunks_exact((inputs * outputs).max(1))).zip(products)
        {
            steady_block_product(
                matrix(x, inputs)?,
                matrix(weights, outputs)?,
                Accum::Replace,
                matrix_mut(out, outputs)?,
            );
        }
        Ok(())
    }

    /// (rank, n) to (places of the result, n).
    pub(super) fn interpolate(&self, products: &[T], n: usize, out: &mut [T]) -> RawResult<()> {
        let interpolation = matrix(&self.interpolation, self.rank)?;
        block_product(interpolation, matrix(products, n)?, Accum::Replace, matrix_mut(out, n)?);
        Ok(())
    }
}

fn pays(width: usize, taps: Taps) -> bool {
    let places = width + taps.count - 1;
    let rank = (3 * places).div_ceil(2);
    let at_both_ends = width * taps.inputs + places * taps.outputs;
    let products = rank * (taps.inputs * taps.outputs + at_both_ends);
    (products as f64) < WORTH * (width * taps.count * taps.inputs * taps.outputs) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_polynomials_are_those_of_their_coefficients() {
        for (width, count) in [(1, 1), (2, 1), (1, 2), (2, 2), (2, 3), (5, 7), (8, 11), (13, 8), (20, 20)] {
            let factors = Factors::new(width, count);
            let a: Vec<f64> = (0..width).map(|i| (i as f64 * 1.7).sin()).collect();
            let b: Vec<f64> = (0..count).map(|i| (i as f64 * 2.3 + 1.0).cos()).collect();
            let dot = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(r, x)| r * x).sum::<f64>();
            let places = width + count - 1;
            let mut product = vec![0.0; places];
            for r in 0..factors.rank {
                let value = dot(&factors.evaluation[r * width..][..width], &a)
                    * dot(&factors.weights[r * count..][..count], &b);
                for (sum, share) in product.iter_mut().zip(&factors.interpolation[r * places..][..places]) {
                    *sum += value * share;
                }
            }
            let coefficient = |o: usize| -> f64 {
                (0..width).filter(|i| o >= *i && o - i < count).map(|i| a[i] * b[o - i]).sum()
            };
            for (o, found) in product.iter().enumerate() {
                assert!((found - coefficient(o)).abs() < 1e-13, "{width} {count} {o}: {found}");
            }
        }
    }
}
