use cistron_core::Alphabet;
use ndarray::Array2;

use super::jaspar::header;
use super::lines::Lines;
use crate::{MatrixKind, Motif, MotifError, MotifSet};

/// HOCOMOCO: `>NAME`, then a row of four values a position.
///
/// What the values are is told by all of them together: weights if one is negative, probabilities if every row
/// sums to 1, counts otherwise.
pub(super) fn parse(text: &str, file: &str) -> Result<MotifSet, MotifError> {
    let mut lines = Lines::new(text, file);
    let mut records = Vec::new();
    while let Some(line) = lines.next_filled() {
        let (name, alternate) = header(&lines, line)?;
        records.push((line.number, name, alternate, positions(&mut lines)?));
    }
    let values = || records.iter().flat_map(|(.., matrix)| matrix);
    let mut sums = records.iter().flat_map(|(.., matrix)| matrix.rows()).map(|row| row.sum());
    let kind = if values().any(|value| *value < 0.0) {
        MatrixKind::Weights
    } else if sums.all(|sum| (sum - 1.0).abs() <= 0.02) {
        MatrixKind::Probabilities
    } else {
        MatrixKind::Counts
    };
    let mut set = MotifSet::new(Alphabet::dna());
    for (line, name, alternate, matrix) in records {
        let motif = Motif::new(name, matrix, kind).map(|motif| motif.with_alternate(alternate));
        motif.and_then(|motif| set.push(motif)).map_err(|error| lines.place(line, error))?;
    }
    Ok(set)
}

/// Rows of four numbers, up to an empty line, the next record or the end.
pub(super) fn positions(lines: &mut Lines<'_>) -> Result<Array2<f64>, MotifError> {
    let mut values = Vec::new();
    while let Some(line) = lines.peek() {
        if line.text.trim().is_empty() || line.text.trim_start().starts_with('>') {
            break;
        }
        let fields = line.fields();
        for field in &fields {
            values.push(lines.finite(line.number, *field)?);
        }
        if fields.len() != 4 {
            let problem = format!("found a row of {} values, expected 4", fields.len());
            return Err(lines.error(line.number, 1, problem));
        }
        lines.next();
    }
    if values.is_empty() {
        return Err(lines.missing("a row of 4 values"));
    }
    let width = values.len() / 4;
    let error = |error: ndarray::ShapeError| lines.error(lines.number(), 1, error.to_string());
    Array2::from_shape_vec((width, 4), values).map_err(error)
}
