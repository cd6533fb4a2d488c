//! The random edits with the random numbers of tangermeme.

use std::ops::Range;

use cistron_core::PeerRng;
use ndarray::ArrayView2;

use super::LocalBins;
use crate::{EncodeError, SequenceBatch};

/// The sequences with the letters of a span in random order, as tangermeme 1.6.0 `shuffle` with this `random_state`:
/// all sequences in the same order, another one for each repeat.
///
/// * returns (N · repeats, L): row `i * repeats + r` is repeat r of sequence i
///
/// # Errors
/// [`EncodeError::Span`] for a span that is empty or not inside.
///
/// ```
/// use cistron_core::Alphabet;
/// use cistron_encode::{SequenceBatch, shuffle_as_tangermeme};
///
/// let batch = SequenceBatch::from_rows(&Alphabet::dna(), 4, vec![0, 1, 2, 3])?;
/// assert_eq!(shuffle_as_tangermeme(&batch, 0..4, 2, 0)?.codes().row(0).to_vec(), [2, 3, 1, 0]);
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn shuffle_as_tangermeme(
    batch: &SequenceBatch,
    span: Range<usize>,
    repeats: usize,
    seed: u32,
) -> Result<SequenceBatch, EncodeError> {
    batch.check_span(&span)?;
    let mut rng = PeerRng::new(seed);
    let order = |_| {
        let mut order: Vec<usize> = span.clone().collect();
        rng.shuffle(&mut order);
        order
    };
    let orders: Vec<Vec<usize>> = (0..repeats).map(order).collect();
    let rows = batch.codes();
    batch.redrawn(repeats, |index, repeat, codes| {
        codes[span.clone()].iter_mut().zip(&orders[repeat]).for_each(|(code, &at)| *code = rows[[index, at]]);
    })
}

/// The sequences with a span's letters in an order that keeps the pairs of neighbours and the ends, as tangermeme
/// 1.6.0 `dinucleotide_shuffle`.
///
/// * `seeds`: one a sequence; the peer's `random_state` of a number means that number for the first sequence and one
///   more for each next one
/// * returns (N · repeats, L), rows as of [`shuffle_as_tangermeme`]
///
/// Not every order is equally likely, and each repeat starts from the one before. The peer refuses unknown letters
/// unless it is told not to, and sequences that have one order only; both are taken here.
///
/// # Errors
/// [`EncodeError::Span`] for a span that is empty or not inside, [`EncodeError::Shape`] for another number of seeds.
///
/// ```
/// use cistron_core::Alphabet;
/// use cistron_encode::{SequenceBatch, dinucleotide_as_tangermeme};
///
/// let batch = SequenceBatch::from_rows(&Alphabet::dna(), 6, vec![0, 1, 0, 2, 0, 3])?;
/// let shuffled = dinucleotide_as_tangermeme(&batch, 0..6, 20, &[0])?;
/// assert!(shuffled.codes().rows().into_iter().all(|row| (row[0], row[5]) == (0, 3)));
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn dinucleotide_as_tangermeme(
    batch: &SequenceBatch,
    span: Range<usize>,
    repeats: usize,
    seeds: &[u32],
) -> Result<SequenceBatch, EncodeError> {
    batch.check_span(&span)?;
    if seeds.len() != batch.len() {
        return Err(EncodeError::Shape {
            what: "list of seeds".into(),
            found: vec![seeds.len()],
            expected: format!("{}, one a sequence", batch.len()),
        });
    }
    let mut shuffler = None;
    batch.redrawn(repeats, |index, repeat, codes| {
        let codes = &mut codes[span.clone()];
        if repeat == 0 {
            shuffler = Some(PairShuffler::new(codes, seeds[index]));
        }
        if let Some(shuffler) = &mut shuffler {
            shuffler.shuffle(codes);
        }
    })
}

/// The sequences with each bin shuffled as by [`dinucleotide_as_tangermeme`], as tangermeme 1.6.0
/// `local_dinucleotide_shuffle` with this `random_state`.
///
/// * returns (N · repeats, L), rows as of [`shuffle_as_tangermeme`]
///
/// # Errors
/// As [`SequenceBatch::local_dinucleotide_shuffle`].
///
/// ```
/// use cistron_core::{Alphabet, Seed};
/// use cistron_encode::{LocalBins, local_dinucleotide_as_tangermeme, random_sequences};
///
/// let batch = random_sequences(&Alphabet::dna(), 2, 200, &[], Seed::new(1))?;
/// let bins = LocalBins { width: 50, min_width: 20 };
/// assert_eq!(local_dinucleotide_as_tangermeme(&batch, bins, 5, 0)?.len(), 10);
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn local_dinucleotide_as_tangermeme(
    batch: &SequenceBatch,
    bins: LocalBins,
    repeats: usize,
    seed: u32,
) -> Result<SequenceBatch, EncodeError> {
    bins.check(batch)?;
    let mut rng = PeerRng::new(seed);
    batch.redrawn(repeats, |_, _, codes| {
        let first = bins.min_width + rng.at_most((bins.width - bins.min_width) as u32) as usize;
        for bin in bins.bins(first, codes.len()) {
            let codes = &mut codes[bin];
            // The peer draws seeds below 2³¹ - 1.
            PairShuffler::new(codes, rng.at_most(0x7fff_fffe)).shuffle(codes);
        }
    })
}

