use std::sync::Arc;

use cistron_core::Alphabet;
use ndarray::{Array2, ArrayView2, ArrayViewMut1};

use crate::{Background, MotifError};

/// What the numbers of a motif's matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatrixKind {
    /// The probability of each letter at each position.
    Probabilities,
    /// How often each letter was seen at each position.
    Counts,
    /// `log2(probability / background)`: scores in bits.
    LogOdds,
    /// Scores of any other scale, such as the natural logarithms of HOCOMOCO.
    Weights,
}

impl MatrixKind {
    /// Whether the numbers are scores: added as they are by a scan, never normalised.
    pub fn is_score(self) -> bool {
        matches!(self, Self::LogOdds | Self::Weights)
    }
}

/// A motif: a name and a position weight matrix.
///
/// The matrix has shape (width, A): a row a position, a column a letter of the alphabet; the values are those of
/// the file, never rescaled ([`probabilities`](Self::probabilities) makes probabilities of them).
///
/// ```
/// use cistron_motif::{MatrixKind, Motif};
/// use ndarray::array;
///
/// let matrix = array![[8.0, 0.0, 1.0, 1.0], [0.0, 10.0, 0.0, 0.0]];
/// let motif = Motif::new("MA0001.1", matrix, MatrixKind::Counts)?.with_alternate("AGL3");
/// assert_eq!((motif.width(), motif.full_name().as_str()), (2, "MA0001.1 AGL3"));
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Motif {
    name: Arc<str>,
    alternate: Option<Arc<str>>,
    matrix: Array2<f64>,
    kind: MatrixKind,
    nsites: Option<f64>,
    e_value: Option<f64>,
    url: Option<Arc<str>>,
    score_threshold: Option<f64>,
}

/// The largest width of a motif, in positions.
pub(crate) const MAX_WIDTH: usize = 10_000;

/// Rows of probabilities whose sum is off 1 by no more than this are used as they are.
pub(crate) const ROW_TOLERANCE: f64 = 0.01;

impl Motif {
    /// A motif of (width, A) values.
    ///
    /// # Errors
    /// [`MotifError::Motif`] for an empty matrix, more than 10,000 positions, a value that is not finite, a
    /// negative probability or count, or a name that is blank or has a control character.
    pub fn new(name: impl Into<Arc<str>>, matrix: Array2<f64>, kind: MatrixKind) -> Result<Self, MotifError> {
        let motif = Self::as_read(name, matrix, kind)?;
        if motif.name.contains(char::is_control) {
            return Err(MotifError::motif(&motif.name, "has a control character in its name"));
        }
        if motif.name.trim().is_empty() {
            return Err(MotifError::motif(&motif.name, "has no name, expected one"));
        }
        let negative = motif.matrix.indexed_iter().find(|(_, value)| **value < 0.0);
        match negative.filter(|_| !kind.is_score()) {
            Some(((row, _), value)) => Err(MotifError::motif(
                &motif.name,
                format!("has {value} in row {}, expected none below 0", row + 1),
            )),
            None => Ok(motif),
        }
    }

    /// As [`new`](Self::new), but names and negative values are kept as a lenient reader found them.
    pub(crate) fn as_read(
        name: impl Into<Arc<str>>,
        matrix: Array2<f64>,
        kind: MatrixKind,
    ) -> Result<Self, MotifError> {
        let name = name.into();
        if matrix.is_empty() || matrix.nrows() > MAX_WIDTH {
            let problem = format!("has {} positions, expected 1 to {MAX_WIDTH}", matrix.nrows());
            return Err(MotifError::motif(&name, problem));
        }
        if let Some(((row, _), value)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let problem = format!("has {value} in row {}, expected finite numbers", row + 1);
            return Err(MotifError::motif(&name, problem));
        }
        let matrix = matrix.as_standard_layout().into_owned();
        Ok(Self {
            name,
            alternate: None,
            matrix,
            kind,
            nsites: None,
            e_value: None,
            url: None,
            score_threshold: None,
        })
    }

    /// This motif with a second name (a transcription factor beside an accession); an empty one is none.
    #[must_use]
    pub fn with_alternate(mut self, alternate: impl Into<Arc<str>>) -> Self {
        self.alternate = Some(alternate.into()).filter(|it| !it.is_empty());
        self
    }

