//! Checks of values that come letter by letter.

use crate::error::{PlotError, is_drawable};

/// The row letters, each once.
pub(crate) fn row_letters(letters: &str) -> Result<Vec<char>, PlotError> {
    let rows: Vec<char> = letters.chars().collect();
    if rows.is_empty() {
        return Err(PlotError::Empty { what: "row letters" });
    }
    let repeated =
        rows.iter().enumerate().find(|(i, letter)| rows.iter().take(*i).any(|other| other == *letter));
    match repeated {
        Some((_, &letter)) => Err(PlotError::RepeatedLetter { letter, letters: letters.to_owned() }),
        None => Ok(rows),
    }
}

/// The number of positions of values that come position by position.
pub(crate) fn count_positions(values: &[f64], n_letters: usize) -> Result<usize, PlotError> {
    if values.is_empty() {
        return Err(PlotError::Empty { what: "array of values" });
    }
    if !values.len().is_multiple_of(n_letters) {
        let expected = format!("a multiple of {n_letters}, one for each row letter");
        return Err(PlotError::Length { what: "array of values", found: values.len(), expected });
    }
    Ok(values.len() / n_letters)
}

/// Refuses what cannot be drawn, with its place.
pub(crate) fn check_values(values: &[f64], letters: &[char], first_position: i64) -> Result<(), PlotError> {
    match values.iter().position(|value| !is_drawable(*value)) {
        None => Ok(()),
        Some(index) => Err(PlotError::LetterValue {
            position: first_position.saturating_add((index / letters.len()) as i64),
            letter: letters.get(index % letters.len()).copied().unwrap_or_default(),
            found: values.get(index).copied().unwrap_or(f64::NAN),
        }),
    }
}
