use cistron_core::Alphabet;

use super::FamilyError;
use crate::{Edit, Mutant};

/// The sequence that is mutated, and the numbers by which its positions are called.
///
/// ```
/// use cistron_core::Alphabet;
/// use cistron_encode::alignment::{MutantProblem, WildType};
/// use cistron_encode::Edit;
///
/// // Positions 20, 21 and 24 of a protein.
/// let wild_type = WildType::new(Alphabet::protein(), b"ACD", vec![20, 21, 24])?;
/// let double = wild_type.parse("A20C:D24E")?;
/// assert_eq!(double, [Edit { position: 0, code: 1 }, Edit { position: 2, code: 3 }]);
/// assert_eq!(wild_type.name(&double), "A20C:D24E");
/// assert_eq!(wild_type.parse("A22C"), Err(MutantProblem::NotCovered { position: 22 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WildType {
    alphabet: Alphabet,
    codes: Vec<u8>,
    positions: Vec<i64>,
}

/// Why a mutant has no effect that could be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MutantProblem {
    /// A part that is not a letter, a number and a letter.
    #[error("`{part}` does not parse, expected letter, position, letter as in A23C")]
    Malformed {
        /// The part.
        part: String,
    },
    /// No part lies in the columns of the family.
    #[error("position {position} is not covered")]
    NotCovered {
        /// The position of the first part.
        position: i64,
    },
    /// Some parts lie in the columns of the family and some do not.
    #[error("part covered, position {position} is not")]
    PartCovered {
        /// The first position that is not covered.
        position: i64,
    },
    /// The letter to be replaced is another one.
    #[error("wild type at {position} is {expected}, found {found}")]
    WildType {
        /// The position.
        position: i64,
        /// The letter of the wild type.
        expected: char,
        /// The letter that the mutant names.
        found: char,
    },
    /// A new letter that is not in the alphabet.
    #[error("`{letter}` at {position} is not a letter of the alphabet")]
    Letter {
        /// The position.
        position: i64,
        /// The letter.
        letter: char,
    },
    /// A letter that replaces itself.
    #[error("synonymous at {position}")]
    Synonymous {
        /// The position.
        position: i64,
    },
    /// A position that is changed twice.
    #[error("position {position} stands twice")]
    Repeated {
        /// The position.
        position: i64,
    },
}

impl WildType {
    /// The letters of the wild type, one for each column of its family, and their positions, which rise.
    ///
    /// A gap or a letter outside the alphabet is kept: it cannot be mutated.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for no letter, more than 65,535, another number of positions, or positions that do not
    /// rise.
    pub fn new(alphabet: Alphabet, letters: &[u8], positions: Vec<i64>) -> Result<Self, FamilyError> {
        let codes = letters.iter().map(|&letter| alphabet.code(letter)).collect();
        Self::from_codes(alphabet, codes, positions)
    }

    /// As [`new`](Self::new), from codes of the alphabet.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for a code that the alphabet does not have.
    pub fn from_codes(alphabet: Alphabet, codes: Vec<u8>, positions: Vec<i64>) -> Result<Self, FamilyError> {
        let (n, last) = (codes.len(), alphabet.gap().max(alphabet.padding()));
        if n == 0 || n > usize::from(u16::MAX) {
            return Err(FamilyError::data(format!("wild type has {n} letters, expected 1 to 65535")));
        }
        if let Some(code) = codes.iter().find(|&&code| code > last) {
            return Err(FamilyError::data(format!("wild type holds code {code}, expected at most {last}")));
        }
        if positions.len() != n {
            let problem =
                format!("{} positions found, expected {n} as the wild type has letters", positions.len());
            return Err(FamilyError::data(problem));
        }
        if let Some((a, b)) = positions.iter().zip(positions.iter().skip(1)).find(|(a, b)| a >= b) {
            return Err(FamilyError::data(format!("position {b} follows {a}, expected positions that rise")));
        }
        Ok(Self { alphabet, codes, positions })
    }

