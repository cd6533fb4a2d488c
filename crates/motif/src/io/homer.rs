use cistron_core::Alphabet;

use super::hocomoco::positions;
use super::lines::{Field, Lines};
use crate::error::quoted;
use crate::motif::ROW_TOLERANCE;
use crate::{MatrixKind, Motif, MotifError, MotifSet};

/// Homer: `>CONSENSUS<tab>NAME<tab>THRESHOLD…`, then a row of four probabilities a position. The name is the second
/// column, or the consensus where that is empty.
pub(super) fn parse(text: &str, file: &str) -> Result<(MotifSet, u64), MotifError> {
    let mut lines = Lines::new(text, file);
    let (mut set, mut uneven) = (MotifSet::new(Alphabet::dna()), 0);
    while let Some(line) = lines.next_filled() {
        let Some(header) = line.text.strip_prefix('>') else {
            let problem = format!("found {}, expected `>` and a consensus", quoted(line.text));
            return Err(lines.error(line.number, 1, problem));
        };
        let mut columns = header.split('\t').map(str::trim);
        let (consensus, name) = (columns.next().unwrap_or(""), columns.next().unwrap_or(""));
        let threshold = columns.next().filter(|text| !text.is_empty());
        let matrix = positions(&mut lines)?;
        uneven += matrix.rows().into_iter().filter(|row| (row.sum() - 1.0).abs() > ROW_TOLERANCE).count();
        let name = if name.is_empty() { consensus } else { name };
        let motif = Motif::new(name, matrix, MatrixKind::Probabilities);
        let mut motif = motif.map_err(|error| lines.place(line.number, error))?;
        if let Some(text) = threshold {
            let column = (text.as_ptr() as usize).saturating_sub(line.text.as_ptr() as usize) as u64 + 1;
            motif = motif.with_score_threshold(lines.finite(line.number, Field { text, column })?);
        }
        set.push(motif).map_err(|error| lines.place(line.number, error))?;
    }
    Ok((set, uneven as u64))
}
