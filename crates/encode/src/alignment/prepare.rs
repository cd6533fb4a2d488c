//! From the records of an alignment to the codes of a family.

mod columns;
mod focus;
mod report;

use std::collections::HashSet;

use cistron_core::Alphabet;
use ndarray::Array2;

use super::{Alignment, Family, FamilyError, FamilyParts, WeightRule, WildType, sequence_weights};
use columns::Columns;
use focus::Focus;
pub use report::{DropReason, DroppedRecord, PrepareReport};

/// How an alignment becomes a [`Family`].
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// Which columns and records are kept. Default: [`ColumnRule::DeepSequence`].
    pub rule: ColumnRule,
    /// The letters. Default: the twenty amino acids.
    pub alphabet: Alphabet,
    /// The focus record, by its name with or without the region. Default: the first.
    pub focus: Option<String>,
    /// What is added to every position. Needed where the name of the focus has no region; positions are then counted
    /// from 1. Default: none.
    pub offset: Option<i64>,
    /// The weights. Default: [`WeightRule::DeepSequence`].
    pub weights: WeightRule,
    /// The distance within which sequences share one weight, 0 to 1. Default: 0.2; 0.01 is usual for viruses.
    pub theta: f64,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self {
            rule: ColumnRule::default(),
            alphabet: Alphabet::protein(),
            focus: None,
            offset: None,
            weights: WeightRule::default(),
            theta: 0.2,
        }
    }
}

/// Which columns and records of an alignment are kept.
///
/// Under every rule `.` is a gap, letters of kept columns count as upper case, and a record with a letter outside the
/// alphabet in a kept column is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ColumnRule {
    /// Columns in which the focus is not lower case, gaps included; of records with one name the first. As
    /// `DeepSequence`, which loses the others without a word.
    #[default]
    DeepSequence,
    /// Columns in which the focus has a letter of either case; then records with at most `max_sequence_gaps` of gaps,
    /// then columns with at most `max_column_gaps` of gaps among these. Of records with one name the first. As EVE.
    Eve {
        /// The largest share of gaps of a record that is kept; EVE's is 0.5.
        max_sequence_gaps: f64,
        /// The largest share of gaps of a column that is kept; EVE's is 0.3.
        max_column_gaps: f64,
    },
    /// Columns in which the focus has an upper-case letter; a letter outside the alphabet in any column drops its
    /// record, and records may share a name. As plmc, which treats `.` so for proteins alone.
    Plmc,
}

impl ColumnRule {
    /// EVE's rule with its own limits.
    pub fn eve() -> Self {
        Self::Eve { max_sequence_gaps: 0.5, max_column_gaps: 0.3 }
    }
}

impl Alignment {
    /// Makes the family of the focus record: codes of the columns kept, and weights.
    ///
    /// The focus is named `NAME/start-stop`; what follows a `:` after the region is left out, and so is what follows a
    /// blank. Column j of its row has position `start + j`: columns that are dropped consume numbers.
    ///
    /// # Errors
    /// [`FamilyError::Option`] for options outside their range; [`FamilyError::File`] or [`FamilyError::Line`] if there
    /// is no such focus, it has no region, or nothing is left.
    ///
    /// ```
    /// use cistron_encode::alignment::{Alignment, PrepareOptions};
    ///
    /// let text = ">WT/10-13\nACdE\n>near\nAC.E\n>far\n-Mk-\n>odd\nAXdE\n";
    /// let alignment = Alignment::read(text.as_bytes(), "toy.a2m".as_ref())?;
    /// let (family, report) = alignment.prepare(&PrepareOptions::default())?;
    /// assert_eq!(family.positions(), [10, 11, 13]);
    /// assert_eq!(family.weights(), [0.5, 0.5, 1.0]);
    /// assert_eq!(report.dropped[0].reason.to_string(), "`X` in column 2 is not a letter of the alphabet");
    /// # Ok::<(), cistron_encode::alignment::FamilyError>(())
    /// ```
    pub fn prepare(&self, options: &PrepareOptions) -> Result<(Family, PrepareReport), FamilyError> {
        options.weights.check(options.theta)?;
        let focus = Focus::find(self, options)?;
        let mut report = PrepareReport::new(self, &focus);
        let records = self.with_one_name(options.rule, &mut report);
        let (columns, records) = Columns::choose(self, &focus, records, options, &mut report)?;
        let mut codes = Vec::new();
        for record in records {
            let row = self.row(record);
            if let Some(reason) = columns.foreign_letter(&row, options) {
                report.drop(self, record, reason);
            } else {
                report.kept.push(record);
                codes.extend(columns.letters(&row).map(|letter| options.alphabet.code(letter)));
            }
        }
        report.finish(self, &focus, &codes, &options.alphabet);
        if report.kept.is_empty() {
            return Err(FamilyError::file(&self.path, report.nothing_left()));
        }
        let codes = Array2::from_shape_vec((report.kept.len(), columns.len()), codes);
        let codes = codes.map_err(|error| FamilyError::data(error.to_string()))?;
        let weights = sequence_weights(codes.view(), options.alphabet.gap(), options.weights, options.theta)?;
        let wild_type: Vec<u8> = columns.letters(&self.row(focus.record)).collect();
        let family = Family::new(FamilyParts {
            wild_type: WildType::new(options.alphabet.clone(), &wild_type, columns.positions(&focus)?)?,
            focus: self.name(focus.record).to_owned(),
            columns: columns.places().to_vec(),
            codes,
            names: report.kept.iter().map(|&record| self.name(record).to_owned()).collect(),
            weights,
            theta: options.weights.uses_theta().then_some(options.theta),
        });
        let family = family.map_err(|error| FamilyError::file(&self.path, error.to_string()))?;
        Ok((family, report))
    }

    /// The records, of those with one name the first where the rule says so.
    fn with_one_name(&self, rule: ColumnRule, report: &mut PrepareReport) -> Vec<usize> {
        if rule == ColumnRule::Plmc {
            return (0..self.len()).collect();
        }
        let mut seen = HashSet::new();
        let (first, repeated): (Vec<_>, Vec<_>) =
            (0..self.len()).partition(|&record| seen.insert(self.name(record)));
        for record in repeated {
            report.drop(self, record, DropReason::Repeated);
        }
        first
    }
}

#[cfg(test)]
mod tests;
