//! Edits that draw letters anew or put them in another order.

use std::ops::Range;

use cistron_core::{Seed, Stream};

use crate::random::{draw, letter_weights};
use crate::shuffle::dinucleotide_shuffle_codes;
use crate::{EncodeError, SequenceBatch};

/// How sequences are cut into bins that are shuffled on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct LocalBins {
    /// Letters of a bin, below the length of the sequences; the last may have up to twice as many. Default 1024.
    pub width: usize,
    /// The least letters of a bin, up to `width`. Default 512.
    pub min_width: usize,
}

impl Default for LocalBins {
    fn default() -> Self {
        Self { width: 1024, min_width: 512 }
    }
}

impl LocalBins {
    pub(super) fn check(&self, batch: &SequenceBatch) -> Result<(), EncodeError> {
        if self.width >= batch.width() {
            return Err(EncodeError::Span { start: 0, end: self.width + 1, width: batch.width() });
        }
        if self.min_width == 0 || self.min_width > self.width {
            return Err(EncodeError::Shape {
                what: "least bin".into(),
                found: vec![self.min_width],
                expected: format!("1 to {} letters", self.width),
            });
        }
        Ok(())
    }

    /// The bins of `total` letters whose first is cut at `first`; a short last one joins the one before.
    pub(super) fn bins(self, first: usize, total: usize) -> Vec<Range<usize>> {
        let mut ends: Vec<usize> = (first..total).step_by(self.width).collect();
        if ends.last().is_some_and(|last| total - last < self.min_width) {
            ends.pop();
        }
        ends.push(total);
        let starts = [0].into_iter().chain(ends.clone());
        starts.zip(ends).map(|(start, end)| start..end).collect()
    }
}

impl SequenceBatch {
    /// The sequences with the letters of a span drawn anew, `repeats` times each.
    ///
    /// * `probabilities` (A): one a letter, scaled to a sum of 1; empty means all equal
    /// * returns (N · repeats, L): row `i * repeats + r` is repeat r of sequence i and depends on the seed, i and r
    ///   alone
    ///
    /// Source: tangermeme 1.6.0 `randomize`, with random numbers of our own; for the peer's see
    /// [`randomize_as_tangermeme`](crate::randomize_as_tangermeme).
    ///
    /// # Errors
    /// [`EncodeError::Span`] for a span that is empty or not inside, [`EncodeError::Shape`] unless there is one
    /// finite, non-negative probability a letter with a positive sum.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Seed};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let batch = SequenceBatch::from_rows(&Alphabet::dna(), 8, vec![0; 8])?;
    /// let drawn = batch.randomize(2..6, &[0.0, 0.5, 0.5, 0.0], 3, Seed::new(1))?;
    /// assert_eq!(drawn.len(), 3);
    /// assert!(drawn.codes().row(0).iter().skip(2).take(4).all(|code| [1, 2].contains(code)));
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn randomize(
        &self,
        span: Range<usize>,
        probabilities: &[f64],
        repeats: usize,
        seed: Seed,
    ) -> Result<Self, EncodeError> {
        self.check_span(&span)?;
        let (weights, total) = letter_weights(self.alphabet(), probabilities)?;
        self.redrawn(repeats, |index, repeat, codes| {
            let mut stream = row_stream(seed, "randomize", index, repeat);
            codes[span.clone()].fill_with(|| draw(&weights, stream.uniform() * total));
        })
    }

    /// The sequences with the letters of a span in random order, `repeats` times each, every order equally likely.
    ///
    /// * returns (N · repeats, L), rows as of [`randomize`](Self::randomize)
    ///
    /// Source: tangermeme 1.6.0 `shuffle`, which puts all sequences in one order; for the peer's see
    /// [`shuffle_as_tangermeme`](crate::shuffle_as_tangermeme).
    ///
    /// # Errors
    /// [`EncodeError::Span`] for a span that is empty or not inside.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Seed};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let batch = SequenceBatch::from_rows(&Alphabet::dna(), 4, vec![0, 1, 2, 3])?;
    /// let shuffled = batch.shuffle(0..4, 20, Seed::new(1))?;
    /// assert_eq!((shuffled.len(), shuffled.width()), (20, 4));
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn shuffle(&self, span: Range<usize>, repeats: usize, seed: Seed) -> Result<Self, EncodeError> {
        self.check_span(&span)?;
        self.redrawn(repeats, |index, repeat, codes| {
            row_stream(seed, "shuffle", index, repeat).shuffle(&mut codes[span.clone()]);
        })
    }

