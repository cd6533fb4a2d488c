//! The table and the VCF of scores.

use std::fmt::Write as _;
use std::io::Write;

use cistron::VariantRow;
use cistron::effects::VariantScore;
use cistron::genome::vcf;

use super::{Block, Task};

/// What is added to the INFO of a VCF, and how it is described.
const ADDED: [(&str, &str); 3] = [
    ("CISTRON_STATUS", "Number=A,Type=String,Description=\"What cistron made of the allele\""),
    ("CISTRON_MAX", "Number=A,Type=Float,Description=\"Largest mean size of a difference over tracks\""),
    (
        "CISTRON",
        "Number=.,Type=String,Description=\"Scores as alternate allele, from 0|track|statistic|value; other characters in \
         tracks as percent and two digits\"",
    ),
];

/// Where scores go.
pub(super) enum Sink<W> {
    Table(Table<W>),
    Vcf(vcf::Writer<W>, Names),
}

impl<W: Write> Sink<W> {
    /// Writes the header.
    pub(super) fn open(output: W, task: &Task<'_>, header: Option<&vcf::Header>) -> anyhow::Result<Self> {
        match header.filter(|_| task.layout.vcf) {
            Some(header) => Ok(Self::Vcf(vcf::Writer::new(output, header, &ADDED)?, Names::of(task))),
            None => Ok(Self::Table(Table::open(output, task)?)),
        }
    }

    pub(super) fn write(&mut self, block: &Block, scores: &[VariantScore]) -> anyhow::Result<()> {
        match self {
            Self::Table(table) => {
                block.rows.iter().zip(scores).try_for_each(|(row, score)| table.write(row, score))
            }
            Self::Vcf(writer, names) => {
                let mut scores = scores.iter();
                for record in &block.records {
                    let own: Vec<&VariantScore> = scores.by_ref().take(record.rows().count()).collect();
                    let entries = names.entries(&own);
                    let entries: Vec<(&str, &str)> = ADDED
                        .iter()
                        .zip(&entries)
                        .filter(|(_, text)| !text.is_empty())
                        .map(|((name, _), text)| (*name, &**text))
                        .collect();
                    writer.write(record, &entries)?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn into_inner(self) -> W {
        match self {
            Self::Table(table) => table.output,
            Self::Vcf(writer, _) => writer.into_inner(),
        }
    }
}

/// A row for each alternate allele.
pub(super) struct Table<W> {
    output: W,
    /// Cells after the status.
    n: usize,
}

impl<W: Write> Table<W> {
    fn open(mut output: W, task: &Task<'_>) -> anyhow::Result<Self> {
        let mut columns = task.scorer.columns();
        if task.args.models.len() > 1 {
            let deviations: Vec<String> = columns.iter().map(|column| format!("{column}_sd")).collect();
            columns.extend(deviations);
        }
        writeln!(output, "chrom\tpos\tid\tref\talt\talt_index\tstatus\t{}", columns.join("\t"))?;
        Ok(Self { output, n: columns.len() })
    }

    fn write(&mut self, row: &VariantRow, score: &VariantScore) -> anyhow::Result<()> {
        let VariantRow { contig, position, id, reference, alternate, alt_index } = row;
        let id = id.as_deref().unwrap_or(".");
        write!(
            self.output,
            "{contig}\t{position}\t{id}\t{reference}\t{alternate}\t{alt_index}\t{}",
            score.status
        )?;
        let mut numbers = score.numbers.iter().chain(&score.deviations);
        for _ in 0..self.n {
            match numbers.next() {
                Some(number) => write!(self.output, "\t{number}")?,
                None => write!(self.output, "\t")?,
            }
        }
        Ok(writeln!(self.output)?)
    }
}

/// Track and statistic of each number but the last, as they may stand in INFO.
pub(super) struct Names(Vec<String>);

impl Names {
    fn of(task: &Task<'_>) -> Self {
        let statistics =
            ["ref", "alt", "diff"].into_iter().chain(task.args.statistics.iter().map(|it| it.name()));
        let statistics: Vec<&str> = statistics.collect();
        let of_track = |track: &std::sync::Arc<str>| {
            let track = escaped(track);
            statistics.iter().map(move |statistic| format!("{track}|{statistic}")).collect::<Vec<_>>()
        };
        Self(task.scorer.tracks().iter().flat_map(of_track).collect())
    }

    /// The texts of [`ADDED`] for the alternate alleles of a record; empty ones are left out.
    fn entries(&self, scores: &[&VariantScore]) -> [String; 3] {
        let join = |text: &dyn Fn(&VariantScore) -> String| {
            scores.iter().map(|score| text(score)).collect::<Vec<_>>().join(",")
        };
        let statuses = join(&|score| score.status.to_string());
        let most = join(&|score| score.numbers.last().map_or(".".to_owned(), ToString::to_string));
        let mut all = String::new();
        for (alt_index, score) in scores.iter().enumerate() {
            for (name, number) in self.0.iter().zip(&score.numbers) {
                let comma = if all.is_empty() { "" } else { "," };
                // Writing to a text cannot fail.
                let _ = write!(all, "{comma}{alt_index}|{name}|{number}");
            }
        }
        [statuses, most, all]
    }
}

/// With every character that has a meaning in INFO as percent and two hexadecimal digits.
pub(super) fn escaped(track: &str) -> String {
    let mut text = String::new();
    for character in track.chars() {
        if matches!(character, ';' | ',' | '=' | '|' | '%' | ':') || character.is_whitespace() {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                let _ = write!(text, "%{byte:02X}");
            }
        } else {
            text.push(character);
        }
    }
    text
}
