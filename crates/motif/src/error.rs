use std::error::Error;
use std::io;
use std::sync::Arc;

use crate::Annotation;

/// What can be wrong with motifs, their files and what is done with them.
///
/// `file` is the path as it was given, or a description such as `standard input`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MotifError {
    /// A place in a motif file that breaks its format; line and column (a byte of the line) count from 1.
    #[error("{file}:{line}:{column}: {problem}")]
    Malformed {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The byte of the line, from 1.
        column: u64,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file that is not what it should be as a whole.
    #[error("{file}: {problem}")]
    Unusable {
        /// The file read.
        file: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file that could not be opened or read.
    #[error("{file} cannot be read")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A result that could not be written.
    #[error("{file} cannot be written")]
    Write {
        /// The file, or `output`.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A motif that cannot be made from these values or used in this way.
    #[error("motif {} {problem}", quoted(.name))]
    Motif {
        /// The motif's name.
        name: Arc<str>,
        /// What was found and what was expected.
        problem: String,
    },
    /// Two motifs of one name.
    #[error("motif {} is there twice, expected unique names", quoted(.name))]
    DuplicateName {
        /// The name.
        name: Arc<str>,
    },
    /// Letter probabilities that are none.
    #[error("background {problem}")]
    Background {
        /// What was found and what was expected.
        problem: String,
    },
    /// An option outside its range.
    #[error("{option} is {found}, expected {expected}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// The value given.
        found: String,
        /// What may be given.
        expected: &'static str,
    },
    /// The run was asked to stop; what the sink was given is valid.
    #[error("cancelled after {done} bases")]
    Cancelled {
        /// The number of bases scanned.
        done: u64,
    },
    /// Two annotations that overlap, where that is not allowed.
    #[error(
        "motifs {} at {}-{} and {} at {}-{} of example {} overlap, expected none to overlap",
        .left.motif, .left.start, .left.end, .right.motif, .right.start, .right.end, .left.example
    )]
    Overlap {
        /// The one that begins further left.
        left: Box<Annotation>,
        /// The other.
        right: Box<Annotation>,
    },
    /// An annotation that does not fit what is asked of it.
    #[error("annotation {row} {problem}")]
    Annotation {
        /// Its row, from 0.
        row: usize,
        /// What was found and what was expected.
        problem: String,
    },
    /// What a caller's own source or sink reported.
    #[error(transparent)]
    Caller(Box<dyn Error + Send + Sync>),
}

impl MotifError {
    pub(crate) fn unusable(file: &str, problem: impl Into<String>) -> Self {
        Self::Unusable { file: file.to_owned(), problem: problem.into() }
    }

    pub(crate) fn motif(name: &Arc<str>, problem: impl Into<String>) -> Self {
        Self::Motif { name: name.clone(), problem: problem.into() }
    }

    pub(crate) fn background(problem: impl Into<String>) -> Self {
        Self::Background { problem: problem.into() }
    }

    pub(crate) fn write(source: io::Error) -> Self {
        Self::Write { file: "output".to_owned(), source }
    }
}

/// A text from a file as it may stand in a message: quoted, at most 60 bytes.
pub(crate) fn quoted(text: &str) -> String {
    const LIMIT: usize = 60;
    let bytes = text.as_bytes();
    let shown = bytes.get(..LIMIT).unwrap_or(bytes);
    let more = if bytes.len() > LIMIT { "…" } else { "" };
    format!("`{}{more}`", shown.escape_ascii())
}
