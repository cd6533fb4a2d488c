/// The largest size of a number that can be drawn; sums and differences of such numbers stay finite.
pub(crate) const MAX_VALUE: f64 = 1e300;

/// Why a picture could not be drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is nothing to draw.
    #[error("{what} is empty, expected at least one item")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// The number of items does not fit the other arguments.
    #[error("{what} has {found} items, expected {expected}")]
    Length {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many, or which numbers of items, would fit.
        expected: String,
    },
    /// A letter names two rows.
    #[error("row letter `{letter}` occurs twice in `{letters}`, expected each once")]
    RepeatedLetter {
        /// The letter.
        letter: char,
        /// All row letters.
        letters: String,
    },
    /// A value of a letter at a position is infinite or larger than 1e300.
    #[error(
        "value at position {position}, letter `{letter}` is {found}, expected at most 1e300 in size, or NaN"
    )]
    LetterValue {
        /// The position, counted from the first position of the picture as its axis does.
        position: i64,
        /// The letter.
        letter: char,
        /// The value.
        found: f64,
    },
    /// A value of a track or a curve is infinite or larger than 1e300.
    #[error("value {index} of `{series}` is {found}, expected at most 1e300 in size, or NaN")]
    SeriesValue {
        /// The name of the track or the curve.
        series: String,
        /// The place of the value, from 0.
        index: usize,
        /// The value.
        found: f64,
    },
    /// The limit of a colour scale is no positive number.
    #[error("limit of the colour scale is {found}, expected a number above 0 and at most 1e300")]
    Limit {
        /// The limit asked for.
        found: f64,
    },
}

/// Whether a value can be drawn or left out (NaN).
pub(crate) fn is_drawable(value: f64) -> bool {
    value.is_nan() || value.abs() <= MAX_VALUE
}
