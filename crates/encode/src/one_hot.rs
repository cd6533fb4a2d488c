use ndarray::{Array3, ArrayView1, ArrayView3, ArrayViewMut1, ArrayViewMut2, ArrayViewMut3, Axis};

use cistron_core::Alphabet;

use crate::{EncodeError, SequenceBatch};

/// The order of the axes of a one-hot array. Nothing guesses it from a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `(N, L, A)`: sequences, positions, letters. What the public interfaces of this workspace use.
    PositionMajor,
    /// `(N, A, L)`: sequences, letters, positions. What convolutions and tangermeme use.
    ChannelMajor,
}

/// The number that stands in every channel of a position without a known letter.
///
/// The default is 0 throughout: an all-zero row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fill {
    /// For a letter outside the alphabet (N).
    pub unknown: f32,
    /// For a position beyond the contig.
    pub padding: f32,
    /// For the gap of an alignment.
    pub gap: f32,
}

impl SequenceBatch {
    /// The batch as numbers: `(N, L, A)` or `(N, A, L)`, 1 for the letter that stands there and 0 for the
    /// others; a position without a known letter holds its [`Fill`] in every channel.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Sequence};
    /// use cistron_encode::{Fill, Layout, SequenceBatch};
    ///
    /// let batch = SequenceBatch::from_sequences(&[Sequence::parse(&Alphabet::dna(), "GN")?])?;
    /// let x = batch.one_hot(Layout::PositionMajor, Fill::default());
    /// assert_eq!(x.as_slice(), Some(&[0., 0., 1., 0., 0., 0., 0., 0.][..]));
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn one_hot(&self, layout: Layout, fill: Fill) -> Array3<f32> {
        let (n, l, a) = (self.len(), self.width(), usize::from(self.alphabet().len()));
        let shape = match layout {
            Layout::PositionMajor => (n, l, a),
            Layout::ChannelMajor => (n, a, l),
        };
        let mut array = Array3::zeros(shape);
        self.write_one_hot(layout, fill, array.view_mut());
        array
    }

    /// As [`one_hot`](Self::one_hot), for data where every letter must be known.
    ///
    /// # Errors
    /// [`EncodeError::Unknown`] with the first position that holds no letter of the alphabet.
    pub fn one_hot_known(&self, layout: Layout) -> Result<Array3<f32>, EncodeError> {
        let letters = self.alphabet().len();
        match self.codes().indexed_iter().find(|(_, code)| **code >= letters) {
            Some(((index, position), _)) => {
                Err(EncodeError::Unknown { index, position, expected: self.alphabet().to_string() })
            }
            None => Ok(self.one_hot(layout, Fill::default())),
        }
    }

    /// Reads a one-hot array back; an all-zero row is an unknown letter.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] if the letters' axis does not fit the alphabet, [`EncodeError::NotOneHot`] for a
    /// row that is neither one-hot nor zero.
    pub fn from_one_hot(
        array: ArrayView3<'_, f32>,
        layout: Layout,
        alphabet: &Alphabet,
    ) -> Result<Self, EncodeError> {
        let array = match layout {
            Layout::PositionMajor => array,
            Layout::ChannelMajor => array.permuted_axes([0, 2, 1]),
        };
        let (n, l, a) = array.dim();
        if a != usize::from(alphabet.len()) {
            return Err(EncodeError::Shape {
                what: "one-hot array".into(),
                found: vec![n, l, a],
                expected: format!("{} letters ({alphabet})", alphabet.len()),
            });
        }
        let mut codes = Vec::with_capacity(n * l);
        for (index, sequence) in array.outer_iter().enumerate() {
            for (position, row) in sequence.outer_iter().enumerate() {
                codes.push(code_of(row, index, position)?);
            }
        }
        Self::from_rows(alphabet, l, codes)
    }

