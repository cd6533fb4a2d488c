#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::TomtomError;

/// Added to every entry before a column is made to sum to 1, for the distances that take logarithms.
const PSEUDOCOUNT: f64 = 0.01;

/// How two motif columns `q` and `t` over `A` letters are compared; larger scores are better.
///
/// Euclidean, Pearson and Sandelin–Wasserman take any real entries. [`Allr`](Self::Allr) and
/// [`KullbackLeibler`](Self::KullbackLeibler) take entries of at least 0: 0.01 is added to each and the column is
/// divided by its sum, so a column of zeros is the uniform one.
///
/// Source: Gupta et al. 2007, doi:10.1186/gb-2007-8-2-r24, table 2. Differences from MEME 5.5: no site counts and
/// no background, that is, `ALLR` weighs both columns alike and its background is uniform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MotifDistance {
    /// `-√Σ(q - t)²`.
    #[default]
    Euclidean,
    /// The correlation of the two columns' entries; 0 if one of them is constant.
    Pearson,
    /// The average log-likelihood ratio `½ Σ (t ln(A q) + q ln(A t))`.
    Allr,
    /// The mean of both Kullback–Leibler divergences, negative: `-½ Σ (q - t) (ln q - ln t)`.
    KullbackLeibler,
    /// `2 - Σ(q - t)²`.
    SandelinWasserman,
}

/// The last step from `z` to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// `-√max(z, 0)`
    NegativeRoot,
    /// `-z`
    Negative,
    /// `2 - z`
    FromTwo,
}

impl Finish {
    #[inline(always)]
    pub(super) fn apply(self, z: f64) -> f64 {
        match self {
            Self::NegativeRoot => -(if z > 0.0 { z } else { 0.0 }).sqrt(),
            Self::Negative => -z,
            Self::FromTwo => 2.0 - z,
        }
    }
}

/// One side of `z = constant_q + constant_t - Σ weight_q · weight_t`, the form that every distance has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Side {
    pub(super) constant: f64,
    pub(super) weights: Vec<f64>,
}

impl MotifDistance {
    pub(super) fn finish(self) -> Finish {
        match self {
            Self::Euclidean => Finish::NegativeRoot,
            Self::SandelinWasserman => Finish::FromTwo,
            Self::Pearson | Self::Allr | Self::KullbackLeibler => Finish::Negative,
        }
    }

    /// How many weights a column has.
    pub(super) fn n_weights(self, letters: usize) -> usize {
        match self {
            Self::Allr | Self::KullbackLeibler => 2 * letters,
            _ => letters,
        }
    }

    pub(super) fn target(self, column: &[f64]) -> Side {
        let squares = || column.iter().fold(0.0, |sum, x| sum + x * x);
        match self {
            Self::Euclidean | Self::SandelinWasserman => {
                Side { constant: squares(), weights: column.to_vec() }
            }
            Self::Pearson => Side { constant: 0.0, weights: standardised(column) },
            Self::Allr => {
                let (p, log) = smoothed(column);
                Side { constant: 0.0, weights: [p, log].concat() }
            }
            Self::KullbackLeibler => {
                let (p, log) = smoothed(column);
                Side { constant: half_dot(&p, &log), weights: [p, log].concat() }
            }
        }
    }

    pub(super) fn query(self, column: &[f64]) -> Side {
        let Side { constant, mut weights } = self.target(column);
        match self {
            Self::Euclidean | Self::SandelinWasserman => weights.iter_mut().for_each(|w| *w *= 2.0),
            Self::Pearson => {}
            Self::Allr | Self::KullbackLeibler => {
                // The query's logarithms meet the target's probabilities, and the other way round.
                let letters = column.len();
                weights.rotate_left(letters);
                for w in &mut weights {
                    *w *= 0.5;
                }
            }
        }
        Side { constant, weights }
    }

    /// What is wrong with an entry, if anything.
    pub(super) fn refuses(self, entry: f64) -> Option<&'static str> {
        /// Squares of larger entries, and sums of those, could overflow.
        const LARGEST: f64 = 1e100;
        let negative = matches!(self, Self::Allr | Self::KullbackLeibler) && entry < 0.0;
        if !entry.is_finite() || entry.abs() > LARGEST {
            Some("a finite number of at most 1e100 in magnitude")
        } else if negative {
            Some("at least 0 for a distance with logarithms")
        } else {
            None
        }
    }
}

/// The deviations from the mean, with a sum of squares of 1; zeros for a constant column.
fn standardised(column: &[f64]) -> Vec<f64> {
    let largest = column.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let mean = column.iter().sum::<f64>() / column.len() as f64;
    let mut deviations: Vec<f64> = column.iter().map(|x| x - mean).collect();
    let norm = deviations.iter().map(|d| d * d).sum::<f64>().sqrt();
    // Below this the deviations are the rounding of the mean.
    let constant = norm <= 1e-14 * largest;
    for d in &mut deviations {
        *d = if constant { 0.0 } else { *d / norm };
    }
    deviations
}

/// The probabilities of a column with pseudocounts, and the logarithms of their ratios to 1/A.
fn smoothed(column: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let letters = column.len() as f64;
    let sum: f64 = column.iter().map(|x| x + PSEUDOCOUNT).sum();
    let p: Vec<f64> = column.iter().map(|x| (x + PSEUDOCOUNT) / sum).collect();
    let log = p.iter().map(|p| (p * letters).ln()).collect();
    (p, log)
}

fn half_dot(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()
}

/// A motif with its entries in one piece, position after position.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    pub(super) width: usize,
    pub(super) letters: usize,
    pub(super) entries: Vec<f64>,
}

impl Matrix {
    /// Checks the width and the entries of a motif.
    pub(super) fn new(
        motif: &ndarray::ArrayView2<'_, f64>,
        distance: MotifDistance,
        (role, index): (&'static str, usize),
        limit: usize,
    ) -> Result<Self, TomtomError> {
        let (width, letters) = motif.dim();
        if width == 0 || width > limit {
            return Err(TomtomError::Width { role, index, found: width, limit });
        }
        if letters == 0 {
            return Err(TomtomError::Letters { role, index, found: 0, expected: "at least 1".into() });
        }
        for ((position, letter), &found) in motif.indexed_iter() {
            if let Some(expected) = distance.refuses(found) {
                return Err(TomtomError::Entry { role, index, position, letter, found, expected });
            }
        }
        Ok(Self { width, letters, entries: motif.iter().copied().collect() })
    }

    pub(super) fn columns(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.entries.chunks_exact(self.letters)
    }
}
