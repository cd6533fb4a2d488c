use std::path::{Path, PathBuf};

use crate::EncodeError;

/// Why an alignment did not become a family, or a model not be made from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FamilyError {
    /// An array, a code or an alphabet that does not fit.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A line that is not what its format says.
    #[error("{}:{line}{}: {problem}", path.display(), column.map(|column| format!(":{column}")).unwrap_or_default())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// The number of the byte in the line, from 1.
        column: Option<usize>,
        /// What was found and what was expected.
        problem: String,
    },
    /// A file that is not what its format says.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// An option outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Option {
        /// Which option.
        what: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        expected: String,
    },
    /// The run was asked to stop.
    #[error("stopped after {done} of {total} iterations")]
    Cancelled {
        /// How many were done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// Numbers or sequences that do not fit together.
    #[error("{problem}")]
    Data {
        /// What was found and what was expected.
        problem: String,
    },
}

impl FamilyError {
    pub(super) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.into() }
    }

    pub(super) fn data(problem: impl Into<String>) -> Self {
        Self::Data { problem: problem.into() }
    }
}
