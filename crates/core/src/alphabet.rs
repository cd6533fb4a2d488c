use std::sync::{Arc, LazyLock};

use crate::CoreError;

/// The letters of a kind of sequence, each with a one-byte code.
///
/// With `n` letters the codes are `0..n` for the letters in order (DNA: A = 0, C = 1, G = 2, T = 3),
/// [`unknown`](Self::unknown) = `n` for a letter outside the alphabet (N, X, IUPAC codes),
/// [`padding`](Self::padding) = `n + 1` for no letter at all (beyond a contig's end) and
/// [`gap`](Self::gap) = `n + 2` for the gap of an alignment. Case is not kept.
///
/// Cloning costs one reference count; two alphabets are equal when their letters are.
///
/// ```
/// use cistron_core::Alphabet;
///
/// let dna = Alphabet::dna();
/// assert_eq!(dna.code(b'g'), 2);
/// assert_eq!(dna.code(b'N'), dna.unknown());
/// assert_eq!(dna.letter(3), b'T');
/// ```
#[derive(Clone, Debug)]
pub struct Alphabet(Arc<Table>);

#[derive(Debug)]
struct Table {
    letters: Box<[u8]>,
    codes: [u8; 256],
    complement: Option<Box<[u8]>>,
    unknown_letter: u8,
}

static DNA: LazyLock<Alphabet> = LazyLock::new(|| Alphabet::build(b"ACGT", Some(&[3, 2, 1, 0]), b'N'));
static RNA: LazyLock<Alphabet> = LazyLock::new(|| Alphabet::build(b"ACGU", Some(&[3, 2, 1, 0]), b'N'));
static PROTEIN: LazyLock<Alphabet> = LazyLock::new(|| Alphabet::build(b"ACDEFGHIKLMNPQRSTVWY", None, b'X'));

const GAP_LETTER: u8 = b'-';

impl Alphabet {
    /// The four letters A C G T, in this order.
    pub fn dna() -> Self {
        DNA.clone()
    }

    /// The four letters A C G U, in this order.
    pub fn rna() -> Self {
        RNA.clone()
    }

    /// The twenty amino acids in the order ACDEFGHIKLMNPQRSTVWY.
    pub fn protein() -> Self {
        PROTEIN.clone()
    }

    /// An alphabet of any distinct letters, without complement; an unknown letter prints as `X`, or as `?`
    /// where `X` is a letter itself.
    ///
    /// # Errors
    /// [`CoreError::Alphabet`] for no letter, more than 200, a letter twice (in either case), or one that is not
    /// a printable ASCII character.
    ///
    /// ```
    /// let binary = cistron_core::Alphabet::custom("01")?;
    /// assert_eq!(binary.code(b'1'), 1);
    /// # Ok::<(), cistron_core::CoreError>(())
    /// ```
    pub fn custom(letters: &str) -> Result<Self, CoreError> {
        let upper = letters.to_ascii_uppercase().into_bytes();
        let refuse = |problem| Err(CoreError::Alphabet { letters: letters.to_owned(), problem });
        if upper.is_empty() || upper.len() > 200 {
            return refuse("has no letter or more than 200");
        }
        if !upper.iter().all(u8::is_ascii_graphic) {
            return refuse("holds a character that is not printable ASCII");
        }
        if (1..upper.len()).any(|i| upper[..i].contains(&upper[i])) {
            return refuse("holds a letter twice");
        }
        let unknown_letter = if upper.contains(&b'X') { b'?' } else { b'X' };
        Ok(Self::build(&upper, None, unknown_letter))
    }

    /// This alphabet with the gap `-` as one more letter, its last: models of alignments count it as a state.
    ///
    /// Unchanged if the gap is a letter already.
    ///
    /// ```
    /// let states = cistron_core::Alphabet::protein().with_gap();
    /// assert_eq!((states.len(), states.gap()), (21, 20));
    /// ```
    #[must_use]
    pub fn with_gap(&self) -> Self {
        if self.0.letters.contains(&GAP_LETTER) {
            return self.clone();
        }
        let gap = self.len();
        let letters = [&self.0.letters[..], &[GAP_LETTER]].concat();
        let complement = self.0.complement.as_ref().map(|table| [&table[..], &[gap]].concat());
        Self::build(&letters, complement.as_deref(), self.0.unknown_letter)
    }

    fn build(letters: &[u8], complement: Option<&[u8]>, unknown_letter: u8) -> Self {
        let n = letters.len() as u8;
        let mut codes = [n; 256];
        codes[usize::from(GAP_LETTER)] = n + 2;
        codes[usize::from(b'.')] = n + 2;
        for (code, &letter) in (0..n).zip(letters) {
            codes[usize::from(letter.to_ascii_lowercase())] = code;
            codes[usize::from(letter.to_ascii_uppercase())] = code;
            if letter == GAP_LETTER {
                codes[usize::from(b'.')] = code;
            }
        }
        Self(Arc::new(Table {
            letters: letters.into(),
            codes,
            complement: complement.map(Into::into),
            unknown_letter,
        }))
    }

    /// The number of letters, without unknown, padding and gap.
    #[expect(clippy::len_without_is_empty, reason = "an alphabet has at least one letter")]
    pub fn len(&self) -> u8 {
        self.0.letters.len() as u8
    }

    /// The letters in the order of their codes, upper case.
    pub fn letters(&self) -> &[u8] {
        &self.0.letters
    }

    /// The code of a letter outside the alphabet.
    pub fn unknown(&self) -> u8 {
        self.len()
    }

    /// The code of no letter: the part of a window beyond its contig.
    pub fn padding(&self) -> u8 {
        self.len() + 1
    }

    /// The code of an alignment's gap.
    pub fn gap(&self) -> u8 {
        self.0.codes[usize::from(GAP_LETTER)]
    }

