//! Tables of mutants, and of what was measured of them.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context as _, bail};
use cistron::encode::alignment::{MutantProblem, WildType};
use cistron::genome::text;

/// A table whose separator its header tells; lines that begin with `#` are left out.
struct Table {
    header: Vec<String>,
    /// The cells of each row, with its line.
    rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let mut separator = None;
        let (mut header, mut rows) = (Vec::new(), Vec::new());
        for (line, number) in text::open(path)?.lines().zip(1..) {
            let line = line.with_context(|| format!("{}:{number}", path.display()))?;
            let line = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let Some(separator) = separator else {
                let found = ['\t', ';', ','].into_iter().find(|separator| line.contains(*separator));
                separator = Some(found.unwrap_or('\t'));
                header = cells(line, found.unwrap_or('\t'));
                continue;
            };
            rows.push((number, cells(line, separator)));
        }
        if header.is_empty() {
            bail!("{}: holds no line, expected a header with a column `mutant`", path.display());
        }
        Ok(Self { header, rows })
    }

    /// The column of the mutants: that of this name, or the first.
    fn mutants(&self) -> usize {
        self.header.iter().position(|name| name == "mutant").unwrap_or(0)
    }
}

/// The cells of a line; one in double quotes may hold the separator.
fn cells(line: &str, separator: char) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            letter if letter == separator && !quoted => {
                cells.push(std::mem::take(&mut cell).trim().to_owned());
            }
            letter => cell.push(letter),
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// Reads the mutants of a table, as they are written.
pub(super) fn read_mutants(path: &Path, wild_type: &WildType) -> anyhow::Result<Vec<String>> {
    let table = Table::read(path)?;
    let column = table.mutants();
    // A table without a header would lose its first mutant.
    let first = table.header.get(column).map_or("", String::as_str);
    if first != "mutant" && !matches!(wild_type.parse(first), Err(MutantProblem::Malformed { .. })) {
        bail!(
            "{}: `{first}` found in the first line, expected a header with a column `mutant`",
            path.display()
        );
    }
    let mutant = |(number, cells): (usize, Vec<String>)| {
        let found = cells.into_iter().nth(column);
        found.with_context(|| {
            format!("{}:{number}: row ends before the column of the mutants", path.display())
        })
    };
    table.rows.into_iter().map(mutant).collect()
}

/// What was measured, by mutant.
pub(super) struct Measured {
    pub(super) values: HashMap<String, f64>,
    /// How many rows name a mutant that an earlier one named.
    pub(super) repeated: u64,
    /// How many rows have no number.
    pub(super) empty: u64,
}

impl Measured {
    /// Reads a column of numbers; empty cells and `NaN` or `NA` are no number.
    pub(super) fn read(path: &Path, column: &str) -> anyhow::Result<Self> {
        let table = Table::read(path)?;
        let mutants = table.mutants();
        let Some(place) = table.header.iter().position(|name| name == column) else {
            let found = table.header.join(", ");
            bail!("{}: has no column `{column}` (it has {found})", path.display());
        };
        let mut measured = Self { values: HashMap::new(), repeated: 0, empty: 0 };
        for (number, cells) in &table.rows {
            let cell = |place: usize| cells.get(place).map_or("", String::as_str);
            let value = match cell(place) {
                "" | "NA" | "NaN" | "nan" => {
                    measured.empty += 1;
                    continue;
                }
                text => text.parse::<f64>().ok().filter(|value| value.is_finite()),
            };
            let Some(value) = value else {
                bail!(
                    "{}:{number}: `{}` found in column `{column}`, expected a number",
                    path.display(),
                    cell(place)
                );
            };
            let name = cell(mutants).to_owned();
            measured.repeated += u64::from(measured.values.contains_key(&name));
            measured.values.entry(name).or_insert(value);
        }
        Ok(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_be_quoted() {
        assert_eq!(cells("\"A1C,D2E\", 0.5 ,", ','), ["A1C,D2E", "0.5", ""]);
        assert_eq!(cells("A1C", ';'), ["A1C"]);
    }
}
