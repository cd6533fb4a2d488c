//! Measured effects of the mutants of a protein, and how well a model of its family ranks them.

use std::error::Error;
use std::io::BufRead;
use std::path::Path;

use cistron::encode::alignment::FamilyModel;
use cistron::genome::text;
use cistron::spearman;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The mutants of one experiment with what was measured.
pub struct Assay {
    /// Names such as `A23C`, with the measured number.
    pub mutants: Vec<(String, f64)>,
}

impl Assay {
    /// Reads a table with a column of numbers; the mutants stand in its first. Its cells are parted by `,` or `;`, lines
    /// that begin with `#` are left out, and so are empty cells.
    ///
    /// # Errors
    /// If the table cannot be read, has no such column, or holds what is no number.
    pub fn read(path: &Path, column: &str) -> Result<Self> {
        let lines: Vec<String> = text::open(path)?.lines().collect::<std::result::Result<_, _>>()?;
        let mut lines = lines.iter().filter(|line| !line.starts_with('#'));
        let header = lines.next().ok_or("a table without a line")?;
        let separator = if header.contains(';') { ';' } else { ',' };
        let place = header.split(separator).position(|name| name == column).ok_or("no such column")?;
        let mut mutants = Vec::new();
        for line in lines {
            let cells: Vec<&str> = line.split(separator).collect();
            let (Some(mutant), Some(value)) = (cells.first(), cells.get(place)) else { continue };
            if !value.is_empty() {
                mutants.push(((*mutant).to_owned(), value.parse()?));
            }
        }
        Ok(Self { mutants })
    }

    /// How many mutants a model has an effect for, and the rank correlation of those with what was measured.
    ///
    /// # Errors
    /// If there are fewer than two.
    pub fn spearman(&self, model: &dyn FamilyModel) -> Result<(usize, f64)> {
        let scored = |(name, value): &(String, f64)| {
            let mutant = model
                .wild_type()
                .parse(name)
                .ok()
                .filter(|mutant| value.is_finite() && !mutant.is_empty())?;
            Some((model.effect(&mutant), *value))
        };
        let (effects, measured): (Vec<f64>, Vec<f64>) = self.mutants.iter().filter_map(scored).unzip();
        Ok((effects.len(), spearman(&effects, &measured).ok_or("fewer than two mutants have an effect")?))
    }
}
