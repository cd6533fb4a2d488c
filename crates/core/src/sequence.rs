use crate::{Alphabet, CoreError};

/// A sequence as codes of an alphabet, one byte a letter.
///
/// ```
/// use cistron_core::{Alphabet, Sequence};
///
/// let sequence = Sequence::parse(&Alphabet::dna(), "GATTACAN")?;
/// assert_eq!(sequence.reverse_complement()?.to_string(), "NTGTAATC");
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    alphabet: Alphabet,
    codes: Box<[u8]>,
}

impl Sequence {
    /// Reads letters in either case; letters outside the alphabet (N, X, IUPAC) and `*` become unknown, `-` and
    /// `.` gaps.
    ///
    /// # Errors
    /// [`CoreError::Letter`] for anything that is no letter: digits, blanks, control characters.
    pub fn parse(alphabet: &Alphabet, letters: &str) -> Result<Self, CoreError> {
        let no_symbol = |(_, c): &(usize, char)| {
            let known = u8::try_from(*c).is_ok_and(|byte| alphabet.code(byte) != alphabet.unknown());
            !known && !c.is_ascii_alphabetic() && *c != '*'
        };
        if let Some((position, found)) = letters.chars().enumerate().find(no_symbol) {
            return Err(CoreError::Letter { position, found, expected: alphabet.to_string() });
        }
        let mut codes = letters.as_bytes().to_vec();
        alphabet.encode_in_place(&mut codes);
        Ok(Self { alphabet: alphabet.clone(), codes: codes.into() })
    }

    /// Takes codes as they are.
    ///
    /// # Errors
    /// [`CoreError::Code`] for a code beyond the alphabet's gap.
    pub fn from_codes(alphabet: &Alphabet, codes: impl Into<Box<[u8]>>) -> Result<Self, CoreError> {
        let codes = codes.into();
        let max = alphabet.len() + 2;
        match codes.iter().position(|&code| code > max) {
            Some(position) => Err(CoreError::Code { position, found: codes[position], max }),
            None => Ok(Self { alphabet: alphabet.clone(), codes }),
        }
    }

    /// Another sequence of the same alphabet, whose codes come from sequences of it.
    pub(crate) fn with_codes(&self, codes: impl Into<Box<[u8]>>) -> Self {
        Self { alphabet: self.alphabet.clone(), codes: codes.into() }
    }

    /// The alphabet of the codes.
    pub fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// The codes, one a letter.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The number of letters, gaps and padding included.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is no letter.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The same molecule read from its other strand.
    ///
    /// # Errors
    /// [`CoreError::NoComplement`] if the letters do not pair.
    pub fn reverse_complement(&self) -> Result<Self, CoreError> {
        let mut codes = self.codes.clone();
        self.alphabet.reverse_complement_in_place(&mut codes)?;
        Ok(Self { alphabet: self.alphabet.clone(), codes })
    }
}

/// The letters in upper case.
impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters: String = self.codes.iter().map(|&code| self.alphabet.letter(code) as char).collect();
        f.write_str(&letters)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_padding_and_gap_are_kept_apart() {
        let dna = Alphabet::dna();
        let sequence = Sequence::parse(&dna, "aN-r*").unwrap();
        assert_eq!(sequence.codes(), [0, 4, 6, 4, 4]);
        assert_eq!(sequence.to_string(), "AN-NN");
    }

    #[test]
    fn what_is_no_letter_is_refused_with_its_place() {
        let error = Sequence::parse(&Alphabet::dna(), "AC1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "letter '1' at position 2 is not a sequence letter, expected one of ACGT"
        );
        assert!(Sequence::parse(&Alphabet::dna(), "A C").is_err());
        assert!(Sequence::parse(&Alphabet::dna(), "Aé").is_err());
        assert_eq!(Sequence::parse(&Alphabet::custom("01").unwrap(), "011").unwrap().codes(), [0, 1, 1]);
    }

    #[test]
    fn codes_beyond_the_gap_are_refused() {
        assert!(Sequence::from_codes(&Alphabet::dna(), vec![0, 6]).is_ok());
        assert_eq!(
            Sequence::from_codes(&Alphabet::dna(), vec![0, 7]),
            Err(CoreError::Code { position: 1, found: 7, max: 6 })
        );
    }

    proptest! {
        #[test]
        fn reverse_complement_twice_is_the_sequence(letters in "[ACGTNacgtn-]{0,60}") {
            let sequence = Sequence::parse(&Alphabet::dna(), &letters).unwrap();
            let twice = sequence.reverse_complement().unwrap().reverse_complement().unwrap();
            prop_assert_eq!(twice, sequence);
        }
    }
}
