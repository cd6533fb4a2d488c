use cistron_core::{Alphabet, Seed};

use crate::{EncodeError, SequenceBatch};

/// `n` random sequences of `width` letters, each letter drawn by itself with the given probabilities.
///
/// * `probabilities` (A): one a letter; scaled to a sum of 1. Empty means all equal.
///
/// Sequence `i` depends on the seed and `i` alone, not on `n`.
///
/// # Errors
/// [`EncodeError::Shape`] unless there is one finite, non-negative probability a letter with a positive sum.
///
/// ```
/// use cistron_core::{Alphabet, Seed};
///
/// let batch = cistron_encode::random_sequences(&Alphabet::dna(), 3, 50, &[], Seed::new(1))?;
/// assert_eq!((batch.len(), batch.width()), (3, 50));
/// # Ok::<(), cistron_encode::EncodeError>(())
/// ```
pub fn random_sequences(
    alphabet: &Alphabet,
    n: usize,
    width: usize,
    probabilities: &[f64],
    seed: Seed,
) -> Result<SequenceBatch, EncodeError> {
    let (weights, total) = letter_weights(alphabet, probabilities)?;
    let mut codes = Vec::with_capacity(n * width);
    for index in 0..n as u64 {
        let mut stream = seed.stream("random sequence", index);
        codes.extend((0..width).map(|_| draw(&weights, stream.uniform() * total)));
    }
    SequenceBatch::from_rows(alphabet, width, codes)
}

/// One weight a letter, and their sum.
pub(crate) fn letter_weights(
    alphabet: &Alphabet,
    probabilities: &[f64],
) -> Result<(Vec<f64>, f64), EncodeError> {
    let letters = usize::from(alphabet.len());
    let weights = if probabilities.is_empty() { vec![1.0; letters] } else { probabilities.to_vec() };
    let total: f64 = weights.iter().sum();
    let usable = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) && total > 0.0;
    if weights.len() != letters || !usable {
        return Err(EncodeError::Shape {
            what: format!("list of probabilities {probabilities:?}"),
            found: vec![probabilities.len()],
            expected: format!("{letters} numbers from 0 with a sum above 0"),
        });
    }
    Ok((weights, total))
}

/// The letter in whose share of the total the point falls.
pub(crate) fn draw(weights: &[f64], point: f64) -> u8 {
    let mut sum = 0.0;
    let hit = weights.iter().position(|weight| {
        sum += weight;
        point < sum
    });
    // Rounding may leave the point a hair above the last sum.
    let last = || weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
    hit.unwrap_or_else(last) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composition_follows_the_probabilities() {
        let batch =
            random_sequences(&Alphabet::dna(), 10, 1000, &[2.0, 0.0, 1.0, 1.0], Seed::new(5)).unwrap();
        let mut counts = [0.0; 4];
        batch.codes().iter().for_each(|&code| counts[usize::from(code)] += 1.0);
        // Four standard deviations: 200 around 5000, 173 around 2500.
        assert!((counts[0] - 5000.0_f64).abs() < 200.0, "{counts:?}");
        assert_eq!(counts[1], 0.0);
        assert!((counts[3] - 2500.0_f64).abs() < 174.0, "{counts:?}");
    }

    #[test]
    fn a_sequence_does_not_depend_on_the_others() {
        let dna = Alphabet::dna();
        let few = random_sequences(&dna, 2, 30, &[], Seed::new(1)).unwrap();
        let many = random_sequences(&dna, 5, 30, &[], Seed::new(1)).unwrap();
        assert_eq!(few.codes(), many.codes().slice(ndarray::s![..2, ..]));
    }

    #[test]
    fn bad_probabilities_are_refused() {
        for bad in [&[1.0][..], &[0.0; 4], &[-1.0, 1.0, 1.0, 1.0], &[f64::NAN; 4]] {
            assert!(random_sequences(&Alphabet::dna(), 1, 1, bad, Seed::new(1)).is_err(), "{bad:?}");
        }
    }
}
