use ndarray::Array2;

use super::super::lines::{Line, Lines, is_numeric};
use crate::error::quoted;
use crate::motif::MAX_WIDTH;
use crate::{MatrixKind, MotifError};

/// The rows of a matrix and what its header says.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) values: Array2<f64>,
    pub(super) nsites: f64,
    pub(super) e_value: f64,
}

/// The defaults of the format.
const NSITES: f64 = 20.0;
const E_VALUE: f64 = 0.0;

/// The keys of a header such as `alength= 4 w=10 nsites= 20.5 E= 1.6e-008`; all are optional.
struct Header {
    letters: Option<usize>,
    width: Option<usize>,
    nsites: f64,
    e_value: f64,
}

impl Header {
    fn read(lines: &Lines<'_>, line: Line<'_>) -> Result<Self, MotifError> {
        let mut header = Self { letters: None, width: None, nsites: NSITES, e_value: E_VALUE };
        for (at, _) in line.text.match_indices('=') {
            let key = line.text.get(..at).unwrap_or("").trim_end();
            let key = key.rsplit([' ', '\t', ':']).next().unwrap_or("");
            let rest = line.text.get(at + 1..).unwrap_or("");
            let value = rest.split_ascii_whitespace().next().unwrap_or("");
            let column = (at + 2 + rest.len() - rest.trim_start().len()) as u64;
            let wrong = |expected: &str| {
                let problem = format!("found {} for {key}, expected {expected}", quoted(value));
                lines.error(line.number, column, problem)
            };
            let size = || value.parse().ok().filter(|n| (1..=MAX_WIDTH).contains(n));
            let number = || value.parse::<f64>().ok().filter(|n| !n.is_nan() && *n >= 0.0);
            match key {
                "alength" => header.letters = Some(size().ok_or_else(|| wrong("the number of letters"))?),
                "w" => header.width = Some(size().ok_or_else(|| wrong("1 to 10000 positions"))?),
                "nsites" => header.nsites = number().ok_or_else(|| wrong("a number from 0"))?,
                "E" => header.e_value = number().ok_or_else(|| wrong("a number from 0"))?,
                _ => {}
            }
        }
        Ok(header)
    }
}

/// The matrix whose header is `line`.
pub(super) fn read(lines: &mut Lines<'_>, line: Line<'_>, kind: MatrixKind) -> Result<Rows, MotifError> {
    let header = Header::read(lines, line)?;
    let mut letters = header.letters;
    let (mut values, mut width) = (Vec::new(), 0);
    while header.width.is_none_or(|expected| width < expected) {
        let Some(row) = lines.peek().filter(|line| is_numeric(*line)) else {
            if header.width.is_none() && width > 0 && !continues(lines) {
                break;
            }
            return Err(short(lines, &header, width));
        };
        lines.next();
        let fields = row.fields();
        let expected = *letters.get_or_insert(fields.len());
        if fields.len() != expected {
            let problem = format!("found a row of {} values, expected {expected}", fields.len());
            return Err(lines.error(row.number, 1, problem));
        }
        for field in fields {
            let value = lines.finite(row.number, field)?;
            if kind == MatrixKind::Probabilities && !(0.0..=1.0 + 1e-2).contains(&value) {
                let problem = format!("found {value}, expected a probability");
                return Err(lines.error(row.number, field.column, problem));
            }
            values.push(value);
        }
        width += 1;
    }
    if let Some(more) = lines.peek().filter(|line| is_numeric(*line)) {
        return Err(lines.error(more.number, 1, format!("found row {}, expected {width}", width + 1)));
    }
    let values = Array2::from_shape_vec((width, letters.unwrap_or(0)), values);
    let values = values.map_err(|error| lines.error(line.number, 1, error.to_string()))?;
    Ok(Rows { values, nsites: header.nsites, e_value: header.e_value })
}

/// Whether the next line begins with a number, so that it is a broken row rather than another section.
fn continues(lines: &Lines<'_>) -> bool {
    lines.peek().is_some_and(|line| line.fields().first().is_some_and(|field| field.is_number()))
}

fn short(lines: &Lines<'_>, header: &Header, width: usize) -> MotifError {
    match lines.peek().filter(|_| continues(lines)) {
        Some(line) => {
            let fields = line.fields();
            let bad = fields.iter().find(|field| !field.is_number());
            let (text, column) = bad.map_or(("", 1), |field| (field.text, field.column));
            lines.error(line.number, column, format!("found {}, expected a number", quoted(text)))
        }
        None => match header.width {
            Some(expected) => lines.missing(&format!("row {} of {expected}", width + 1)),
            None => lines.missing("the rows of the matrix"),
        },
    }
}
