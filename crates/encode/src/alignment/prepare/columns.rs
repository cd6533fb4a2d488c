use super::focus::Focus;
use super::{ColumnRule, DropReason, PrepareOptions, PrepareReport};
use crate::alignment::{Alignment, FamilyError};

/// The columns that are kept.
pub(super) struct Columns {
    /// Where each stands in a row.
    kept: Vec<usize>,
    /// Where each stands in what is numbered: the letters of the focus, inserts of a3m included; under EVE's rule
    /// without its gaps.
    places: Vec<usize>,
    /// Whether letters count in the columns that are not kept.
    whole_rows: bool,
}

impl Columns {
    /// Chooses the columns, and drops the records that a rule about gaps drops.
    pub(super) fn choose(
        alignment: &Alignment,
        focus: &Focus,
        records: Vec<usize>,
        options: &PrepareOptions,
        report: &mut PrepareReport,
    ) -> Result<(Self, Vec<usize>), FamilyError> {
        let row = alignment.row(focus.record);
        let places = alignment.places(focus.record);
        let is_focus = |letter: u8| match options.rule {
            ColumnRule::DeepSequence => !letter.is_ascii_lowercase(),
            ColumnRule::Eve { .. } => !is_gap(letter),
            ColumnRule::Plmc => !letter.is_ascii_lowercase() && !is_gap(letter),
        };
        let columns: Vec<usize> =
            (0..row.len()).filter(|&j| row.get(j).is_some_and(|&it| is_focus(it))).collect();
        let places = columns.iter().filter_map(|&column| places.get(column)).copied().collect();
        let all = Self { kept: columns, places, whole_rows: options.rule == ColumnRule::Plmc };
        let (kept, records) = match options.rule {
            ColumnRule::Eve { max_sequence_gaps, max_column_gaps } => {
                check_share("largest share of gaps of a sequence", max_sequence_gaps)?;
                check_share("largest share of gaps of a column", max_column_gaps)?;
                let records = all.without_gaps(alignment, records, max_sequence_gaps, report);
                (all.numbered_anew().filled(alignment, &records, max_column_gaps), records)
            }
            ColumnRule::DeepSequence | ColumnRule::Plmc => (all, records),
        };
        let known = |letter: u8| options.alphabet.code(letter) < options.alphabet.len();
        if !kept.letters(&row).any(known) {
            let name = alignment.name(focus.record);
            let problem =
                format!("focus `{name}` has no letter of {} in a column that is kept", options.alphabet);
            let (path, line) = (alignment.path.clone(), alignment.line(focus.record));
            return Err(FamilyError::Line { path, line, column: None, problem });
        }
        Ok((kept, records))
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// See the field.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// The positions of the columns.
    pub(super) fn positions(&self, focus: &Focus) -> Result<Vec<i64>, FamilyError> {
        let position = |&place: &usize| focus.start.checked_add_unsigned(place as u64);
        let positions: Option<Vec<i64>> = self.places.iter().map(position).collect();
        positions.ok_or_else(|| FamilyError::data("positions are too large"))
    }

    /// The letters of a row in these columns.
    pub(super) fn letters<'a>(&'a self, row: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        self.kept.iter().filter_map(|&column| row.get(column)).copied()
    }

    /// The first letter that the alphabet does not have, if any.
    pub(super) fn foreign_letter(&self, row: &[u8], options: &PrepareOptions) -> Option<DropReason> {
        let unknown = options.alphabet.unknown();
        let foreign =
            |&column: &usize| row.get(column).is_some_and(|&it| options.alphabet.code(it) == unknown);
        let column = if self.whole_rows {
            (0..row.len()).find(foreign)
        } else {
            self.kept.iter().copied().find(foreign)
        }?;
        let letter = char::from(row.get(column).copied()?);
        Some(DropReason::Letter { letter, column_1based: column + 1 })
    }

    /// The records with few enough gaps in these columns.
    fn without_gaps(
        &self,
        alignment: &Alignment,
        records: Vec<usize>,
        most: f64,
        report: &mut PrepareReport,
    ) -> Vec<usize> {
        let share = |&record: &usize| {
            let row = alignment.row(record);
            self.letters(&row).filter(|&letter| is_gap(letter)).count() as f64 / self.len() as f64
        };
        let (kept, dropped): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| share(record) <= most);
        for record in dropped {
            report.drop(alignment, record, DropReason::Gaps { share: share(&record) });
        }
        kept
    }

    /// The same columns, numbered as if there were no others.
    fn numbered_anew(self) -> Self {
        Self { places: (0..self.len()).collect(), ..self }
    }

    /// The columns with few enough gaps in these records.
    fn filled(self, alignment: &Alignment, records: &[usize], most: f64) -> Self {
        let mut gaps = vec![0_usize; self.len()];
        for &record in records {
            let row = alignment.row(record);
            for (gaps, letter) in gaps.iter_mut().zip(self.letters(&row)) {
                *gaps += usize::from(is_gap(letter));
            }
        }
        let is_filled = |gaps: usize| gaps as f64 / records.len() as f64 <= most;
        let kept = self.kept.into_iter().zip(self.places).zip(gaps);
        let (kept, places) = kept.filter(|(_, gaps)| is_filled(*gaps)).map(|(column, _)| column).unzip();
        Self { kept, places, ..self }
    }
}

fn is_gap(letter: u8) -> bool {
    matches!(letter, b'-' | b'.')
}

fn check_share(what: &'static str, share: f64) -> Result<(), FamilyError> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(FamilyError::Option { what, found: share.to_string(), expected: "0 to 1".into() })
}