    /// The sequences with a span replaced by one with the same pairs of neighbours and the same ends, `repeats` times
    /// each, every such span equally likely.
    ///
    /// * returns (N · repeats, L), rows as of [`randomize`](Self::randomize)
    ///
    /// A span that can be put in no other order stays as it is, which is no error. Unknown letters count as a letter
    /// of their own.
    ///
    /// Source: as [`dinucleotide_shuffle`](crate::dinucleotide_shuffle); for the peer's see
    /// [`dinucleotide_as_tangermeme`](crate::dinucleotide_as_tangermeme).
    ///
    /// # Errors
    /// [`EncodeError::Span`] for a span that is empty or not inside.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Seed};
    /// use cistron_encode::SequenceBatch;
    ///
    /// let batch = SequenceBatch::from_rows(&Alphabet::dna(), 6, vec![0, 1, 0, 2, 0, 3])?;
    /// let shuffled = batch.dinucleotide_shuffle(0..6, 20, Seed::new(1))?;
    /// assert!(shuffled.codes().rows().into_iter().all(|row| (row[0], row[5]) == (0, 3)));
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn dinucleotide_shuffle(
        &self,
        span: Range<usize>,
        repeats: usize,
        seed: Seed,
    ) -> Result<Self, EncodeError> {
        self.check_span(&span)?;
        let letters = usize::from(self.alphabet().len());
        self.redrawn(repeats, |index, repeat, codes| {
            let mut stream = row_stream(seed, "dinucleotide shuffle", index, repeat);
            let codes = &mut codes[span.clone()];
            let shuffled = dinucleotide_shuffle_codes(codes, letters, &mut stream);
            codes.copy_from_slice(&shuffled);
        })
    }

    /// The sequences with each of their bins shuffled as by [`dinucleotide_shuffle`](Self::dinucleotide_shuffle),
    /// `repeats` times each, so that how composition varies along them stays.
    ///
    /// * returns (N · repeats, L), rows as of [`randomize`](Self::randomize)
    ///
    /// The bins are cut anew for each row: the first at a random place from the least width to the width, each next
    /// one a width further; a last one below the least width joins the one before.
    ///
    /// Source: tangermeme 1.6.0 `local_dinucleotide_shuffle`; for the peer's random numbers see
    /// [`local_dinucleotide_as_tangermeme`](crate::local_dinucleotide_as_tangermeme).
    ///
    /// # Errors
    /// [`EncodeError::Span`] for bins that are not narrower than the sequences, [`EncodeError::Shape`] for a least
    /// width of 0 or above the width.
    ///
    /// ```
    /// use cistron_core::{Alphabet, Seed};
    /// use cistron_encode::{LocalBins, random_sequences};
    ///
    /// let batch = random_sequences(&Alphabet::dna(), 2, 200, &[], Seed::new(1))?;
    /// let bins = LocalBins { width: 50, min_width: 20 };
    /// assert_eq!(batch.local_dinucleotide_shuffle(bins, 5, Seed::new(1))?.len(), 10);
    /// # Ok::<(), cistron_encode::EncodeError>(())
    /// ```
    pub fn local_dinucleotide_shuffle(
        &self,
        bins: LocalBins,
        repeats: usize,
        seed: Seed,
    ) -> Result<Self, EncodeError> {
        bins.check(self)?;
        let letters = usize::from(self.alphabet().len());
        self.redrawn(repeats, |index, repeat, codes| {
            let mut stream = row_stream(seed, "local dinucleotide shuffle", index, repeat);
            let spread = (bins.width - bins.min_width) as u64;
            let first = bins.min_width + stream.below(spread + 1) as usize;
            for bin in bins.bins(first, codes.len()) {
                let codes = &mut codes[bin];
                let shuffled = dinucleotide_shuffle_codes(codes, letters, &mut stream);
                codes.copy_from_slice(&shuffled);
            }
        })
    }
}

