use cistron_core::Alphabet;
use ndarray::Array2;

use super::lines::{Field, Line, Lines};
use crate::error::quoted;
use crate::{MatrixKind, Motif, MotifError, MotifSet};

/// JASPAR counts: `>ID NAME`, then a row a letter; rows with letters and brackets come in any order, rows without
/// are A, C, G, T.
pub(super) fn parse(text: &str, file: &str) -> Result<MotifSet, MotifError> {
    let mut lines = Lines::new(text, file);
    let mut set = MotifSet::new(Alphabet::dna());
    while let Some(line) = lines.next_filled() {
        let (name, alternate) = header(&lines, line)?;
        let mut rows: [Option<Vec<f64>>; 4] = Default::default();
        for index in 0..4 {
            row(&mut lines, index, &mut rows)?;
        }
        let matrix = matrix(&lines, line, rows)?;
        let motif = Motif::new(name, matrix, MatrixKind::Counts).map(|motif| motif.with_alternate(alternate));
        motif.and_then(|motif| set.push(motif)).map_err(|error| lines.place(line.number, error))?;
    }
    Ok(set)
}

/// The name and the rest of a line `>NAME REST`.
pub(super) fn header<'a>(lines: &Lines<'_>, line: Line<'a>) -> Result<(&'a str, &'a str), MotifError> {
    let Some(header) = line.text.trim_start().strip_prefix('>') else {
        let problem = format!("found {}, expected `>` and a name", quoted(line.text));
        return Err(lines.error(line.number, 1, problem));
    };
    let header = header.trim();
    let (name, rest) = header.split_once([' ', '\t']).unwrap_or((header, ""));
    if name.is_empty() {
        return Err(lines.error(line.number, 2, "found a motif without a name"));
    }
    Ok((name, rest.trim()))
}

fn row(lines: &mut Lines<'_>, index: usize, rows: &mut [Option<Vec<f64>>; 4]) -> Result<(), MotifError> {
    let line = lines.peek().filter(|line| !line.text.trim().is_empty() && !line.text.starts_with('>'));
    let Some(line) = line else {
        return Err(lines.missing(&format!("row {} of 4", index + 1)));
    };
    lines.next();
    let text = line.text.trim_start();
    let letter = text.chars().next().filter(char::is_ascii_alphabetic);
    let skip = line.text.len() - text.len() + usize::from(letter.is_some());
    let fields = unbracketed(line, skip);
    let code = match letter {
        None => index,
        Some(letter) => match letter.to_ascii_uppercase() {
            'A' => 0,
            'C' => 1,
            'G' => 2,
            'T' | 'U' => 3,
            _ => {
                let problem = format!("found row `{letter}`, expected A, C, G or T");
                return Err(lines.error(line.number, skip as u64, problem));
            }
        },
    };
    let values = lines.amounts(line.number, &fields)?;
    match rows.get_mut(code) {
        Some(place @ None) => *place = Some(values),
        _ => {
            return Err(lines.error(
                line.number,
                1,
                format!("found row {} twice", quoted(text.get(..1).unwrap_or(""))),
            ));
        }
    }
    Ok(())
}

/// The words after the letter, without brackets however they are spaced.
fn unbracketed(line: Line<'_>, skip: usize) -> Vec<Field<'_>> {
    let trimmed = line.fields_from(skip).into_iter().filter_map(|field| {
        let start = field.text.len() - field.text.trim_start_matches(['[', ':', '|']).len();
        let text = field.text.get(start..).unwrap_or("").trim_end_matches(']');
        (!text.is_empty()).then_some(Field { text, column: field.column + start as u64 })
    });
    trimmed.collect()
}

fn matrix(
    lines: &Lines<'_>,
    header: Line<'_>,
    rows: [Option<Vec<f64>>; 4],
) -> Result<Array2<f64>, MotifError> {
    let rows = rows.map(Option::unwrap_or_default);
    let width = rows[0].len();
    if let Some(code) = rows.iter().position(|row| row.len() != width) {
        let (letter, found) = (['A', 'C', 'G', 'T'][code], rows[code].len());
        let problem = format!("found {found} values of {letter}, expected {width} as of A");
        return Err(lines.error(header.number, 1, problem));
    }
    Ok(Array2::from_shape_fn((width, 4), |(position, code)| rows[code][position]))
}
