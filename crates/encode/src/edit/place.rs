//! Edits whose place and letters are given.

use std::ops::Range;

use ndarray::{ArrayView1, Axis, concatenate, s};

use crate::{EncodeError, SequenceBatch};

impl SequenceBatch {
    /// Where something of `width` letters starts that stands in the middle: `L / 2 - width / 2`, each rounded down.
    ///
    /// For several motifs the width is that of all with their gaps, for an insertion 0.
    ///
    /// # Errors
    /// [`EncodeError::Span`] if it is wider than the sequences.
    pub fn centred_start(&self, width: usize) -> Result<usize, EncodeError> {
        if width > self.width() {
            return Err(EncodeError::Span { start: 0, end: width, width: self.width() });
        }
        Ok(self.width() / 2 - width / 2)
    }

    /// The sequences with a motif put in before position `start`: all letters stay, and the sequences grow.
    ///
    /// * `start`: from 0 to L, where it is put behind the last letter
    /// * `motif`: one sequence for all, or one for each
    ///
    /// Source: tangermeme 1.6.0 `insert`, whose last `start` is L less the motif's width.
    ///
    /// # Errors
    /// [`EncodeError::Span`] for a start beyond the end, [`EncodeError::Unknown`] for a motif with an unknown letter,
    /// [`EncodeError::MotifAlphabet`] or [`EncodeError::Shape`] for a motif that does not fit the sequences.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let batch = |letters| SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), letters)?]);
    /// let sequences = batch("AAAATTTT")?;
    /// let longer = sequences.insert(sequences.centred_start(0)?, &batch("GCG")?)?;
    /// assert_eq!(longer.to_sequences()?[0].to_string(), "AAAAGCGTTTT");
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn insert(&self, start: usize, motif: &Self) -> Result<Self, EncodeError> {
        self.check_motif(motif)?;
        if start > self.width() {
            let end = start.saturating_add(motif.width());
            return Err(EncodeError::Span { start, end, width: self.width() });
        }
        let letters = self.alphabet().len();
        let unknown =
            motif.codes().indexed_iter().find(|(_, code)| **code >= letters).map(|(place, _)| place);
        if let Some((index, position)) = unknown {
            let expected = self.alphabet().to_string();
            return Err(EncodeError::Unknown { index, position, expected });
        }
        let width = self.width() + motif.width();
        let mut codes = Vec::with_capacity(self.len() * width);
        for (index, row) in self.codes().rows().into_iter().enumerate() {
            codes.extend(row.slice(s![..start]));
            codes.extend(motif.motif_of(index));
            codes.extend(row.slice(s![start..]));
        }
        Self::with_shape(self.alphabet(), (self.len(), width), codes)
    }

    /// The sequences without the letters of a span.
    ///
    /// Source: tangermeme 1.6.0 `delete`.
    ///
    /// # Errors
    /// [`EncodeError::Span`] for an empty span or one that reaches beyond the end.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let sequences = SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), "AAGCGTT")?])?;
    /// assert_eq!(sequences.delete(2..5)?.to_sequences()?[0].to_string(), "AATT");
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn delete(&self, span: Range<usize>) -> Result<Self, EncodeError> {
        self.check_span(&span)?;
        let codes = self.codes();
        let (left, right) = (codes.slice(s![.., ..span.start]), codes.slice(s![.., span.end..]));
        let shape = |error: ndarray::ShapeError| EncodeError::Shape {
            what: "codes".into(),
            found: codes.shape().to_vec(),
            expected: error.to_string(),
        };
        Self::new(self.alphabet(), concatenate(Axis(1), &[left, right]).map_err(shape)?)
    }

