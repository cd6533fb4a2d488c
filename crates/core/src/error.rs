use std::sync::Arc;

/// What can be wrong with a word: an alphabet, a sequence, a place or a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// A letter that may not stand in a sequence at all (a digit, a control character).
    #[error("letter {found:?} at position {position} is not a sequence letter, expected one of {expected}")]
    Letter {
        /// 0-based place in the text.
        position: usize,
        /// The character found.
        found: char,
        /// The letters of the alphabet.
        expected: String,
    },
    /// A code that the alphabet does not have.
    #[error("code {found} at position {position} is not in the alphabet, expected at most {max}")]
    Code {
        /// 0-based place in the sequence.
        position: usize,
        /// The code found.
        found: u8,
        /// The largest code of the alphabet.
        max: u8,
    },
    /// An alphabet that cannot be made from these letters.
    #[error("alphabet {letters:?} {problem}")]
    Alphabet {
        /// The letters given.
        letters: String,
        /// What is wrong with them.
        problem: &'static str,
    },
    /// An operation that needs complementary letters, on an alphabet without them.
    #[error("alphabet {letters} has no complement, expected DNA or RNA")]
    NoComplement {
        /// The letters of the alphabet.
        letters: String,
    },
    /// An interval whose end lies before its start.
    #[error("end {end} is below start {start} on contig `{contig}`")]
    Reversed {
        /// The contig named.
        contig: Arc<str>,
        /// The start given.
        start: i64,
        /// The end given.
        end: i64,
    },
    /// A coordinate that no genome has.
    #[error("position {found} on contig `{contig}` is out of range, expected at most {max}")]
    Position {
        /// The contig named.
        contig: Arc<str>,
        /// The number found.
        found: String,
        /// The largest number accepted.
        max: u64,
    },
    /// A text that should name a place, a strand or a shard.
    #[error("{what} {found:?} does not parse, expected {expected}")]
    Syntax {
        /// What the text should have been.
        what: &'static str,
        /// The text found.
        found: String,
        /// The form expected.
        expected: &'static str,
    },
}
