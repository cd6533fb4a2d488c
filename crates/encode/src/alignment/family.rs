mod file;

use cistron_core::Alphabet;
use ndarray::{Array2, ArrayView2};

use super::{FamilyError, WildType};

/// An alignment made ready: codes `(N, L)` of its focus columns and a weight for each sequence.
///
/// N is the number of sequences, L that of columns. A code is that of the [`Alphabet`]; what is no letter is the code
/// of the gap. All models of a family, of whatever kind, start here.
///
/// ```
/// use cistron_core::Alphabet;
/// use cistron_encode::alignment::{Family, FamilyParts, WildType};
/// use ndarray::array;
///
/// let dna = Alphabet::dna();
/// let family = Family::new(FamilyParts {
///     wild_type: WildType::new(dna.clone(), b"AC", vec![7, 8])?,
///     focus: "first/7-8".into(),
///     columns: vec![0, 1],
///     codes: array![[0, 1], [0, dna.gap()]],
///     names: vec!["first/7-8".into(), "second".into()],
///     weights: vec![1.0, 0.5],
///     theta: Some(0.2),
/// })?;
/// assert_eq!((family.len(), family.width(), family.neff()), (2, 2, 1.5));
/// # Ok::<(), cistron_encode::alignment::FamilyError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    parts: FamilyParts,
}

/// What a [`Family`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyParts {
    /// The focus sequence in the columns kept, with its numbering.
    pub wild_type: WildType,
    /// The name of the focus record, region included.
    pub focus: String,
    /// Where each column stands in the rows of the alignment, 0-based.
    pub columns: Vec<usize>,
    /// Codes `(N, L)`: a letter or the gap.
    pub codes: Array2<u8>,
    /// The names of the N sequences.
    pub names: Vec<String>,
    /// The weights of the N sequences, not negative; their sum is the effective number of sequences.
    pub weights: Vec<f64>,
    /// The distance (part of the positions) within which sequences share one weight; `None` for weights of another
    /// source.
    pub theta: Option<f64>,
}

impl Family {
    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for no sequence, lengths that differ, a code that is neither letter nor gap, or weights
    /// that are negative, not finite or 0 throughout.
    pub fn new(parts: FamilyParts) -> Result<Self, FamilyError> {
        let refuse = |problem: String| Err(FamilyError::data(problem));
        let (n, width) = parts.codes.dim();
        if n == 0 {
            return refuse("family has no sequence, expected at least one".into());
        }
        for (what, found, expected) in [
            ("columns of codes", width, parts.wild_type.len()),
            ("columns", parts.columns.len(), parts.wild_type.len()),
            ("names", parts.names.len(), n),
        ] {
            if found != expected {
                return refuse(format!("{found} {what} found, expected {expected}"));
            }
        }
        let (letters, gap) = (parts.wild_type.alphabet().len(), parts.wild_type.alphabet().gap());
        if let Some(((row, column), code)) =
            parts.codes.indexed_iter().find(|(_, code)| **code >= letters && **code != gap)
        {
            let expected = format!("expected below {letters} or the gap {gap}");
            return refuse(format!("code {code} found in sequence {row}, column {column}, {expected}"));
        }
        check_weights(&parts.weights, n)?;
        Ok(Self { parts })
    }

    /// The same family with other weights.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for weights that do not fit, see [`new`](Self::new).
    pub fn with_weights(mut self, weights: Vec<f64>, theta: Option<f64>) -> Result<Self, FamilyError> {
        check_weights(&weights, self.len())?;
        self.parts.weights = weights;
        self.parts.theta = theta;
        Ok(self)
    }

    /// The parts.
    pub fn into_parts(self) -> FamilyParts {
        self.parts
    }

    /// The number of sequences, N.
    #[expect(clippy::len_without_is_empty, reason = "a family has at least one sequence")]
    pub fn len(&self) -> usize {
        self.parts.codes.nrows()
    }