    /// The sequences with a motif in the place of their own letters from position `start`.
    ///
    /// * `motif`: one sequence for all, or one for each; where it has no known letter the sequence keeps its own
    ///
    /// Source: tangermeme 1.6.0 `substitute`.
    ///
    /// # Errors
    /// [`EncodeError::Span`] for a motif that reaches beyond the end, [`EncodeError::MotifAlphabet`] or
    /// [`EncodeError::Shape`] for one that does not fit the sequences.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let batch = |letters| SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), letters)?]);
    /// let changed = batch("AAAAAAAA")?.substitute(2, &batch("GNC")?)?;
    /// assert_eq!(changed.to_sequences()?[0].to_string(), "AAGACAAA");
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn substitute(&self, start: usize, motif: &Self) -> Result<Self, EncodeError> {
        self.multisubstitute(start, &[motif], &[])
    }

    /// The sequences with motifs in the place of their own letters: the first from position `start`, each next one
    /// `gaps` letters behind the end of the one before.
    ///
    /// * `motifs`: as for [`substitute`](Self::substitute)
    /// * `gaps`: one less than motifs
    ///
    /// Source: tangermeme 1.6.0 `multisubstitute`.
    ///
    /// # Errors
    /// As [`substitute`](Self::substitute), and [`EncodeError::Shape`] for another number of gaps.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let batch = |letters| SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), letters)?]);
    /// let changed = batch("AAAAAAAAAA")?.multisubstitute(1, &[&batch("GC")?, &batch("TT")?], &[3])?;
    /// assert_eq!(changed.to_sequences()?[0].to_string(), "AGCAAATTAA");
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn multisubstitute(
        &self,
        start: usize,
        motifs: &[&Self],
        gaps: &[usize],
    ) -> Result<Self, EncodeError> {
        if gaps.len() + 1 != motifs.len() {
            return Err(EncodeError::Shape {
                what: "list of gaps".into(),
                found: vec![gaps.len()],
                expected: format!("one less than the {} motifs", motifs.len()),
            });
        }
        let mut codes = self.codes().to_owned();
        let mut at = start;
        for (motif, gap) in motifs.iter().zip(gaps.iter().chain([&0])) {
            self.check_motif(motif)?;
            let end = at.saturating_add(motif.width());
            if end > self.width() {
                return Err(EncodeError::Span { start: at, end, width: self.width() });
            }
            for (index, mut row) in codes.rows_mut().into_iter().enumerate() {
                for (code, &letter) in row.slice_mut(s![at..end]).iter_mut().zip(motif.motif_of(index)) {
                    if letter < self.alphabet().len() {
                        *code = letter;
                    }
                }
            }
            at = end.saturating_add(*gap);
        }
        Self::new(self.alphabet(), codes)
    }

