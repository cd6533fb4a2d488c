use cistron_core::Alphabet;
use ndarray::Array2;

use super::lines::{Line, Lines};
use crate::error::quoted;
use crate::{MatrixKind, Motif, MotifError, MotifSet};

/// What a record has said so far.
#[derive(Default)]
struct Record<'a> {
    line: u64,
    accession: &'a str,
    id: &'a str,
    name: &'a str,
    matrix: Option<Array2<f64>>,
}

/// TRANSFAC: tagged lines up to `//`; the matrix is counts below `P0`, whose letters order the columns. A record
/// without a matrix is passed over, as there are annotations without one.
pub(super) fn parse(text: &str, file: &str) -> Result<MotifSet, MotifError> {
    let mut lines = Lines::new(text, file);
    let mut set = MotifSet::new(Alphabet::dna());
    let mut record = Record::default();
    while let Some(line) = lines.next_filled() {
        if record.line == 0 {
            record.line = line.number;
        }
        if line.text.starts_with("//") {
            finish(&mut set, std::mem::take(&mut record), &lines)?;
        } else if let Some(text) = line.after("AC") {
            record.accession = text;
        } else if let Some(text) = line.after("ID") {
            record.id = text;
        } else if let Some(text) = line.after("NA") {
            record.name = text;
        } else if line.after("P0").or_else(|| line.after("PO")).is_some() {
            if record.matrix.is_some() {
                return Err(lines.error(line.number, 1, "found a second matrix, expected `//` before it"));
            }
            record.matrix = Some(matrix(&mut lines, line)?);
        }
    }
    finish(&mut set, record, &lines)?;
    Ok(set)
}

fn finish(set: &mut MotifSet, record: Record<'_>, lines: &Lines<'_>) -> Result<(), MotifError> {
    let Some(matrix) = record.matrix else { return Ok(()) };
    let mut names = [record.accession, record.id, record.name].into_iter().filter(|name| !name.is_empty());
    let Some(name) = names.next() else {
        return Err(lines.error(
            record.line,
            1,
            "found a matrix without a name, expected `AC`, `ID` or `NA`",
        ));
    };
    let others = [record.name, record.id].into_iter().find(|other| !other.is_empty() && *other != name);
    let motif = Motif::new(name, matrix, MatrixKind::Counts);
    let motif = motif.map(|motif| motif.with_alternate(others.unwrap_or("")));
    motif.and_then(|motif| set.push(motif)).map_err(|error| lines.place(record.line, error))
}

fn matrix(lines: &mut Lines<'_>, header: Line<'_>) -> Result<Array2<f64>, MotifError> {
    let order = columns(lines, header)?;
    let mut values = Vec::new();
    while let Some(line) = lines.peek().filter(|line| line.text.starts_with(|c: char| c.is_ascii_digit())) {
        lines.next();
        let fields = line.fields();
        let Some(counts) = fields.get(1..5).filter(|_| fields.len() <= 6) else {
            let problem =
                format!("found {} values, expected 4 and a letter at most", fields.len().max(1) - 1);
            return Err(lines.error(line.number, 1, problem));
        };
        let counts = lines.amounts(line.number, counts)?;
        let mut row = [0.0; 4];
        for (code, count) in order.iter().zip(counts) {
            row[*code] = count;
        }
        values.extend(row);
    }
    if values.is_empty() {
        return Err(lines.missing("a row such as `01 3 0 0 2`"));
    }
    let width = values.len() / 4;
    let error = |error: ndarray::ShapeError| lines.error(header.number, 1, error.to_string());
    Array2::from_shape_vec((width, 4), values).map_err(error)
}

/// The code of each column that the header names.
fn columns(lines: &Lines<'_>, header: Line<'_>) -> Result<[usize; 4], MotifError> {
    let mut order = Vec::new();
    for field in header.fields().into_iter().skip(1) {
        let code = match field.text.to_ascii_uppercase().as_str() {
            "A" => 0,
            "C" => 1,
            "G" => 2,
            "T" | "U" => 3,
            _ => 4,
        };
        if code == 4 || order.contains(&code) {
            let problem = format!("found column {}, expected A, C, G and T once", quoted(field.text));
            return Err(lines.error(header.number, field.column, problem));
        }
        order.push(code);
    }
    let found = order.len();
    let problem = || format!("found {found} columns, expected A, C, G and T");
    order.try_into().map_err(|_| lines.error(header.number, 1, problem()))
}
