use std::f64::consts::TAU;

use faer::Accum;

use crate::nn::Real;
use crate::nn::conv::Taps;
use crate::nn::matrix::{block_product, matrix, matrix_mut, steady_block_product};
use crate::nn::tensor::RawResult;

/// Of the products of numbers that taps take, so large a share may be left, with the work at both ends.
const WORTH: f64 = 0.7;

/// A convolution of spans of one width as a product of polynomials (Toom 1963, Cook 1966): both are evaluated at as
/// many points as the product has coefficients, multiplied there, and the coefficients are found from the values.
///
/// The points are infinity (the leading coefficient), 1, -1, for an even number 0, a few more real ones, and the rest on
/// the unit circle. A real point takes one product of real numbers, two conjugate ones take three (Gauss). Powers of
/// points off the circle lose digits: those that are taken leave a result that is off by at most 1.5e-6 of its size in
/// single precision, as against 1.5e-7 tap by tap.
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

/// The points of a product, beside infinity: so many roots of one, an even number, and real ones off the circle.
struct Points {
    roots: usize,
    beside: Vec<f64>,
}

impl Points {
    /// For a product of so many coefficients, at least 3.
    fn new(places: usize) -> Self {
        let magnitudes: &[f64] = match places {
            7..15 => &[2.0],
            15..25 => &[1.5, 2.5],
            _ => &[],
        };
        let mut beside = if places.is_multiple_of(2) { vec![0.0] } else { Vec::new() };
        beside.extend(magnitudes.iter().flat_map(|r| [*r, -r, r.recip(), -r.recip()]));
        Self { roots: places.saturating_sub(1 + beside.len()), beside }
    }

    fn rank(&self) -> usize {
        1 + self.beside.len() + 2 + 3 * (self.roots / 2).saturating_sub(1)
    }

    /// The angle of a power of a root.
    fn angle(&self, root: usize, power: usize) -> f64 {
        // Reduced first, so that it is exact.
        (root * power % self.roots.max(1)) as f64 * TAU / self.roots as f64
    }

    /// The coefficients, from the lowest, of what is 0 at the points beside the circle but one.
    fn beside_but(&self, one: Option<usize>) -> Vec<f64> {
        let others = self.beside.iter().enumerate().filter(|(i, _)| Some(*i) != one);
        others.fold(vec![1.0], |product, (_, root)| times(&product, &[-root, 1.0]))
    }

    /// What is 0 at all roots of one.
    fn circle(&self) -> Vec<f64> {
        let mut zeros = vec![0.0; self.roots + 1];
        (zeros[0], zeros[self.roots]) = (-1.0, 1.0);
        zeros
    }

    /// What is 0 at all roots of one but a root and its conjugate, up to a factor.
    fn circle_but(&self, root: usize) -> Vec<f64> {
        match root {
            0 => vec![1.0; self.roots],
            _ if 2 * root == self.roots => (0..self.roots).map(|i| [1.0, -1.0][i % 2]).collect(),
            _ => (0..self.roots - 1).map(|i| self.angle(root, i + 1).sin()).collect(),
        }
    }
}

