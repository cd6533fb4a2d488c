//! Measured effects of the mutants of a protein, and how well a model of its family ranks them.

use std::error::Error;
use std::io::BufRead;
use std::path::Path;

use cistron::encode::Edit;
use cistron::encode::alignment::{Alignment, Family, FamilyModel, PrepareOptions, WildType};
use cistron::genome::text;
use cistron::models::MutantEffect;
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

    /// The mutants that a family covers, and what was measured of them.
    pub fn covered(&self, wild_type: &WildType) -> (Vec<Vec<Edit>>, Vec<f64>) {
        let covered = |(name, value): &(String, f64)| {
            let edits = wild_type.parse(name).ok().filter(|edits| value.is_finite() && !edits.is_empty())?;
            Some((edits, *value))
        };
        self.mutants.iter().filter_map(covered).unzip()
    }

    /// How many mutants a model has an effect for, and the rank correlation of those with what was measured.
    ///
    /// # Errors
    /// If there are fewer than two.
    pub fn spearman(&self, model: &dyn FamilyModel) -> Result<(usize, f64)> {
        let (mutants, measured) = self.covered(model.wild_type());
        let effects: Vec<f64> = mutants.iter().map(|mutant| model.effect(mutant)).collect();
        Ok((effects.len(), spearman(&effects, &measured).ok_or("fewer than two mutants have an effect")?))
    }
}

/// The rank correlation of the effects of mutants with what was measured of them.
///
/// # Errors
/// If there are fewer than two, or effects do not vary.
pub fn correlation(effects: &[MutantEffect], measured: &[f64]) -> Result<f64> {
    let effects: Vec<f64> = effects.iter().map(|effect| effect.effect).collect();
    Ok(spearman(&effects, measured).ok_or("effects that do not vary")?)
}

/// The alignment of beta-lactamase as a family, and its measured mutants, in the folder `families` of the real data.
///
/// # Errors
/// If one of the files cannot be read.
pub fn beta_lactamase(families: &Path) -> Result<(Family, Assay)> {
    let path = families.join("BLAT_ECOLX_r24-286_b105.a2m.gz");
    let family = Alignment::read(text::open(&path)?, &path)?.prepare(&PrepareOptions::default())?.0;
    let assay = Assay::read(&families.join("BLAT_ECOLX_Ranganathan2015.csv.gz"), "2500")?;
    Ok((family, assay))
}
