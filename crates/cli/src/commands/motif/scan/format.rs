//! Hits as lines of a table, BED, GFF3 or FIMO's own.

use std::io::Write;

use cistron::motif::{Hit, MotifSet};

use super::FormatArg;
use super::letters::Sequences;
use crate::output::{Number, Output};

/// Which optional columns there are.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) q_value: bool,
    pub(super) matched_sequence: bool,
}

pub(super) struct Row<'a> {
    pub(super) hit: &'a Hit,
    pub(super) q_value: Option<f64>,
}

pub(super) struct RowWriter<'a> {
    output: &'a mut Output,
    format: FormatArg,
    columns: Columns,
    /// Full name, identifier and second name of each motif.
    names: Vec<(String, String, String)>,
    sequences: &'a Sequences,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(
        output: &'a mut Output,
        format: FormatArg,
        columns: Columns,
        motifs: &MotifSet,
        sequences: &'a Sequences,
    ) -> anyhow::Result<Self> {
        let names = motifs.motifs().iter().map(|motif| {
            let alternate = motif.alternate().map(ToString::to_string).unwrap_or_default();
            (motif.full_name(), motif.name().to_string(), alternate)
        });
        let mut writer = Self { output, format, columns, names: names.collect(), sequences };
        writer.header()?;
        Ok(writer)
    }

    fn header(&mut self) -> anyhow::Result<()> {
        let q = if self.columns.q_value { "\tq_value" } else { "" };
        let matched = if self.columns.matched_sequence { "\tmatched_sequence" } else { "" };
        match self.format {
            FormatArg::Tsv => writeln!(
                self.output,
                "motif_name\tmotif_idx\tsequence_name\tstart\tend\tstrand\tscore\tp_value{q}{matched}"
            )?,
            FormatArg::Bed => {}
            FormatArg::Gff3 => writeln!(self.output, "##gff-version 3")?,
            FormatArg::Meme => writeln!(
                self.output,
                "motif_id\tmotif_alt_id\tsequence_name\tstart\tstop\tstrand\tscore\tp-value\tq-value\tmatched_sequence"
            )?,
        }
        Ok(())
    }

    pub(super) fn write(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let Hit { motif, example, start, end, strand, score, p_value } = *row.hit;
        let (full_name, id, alternate) = &self.names[motif as usize];
        let sequence = self.sequences.name(example);
        let (score, p) = (Number(score), Number(p_value));
        let matched = if self.columns.matched_sequence {
            self.sequences.letters(example, start, end, strand)?
        } else {
            String::new()
        };
        let q = row.q_value.map(|q| Number(q).to_string()).unwrap_or_default();
        let output = &mut *self.output;
        match self.format {
            FormatArg::Tsv => {
                write!(output, "{full_name}\t{motif}\t{sequence}\t{start}\t{end}\t{strand}\t{score}\t{p}")?;
            }
            FormatArg::Bed => {
                let name = full_name.replace('\t', " ");
                let shown = colour_score(p_value);
                write!(output, "{sequence}\t{start}\t{end}\t{name}\t{shown}\t{strand}\t{score}\t{p}")?;
            }
            FormatArg::Gff3 => {
                let (first, shown) = (start + 1, colour_score(p_value));
                let (id, alias) = (escape(id), escape(alternate));
                write!(
                    output,
                    "{}\tcistron\tnucleotide_motif\t{first}\t{end}\t{shown}\t{strand}\t.\tName={id};Alias={alias};\
                     ID={id}-{motif}-{}-{first}{strand};score={score};pvalue={p}",
                    escape(sequence),
                    escape(sequence)
                )?;
            }
            FormatArg::Meme => {
                let first = start + 1;
                writeln!(
                    output,
                    "{id}\t{alternate}\t{sequence}\t{first}\t{end}\t{strand}\t{score}\t{p}\t{q}\t{matched}"
                )?;
                return Ok(());
            }
        }
        self.optional(&q, &matched)
    }

    fn optional(&mut self, q: &str, matched: &str) -> anyhow::Result<()> {
        let (before_q, before_matched) =
            if self.format == FormatArg::Gff3 { (";qvalue=", ";sequence=") } else { ("\t", "\t") };
        if self.columns.q_value {
            write!(self.output, "{before_q}{q}")?;
        }
        if self.columns.matched_sequence {
            write!(self.output, "{before_matched}{matched}")?;
        }
        Ok(writeln!(self.output)?)
    }
}

/// `-10 log10 p` as a whole number from 0 to 1000, which browsers show as a shade.
fn colour_score(p_value: f64) -> u32 {
    (-10.0 * p_value.log10()).round().clamp(0.0, 1000.0) as u32
}

/// What has a meaning in GFF3, as percent codes.
fn escape(text: &str) -> String {
    let code = |c: char| match c {
        ';' | '=' | '&' | ',' | '%' | '\t' | ' ' => format!("%{:02X}", c as u32),
        _ => c.to_string(),
    };
    text.chars().map(code).collect()
}
