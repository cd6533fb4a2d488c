use std::borrow::Cow;
use std::ops::Range;

use cistron_core::{Alphabet, Reference, Sequence, Window};
use cistron_encode::ModelSpec;

use super::out_of_range;
use crate::EffectError;

/// The sequences of a run: in memory, or windows that are read when their block is computed.
///
/// ```
/// use cistron_core::{Alphabet, Sequence};
/// use cistron_effects::Sequences;
///
/// let loaded = [Sequence::parse(&Alphabet::dna(), "GATTACA")?];
/// let sequences = Sequences::from(&loaded[..]);
/// assert_eq!(sequences.fetch(0..1)?[0].len(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub enum Sequences<'a> {
    /// All of them, one byte a letter.
    Loaded(&'a [Sequence]),
    /// Windows of a genome: any number of them in the memory of their names.
    Windows {
        /// The genome.
        reference: &'a dyn Reference,
        /// The windows, all of one width.
        windows: &'a [Window],
    },
}

impl<'a> From<&'a [Sequence]> for Sequences<'a> {
    fn from(sequences: &'a [Sequence]) -> Self {
        Self::Loaded(sequences)
    }
}

impl<'a, const N: usize> From<&'a [Sequence; N]> for Sequences<'a> {
    fn from(sequences: &'a [Sequence; N]) -> Self {
        Self::Loaded(sequences)
    }
}

impl<'a> From<&'a Vec<Sequence>> for Sequences<'a> {
    fn from(sequences: &'a Vec<Sequence>) -> Self {
        Self::Loaded(sequences)
    }
}

impl<'a> Sequences<'a> {
    /// The number of sequences.
    pub fn len(&self) -> usize {
        match self {
            Self::Loaded(sequences) => sequences.len(),
            Self::Windows { windows, .. } => windows.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of them, read now if they are windows.
    ///
    /// # Errors
    /// [`EffectError::Option`] for a range beyond the last, [`EffectError::Reference`] if a window cannot be
    /// read.
    pub fn fetch(&self, range: Range<usize>) -> Result<Cow<'a, [Sequence]>, EffectError> {
        let beyond =
            || out_of_range("range of sequences", format!("{range:?}"), format!("at most {}", self.len()));
        match *self {
            Self::Loaded(sequences) => sequences.get(range.clone()).map(Cow::Borrowed).ok_or_else(beyond),
            Self::Windows { reference, windows } => {
                let windows = windows.get(range.clone()).ok_or_else(beyond)?;
                let sequences = windows.iter().map(|window| read(reference, window));
                Ok(Cow::Owned(sequences.collect::<Result<_, _>>()?))
            }
        }
    }

    /// Whether they fit a model and one another; returns their length.
    pub(crate) fn check(&self, spec: &ModelSpec) -> Result<usize, EffectError> {
        let shape = |index: usize| match self {
            Self::Loaded(sequences) => {
                sequences.get(index).map(|sequence| (sequence.alphabet().clone(), sequence.len()))
            }
            Self::Windows { windows, .. } => {
                windows.get(index).map(|window| (Alphabet::dna(), window.width() as usize))
            }
        };
        let Some((_, expected)) = shape(0) else {
            return Err(out_of_range("number of sequences", 0, "at least 1"));
        };
        for (index, (alphabet, length)) in (0..self.len()).map_while(shape).enumerate() {
            spec.check(&alphabet, length)?;
            if length != expected {
                let found = format!("{length} in sequence {index}");
                return Err(out_of_range("sequence length", found, format!("{expected} as in sequence 0")));
            }
        }
        Ok(expected)
    }
}

fn read(reference: &dyn Reference, window: &Window) -> Result<Sequence, EffectError> {
    let mut codes = Vec::new();
    reference.fetch_into(window, &mut codes)?;
    // A reference gives codes of the DNA alphabet alone.
    Sequence::from_codes(&Alphabet::dna(), codes).map_err(|error| EffectError::Encode(error.into()))
}
