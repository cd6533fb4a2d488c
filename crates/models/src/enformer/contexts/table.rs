//! Contexts in a file.

use std::fs;
use std::path::Path;

use ndarray::{Array2, Array3};

use super::EnformerContexts;
use crate::ModelsError;

/// What the first cell of the header says.
const HEADER: &str = "track";

/// The vectors of one track, one after the other.
struct Track<'a> {
    name: &'a str,
    numbers: Vec<f32>,
}

impl EnformerContexts {
    /// Reads a table with tabs between its cells: a header, of which the first cell is `track`, and a row for each
    /// vector, the name of its track and its numbers. Several rows of one name are the tokens of a track; where tracks
    /// have fewer than others, a mask says so.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`] with the line and the column, and those of
    /// [`tokens`](Self::tokens).
    ///
    /// ```
    /// use cistron_models::EnformerContexts;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("cells.tsv");
    /// std::fs::write(&path, "track\tx\ty\nliver\t0.5\t1\nheart\t1.5\t-1\n")?;
    /// assert_eq!(EnformerContexts::read(&path)?.names(), ["liver", "heart"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelsError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(ModelsError::io(path))?;
        let (width, tracks) = parse(&text).map_err(|problem| ModelsError::format(path, problem))?;
        let n_tokens = tracks.iter().map(|track| track.numbers.len() / width).max().unwrap_or(0);
        let counts = |track: usize, token: usize| {
            tracks.get(track).is_some_and(|track| token < track.numbers.len() / width)
        };
        let tokens = Array3::from_shape_fn((tracks.len(), n_tokens, width), |(track, token, number)| {
            let numbers = tracks.get(track).map_or(&[][..], |track| &track.numbers);
            numbers.get(token * width + number).copied().unwrap_or(0.0)
        });
        let mask = Array2::from_shape_fn((tracks.len(), n_tokens), |(track, token)| counts(track, token));
        let mask = mask.iter().any(|counts| !counts).then_some(mask);
        Self::tokens(tracks.iter().map(|track| track.name), tokens, mask)
    }
}

/// The numbers of a vector and the tracks, in the order of their first rows.
fn parse(text: &str) -> Result<(usize, Vec<Track<'_>>), String> {
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map(|(_, line)| line.split('\t').collect()).unwrap_or_default();
    if header.first() != Some(&HEADER) || header.len() < 2 {
        let found = header.join("\t");
        return Err(format!("line 1: found {found:?}, expected `{HEADER}` and a column or more, with tabs"));
    }
    let width = header.len() - 1;
    let mut tracks: Vec<Track<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (index, line) in lines {
        let line_number = index + 1;
        let mut cells = line.split('\t');
        let name = cells.next().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("line {line_number}, column 1: found no name of a track"))?;
        let place = *places.entry(name).or_insert_with(|| {
            tracks.push(Track { name, numbers: Vec::new() });
            tracks.len() - 1
        });
        let numbers: Vec<f32> = cells
            .enumerate()
            .map(|(i, cell)| number(cell).ok_or_else(|| wrong(line_number, i + 2, cell)))
            .collect::<Result<_, _>>()?;
        if numbers.len() != width {
            let found = numbers.len();
            return Err(format!("line {line_number}: found {found} numbers, expected {width} as in line 1"));
        }
        if let Some(track) = tracks.get_mut(place) {
            track.numbers.extend(numbers);
        }
    }
    if tracks.is_empty() {
        return Err("found a header alone, expected a row for each track".to_owned());
    }
    Ok((width, tracks))
}

fn number(cell: &str) -> Option<f32> {
    cell.parse().ok().filter(|number: &f32| number.is_finite())
}

fn wrong(line: usize, column: usize, cell: &str) -> String {
    format!("line {line}, column {column}: found {cell:?}, expected a finite number")
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn read(text: &str) -> Result<EnformerContexts, ModelsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contexts.tsv");
        fs::write(&path, text).unwrap();
        EnformerContexts::read(path)
    }

    #[test]
    fn rows_of_one_name_are_tokens_of_a_track() {
        let found = read("track\tx\ty\r\nb\t1\t2\r\na\t3\t-4e-1\r\nb\t5\t6\r\n").unwrap();
        let tokens = array![[[1.0, 2.0], [5.0, 6.0]], [[3.0, -0.4], [0.0, 0.0]]];
        let mask = array![[true, true], [true, false]];
        assert_eq!(found, EnformerContexts::tokens(["b", "a"], tokens, Some(mask)).unwrap());
        let vectors = read("track\tx\ny\t1\nz\t2").unwrap();
        assert_eq!(vectors, EnformerContexts::vectors(["y", "z"], array![[1.0], [2.0]]).unwrap());
    }

    #[test]
    fn malformed_tables_are_refused_by_line_and_column() {
        for (text, expected) in [
            ("", "line 1: found \"\", expected `track` and a column or more"),
            ("name\tx\n", "line 1: found \"name\\tx\", expected `track`"),
            ("track\n", "line 1: found \"track\", expected `track` and a column"),
            ("track\tx\n", "found a header alone, expected a row for each track"),
            ("track\tx\na\t1\n\n", "line 3, column 1: found no name"),
            ("track\tx\ny\na\t1\t2\n", "line 2: found 0 numbers, expected 1 as in line 1"),
            ("track\tx\na\t1\t2\n", "line 2: found 2 numbers, expected 1 as in line 1"),
            ("track\tx\ty\na\t1\tNaN\n", "line 2, column 3: found \"NaN\", expected a finite number"),
            ("track\tx\ty\na\t1e99\t2\n", "line 2, column 2: found \"1e99\", expected a finite number"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains("contexts.tsv: ") && message.contains(expected), "{text:?}: {message}");
        }
    }
}
