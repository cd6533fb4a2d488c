use cistron_core::Alphabet;

use crate::MotifError;
use crate::error::quoted;

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
        let scaled: Vec<f64> = probabilities.iter().map(|p| p / scale).collect();
        match scaled.iter().find(|p| !(**p > 0.0 && **p < 1.0)) {
            Some(bad) => Err(MotifError::background(format!(
                "holds {bad} divided by the sum, expected probabilities between 0 and 1"
            ))),
            None => Ok(Self(scaled)),
        }
    }

    /// The share of each letter among letters counted, in the order of the alphabet.
    ///
    /// # Errors
    /// [`MotifError::Background`] if a letter was never seen: its score would be infinite.
    ///
    /// ```
    /// let background = cistron_motif::Background::of_counts(&[3, 2, 2, 3])?;
    /// assert_eq!(background.probabilities()[1], 0.2);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    pub fn of_counts(counts: &[u64]) -> Result<Self, MotifError> {
        let total: u64 = counts.iter().sum();
        if let Some(letter) = counts.iter().position(|&count| count == 0) {
            let problem =
                format!("of the sequences has no letter of number {letter}, expected each at least once");
            return Err(MotifError::background(problem));
        }
        Self::new(&counts.iter().map(|&count| count as f64 / total as f64).collect::<Vec<_>>())
    }

    /// Reads the MEME suite's background format: a letter and its frequency a line, `#` before comments. Frequencies
    /// of longer words, for models of higher order, are skipped.
    ///
    /// # Errors
    /// [`MotifError::Malformed`] with the line for anything else, [`MotifError::Unusable`] if a letter is missing.
    ///
    /// ```
    /// use cistron_core::Alphabet;
    /// use cistron_motif::Background;
    ///
    /// let text = "# order 0\nA 0.3\nC 0.2\nG 0.2\nT 0.3\n";
    /// let background = Background::parse(text, "bg.txt", &Alphabet::dna())?;
    /// assert_eq!(background.probabilities()[0], 0.3);
    /// # Ok::<(), cistron_motif::MotifError>(())
    /// ```
    pub fn parse(text: &str, file: &str, alphabet: &Alphabet) -> Result<Self, MotifError> {
        let mut found = vec![None; usize::from(alphabet.len())];
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.split('#').next().unwrap_or_default();
            let mut fields = content.split_whitespace();
            let Some(word) = fields.next() else { continue };
            let frequency = fields.next().and_then(|field| field.parse::<f64>().ok());
            let malformed =
                |problem: String| MotifError::Malformed { file: file.to_owned(), line, column: 1, problem };
            let Some(frequency) = frequency.filter(|frequency| frequency.is_finite()) else {
                let found = quoted(content.trim());
                return Err(malformed(format!("found {found}, expected a letter and its frequency")));
            };
            let [letter] = *word.as_bytes() else { continue };
            let slot = found.get_mut(usize::from(alphabet.code(letter)));
            *slot
                .ok_or_else(|| malformed(format!("found {}, expected one of {alphabet}", quoted(word))))? =
                Some(frequency);
        }
        let complete: Option<Vec<f64>> = found.into_iter().collect();
        let complete = complete.ok_or_else(|| MotifError::Unusable {
            file: file.to_owned(),
            problem: format!("a letter has no frequency, expected all of {alphabet}"),
        })?;
        Self::new(&complete)
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
        // Beside such a number the other becomes 1.
        assert!(Background::new(&[0.95, 1e-320]).is_err());
        let near = Background::new(&[0.25, 0.25, 0.25, 0.2]).unwrap();
        assert!((near.probabilities().iter().sum::<f64>() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn background_files_are_read_and_refused() {
        let parse = |text: &str| Background::parse(text, "bg", &Alphabet::dna());
        let words = parse("A 0.3\nC 0.2\ng 0.2 # lower case\nT 0.3\nAA 0.09\n\n#end\n").unwrap();
        assert_eq!(words.probabilities(), [0.3, 0.2, 0.2, 0.3]);
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(refused("A 0.3\nX 0.2\n"), "bg:2:1: found `X`, expected one of ACGT");
        assert_eq!(refused("A\n"), "bg:1:1: found `A`, expected a letter and its frequency");
        assert_eq!(refused("A 1\n"), "bg: a letter has no frequency, expected all of ACGT");
        assert!(Background::of_counts(&[1, 0, 1, 1]).is_err());
    }

    #[test]
    fn averaging_needs_partners() {
        let two = Background::new(&[0.4, 0.6]).unwrap();
        assert_eq!(two.strand_averaged(&Alphabet::custom("01").unwrap()), two);
    }
}