    /// The code of a letter in either case; `-` and `.` are gaps, everything outside the alphabet is unknown.
    pub fn code(&self, letter: u8) -> u8 {
        self.0.codes[usize::from(letter)]
    }

    /// Turns letters into codes in place.
    pub fn encode_in_place(&self, letters: &mut [u8]) {
        for letter in letters {
            *letter = self.0.codes[usize::from(*letter)];
        }
    }

    /// The upper-case letter of a code: unknown and padding print as N (DNA, RNA) or X, a gap as `-`.
    pub fn letter(&self, code: u8) -> u8 {
        match self.0.letters.get(usize::from(code)) {
            Some(&letter) => letter,
            None if code == self.gap() => GAP_LETTER,
            None => self.0.unknown_letter,
        }
    }

    /// The code that pairs with a code, or `None` without base pairing. Unknown, padding and gap pair with
    /// themselves.
    pub fn complement(&self, code: u8) -> Option<u8> {
        let table = self.0.complement.as_ref()?;
        Some(table.get(usize::from(code)).copied().unwrap_or(code))
    }

    /// Reverse-complements codes in place.
    ///
    /// # Errors
    /// [`CoreError::NoComplement`] if the letters do not pair.
    pub fn reverse_complement_in_place(&self, codes: &mut [u8]) -> Result<(), CoreError> {
        let Some(table) = self.0.complement.as_ref() else {
            return Err(CoreError::NoComplement { letters: self.to_string() });
        };
        codes.reverse();
        for code in codes {
            *code = table.get(usize::from(*code)).copied().unwrap_or(*code);
        }
        Ok(())
    }
}

impl PartialEq for Alphabet {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.letters == other.0.letters
    }
}

impl Eq for Alphabet {}

impl std::fmt::Display for Alphabet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.letters.iter().try_for_each(|&letter| write!(f, "{}", letter as char))
    }
}

const COMPLEMENT: [u8; 256] = complement_table();

const fn complement_table() -> [u8; 256] {
    const PAIRS: &[u8] = b"ATCGRYMKBVDH";
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = i as u8;
        i += 1;
    }
    let mut i = 0;
    while i < PAIRS.len() {
        let (a, b) = (PAIRS[i], PAIRS[i + 1]);
        table[a as usize] = b;
        table[b as usize] = a;
        table[a.to_ascii_lowercase() as usize] = b.to_ascii_lowercase();
        table[b.to_ascii_lowercase() as usize] = a.to_ascii_lowercase();
        i += 2;
    }
    table[b'U' as usize] = b'A';
    table[b'u' as usize] = b'a';
    table
}

/// The IUPAC letter that pairs with a nucleic-acid letter, case kept: A-T, C-G, R-Y, M-K, B-V, D-H; S, W and N
/// are their own partners, U pairs with A, and any other byte stays as it is.
///
/// ```
/// assert_eq!(cistron_core::complement_letter(b'r'), b'y');
/// ```
pub const fn complement_letter(letter: u8) -> u8 {
    COMPLEMENT[letter as usize]
}

/// Reverse-complements IUPAC letters in place, case kept. Twice gives the same letters again, except for U.
pub fn reverse_complement_letters(letters: &mut [u8]) {
    letters.reverse();
    for letter in letters {
        *letter = complement_letter(*letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_each_alphabet_are_its_letters_in_order() {
        for alphabet in [Alphabet::dna(), Alphabet::rna(), Alphabet::protein()] {
            for (code, &letter) in (0..).zip(alphabet.letters()) {
                assert_eq!(alphabet.code(letter), code);
                assert_eq!(alphabet.code(letter.to_ascii_lowercase()), code);
                assert_eq!(alphabet.letter(code), letter);
            }
            let n = alphabet.len();
            assert_eq!((alphabet.unknown(), alphabet.padding(), alphabet.gap()), (n, n + 1, n + 2));
            assert_eq!(alphabet.code(b'-'), alphabet.gap());
            assert_eq!(alphabet.code(b'.'), alphabet.gap());
            assert_eq!(alphabet.code(b'*'), alphabet.unknown());
        }
    }

    #[test]
    fn special_codes_print_as_the_field_writes_them() {
        let dna = Alphabet::dna();
        assert_eq!([4, 5, 6].map(|code| dna.letter(code)), *b"NN-");
        assert_eq!(Alphabet::protein().letter(20), b'X');
    }

    #[test]
    fn gap_becomes_a_letter_once() {
        let states = Alphabet::dna().with_gap();
        assert_eq!((states.gap(), states.unknown(), states.code(b'.')), (4, 5, 4));
        assert_eq!(states.complement(4), Some(4));
        assert_eq!(states.with_gap(), states);
    }

    #[test]
    fn custom_alphabets_are_checked() {
        for bad in ["", "AA", "aA", "A C", "é"] {
            assert!(Alphabet::custom(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Alphabet::custom("acgt"), Ok(Alphabet::dna()));
    }

    #[test]
    fn iupac_letters_pair_as_published() {
        for (letter, partner) in b"ACGTRYMKBVDHSWNacgtryn".iter().zip(b"TGCAYRKMVBHDSWNtgcayrn") {
            assert_eq!(complement_letter(*letter), *partner, "{}", *letter as char);
        }
        assert_eq!([b'U', b'u', b'-', b'*', b'X'].map(complement_letter), [b'A', b'a', b'-', b'*', b'X']);
    }

    #[test]
    fn protein_has_no_complement() {
        let error = Alphabet::protein().reverse_complement_in_place(&mut [0]).unwrap_err();
        assert_eq!(error.to_string(), "alphabet ACDEFGHIKLMNPQRSTVWY has no complement, expected DNA or RNA");
    }
}
