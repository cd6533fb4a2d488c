//! Functions of the distance of two positions, which relative attention is computed from.

use ndarray::Array2;

use super::GammaNorm;
use super::parse::problem;
use crate::ModelsError;

/// Values of 32 gamma functions at the distances 0 to 1,535, as TensorFlow computed them.
static TABLE: &[u8] = include_bytes!("basis/gammas.f32");

/// The positions and the gamma functions that the table is for.
const TABLE_SIZE: (usize, usize) = (1536, 32);

/// What is added to gamma densities before they are divided.
const FLOOR: f64 = 1e-8;

/// The functions of the distance that Enformer's attention knows positions by: (2N - 1, F), at the distances
/// -(N - 1) to N - 1 of N positions.
///
/// F / 6 of each family: exponentials, central masks, gamma densities; then the same times the sign of the distance
/// (Avsec et al. 2021, supplementary methods). In double precision, unlike the package: at 1,536 positions the gamma
/// densities are exponentials of differences of numbers around 3·10⁴. `n_functions` is rounded down to a multiple
/// of 6.
///
/// # Errors
/// [`ModelsError::Network`] for [`GammaNorm::Table`] and other than 1,536 positions or 192 functions.
///
/// ```
/// use cistron_models::{GammaNorm, relative_position_basis};
///
/// let basis = relative_position_basis(8, 12, GammaNorm::Positions)?;
/// assert_eq!(basis.dim(), (15, 12));
/// // The first exponential halves every 8 positions; its other half has the sign of the distance.
/// assert_eq!((basis[[7, 0]], basis[[0, 6]]), (1.0, -basis[[14, 0]]));
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
pub fn relative_position_basis(
    n_positions: usize,
    n_functions: usize,
    norm: GammaNorm,
) -> Result<Array2<f64>, ModelsError> {
    let n_functions = n_functions / 6 * 6;
    check(n_positions, n_functions, norm)?;
    let shape = ((2 * n_positions).saturating_sub(1), n_functions);
    let values = basis(n_positions, n_functions, norm);
    Ok(Array2::from_shape_vec(shape, values).unwrap_or_else(|_| Array2::zeros((0, n_functions))))
}

/// Refuses the table where it is not for so many positions and functions.
pub(super) fn check(n_positions: usize, n_functions: usize, norm: GammaNorm) -> Result<(), ModelsError> {
    if norm != GammaNorm::Table || (n_positions, n_functions / 6) == TABLE_SIZE {
        return Ok(());
    }
    let (positions, functions) = (TABLE_SIZE.0, 6 * TABLE_SIZE.1);
    let found = format!(
        "found {} for {n_positions} positions and {n_functions} functions, expected {positions} and {functions}",
        norm.name()
    );
    Err(problem("gamma_norm", found))
}

/// The same, row after row; [`check`] has passed.
pub(super) fn basis(n: usize, n_functions: usize, norm: GammaNorm) -> Vec<f64> {
    let half = n_functions / 2;
    let by_distance = symmetric(n, half / 3, norm);
    let mut rows = Vec::with_capacity((2 * n).saturating_sub(1) * n_functions);
    for place in 0..(2 * n).saturating_sub(1) {
        let distance = (place + 1).abs_diff(n);
        let sign = (place + 1).cmp(&n) as i8;
        let row = &by_distance[distance * half..][..half];
        rows.extend_from_slice(row);
        rows.extend(row.iter().map(|value| value * f64::from(sign)));
    }
    rows
}

/// The functions of the absolute distance, 0 to N - 1: (N, 3 K).
fn symmetric(n: usize, k: usize, norm: GammaNorm) -> Vec<f64> {
    let length = n as f64;
    let half_lives: Vec<f64> = spaced(3.0, length.log2(), k).map(f64::exp2).collect();
    let gammas = gamma_densities(n, k, norm);
    let mut rows = Vec::with_capacity(n * 3 * k);
    for distance in 0..n {
        let far = distance as f64;
        rows.extend(half_lives.iter().map(|half_life| (-far / half_life).exp2()));
        rows.extend((1..=k).map(|i| f64::from(u8::from((i as f64).exp2() - 1.0 > far))));
        rows.extend_from_slice(&gammas[distance * k..][..k]);
    }
    rows
}

/// The table's values, (1536, 32).
fn table() -> Vec<f64> {
    TABLE.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
}

/// K densities at the distances 0 to N - 1, divided as the norm says: (N, K).
fn gamma_densities(n: usize, k: usize, norm: GammaNorm) -> Vec<f64> {
    if norm == GammaNorm::Table {
        return table();
    }
    let length = n as f64;
    let deviation = length / (2.0 * k as f64);
    let shapes: Vec<[f64; 3]> = spaced(length / k as f64, length, k)
        .map(|mean| {
            let (shape, rate) = ((mean / deviation).powi(2), mean / deviation.powi(2));
            [shape, rate, libm::lgamma(shape) - shape * rate.ln()]
        })
        .collect();
    // Shapes are at least 4, so that the power of the distance 0 is 0.
    let density = |[shape, rate, constant]: [f64; 3], far: f64| {
        ((shape - 1.0) * far.ln() - rate * far - constant).exp() + FLOOR
    };
    let mut values: Vec<f64> =
        (0..n).flat_map(|distance| shapes.iter().map(move |it| density(*it, distance as f64))).collect();
    match norm {
        GammaNorm::Features => {
            for row in values.chunks_exact_mut(k.max(1)) {
                let top = row.iter().copied().fold(f64::MIN, f64::max);
                for value in row {
                    *value /= top;
                }
            }
        }
        GammaNorm::Positions | GammaNorm::Table => {
            for function in 0..k {
                let top = values.iter().skip(function).step_by(k).copied().fold(f64::MIN, f64::max);
                values.iter_mut().skip(function).step_by(k).for_each(|value| *value /= top);
            }
        }
    }
    values
}

/// K numbers from the first to the last, evenly spaced; the first alone if K is 1.
fn spaced(first: f64, last: f64, k: usize) -> impl Iterator<Item = f64> {
    let step = if k > 1 { (last - first) / (k as f64 - 1.0) } else { 0.0 };
    (0..k).map(move |i| first + step * i as f64)
}