    /// The motif of a sequence, if this batch holds one for all or one for each.
    fn motif_of(&self, index: usize) -> ArrayView1<'_, u8> {
        self.codes().index_axis_move(Axis(0), if self.len() == 1 { 0 } else { index })
    }

    fn check_motif(&self, motif: &Self) -> Result<(), EncodeError> {
        if motif.alphabet() != self.alphabet() {
            let (found, expected) = (motif.alphabet().to_string(), self.alphabet().to_string());
            return Err(EncodeError::MotifAlphabet { found, expected });
        }
        if motif.len() != 1 && motif.len() != self.len() {
            return Err(EncodeError::Shape {
                what: "motif".into(),
                found: vec![motif.len(), motif.width()],
                expected: format!("1 or {} sequences", self.len()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::{Alphabet, Sequence};
    use proptest::prelude::*;

    use super::*;

    fn batch(letters: &[&str]) -> SequenceBatch {
        let parse = |letters: &&str| Sequence::parse(&Alphabet::dna(), letters).unwrap();
        SequenceBatch::from_sequences(&letters.iter().map(parse).collect::<Vec<_>>()).unwrap()
    }

    fn letters(batch: &SequenceBatch) -> Vec<String> {
        batch.to_sequences().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn motifs_go_in_at_either_end() {
        let sequences = batch(&["ACGT", "NNNN"]);
        assert_eq!(letters(&sequences.insert(0, &batch(&["GG"])).unwrap()), ["GGACGT", "GGNNNN"]);
        assert_eq!(letters(&sequences.insert(4, &batch(&["GG", "CC"])).unwrap()), ["ACGTGG", "NNNNCC"]);
        assert_eq!(letters(&sequences.substitute(2, &batch(&["GN", "CC"])).unwrap()), ["ACGT", "NNCC"]);
        assert_eq!(letters(&sequences.delete(0..4).unwrap()), ["", ""]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let sequences = batch(&["ACGT", "NNNN"]);
        let text = |result: Result<SequenceBatch, EncodeError>| result.unwrap_err().to_string();
        let one = batch(&["GG"]);
        let inside = "expected one inside sequences of 4 letters";
        assert_eq!(text(sequences.insert(5, &one)), format!("span 5..7 found, {inside}"));
        assert_eq!(text(sequences.substitute(3, &one)), format!("span 3..5 found, {inside}"));
        assert!(text(sequences.substitute(usize::MAX, &one)).starts_with("span "));
        assert_eq!(text(sequences.delete(2..2)), format!("span 2..2 found, {inside}"));
        assert!(sequences.delete(2..5).is_err() && sequences.centred_start(5).is_err());
        assert_eq!(
            text(sequences.insert(0, &batch(&["GN"]))),
            "sequence 0 has no known letter at position 1, expected one of ACGT"
        );
        let three = batch(&["G", "G", "G"]);
        assert_eq!(
            text(sequences.substitute(0, &three)),
            "motif has shape [3, 1], expected 1 or 2 sequences"
        );
        assert_eq!(
            text(sequences.multisubstitute(0, &[&one, &one], &[])),
            "list of gaps has shape [0], expected one less than the 2 motifs"
        );
        assert!(sequences.multisubstitute(0, &[], &[]).is_err());
        let rna = SequenceBatch::from_rows(&Alphabet::rna(), 1, vec![0]).unwrap();
        assert_eq!(
            text(sequences.insert(0, &rna)),
            "motif has alphabet ACGU, expected ACGT as the sequences"
        );
    }

    proptest! {
        #[test]
        fn deleting_what_was_inserted_gives_the_sequence_back(
            sequence in "[ACGTN]{0,30}", motif in "[ACGT]{1,9}", start in 0_usize..40,
        ) {
            let sequences = batch(&[&sequence]);
            let start = start.min(sequences.width());
            let longer = sequences.insert(start, &batch(&[&motif])).unwrap();
            prop_assert_eq!(longer.delete(start..start + motif.len()).unwrap(), sequences);
        }

        #[test]
        fn a_motif_deleted_and_inserted_is_a_substitution(
            sequence in "[ACGTN]{9,30}", motif in "[ACGT]{1,9}", start in 0_usize..40,
        ) {
            let (sequences, motif) = (batch(&[&sequence]), batch(&[&motif]));
            let start = start.min(sequences.width() - motif.width());
            let both = sequences.delete(start..start + motif.width()).unwrap().insert(start, &motif).unwrap();
            prop_assert_eq!(sequences.substitute(start, &motif).unwrap(), both);
        }

        #[test]
        fn both_strands_take_edits_alike(
            sequence in "[ACGTN]{9,30}", motif in "[ACGTN]{1,9}", start in 0_usize..40,
        ) {
            let (sequences, motif) = (batch(&[&sequence]), batch(&[&motif]));
            let start = start.min(sequences.width() - motif.width());
            let other = sequences.width() - motif.width() - start;
            let reverse = |batch: &SequenceBatch| batch.reverse_complement().unwrap();
            prop_assert_eq!(&reverse(&reverse(&sequences)), &sequences);
            prop_assert_eq!(
                reverse(&sequences.substitute(start, &motif).unwrap()),
                reverse(&sequences).substitute(other, &reverse(&motif)).unwrap()
            );
        }
    }
}
