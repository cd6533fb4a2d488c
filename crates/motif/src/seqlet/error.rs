/// Why seqlets could not be called.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SeqletError {
    /// An option out of its range.
    #[error("{option} is {found}, expected {expected}")]
    Option {
        /// Which option.
        option: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// Attributions without a value.
    #[error("found no attribution, expected at least one")]
    Empty,
    /// An attribution that is no number.
    #[error("attribution of example {example} at position {position} is {found}, expected a finite number")]
    NotFinite {
        /// Which example, from 0.
        example: usize,
        /// 0-based position.
        position: usize,
        /// The value.
        found: f64,
    },
    /// A track that is shorter than a window.
    #[error("example {example} has {found} positions, expected at least {expected}, the window")]
    Length {
        /// Which example, from 0.
        example: usize,
        /// Its positions.
        found: usize,
        /// The window.
        expected: usize,
    },
    /// Windows of another width.
    #[error("window of {found} positions cannot join those of {expected}")]
    Window {
        /// The width of the one that joins.
        found: usize,
        /// The width of those that are there.
        expected: usize,
    },
    /// Window sums to which no null fits.
    #[error(
        "{side} side of the null has no rate: found sums equal to the mode {mode:e}, expected them to differ"
    )]
    Null {
        /// Which side, positive or negative.
        side: &'static str,
        /// The mode of the sums.
        mode: f64,
    },
    /// Nulls over other bins.
    #[error("null over {found} cannot join one over {expected}")]
    Bins {
        /// The bins of the one that joins.
        found: String,
        /// The bins of the one that is there.
        expected: String,
    },
}

impl SeqletError {
    pub(super) fn option(option: &'static str, found: impl ToString, expected: &'static str) -> Self {
        Self::Option { option, found: found.to_string(), expected }
    }
}