    /// The same letters with a number added to each position, for tables that number the protein otherwise.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for positions that are too large.
    ///
    /// ```
    /// use cistron_core::Alphabet;
    /// use cistron_encode::alignment::WildType;
    ///
    /// let wild_type = WildType::new(Alphabet::protein(), b"MK", vec![4, 5])?.renumbered(166)?;
    /// assert_eq!(wild_type.name(&wild_type.parse("K171A")?), "K171A");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renumbered(&self, offset: i64) -> Result<Self, FamilyError> {
        let moved = |position: &i64| {
            position.checked_add(offset).ok_or_else(|| {
                FamilyError::data(format!("position {position} and offset {offset} have no sum"))
            })
        };
        let positions = self.positions.iter().map(moved).collect::<Result<_, _>>()?;
        Ok(Self { positions, ..self.clone() })
    }

    /// The alphabet of the family.
    pub fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// The codes of the wild type, one for each column.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The position of each column, as the protein is numbered.
    pub fn positions(&self) -> &[i64] {
        &self.positions
    }

    /// The number of columns.
    #[expect(clippy::len_without_is_empty, reason = "a wild type has at least one letter")]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// The wild type as letters; a gap is `-`.
    pub fn letters(&self) -> String {
        self.codes.iter().map(|&code| char::from(self.alphabet.letter(code))).collect()
    }

    /// Reads a mutant: `A23C`, several joined by `:` or `,`, or the wild type itself (`wt`, `WT`, `wild` or nothing).
    ///
    /// Edits come in the order of the text. Letters may be of either case. `DeepSequence` and `EVcouplings` skip what
    /// cannot be read without a word; here each problem has a name.
    ///
    /// # Errors
    /// The first [`MutantProblem`]: a part that does not parse, then a position that is not covered, then the rest in
    /// the order of the parts.
    pub fn parse(&self, text: &str) -> Result<Vec<Edit>, MutantProblem> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("wt") || text.eq_ignore_ascii_case("wild") {
            return Ok(Vec::new());
        }
        let parts: Result<Vec<Part>, _> =
            text.split([':', ',']).map(|part| Part::parse(part, &self.alphabet)).collect();
        let parts = parts?;
        self.check_coverage(&parts)?;
        let mut edits: Vec<Edit> = Vec::with_capacity(parts.len());
        for part in &parts {
            let edit = self.edit(part)?;
            if edits.iter().any(|other| other.position == edit.position) {
                return Err(MutantProblem::Repeated { position: part.position });
            }
            edits.push(edit);
        }
        Ok(edits)
    }

    fn check_coverage(&self, parts: &[Part]) -> Result<(), MutantProblem> {
        let covered = |part: &&Part| self.column(part.position).is_some();
        match parts.iter().find(|part| !covered(part)) {
            None => Ok(()),
            Some(&Part { position, .. }) if parts.iter().any(|part| covered(&part)) => {
                Err(MutantProblem::PartCovered { position })
            }
            Some(&Part { position, .. }) => Err(MutantProblem::NotCovered { position }),
        }
    }

    fn edit(&self, part: &Part) -> Result<Edit, MutantProblem> {
        let &Part { from, position, to } = part;
        let column = self.column(position).ok_or(MutantProblem::NotCovered { position })?;
        let (old, new) = (self.alphabet.code(from), self.alphabet.code(to));
        let wild = self.codes.get(column).copied().unwrap_or_else(|| self.alphabet.unknown());
        if old != wild || wild >= self.alphabet.len() {
            let expected = char::from(self.alphabet.letter(wild));
            return Err(MutantProblem::WildType { position, expected, found: char::from(from) });
        }
        if new >= self.alphabet.len() {
            return Err(MutantProblem::Letter { position, letter: char::from(to) });
        }
        if new == wild {
            return Err(MutantProblem::Synonymous { position });
        }
        Ok(Edit { position: column as u32, code: new })
    }

    /// The column of a position, `None` where the family has none.
    pub fn column(&self, position: i64) -> Option<usize> {
        self.positions.binary_search(&position).ok()
    }

    /// The name of a mutant, `A23C` joined by `:`; `wt` for no edit. Edits outside the wild type are left out.
    pub fn name(&self, mutant: &Mutant) -> String {
        let letter = |code| char::from(self.alphabet.letter(code));
        let part = |edit: &Edit| {
            let column = edit.position as usize;
            let (from, position) = (self.codes.get(column)?, self.positions.get(column)?);
            Some(format!("{}{position}{}", letter(*from), letter(edit.code)))
        };
        let parts: Vec<String> = mutant.iter().filter_map(part).collect();
        if parts.is_empty() { "wt".to_owned() } else { parts.join(":") }
    }

    /// All single mutants: by column, then by letter. Columns where the wild type has no letter are left out.
    pub fn singles(&self) -> impl Iterator<Item = Edit> + '_ {
        let letters = self.alphabet.len();
        let known = self.codes.iter().enumerate().filter(move |(_, wild)| **wild < letters);
        known.flat_map(move |(column, &wild)| {
            let others = (0..letters).filter(move |&code| code != wild);
            others.map(move |code| Edit { position: column as u32, code })
        })
    }
}

