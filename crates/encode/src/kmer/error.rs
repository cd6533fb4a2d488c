/// Why k-mers could not be counted, drawn or denoised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmerError {
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
    /// Sequences that do not hold what the operation needs.
    #[error("{problem}")]
    Data {
        /// What was found and what was expected.
        problem: String,
    },
    /// A slice of another length than the operation takes.
    #[error("{what} has {found} items, expected {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length expected.
        expected: usize,
    },
    /// A model that failed.
    #[error("the model failed")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The run was asked to stop.
    #[error("stopped after {done} of {total} {what}")]
    Cancelled {
        /// What is counted.
        what: &'static str,
        /// How many were done.
        done: u64,
        /// How many there are.
        total: u64,
    },
}

/// An option outside its range.
pub(super) fn option(what: &'static str, found: impl ToString, expected: impl Into<String>) -> KmerError {
    KmerError::Option { what, found: found.to_string(), expected: expected.into() }
}

/// Sequences that do not hold what is needed.
pub(super) fn data(problem: impl Into<String>) -> KmerError {
    KmerError::Data { problem: problem.into() }
}

/// Checks the length of a slice.
pub(super) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), KmerError> {
    if found == expected { Ok(()) } else { Err(KmerError::Length { what, found, expected }) }
}
