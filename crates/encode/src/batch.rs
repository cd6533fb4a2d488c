use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use cistron_core::{Alphabet, CoreError, Sequence};

use crate::EncodeError;

/// Sequences of one length as codes, `(N, L)`: sequences, positions. One byte a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceBatch {
    alphabet: Alphabet,
    codes: Array2<u8>,
}

impl SequenceBatch {
    /// Takes codes `(N, L)` as they are.
    ///
    /// # Errors
    /// [`CoreError::Code`] for a code beyond the alphabet's gap.
    pub fn new(alphabet: &Alphabet, codes: Array2<u8>) -> Result<Self, EncodeError> {
        let max = alphabet.len() + 2;
        match codes.indexed_iter().find(|(_, code)| **code > max) {
            Some(((_, position), &found)) => Err(CoreError::Code { position, found, max }.into()),
            None => Ok(Self { alphabet: alphabet.clone(), codes }),
        }
    }

    /// Sequences of `width` letters that stand one after another in `codes`.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] if the codes do not divide into rows of `width`, else as [`new`](Self::new).
    pub fn from_rows(alphabet: &Alphabet, width: usize, codes: Vec<u8>) -> Result<Self, EncodeError> {
        let n = codes.len().checked_div(width).unwrap_or(0);
        Self::with_shape(alphabet, (n, width), codes)
    }

    /// Sequences of one length and one alphabet; none gives an empty batch of DNA.
    ///
    /// # Errors
    /// [`EncodeError::Length`] or [`EncodeError::Alphabet`] for the first that differs from sequence 0.
    pub fn from_sequences(sequences: &[Sequence]) -> Result<Self, EncodeError> {
        let Some(first) = sequences.first() else {
            return Self::from_rows(&Alphabet::dna(), 0, Vec::new());
        };
        let mut codes = Vec::with_capacity(sequences.len() * first.len());
        for (index, sequence) in sequences.iter().enumerate() {
            if sequence.len() != first.len() {
                return Err(EncodeError::Length { index, found: sequence.len(), expected: first.len() });
            }
            if sequence.alphabet() != first.alphabet() {
                return Err(EncodeError::Alphabet {
                    index,
                    found: sequence.alphabet().to_string(),
                    expected: first.alphabet().to_string(),
                });
            }
            codes.extend_from_slice(sequence.codes());
        }
        Self::with_shape(first.alphabet(), (sequences.len(), first.len()), codes)
    }

    pub(crate) fn with_shape(
        alphabet: &Alphabet,
        shape: (usize, usize),
        codes: Vec<u8>,
    ) -> Result<Self, EncodeError> {
        let found = vec![codes.len()];
        let codes = Array2::from_shape_vec(shape, codes).map_err(|_| EncodeError::Shape {
            what: "codes".into(),
            found,
            expected: format!("{} rows of {}", shape.0, shape.1),
        })?;
        Self::new(alphabet, codes)
    }

    /// The alphabet of the codes.
    pub fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// The codes, `(N, L)`.
    pub fn codes(&self) -> ArrayView2<'_, u8> {
        self.codes.view()
    }

    /// The number of sequences.
    pub fn len(&self) -> usize {
        self.codes.nrows()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.codes.nrows() == 0
    }

    /// The number of letters of each sequence.
    pub fn width(&self) -> usize {
        self.codes.ncols()
    }

    /// The sequences one by one, as owned codes.
    ///
    /// # Errors
    /// None in practice: the codes were checked when the batch was made.
    pub fn to_sequences(&self) -> Result<Vec<Sequence>, EncodeError> {
        let sequence = |row: ArrayView1<'_, u8>| Ok(Sequence::from_codes(&self.alphabet, row.to_vec())?);
        self.codes.axis_iter(Axis(0)).map(sequence).collect()
    }

    /// Each sequence read from its other strand.
    ///
    /// # Errors
    /// [`CoreError::NoComplement`] if the letters do not pair.
    pub fn reverse_complement(&self) -> Result<Self, EncodeError> {
        let mut codes = self.codes.as_standard_layout().into_owned();
        for mut row in codes.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                self.alphabet.reverse_complement_in_place(row)?;
            }
        }
        Ok(Self { alphabet: self.alphabet.clone(), codes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(letters: &str) -> Sequence {
        Sequence::parse(&Alphabet::dna(), letters).unwrap()
    }

    #[test]
    fn sequences_must_agree() {
        let error = SequenceBatch::from_sequences(&[parse("ACG"), parse("AC")]).unwrap_err();
        assert_eq!(error.to_string(), "sequence 1 has 2 letters, expected 3 as the first");
        let protein = Sequence::parse(&Alphabet::protein(), "ACG").unwrap();
        assert!(SequenceBatch::from_sequences(&[parse("ACG"), protein]).is_err());
    }

    #[test]
    fn reverse_complement_keeps_what_is_no_letter() {
        let batch = SequenceBatch::from_rows(&Alphabet::dna(), 4, vec![0, 4, 5, 2]).unwrap();
        assert_eq!(batch.reverse_complement().unwrap().codes().row(0).to_vec(), [1, 5, 4, 3]);
    }

    #[test]
    fn empty_batches_are_fine() {
        let batch = SequenceBatch::from_sequences(&[]).unwrap();
        assert!(batch.is_empty());
        assert!(batch.reverse_complement().unwrap().is_empty());
    }

    #[test]
    fn rows_must_divide_the_codes() {
        assert!(SequenceBatch::from_rows(&Alphabet::dna(), 3, vec![0; 4]).is_err());
        assert!(SequenceBatch::from_rows(&Alphabet::dna(), 0, vec![0; 4]).is_err());
        assert!(SequenceBatch::from_rows(&Alphabet::dna(), 1, vec![7]).is_err());
    }
}