    /// This motif with the number of sites that it was made from.
    #[must_use]
    pub fn with_nsites(mut self, nsites: f64) -> Self {
        self.nsites = Some(nsites);
        self
    }

    /// This motif with the E-value of its discovery.
    #[must_use]
    pub fn with_e_value(mut self, e_value: f64) -> Self {
        self.e_value = Some(e_value);
        self
    }

    /// This motif with a link to more about it.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<Arc<str>>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// This motif with the score (natural logarithm) from which Homer calls a site.
    #[must_use]
    pub fn with_score_threshold(mut self, threshold: f64) -> Self {
        self.score_threshold = Some(threshold);
        self
    }

    /// The name, unique in its [`MotifSet`](crate::MotifSet).
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The second name, if there is one.
    pub fn alternate(&self) -> Option<&Arc<str>> {
        self.alternate.as_ref()
    }

    /// Both names, with a blank between: what memelite calls the name.
    pub fn full_name(&self) -> String {
        match &self.alternate {
            Some(alternate) => format!("{} {alternate}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The values as read, shape (width, A).
    pub fn matrix(&self) -> ArrayView2<'_, f64> {
        self.matrix.view()
    }

    /// What the values are.
    pub fn kind(&self) -> MatrixKind {
        self.kind
    }

    /// The number of positions.
    pub fn width(&self) -> usize {
        self.matrix.nrows()
    }

    /// The number of sites: what the file says, or the largest row sum of counts.
    pub fn nsites(&self) -> Option<f64> {
        let counted = || {
            let sums = self.matrix.rows().into_iter().map(|row| row.sum());
            sums.max_by(f64::total_cmp).filter(|_| self.kind == MatrixKind::Counts)
        };
        self.nsites.or_else(counted)
    }

    /// The E-value of the motif's discovery, if the file has it.
    pub fn e_value(&self) -> Option<f64> {
        self.e_value
    }

    /// A link to more about the motif, if the file has it.
    pub fn url(&self) -> Option<&Arc<str>> {
        self.url.as_ref()
    }

    /// Homer's score threshold (natural logarithm), if the file has it.
    pub fn score_threshold(&self) -> Option<f64> {
        self.score_threshold
    }

    /// The probability of each letter at each position, shape (width, A).
    ///
    /// Rows of probabilities are kept as they are if they sum to 1 within 0.01; other rows, and counts, are divided
    /// by their sum, and a row of zeros is uniform. Scores are taken as logarithms of probability over background,
    /// to base 2 ([`MatrixKind::LogOdds`]) or e ([`MatrixKind::Weights`]), and then normalised.
    ///
    /// # Errors
    /// [`MotifError::Background`] if the background has another number of letters.
    pub fn probabilities(&self, background: &Background) -> Result<Array2<f64>, MotifError> {
        let b = background.probabilities();
        if b.len() != self.matrix.ncols() {
            let problem = format!("has {} letters, expected {}", b.len(), self.matrix.ncols());
            return Err(MotifError::background(problem));
        }
        let mut out = self.matrix.clone();
        for (mut row, read) in out.rows_mut().into_iter().zip(self.matrix.rows()) {
            self.weigh(row.view_mut(), b, 0.0, 1.0);
            let mut sum = row.sum();
            if !sum.is_finite() || (self.kind.is_score() && sum <= 0.0) {
                // Beyond what numbers hold: the same relative to the largest.
                let largest = read.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.assign(&read);
                self.weigh(row.view_mut(), b, largest, 1.0 / largest);
                sum = row.sum();
            }
            let keep = self.kind == MatrixKind::Probabilities && (sum - 1.0).abs() <= ROW_TOLERANCE;
            if sum <= 0.0 {
                row.fill(1.0 / b.len() as f64);
            } else if !keep {
                row.mapv_inplace(|x| x / sum);
            }
        }
        Ok(out)
    }

    /// Turns a row of scores less `shift`, or of amounts times `scale`, into numbers that are to be divided by their
    /// sum.
    fn weigh(&self, mut row: ArrayViewMut1<'_, f64>, b: &[f64], shift: f64, scale: f64) {
        match self.kind {
            MatrixKind::LogOdds => row.iter_mut().zip(b).for_each(|(x, b)| *x = b * (*x - shift).exp2()),
            MatrixKind::Weights => row.iter_mut().zip(b).for_each(|(x, b)| *x = b * (*x - shift).exp()),
            MatrixKind::Probabilities | MatrixKind::Counts => row.mapv_inplace(|x| x * scale),
        }
    }
}

/// A sequence as a matrix (L, A), to be compared like a motif: 1 for the letter that stands there, a row of zeros
/// where none is known.
///
/// * `codes` (L): codes of the alphabet
///
/// ```
/// use cistron_core::Alphabet;
///
/// let matrix = cistron_motif::sequence_matrix(&[2, 4], &Alphabet::dna());
/// assert_eq!(matrix, ndarray::array![[0.0, 0.0, 1.0, 0.0], [0.0; 4]]);
/// ```
pub fn sequence_matrix(codes: &[u8], alphabet: &Alphabet) -> Array2<f64> {
    let shape = (codes.len(), usize::from(alphabet.len()));
    Array2::from_shape_fn(shape, |(i, letter)| f64::from(u8::from(usize::from(codes[i]) == letter)))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn matrices_are_checked() {
        let refused = |matrix: Array2<f64>, kind| Motif::new("x", matrix, kind).unwrap_err().to_string();
        assert_eq!(
            refused(Array2::zeros((0, 4)), MatrixKind::Counts),
            "motif `x` has 0 positions, expected 1 to 10000"
        );
        assert_eq!(
            refused(array![[1.0], [f64::NAN]], MatrixKind::Weights),
            "motif `x` has NaN in row 2, expected finite numbers"
        );
        assert_eq!(
            refused(array![[-1.0, 2.0]], MatrixKind::Counts),
            "motif `x` has -1 in row 1, expected none below 0"
        );
        assert!(Motif::new("x", array![[-1.0, 2.0]], MatrixKind::LogOdds).is_ok());
        assert!(Motif::new("x\ny", array![[1.0]], MatrixKind::Counts).is_err());
        let error = Motif::new(" ", array![[1.0]], MatrixKind::Counts).unwrap_err();
        assert_eq!(error.to_string(), "motif ` ` has no name, expected one");
        let long = "X".repeat(70) + "\r";
        let error = Motif::new(&*long, Array2::zeros((0, 4)), MatrixKind::Counts).unwrap_err();
        let expected = format!("motif `{}…` has 0 positions, expected 1 to 10000", "X".repeat(60));
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn every_kind_becomes_probabilities() {
        let uniform = Background::uniform(2);
        let of = |matrix, kind| Motif::new("x", matrix, kind).unwrap().probabilities(&uniform).unwrap();
        assert_eq!(of(array![[3.0, 1.0], [0.0, 0.0]], MatrixKind::Counts), array![[0.75, 0.25], [0.5, 0.5]]);
        let rows = array![[0.5, 0.499], [0.25, 0.25]];
        assert_eq!(of(rows, MatrixKind::Probabilities), array![[0.5, 0.499], [0.5, 0.5]]);
        // log2(0.75 / 0.5) and log2(0.25 / 0.5)
        let back = of(array![[1.5_f64.log2(), -1.0]], MatrixKind::LogOdds);
        assert!((back[[0, 0]] - 0.75).abs() < 1e-15, "{back}");
        // Numbers whose sum or exponential is beyond what a number holds.
        assert_eq!(of(array![[1e308, 1e308]], MatrixKind::Counts), array![[0.5, 0.5]]);
        for kind in [MatrixKind::LogOdds, MatrixKind::Weights] {
            let rows = array![[1e5, 1e5], [-1e5, -2e5], [1e308, -1e308]];
            assert_eq!(of(rows, kind), array![[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]]);
        }
    }

    #[test]
    fn counts_tell_the_number_of_sites() {
        let motif = Motif::new("x", array![[3.0, 1.0], [5.0, 0.0]], MatrixKind::Counts).unwrap();
        assert_eq!(motif.nsites(), Some(5.0));
        assert_eq!(motif.with_nsites(7.5).nsites(), Some(7.5));
    }
}
