use std::io;
use std::path::{Path, PathBuf};

use cistron_core::CoreError;

/// Why sequences could not become numbers, or arrays not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A code or an alphabet that does not fit.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Sequences of one batch that differ in length.
    #[error("sequence {index} has {found} letters, expected {expected} as the first")]
    Length {
        /// Which sequence, from 0.
        index: usize,
        /// Its number of letters.
        found: usize,
        /// The number of letters of the first.
        expected: usize,
    },
    /// Sequences of one batch that differ in alphabet.
    #[error("sequence {index} has alphabet {found}, expected {expected} as the first")]
    Alphabet {
        /// Which sequence, from 0.
        index: usize,
        /// Its alphabet.
        found: String,
        /// The alphabet of the first.
        expected: String,
    },
    /// A motif of another alphabet than the sequences it should go into.
    #[error("motif has alphabet {found}, expected {expected} as the sequences")]
    MotifAlphabet {
        /// The alphabet of the motif.
        found: String,
        /// The alphabet of the sequences.
        expected: String,
    },
    /// A span that is empty or does not lie inside the sequences.
    #[error("span {start}..{end} found, expected one inside sequences of {width} letters")]
    Span {
        /// The first position, 0-based.
        start: usize,
        /// One past the last.
        end: usize,
        /// The number of letters of each sequence.
        width: usize,
    },
    /// A letter that is not in the alphabet, where every letter had to be known.
    #[error("sequence {index} has no known letter at position {position}, expected one of {expected}")]
    Unknown {
        /// Which sequence, from 0.
        index: usize,
        /// 0-based position.
        position: usize,
        /// The alphabet's letters.
        expected: String,
    },
    /// A row of a one-hot array that is neither one-hot nor zero.
    #[error("sequence {index} is not one-hot at position {position}: found {found}, expected one 1 or all 0")]
    NotOneHot {
        /// Which sequence, from 0.
        index: usize,
        /// 0-based position.
        position: usize,
        /// The numbers found.
        found: String,
    },
    /// An array of another shape than the operation takes.
    #[error("{what} has shape {found:?}, expected {expected}")]
    Shape {
        /// Which array.
        what: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape expected.
        expected: String,
    },
    /// A file that is not what its format says.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Which part of it, what was found and what was expected.
        problem: String,
    },
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl EncodeError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), problem: problem.into() }
    }
}
