//! PDB: a record a line, its fields in fixed columns.

use std::io::BufRead;

use super::{Atom, Collector, number, stands_for_residue};
use crate::alignment::FamilyError;
use crate::alignment::lines::Lines;

/// The bytes of a line up to the last coordinate.
const COORDINATES_END: usize = 54;

/// Reads the atoms from the current line to the end of the first model.
pub(super) fn read(lines: &mut Lines<impl BufRead>, residues: &mut Collector) -> Result<(), FamilyError> {
    loop {
        match field(lines.current(), 1, 6).as_str() {
            record @ ("ATOM" | "HETATM") => atom(lines, record == "HETATM", residues)?,
            "ENDMDL" => return Ok(()),
            _ => {}
        }
        if lines.next()?.is_none() {
            return Ok(());
        }
    }
}

/// A field between two columns, counted from 1, without blanks.
fn field(line: &[u8], first: usize, last: usize) -> String {
    let bytes = line.get(first - 1..last.min(line.len())).unwrap_or_default();
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn atom(lines: &Lines<impl BufRead>, hetero: bool, residues: &mut Collector) -> Result<(), FamilyError> {
    let line = lines.current();
    let text = |first, last| field(line, first, last);
    let residue = text(18, 20);
    if !stands_for_residue(&text(13, 16), &residue, hetero) {
        return Ok(());
    }
    if line.len() < COORDINATES_END - 1 {
        let problem = format!("line has {} bytes, expected coordinates up to byte 54", line.len());
        return Err(lines.refuse(problem));
    }
    if residue.is_empty() {
        return Err(lines.refuse_at(18, "found no name of a residue, expected one such as ALA".to_owned()));
    }
    let found = text(23, 26);
    let Ok(residue_number) = found.parse() else {
        return Err(lines.refuse_at(23, format!("`{found}` found, expected the number of a residue")));
    };
    let coordinate = |first| {
        let found = text(first, first + 7);
        number(&found)
            .ok_or_else(|| lines.refuse_at(first, format!("`{found}` found, expected a coordinate in Å")))
    };
    let place = [coordinate(31)?, coordinate(39)?, coordinate(47)?];
    let found = text(55, 60);
    let occupancy = if found.is_empty() { Some(1.0) } else { number(&found) };
    let Some(occupancy) = occupancy else {
        return Err(lines.refuse_at(55, format!("`{found}` found, expected an occupancy")));
    };
    residues.add(&Atom {
        chain: &text(22, 22),
        number: residue_number,
        insertion: &text(27, 27),
        residue: &residue,
        occupancy,
        place,
    });
    Ok(())
}
