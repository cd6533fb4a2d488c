use cistron_core::Alphabet;

use super::focus::Focus;
use crate::alignment::Alignment;

/// What became of the records of an alignment.
#[derive(Clone, Debug, PartialEq)]
pub struct PrepareReport {
    /// How many records the alignment has.
    pub n_records: usize,
    /// The letters of a row, inserts included (those of the focus for a3m).
    pub width: usize,
    /// The records that became sequences of the family, by their number from 0.
    pub kept: Vec<usize>,
    /// The records that did not, by their number.
    pub dropped: Vec<DroppedRecord>,
    /// How many of the sequences are gaps alone.
    pub n_empty: usize,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

/// A record that is not in the family.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedRecord {
    /// Its number, from 0.
    pub record: usize,
    /// Its name.
    pub name: String,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Why.
    pub reason: DropReason,
}

/// Why a record is not in the family.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// An earlier record has its name.
    #[error("an earlier record has the name")]
    Repeated,
    /// Too many gaps.
    #[error("gaps are {share} of it")]
    Gaps {
        /// Their share of the columns.
        share: f64,
    },
    /// A letter that the alphabet does not have.
    #[error("`{letter}` in column {column_1based} is not a letter of the alphabet")]
    Letter {
        /// The letter.
        letter: char,
        /// Its column in the row, from 1.
        column_1based: usize,
    },
}

impl DropReason {
    /// One word for counts: `repeated`, `gaps` or `alphabet`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Gaps { .. } => "gaps",
            Self::Letter { .. } => "alphabet",
        }
    }
}

impl PrepareReport {
    pub(super) fn new(alignment: &Alignment, focus: &Focus) -> Self {
        Self {
            n_records: alignment.len(),
            width: alignment.letters(focus.record).len(),
            kept: Vec::new(),
            dropped: Vec::new(),
            n_empty: 0,
            warnings: Vec::new(),
        }
    }

    /// How many records were dropped for a reason of this [`kind`](DropReason::kind).
    pub fn n_dropped(&self, kind: &str) -> usize {
        self.dropped.iter().filter(|dropped| dropped.reason.kind() == kind).count()
    }

    pub(super) fn drop(&mut self, alignment: &Alignment, record: usize, reason: DropReason) {
        let name = alignment.name(record).to_owned();
        self.dropped.push(DroppedRecord { record, name, line: alignment.line(record), reason });
    }

    /// Says what is left to say; `codes` are those of the rows kept, one after another.
    pub(super) fn finish(&mut self, alignment: &Alignment, focus: &Focus, codes: &[u8], alphabet: &Alphabet) {
        self.dropped.sort_by_key(|dropped| dropped.record);
        let width = codes.len() / self.kept.len().max(1);
        let is_empty = |row: &&[u8]| row.iter().all(|&code| code >= alphabet.len());
        self.n_empty = codes.chunks_exact(width.max(1)).filter(is_empty).count();
        if let Some(dropped) = self.dropped.iter().find(|dropped| dropped.record == focus.record) {
            self.warnings.push(format!("the focus itself was dropped: {}", dropped.reason));
        }
        let letters = alignment.letters(focus.record).iter().filter(|letter| !b"-.".contains(letter)).count();
        match focus.region {
            Some((start, stop)) if start > stop => self.warnings.push(format!(
                "the region of the focus runs backward, {start}-{stop}; positions rise from its first number"
            )),
            Some((start, stop)) if start.abs_diff(stop).saturating_add(1) != letters as u64 => self.warnings.push(
                format!("the region of the focus, {start}-{stop}, does not have as many positions as it has letters, {letters}"),
            ),
            _ => {}
        }
        if letters != self.width {
            let gaps = self.width - letters;
            self.warnings.push(format!(
                "the focus has {gaps} gaps; under a rule that keeps their columns they consume numbers"
            ));
        }
    }

    pub(super) fn nothing_left(&self) -> String {
        let example =
            self.dropped.first().map(|it| format!("; `{}`: {}", it.name, it.reason)).unwrap_or_default();
        format!("all {} records were dropped, expected one to be left{example}", self.n_records)
    }
}