    fn write_one_hot(&self, layout: Layout, fill: Fill, mut out: ArrayViewMut3<'_, f32>) {
        let alphabet = self.alphabet();
        let write = |codes: ArrayView1<'_, u8>, mut out: ArrayViewMut2<'_, f32>| {
            let position_axis = Axis(usize::from(layout == Layout::ChannelMajor));
            for (&code, row) in codes.iter().zip(out.axis_iter_mut(position_axis)) {
                write_row(code, alphabet, fill, row);
            }
        };
        #[cfg(feature = "parallel")]
        {
            use ndarray::parallel::prelude::*;
            let sequences = out.axis_iter_mut(Axis(0)).into_par_iter();
            sequences.zip(self.codes().axis_iter(Axis(0))).for_each(|(out, codes)| write(codes, out));
        }
        #[cfg(not(feature = "parallel"))]
        for (out, codes) in out.axis_iter_mut(Axis(0)).zip(self.codes().axis_iter(Axis(0))) {
            write(codes, out);
        }
    }
}

fn write_row(code: u8, alphabet: &Alphabet, fill: Fill, mut row: ArrayViewMut1<'_, f32>) {
    if let Some(cell) = row.get_mut(usize::from(code)) {
        *cell = 1.0;
    } else if code == alphabet.unknown() {
        row.fill(fill.unknown);
    } else if code == alphabet.padding() {
        row.fill(fill.padding);
    } else {
        row.fill(fill.gap);
    }
}

/// The code of a one-hot row: its letter, or one past the letters for an all-zero row.
fn code_of(row: ArrayView1<'_, f32>, index: usize, position: usize) -> Result<u8, EncodeError> {
    let ones = row.iter().filter(|&&value| value == 1.0).count();
    let zeros = row.iter().filter(|&&value| value == 0.0).count();
    if ones > 1 || ones + zeros != row.len() {
        let found = row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        return Err(EncodeError::NotOneHot { index, position, found });
    }
    Ok(row.iter().position(|&value| value == 1.0).unwrap_or(row.len()) as u8)
}

#[cfg(test)]
mod tests {
    use cistron_core::Sequence;
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    fn batch(letters: &[&str]) -> SequenceBatch {
        let parse = |letters: &&str| Sequence::parse(&Alphabet::dna(), letters).unwrap();
        SequenceBatch::from_sequences(&letters.iter().map(parse).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn each_kind_of_no_letter_has_its_own_fill() {
        let codes = array![[0, 4, 5, 6]];
        let batch = SequenceBatch::new(&Alphabet::dna(), codes).unwrap();
        let fill = Fill { unknown: 0.25, padding: 0.5, gap: 0.75 };
        let x = batch.one_hot(Layout::PositionMajor, fill);
        let rows = [[1., 0., 0., 0.], [0.25; 4], [0.5; 4], [0.75; 4]];
        let expected = Array3::from_shape_vec((1, 4, 4), rows.concat()).unwrap();
        assert_eq!(x, expected);
        assert_eq!(batch.one_hot(Layout::ChannelMajor, fill), expected.permuted_axes([0, 2, 1]));
    }

    #[test]
    fn unknown_letters_are_an_error_where_asked_for() {
        let error = batch(&["ACGT", "ACNT"]).one_hot_known(Layout::PositionMajor).unwrap_err();
        assert_eq!(error.to_string(), "sequence 1 has no known letter at position 2, expected one of ACGT");
        assert!(batch(&["ACGT"]).one_hot_known(Layout::ChannelMajor).is_ok());
    }

    #[test]
    fn soft_rows_are_refused() {
        for row in [[0.5, 0.5, 0., 0.], [1., 1., 0., 0.], [f32::NAN, 0., 0., 1.], [-1., 0., 0., 0.]] {
            let x = Array3::from_shape_vec((1, 1, 4), row.to_vec()).unwrap();
            assert!(
                SequenceBatch::from_one_hot(x.view(), Layout::PositionMajor, &Alphabet::dna()).is_err(),
                "{row:?}"
            );
        }
        let wrong = Array3::zeros((1, 4, 3));
        assert!(SequenceBatch::from_one_hot(wrong.view(), Layout::PositionMajor, &Alphabet::dna()).is_err());
    }

    proptest! {
        #[test]
        fn one_hot_round_trips_in_both_layouts(letters in prop::collection::vec("[ACGTN]{7}", 0..5)) {
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            let batch = batch(&letters);
            for layout in [Layout::PositionMajor, Layout::ChannelMajor] {
                let x = batch.one_hot(layout, Fill::default());
                if !letters.is_empty() {
                    let back = SequenceBatch::from_one_hot(x.view(), layout, &Alphabet::dna()).unwrap();
                    prop_assert_eq!(&back, &batch);
                }
            }
        }
    }
}
