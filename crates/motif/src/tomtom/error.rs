/// Why motifs could not be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TomtomError {
    /// An option outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Option {
        /// Which option.
        what: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: String,
    },
    /// There is nothing to compare with.
    #[error("there are no targets, expected at least one")]
    NoTargets,
    /// Every entry of every target is zero.
    #[error("every entry of the targets is 0, expected at least one other value")]
    AllZero,
    /// A motif of a width that cannot be compared.
    #[error("{role} {index} has {found} positions, expected 1 to {limit}")]
    Width {
        /// `query` or `target`.
        role: &'static str,
        /// Which one, from 0.
        index: usize,
        /// Its width.
        found: usize,
        /// The largest width.
        limit: usize,
    },
    /// A motif over another number of letters.
    #[error("{role} {index} has {found} letters, expected {expected}")]
    Letters {
        /// `query` or `target`.
        role: &'static str,
        /// Which one, from 0.
        index: usize,
        /// Its number of letters.
        found: usize,
        /// The number of letters of the first target, or what the strands ask for.
        expected: String,
    },
    /// An entry that is no number for this distance.
    #[error("{role} {index} has {found} for letter {letter} at position {position}, expected {expected}")]
    Entry {
        /// `query` or `target`.
        role: &'static str,
        /// Which one, from 0.
        index: usize,
        /// The position, from 0.
        position: usize,
        /// The letter's code.
        letter: usize,
        /// The entry.
        found: f64,
        /// What the distance takes.
        expected: &'static str,
    },
}
