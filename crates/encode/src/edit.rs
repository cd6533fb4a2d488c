//! Edits of whole batches, as codes: what goes in, what comes out, what is drawn anew.

mod peer;
mod place;
mod redraw;

use std::ops::Range;

use crate::{EncodeError, SequenceBatch};

pub use peer::{
    dinucleotide_as_tangermeme, local_dinucleotide_as_tangermeme, randomize_as_tangermeme,
    shuffle_as_tangermeme,
};
pub use redraw::LocalBins;

impl SequenceBatch {
    /// A span that is not empty and lies inside the sequences.
    fn check_span(&self, span: &Range<usize>) -> Result<(), EncodeError> {
        let Range { start, end } = *span;
        if start < end && end <= self.width() {
            return Ok(());
        }
        Err(EncodeError::Span { start, end, width: self.width() })
    }

    /// A batch of `repeats` rows for each of these, filled by `redraw`, which gets the sequence, the repeat and a
    /// copy of the letters.
    fn redrawn(
        &self,
        repeats: usize,
        mut redraw: impl FnMut(usize, usize, &mut [u8]),
    ) -> Result<Self, EncodeError> {
        let width = self.width();
        let mut codes = Vec::with_capacity(self.len() * repeats * width);
        for (index, row) in self.codes().rows().into_iter().enumerate() {
            for repeat in 0..repeats {
                let begin = codes.len();
                codes.extend(row.iter());
                redraw(index, repeat, &mut codes[begin..]);
            }
        }
        Self::with_shape(self.alphabet(), (self.len() * repeats, width), codes)
    }
}
