use cistron_core::Alphabet;

use crate::MotifError;

/// The probability of each letter of an alphabet where no motif is: a model of order 0.
///
/// ```
/// use cistron_motif::Background;
///
/// let background = Background::new(&[0.3, 0.2, 0.2, 0.3])?;
/// assert_eq!(background.probabilities()[0], 0.3);
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Background(Vec<f64>);

/// How far from 1 the sum of the probabilities given may lie.
const SUM_TOLERANCE: f64 = 0.1;

impl Background {
    /// The same probability for each of `letters` letters.
    pub fn uniform(letters: usize) -> Self {
        Self(vec![1.0 / letters.max(1) as f64; letters])
    }

    /// The frequencies of A, C, G and T in the nonredundant DNA database that FIMO takes by default (one strand).
    pub fn nrdb() -> Self {
        Self(vec![0.281_774, 0.222_020, 0.228_876, 0.267_330])
    }

    /// Takes one probability a letter, in the order of the alphabet; divided by their sum unless that is 1 within
    /// rounding (1e-9).
    ///
    /// # Errors
    /// [`MotifError::Background`] for a number that is not in (0, 1), or a sum that is off 1 by more than 0.1.
    pub fn new(probabilities: &[f64]) -> Result<Self, MotifError> {
        if let Some(bad) = probabilities.iter().find(|p| !(**p > 0.0 && **p < 1.0)) {
            return Err(MotifError::background(format!(
                "holds {bad}, expected probabilities between 0 and 1"
            )));
        }
        let sum: f64 = probabilities.iter().sum();
        let off = (sum - 1.0).abs();
        if off > SUM_TOLERANCE {
            return Err(MotifError::background(format!("sums to {sum}, expected 1")));
        }
        let scale = if off < 1e-9 { 1.0 } else { sum };
        Ok(Self(probabilities.iter().map(|p| p / scale).collect()))
    }

    /// The probabilities in the order of the alphabet's letters.
    pub fn probabilities(&self) -> &[f64] {
        &self.0
    }

    /// Each letter's probability averaged with that of its partner: the background of both strands together, as
    /// the MEME suite uses it. Unchanged for an alphabet whose letters do not pair.
    ///
    /// ```
    /// # use cistron_motif::Background;
    /// let both = Background::new(&[0.4, 0.1, 0.3, 0.2])?.strand_averaged(&cistron_core::Alphabet::dna());
    /// assert!((both.probabilities()[0] - 0.3).abs() < 1e-12);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    #[must_use]
    pub fn strand_averaged(&self, alphabet: &Alphabet) -> Self {
        let partner = |code: usize| {
            let partner = alphabet.complement(code as u8).and_then(|it| self.0.get(usize::from(it)));
            partner.copied().unwrap_or(0.0)
        };
        if alphabet.complement(0).is_none() {
            return self.clone();
        }
        Self(self.0.iter().enumerate().map(|(code, p)| f64::midpoint(*p, partner(code))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_checked_and_normalised() {
        let refused = |values: &[f64]| Background::new(values).unwrap_err().to_string();
        assert_eq!(
            refused(&[0.5, 0.5, 0.0, 0.0]),
            "background holds 0, expected probabilities between 0 and 1"
        );
        assert_eq!(refused(&[0.5, 0.75]), "background sums to 1.25, expected 1");
        assert!(Background::new(&[f64::NAN, 0.5]).is_err());
        let near = Background::new(&[0.25, 0.25, 0.25, 0.2]).unwrap();
        assert!((near.probabilities().iter().sum::<f64>() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn averaging_needs_partners() {
        let two = Background::new(&[0.4, 0.6]).unwrap();
        assert_eq!(two.strand_averaged(&Alphabet::custom("01").unwrap()), two);
    }
}