/// One substitution as it is written.
struct Part {
    from: u8,
    position: i64,
    to: u8,
}

impl Part {
    fn parse(text: &str, alphabet: &Alphabet) -> Result<Self, MutantProblem> {
        let text = text.trim();
        // A digit is part of the number unless the family has it as a letter.
        let is_letter =
            |byte: u8| byte.is_ascii() && (!byte.is_ascii_digit() || alphabet.letters().contains(&byte));
        let read = || {
            let (&from, rest) = text.as_bytes().split_first()?;
            let (&to, number) = rest.split_last()?;
            if !is_letter(from) || !is_letter(to) || number.starts_with(b"+") {
                return None;
            }
            let position = std::str::from_utf8(number).ok()?.parse().ok()?;
            Some(Self { from: from.to_ascii_uppercase(), position, to: to.to_ascii_uppercase() })
        };
        read().ok_or_else(|| MutantProblem::Malformed { part: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wild_type() -> WildType {
        // Columns of a focus with a gap and an unknown letter.
        WildType::new(Alphabet::protein(), b"FKV-XL", vec![70, 71, 73, 74, 75, 76]).unwrap()
    }

    #[test]
    fn every_mutant_has_edits_or_a_reason() {
        let cases = [
            ("F70A", Ok(vec![(0, 0)])),
            ("k71l", Ok(vec![(1, 9)])),
            ("L76A:F70C", Ok(vec![(5, 0), (0, 1)])),
            ("L76A,F70C", Ok(vec![(5, 0), (0, 1)])),
            (" F70A : K71L ", Ok(vec![(0, 0), (1, 9)])),
            ("wt", Ok(vec![])),
            ("Wild", Ok(vec![])),
            ("", Ok(vec![])),
            ("F72A", Err("position 72 is not covered")),
            ("F999A:K71L", Err("part covered, position 999 is not")),
            ("F999A:K998L", Err("position 999 is not covered")),
            ("Z70A", Err("wild type at 70 is F, found Z")),
            ("K70A", Err("wild type at 70 is F, found K")),
            ("-74A", Err("wild type at 74 is -, found -")),
            ("X75A", Err("wild type at 75 is X, found X")),
            ("F70X", Err("`X` at 70 is not a letter of the alphabet")),
            ("F70*", Err("`*` at 70 is not a letter of the alphabet")),
            ("F70-", Err("`-` at 70 is not a letter of the alphabet")),
            ("F70F", Err("synonymous at 70")),
            ("F70A:K71K", Err("synonymous at 71")),
            ("F70A:F70C", Err("position 70 stands twice")),
            ("F70", Err("`F70` does not parse, expected letter, position, letter as in A23C")),
            ("F70A:", Err("`` does not parse, expected letter, position, letter as in A23C")),
            ("F+70A", Err("`F+70A` does not parse, expected letter, position, letter as in A23C")),
            ("é70A", Err("`é70A` does not parse, expected letter, position, letter as in A23C")),
            ("p.Phe70Ala", Err("`p.Phe70Ala` does not parse, expected letter, position, letter as in A23C")),
            (
                "F99999999999999999999A",
                Err("`F99999999999999999999A` does not parse, expected letter, position, letter as in A23C"),
            ),
        ];
        for (text, expected) in cases {
            let found = wild_type().parse(text).map_err(|problem| problem.to_string());
            let expected = expected
                .map(|edits| edits.into_iter().map(|(position, code)| Edit { position, code }).collect())
                .map_err(str::to_owned);
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_gap_that_is_a_letter_can_be_mutated() {
        let wild_type = WildType::new(Alphabet::dna().with_gap(), b"A-", vec![-1, 0]).unwrap();
        assert_eq!(wild_type.parse("-0C"), Ok(vec![Edit { position: 1, code: 1 }]));
        assert_eq!(wild_type.parse("A-1-"), Ok(vec![Edit { position: 0, code: 4 }]));
        assert_eq!(wild_type.singles().count(), 8);
    }

    #[test]
    fn digits_may_be_letters() {
        let wild_type = WildType::new(Alphabet::custom("012").unwrap(), b"02", vec![7, 8]).unwrap();
        assert_eq!(
            wild_type.parse("072:281"),
            Ok([(0, 2), (1, 1)].map(|(position, code)| Edit { position, code }).to_vec())
        );
    }

    #[test]
    fn positions_must_rise_and_fit() {
        let make = |letters: &[u8], positions: &[i64]| {
            WildType::new(Alphabet::dna(), letters, positions.to_vec()).map_err(|error| error.to_string())
        };
        assert_eq!(make(b"", &[]).unwrap_err(), "wild type has 0 letters, expected 1 to 65535");
        assert_eq!(
            make(b"AC", &[1]).unwrap_err(),
            "1 positions found, expected 2 as the wild type has letters"
        );
        assert_eq!(make(b"AC", &[2, 2]).unwrap_err(), "position 2 follows 2, expected positions that rise");
        let codes = WildType::from_codes(Alphabet::dna(), vec![7], vec![1]);
        assert_eq!(codes.unwrap_err().to_string(), "wild type holds code 7, expected at most 6");
    }

    #[test]
    fn singles_leave_out_what_is_no_letter() {
        let names: Vec<String> = wild_type().singles().map(|edit| wild_type().name(&[edit])).collect();
        assert_eq!(names.len(), 4 * 19);
        assert_eq!(names[..2], ["F70A", "F70C"]);
        assert_eq!(names[names.len() - 1], "L76Y");
    }

    proptest! {
        #[test]
        fn names_read_back(
            (letters, start, picks) in "[ACGT]{1,30}".prop_flat_map(|letters| {
                let n = letters.len();
                let picks = prop::collection::btree_map(0..n, 0_u8..4, 0..n.min(5) + 1);
                (Just(letters), -50_i64..5000, picks)
            }),
        ) {
            let positions = (0..letters.len() as i64).map(|i| start + 2 * i).collect();
            let wild_type = WildType::new(Alphabet::dna(), letters.as_bytes(), positions).unwrap();
            let edits = picks.into_iter().map(|(i, code)| Edit { position: i as u32, code });
            let edits: Vec<Edit> =
                edits.filter(|edit| wild_type.codes()[edit.position as usize] != edit.code).collect();
            prop_assert_eq!(wild_type.parse(&wild_type.name(&edits)), Ok(edits));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,12}") {
            let _ = wild_type().parse(&text);
        }
    }
}
