use cistron_core::Alphabet;
use ndarray::Array2;

use super::lines::{Line, Lines};
use crate::error::quoted;
use crate::motif::ROW_TOLERANCE;
use crate::{MatrixKind, Motif, MotifError, MotifSet};

/// `UniPROBE`: a line with the name, then `A:` and a value a position, for each letter. Of a line such as
/// `Protein: NAME<tab>Seed k-mer: …` the name is that of the protein, and what follows is the second name.
pub(super) fn parse(text: &str, file: &str) -> Result<(MotifSet, u64), MotifError> {
    let mut lines = Lines::new(text, file);
    let (mut set, mut uneven) = (MotifSet::new(Alphabet::dna()), 0);
    while let Some(mut line) = lines.next_filled() {
        // Some files put more lines of text above the matrix; the name is the last of them.
        while let Some(next) = lines.peek().filter(|next| letter_of(*next).is_none()) {
            lines.next();
            line = if next.text.trim().is_empty() { line } else { next };
        }
        if letter_of(line).is_some() {
            return Err(lines.error(line.number, 1, "found a row of values, expected the motif's name"));
        }
        let matrix = rows(&mut lines)?;
        uneven += matrix.rows().into_iter().filter(|row| (row.sum() - 1.0).abs() > ROW_TOLERANCE).count();
        let (name, more) = match line.text.trim().strip_prefix("Protein:") {
            Some(protein) => protein.trim_start().split_once('\t').unwrap_or((protein, "")),
            None => (line.text, ""),
        };
        let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let motif = Motif::new(joined(name), matrix, MatrixKind::Probabilities);
        let motif = motif.map(|motif| motif.with_alternate(joined(more)));
        motif.and_then(|motif| set.push(motif)).map_err(|error| lines.place(line.number, error))?;
    }
    Ok((set, uneven as u64))
}

/// The code of a row's letter and the byte where its values begin.
fn letter_of(line: Line<'_>) -> Option<(usize, usize)> {
    let text = line.text.trim_start();
    let code = match text.chars().next()?.to_ascii_uppercase() {
        'A' => 0,
        'C' => 1,
        'G' => 2,
        'T' | 'U' => 3,
        _ => return None,
    };
    let rest = text.get(1..)?.trim_start().strip_prefix(':')?;
    Some((code, line.text.len() - rest.len()))
}

fn rows(lines: &mut Lines<'_>) -> Result<Array2<f64>, MotifError> {
    let mut rows: [Option<Vec<f64>>; 4] = Default::default();
    for index in 0..4 {
        let Some((line, (code, skip))) = lines.peek().and_then(|line| Some((line, letter_of(line)?))) else {
            return Err(lines.missing(&format!("row {} of 4, such as `A:` and values", index + 1)));
        };
        lines.next();
        let values = lines.amounts(line.number, &line.fields_from(skip))?;
        let width = rows.iter().flatten().next().map_or(values.len(), Vec::len);
        if values.len() != width || width == 0 {
            let problem = format!("found {} values, expected {}", values.len(), width.max(1));
            return Err(lines.error(line.number, skip as u64 + 1, problem));
        }
        let Some(place @ None) = rows.get_mut(code) else {
            let letter = quoted(line.text.trim_start().get(..1).unwrap_or(""));
            return Err(lines.error(line.number, 1, format!("found row {letter} twice")));
        };
        *place = Some(values);
    }
    let rows = rows.map(Option::unwrap_or_default);
    Ok(Array2::from_shape_fn((rows[0].len(), 4), |(position, code)| rows[code][position]))
}