/// The product of two polynomials.
fn times(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.len() + b.len() - 1];
    for (i, a) in a.iter().enumerate() {
        product[i..].iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
    }
    product
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
        let points = Points::new(width + count - 1);
        let mut factors =
            Self { rank: 0, evaluation: Vec::new(), weights: Vec::new(), interpolation: Vec::new() };
        for (i, &x) in points.beside.iter().enumerate() {
            factors.push_real(width, count, x, &times(&points.circle(), &points.beside_but(Some(i))));
        }
        let beside = points.beside_but(None);
        for root in 0..=points.roots / 2 {
            let zeros = times(&points.circle_but(root), &beside);
            if root == 0 || 2 * root == points.roots {
                factors.push_real(width, count, if root == 0 { 1.0 } else { -1.0 }, &zeros);
            } else {
                factors.push_pair(width, count, &|power| points.angle(root, power), &zeros);
            }
        }
        let leading = |n: usize| (0..n).map(|i| f64::from(u8::from(i + 1 == n))).collect::<Vec<f64>>();
        factors.push(leading(width), leading(count), times(&points.circle(), &beside));
        factors
    }

    /// The product at a point; `zeros` is 0 at all others.
    fn push_real(&mut self, width: usize, count: usize, x: f64, zeros: &[f64]) {
        let powers = |n: usize| (0..n).map(|i| x.powi(i as i32)).collect::<Vec<f64>>();
        let value: f64 = zeros.iter().zip(powers(zeros.len())).map(|(zero, power)| zero * power).sum();
        self.push(powers(width), powers(count), zeros.iter().map(|zero| zero / value).collect());
    }

    /// The three products at a root of one, of whose powers the angles are given, and its conjugate; `zeros` is 0 at all
    /// other points.
    ///
    /// What the two add to the coefficients is twice the real part of the product's value at the root times
    /// `zeros · (x - conjugate)`, divided by what that is at the root.
    fn push_pair(&mut self, width: usize, count: usize, angle: &dyn Fn(usize) -> f64, zeros: &[f64]) {
        let (cos, sin) = (|i: usize| angle(i).cos(), |i: usize| angle(i).sin());
        let at = |part: &dyn Fn(usize) -> f64| -> f64 {
            zeros.iter().enumerate().map(|(i, zero)| zero * part(i)).sum()
        };
        // The value of `zeros`, times (root - conjugate) = 2i sin.
        let (re, im) = (-2.0 * sin(1) * at(&sin), 2.0 * sin(1) * at(&cos));
        let size = re * re + im * im;
        let (real, imaginary) = (times(zeros, &[-cos(1), 1.0]), times(zeros, &[sin(1), 0.0]));
        let parts = || real.iter().zip(&imaginary);
        let by_re: Vec<f64> = parts().map(|(a, b)| 2.0 * (a * re + b * im) / size).collect();
        let by_im: Vec<f64> = parts().map(|(a, b)| 2.0 * (a * im - b * re) / size).collect();
        let both = |n: usize| (0..n).map(|i| cos(i) + sin(i)).collect::<Vec<f64>>();
        let sum = by_re.iter().zip(&by_im).map(|(a, b)| a + b).collect();
        self.push(both(width), (0..count).map(cos).collect(), sum);
        self.push((0..width).map(cos).collect(), (0..count).map(|i| sin(i) - cos(i)).collect(), by_im);
        self.push((0..width).map(sin).collect(), both(count), by_re.into_iter().map(|x| -x).collect());
    }

    /// A product; evaluation and weights are scaled to length 1.
    fn push(&mut self, evaluation: Vec<f64>, weights: Vec<f64>, mut interpolation: Vec<f64>) {
        interpolation.resize(evaluation.len() + weights.len() - 1, 0.0);
        let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let (of_evaluation, of_weights) = (length(&evaluation), length(&weights));
        self.rank += 1;
        self.evaluation.extend(evaluation.iter().map(|x| x / of_evaluation));
        self.weights.extend(weights.iter().map(|x| x / of_weights));
        self.interpolation.extend(interpolation.iter().map(|x| x * of_evaluation * of_weights));
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
    let rank = Points::new(places).rank();
    let at_both_ends = width * taps.inputs + places * taps.outputs;
    let products = rank * (taps.inputs * taps.outputs + at_both_ends);
    (products as f64) < WORTH * (width * taps.count * taps.inputs * taps.outputs) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_polynomials_are_those_of_their_coefficients() {
        for (width, count) in
            [(2, 2), (2, 3), (3, 3), (4, 3), (5, 7), (5, 8), (8, 11), (13, 8), (13, 12), (20, 20), (30, 20)]
        {
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