/// The sequences with the letters of a span drawn anew, as tangermeme 1.6.0 `randomize` with this `random_state`.
///
/// * `probabilities` (1, A) for all sequences or (N, A), each row with a sum of 1 to within 1e-6
/// * returns (N · repeats, L), rows as of [`shuffle_as_tangermeme`]
///
/// # Errors
/// [`EncodeError::Span`] for a span that is empty or not inside, [`EncodeError::Shape`] for other probabilities.
///
/// ```
/// use cistron_core::Alphabet;
/// use cistron_encode::{SequenceBatch, randomize_as_tangermeme};
/// use ndarray::array;
///
/// let batch = SequenceBatch::from_rows(&Alphabet::dna(), 4, vec![0; 4])?;
/// let drawn = randomize_as_tangermeme(&batch, 0..4, array![[0.0, 0.5, 0.5, 0.0]].view(), 1, 0)?;
/// assert_eq!(drawn.codes().row(0).to_vec(), [2, 2, 2, 2]);
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn randomize_as_tangermeme(
    batch: &SequenceBatch,
    span: Range<usize>,
    probabilities: ArrayView2<'_, f64>,
    repeats: usize,
    seed: u32,
) -> Result<SequenceBatch, EncodeError> {
    batch.check_span(&span)?;
    let (rows, letters) = probabilities.dim();
    let fits = (rows == 1 || rows == batch.len()) && letters == usize::from(batch.alphabet().len());
    let unit = |row: ndarray::ArrayView1<'_, f64>| {
        row.iter().all(|it| (0.0..=1.0).contains(it)) && (row.sum() - 1.0).abs() <= 1e-6
    };
    if !fits || !probabilities.rows().into_iter().all(unit) {
        return Err(EncodeError::Shape {
            what: "array of probabilities".into(),
            found: vec![rows, letters],
            expected: format!(
                "1 or {} rows of {}, each with a sum of 1",
                batch.len(),
                batch.alphabet().len()
            ),
        });
    }
    let cumulative: Vec<Vec<f64>> = probabilities.rows().into_iter().map(cumulative).collect();
    let mut rng = PeerRng::new(seed);
    // The peer draws repeat by repeat, so all letters are drawn before they are put in place.
    let mut letter = |at: usize| {
        let limits = &cumulative[if rows == 1 { 0 } else { at }];
        let point = rng.uniform();
        limits.partition_point(|limit| *limit <= point) as u8
    };
    let mut draw = |at: usize| span.clone().map(|_| letter(at)).collect::<Vec<u8>>();
    let mut drawn: Vec<Vec<u8>> = Vec::with_capacity(repeats * batch.len());
    for _ in 0..repeats {
        drawn.extend((0..batch.len()).map(&mut draw));
    }
    batch.redrawn(repeats, |index, repeat, codes| {
        codes[span.clone()].copy_from_slice(&drawn[repeat * batch.len() + index]);
    })
}

/// The sums of the probabilities up to each letter, scaled twice, by the peer and by numpy.
fn cumulative(row: ndarray::ArrayView1<'_, f64>) -> Vec<f64> {
    let total = row.sum();
    let mut sum = 0.0;
    let mut sums: Vec<f64> = row
        .iter()
        .map(|it| {
            sum += it / total;
            sum
        })
        .collect();
    for it in &mut sums {
        *it /= sum;
    }
    sums
}

/// For each letter the positions behind it, put in another order with each shuffle.
struct PairShuffler {
    letters: Vec<u8>,
    next: Vec<Vec<usize>>,
    rng: PeerRng,
}

impl PairShuffler {
    fn new(letters: &[u8], seed: u32) -> Self {
        let kinds = letters.iter().max().map_or(0, |code| usize::from(*code) + 1);
        let mut next = vec![Vec::new(); kinds];
        for (position, &code) in letters.iter().enumerate().take(letters.len().saturating_sub(1)) {
            next[usize::from(code)].push(position + 1);
        }
        Self { letters: letters.to_vec(), next, rng: PeerRng::new(seed) }
    }

    /// Writes the next shuffle.
    fn shuffle(&mut self, out: &mut [u8]) {
        for next in &mut self.next {
            // What follows the last one of a letter stays, so that the walk does not end before the last letter.
            if let Some((_, others)) = next.split_last_mut() {
                self.rng.shuffle(others);
            }
        }
        let mut used = vec![0; self.next.len()];
        let mut at = 0;
        for code in out.iter_mut().skip(1) {
            let letter = usize::from(self.letters[at]);
            at = self.next[letter][used[letter]];
            used[letter] += 1;
            *code = self.letters[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::Alphabet;
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let batch = SequenceBatch::from_rows(&Alphabet::dna(), 3, vec![0; 6]).unwrap();
        assert!(shuffle_as_tangermeme(&batch, 1..4, 1, 0).is_err());
        assert_eq!(
            dinucleotide_as_tangermeme(&batch, 0..3, 1, &[0]).unwrap_err().to_string(),
            "list of seeds has shape [1], expected 2, one a sequence"
        );
        assert!(local_dinucleotide_as_tangermeme(&batch, LocalBins::default(), 1, 0).is_err());
        for bad in
            [array![[0.5; 4]], array![[f64::NAN; 4]], array![[0.5, 0.5]], Array2::from_elem((3, 4), 0.25)]
        {
            assert!(randomize_as_tangermeme(&batch, 0..3, bad.view(), 1, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_letter_and_one_order_are_taken() {
        let batch = SequenceBatch::from_rows(&Alphabet::dna(), 3, vec![2; 3]).unwrap();
        assert_eq!(dinucleotide_as_tangermeme(&batch, 0..1, 1, &[0]).unwrap(), batch);
        assert_eq!(dinucleotide_as_tangermeme(&batch, 0..3, 1, &[0]).unwrap(), batch);
        assert_eq!(dinucleotide_as_tangermeme(&batch, 0..3, 0, &[0]).unwrap().len(), 0);
    }
}