    /// The number of columns, L.
    pub fn width(&self) -> usize {
        self.parts.codes.ncols()
    }

    /// The alphabet; its gap is the code of what is no letter.
    pub fn alphabet(&self) -> &Alphabet {
        self.parts.wild_type.alphabet()
    }

    /// The codes `(N, L)`.
    pub fn codes(&self) -> ArrayView2<'_, u8> {
        self.parts.codes.view()
    }

    /// The names of the sequences.
    pub fn names(&self) -> &[String] {
        &self.parts.names
    }

    /// The weights of the sequences.
    pub fn weights(&self) -> &[f64] {
        &self.parts.weights
    }

    /// The effective number of sequences: the sum of the weights.
    pub fn neff(&self) -> f64 {
        self.parts.weights.iter().sum()
    }

    /// The distance within which sequences share one weight, `None` for weights of another source.
    pub fn theta(&self) -> Option<f64> {
        self.parts.theta
    }

    /// The name of the focus record, region included.
    pub fn focus(&self) -> &str {
        &self.parts.focus
    }

    /// The focus sequence in the columns kept, with its numbering.
    pub fn wild_type(&self) -> &WildType {
        &self.parts.wild_type
    }

    /// Where each column stands in the rows of the alignment, 0-based.
    pub fn columns(&self) -> &[usize] {
        &self.parts.columns
    }

    /// The position of each column, as the protein is numbered.
    pub fn positions(&self) -> &[i64] {
        self.parts.wild_type.positions()
    }
}

fn check_weights(weights: &[f64], n: usize) -> Result<(), FamilyError> {
    if weights.len() != n {
        let problem = format!("{} weights found, expected {n} as there are sequences", weights.len());
        return Err(FamilyError::data(problem));
    }
    if let Some((row, weight)) =
        weights.iter().enumerate().find(|(_, weight)| !(**weight >= 0.0 && weight.is_finite()))
    {
        let problem = format!("weight {weight} found for sequence {row}, expected 0 or more");
        return Err(FamilyError::data(problem));
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(FamilyError::data("every weight is 0, expected one above"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    pub(super) fn parts() -> FamilyParts {
        let alphabet = Alphabet::protein();
        let gap = alphabet.gap();
        FamilyParts {
            wild_type: WildType::new(alphabet, b"AC-", vec![-1, 5, 6]).unwrap(),
            focus: "é/1-4".into(),
            columns: vec![0, 6, 7],
            codes: array![[0, 1, gap], [gap, 19, 3]],
            names: vec!["é/1-4".into(), "b".into()],
            weights: vec![1.0 / 3.0, 0.0],
            theta: Some(0.2),
        }
    }

    fn refused(change: impl FnOnce(&mut FamilyParts)) -> String {
        let mut changed = parts();
        change(&mut changed);
        Family::new(changed).unwrap_err().to_string()
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let cases = [
            (refused(|parts| parts.names.truncate(1)), "1 names found, expected 2"),
            (refused(|parts| parts.columns.truncate(2)), "2 columns found, expected 3"),
            (refused(|parts| parts.codes = array![[0, 1], [0, 1]]), "2 columns of codes found, expected 3"),
            (
                refused(|parts| parts.codes[[1, 2]] = 20),
                "code 20 found in sequence 1, column 2, expected below 20 or the gap 22",
            ),
            (
                refused(|parts| parts.weights.truncate(1)),
                "1 weights found, expected 2 as there are sequences",
            ),
            (
                refused(|parts| parts.weights[1] = f64::INFINITY),
                "weight inf found for sequence 1, expected 0 or more",
            ),
            (refused(|parts| parts.weights[0] = -1.0), "weight -1 found for sequence 0, expected 0 or more"),
            (refused(|parts| parts.weights[0] = 0.0), "every weight is 0, expected one above"),
            (
                refused(|parts| parts.codes = Array2::zeros((0, 3))),
                "family has no sequence, expected at least one",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