/// The random numbers of one repeat of one sequence, the same for any number of either.
fn row_stream(seed: Seed, label: &str, index: usize, repeat: usize) -> Stream {
    seed.stream(label, ((index as u64) << 32) | repeat as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cistron_core::Alphabet;
    use ndarray::{ArrayView1, s};
    use proptest::prelude::*;

    use super::*;

    /// How often each word of so many letters stands in a row.
    fn words(row: ArrayView1<'_, u8>, letters: usize) -> BTreeMap<Vec<u8>, usize> {
        let mut counts = BTreeMap::new();
        for word in row.to_vec().windows(letters) {
            *counts.entry(word.to_vec()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn bins_cover_the_sequence_and_are_wide_enough() {
        let bins = LocalBins { width: 4, min_width: 2 };
        assert_eq!(bins.bins(3, 12), [0..3, 3..7, 7..12]);
        assert_eq!(bins.bins(2, 12), [0..2, 2..6, 6..10, 10..12]);
        assert_eq!(bins.bins(4, 5), vec![0..5]);
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let batch = SequenceBatch::from_rows(&Alphabet::dna(), 8, vec![0; 8]).unwrap();
        let local = |width, min_width| {
            let bins = LocalBins { width, min_width };
            batch.local_dinucleotide_shuffle(bins, 1, Seed::new(1)).map_err(|error| error.to_string())
        };
        assert!(local(7, 7).is_ok());
        let wide = "span 0..9 found, expected one inside sequences of 8 letters";
        assert_eq!(local(8, 2).unwrap_err(), wide);
        assert_eq!(local(4, 5).unwrap_err(), "least bin has shape [5], expected 1 to 4 letters");
        assert!(local(4, 0).is_err());
        assert!(batch.shuffle(3..3, 1, Seed::new(1)).is_err());
        assert!(batch.dinucleotide_shuffle(0..9, 1, Seed::new(1)).is_err());
        assert!(batch.randomize(0..2, &[1.0], 1, Seed::new(1)).is_err());
    }

    proptest! {
        #[test]
        fn shuffles_keep_what_they_should(
            rows in prop::collection::vec(prop::collection::vec(0_u8..5, 24), 1..4),
            ends in (0_usize..24, 0_usize..25), seed: u64,
        ) {
            let span = ends.0.min(ends.1)..ends.0.max(ends.1).max(ends.0 + 1);
            let batch = SequenceBatch::from_rows(&Alphabet::dna(), 24, rows.concat()).unwrap();
            let seed = Seed::new(seed);
            let bins = LocalBins { width: 9, min_width: 4 };
            let shuffled = batch.shuffle(span.clone(), 3, seed).unwrap();
            let pairs = batch.dinucleotide_shuffle(span.clone(), 3, seed).unwrap();
            let local = batch.local_dinucleotide_shuffle(bins, 3, seed).unwrap();
            let drawn = batch.randomize(span.clone(), &[], 3, seed).unwrap();
            let few = batch.dinucleotide_shuffle(span.clone(), 1, seed).unwrap();
            for row in 0..batch.len() * 3 {
                let own = batch.codes().row(row / 3).to_owned();
                for other in [&shuffled, &pairs, &drawn] {
                    let codes = other.codes();
                    prop_assert_eq!(codes.slice(s![row, ..span.start]), own.slice(s![..span.start]));
                    prop_assert_eq!(codes.slice(s![row, span.end..]), own.slice(s![span.end..]));
                }
                prop_assert_eq!(words(shuffled.codes().row(row), 1), words(own.view(), 1));
                prop_assert_eq!(words(pairs.codes().row(row), 2), words(own.view(), 2));
                prop_assert_eq!(words(local.codes().row(row), 2), words(own.view(), 2));
                prop_assert_eq!((local.codes()[[row, 0]], local.codes()[[row, 23]]), (own[0], own[23]));
                prop_assert!(drawn.codes().slice(s![row, span.clone()]).iter().all(|code| *code < 4));
                if row % 3 == 0 {
                    let (one, first) = (few.codes(), pairs.codes());
                    prop_assert_eq!(one.row(row / 3), first.row(row));
                }
            }
        }
    }
}
