use std::io;
use std::path::{Path, PathBuf};

use cistron_core::ReferenceError;
use cistron_encode::{EncodeError, ModelError};

/// Why an effect could not be computed, written or merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EffectError {
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
    /// The model could not answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A window of the genome could not be read.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// An array could not be read or written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// An exact engine gave the reference letter itself an effect.
    #[error(
        "engine `{engine}` gives the unchanged sequence {sequence} the effect {delta}, expected exactly 0"
    )]
    Inexact {
        /// The engine.
        engine: &'static str,
        /// Which sequence, from 0.
        sequence: usize,
        /// The effect of no change.
        delta: f64,
    },
    /// An exact engine and two predictions say different things of a mutant.
    #[error(
        "engine `{engine}` gives the change at position {position} of sequence {sequence} the effect {found}, expected \
         {expected} as by two predictions"
    )]
    Check {
        /// The engine.
        engine: &'static str,
        /// Which sequence, from 0.
        sequence: usize,
        /// Which position, from 0.
        position: u32,
        /// The effect by the engine.
        found: f64,
        /// The effect by two predictions.
        expected: f64,
    },
    /// Nothing to compare.
    #[error("the {group} group has no value, expected at least one")]
    EmptyGroup {
        /// `first` or `second`.
        group: &'static str,
    },
    /// Labels of groups that do not fit the scores.
    #[error("{found} labels of groups, expected {rows}, one for each row of scores")]
    GroupLabels {
        /// The number of labels.
        found: usize,
        /// The number of rows.
        rows: usize,
    },
    /// A score that was not evaluated, where that is refused.
    #[error("{place} is NaN, expected a number")]
    MissingScore {
        /// Which score, counted from 0.
        place: String,
    },
    /// A variant of another genome.
    #[error("variant at {place}: the genome has `{found}`, expected the reference allele `{expected}`")]
    Mismatch {
        /// Contig and position, from 1.
        place: String,
        /// The letters of the genome.
        found: String,
        /// The reference allele.
        expected: String,
    },
    /// The run was asked to stop.
    #[error("cancelled after {done} of {total} blocks")]
    Cancelled {
        /// Blocks that reached the sink.
        done: u64,
        /// Blocks of the shard.
        total: u64,
    },
    /// A result that is there already.
    #[error("{} exists already, expected a new name or permission to replace it", .0.display())]
    Exists(PathBuf),
    /// Parts that do not make a whole, or a file of a part that is not what it should be.
    #[error("{}: {problem}", path.display())]
    Part {
        /// The part, or its file.
        path: PathBuf,
        /// What was found and what was expected.
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

impl EffectError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn part(path: &Path, problem: impl Into<String>) -> Self {
        Self::Part { path: path.to_path_buf(), problem: problem.into() }
    }
}
