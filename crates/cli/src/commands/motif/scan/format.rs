//! Hits as lines of a table, BED, GFF3 or FIMO's own.

use std::io::Write;

use cistron::motif::{Hit, HitOrder, MotifSet};
use serde::{Deserialize, Serialize};

use super::letters::Sequences;
use super::spool::key;
use super::{FormatArg, OrderArg};
use crate::output::Number;

/// What the lines of a result are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Layout {
    pub(super) format: FormatArg,
    pub(super) order: OrderArg,
    /// Counts of hits in place of hits.
    pub(super) counts: bool,
    pub(super) q_value: bool,
    pub(super) matched_sequence: bool,
}

impl Layout {
    /// The lines before the first hit.
    pub(super) fn header(self) -> String {
        if self.counts {
            return "motif_name\tmotif_idx\tcount\n".to_owned();
        }
        let q = if self.q_value { "\tq_value" } else { "" };
        let matched = if self.matched_sequence { "\tmatched_sequence" } else { "" };
        match self.format {
            FormatArg::Tsv => format!(
                "motif_name\tmotif_idx\tsequence_name\tstart\tend\tstrand\tscore\tp_value{q}{matched}\n"
            ),
            FormatArg::Bed => String::new(),
            FormatArg::Gff3 => "##gff-version 3\n".to_owned(),
            FormatArg::Meme => {
                "motif_id\tmotif_alt_id\tsequence_name\tstart\tstop\tstrand\tscore\tp-value\tq-value\t\
                                matched_sequence\n"
                    .to_owned()
            }
        }
    }

    pub(super) fn order(self) -> HitOrder {
        match self.order {
            OrderArg::Motif => HitOrder::Motif,
            OrderArg::Position => HitOrder::Position,
        }
    }
}

pub(super) struct Row<'a> {
    pub(super) hit: &'a Hit,
    pub(super) q_value: Option<f64>,
}

/// Writes hits, without header. Hits of a part of the motifs get the numbers of the whole.
pub(super) struct RowWriter<'a> {
    output: &'a mut dyn Write,
    layout: Layout,
    /// Whether each line begins with the key by which parts are merged.
    keyed: bool,
    /// The index of the first motif.
    first: u32,
    /// Full name, identifier and second name of each motif.
    names: Vec<(String, String, String)>,
    sequences: &'a Sequences,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(
        output: &'a mut dyn Write,
        layout: Layout,
        motifs: &MotifSet,
        sequences: &'a Sequences,
    ) -> Self {
        let names = motifs.motifs().iter().map(|motif| {
            let alternate = motif.alternate().map(ToString::to_string).unwrap_or_default();
            (motif.full_name(), motif.name().to_string(), alternate)
        });
        Self { output, layout, keyed: false, first: 0, names: names.collect(), sequences }
    }

    /// For hits of motifs that are those from `first` on of all, to be merged with other parts.
    pub(super) fn of_a_part(self, first: u32) -> Self {
        Self { keyed: true, first, ..self }
    }

    /// How often each motif occurs.
    pub(super) fn write_counts(&mut self, counts: &[u64]) -> anyhow::Result<()> {
        for (index, ((name, ..), count)) in (self.first..).zip(self.names.iter().zip(counts)) {
            if self.keyed {
                write_key(self.output, [index.into(), 0, 0, 0])?;
            }
            writeln!(self.output, "{name}\t{index}\t{count}")?;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let Hit { motif, example, start, end, strand, score, p_value } = *row.hit;
        let (full_name, id, alternate) = &self.names[motif as usize];
        let motif = self.first + motif;
        let sequence = self.sequences.name(example);
        let (score, p) = (Number(score), Number(p_value));
        let matched = if self.layout.matched_sequence {
            self.sequences.letters(example, start, end, strand)?
        } else {
            String::new()
        };
        let q = row.q_value.map(|q| Number(q).to_string()).unwrap_or_default();
        let output = &mut *self.output;
        if self.keyed {
            write_key(output, key(self.layout.order(), &Hit { motif, ..*row.hit }))?;
        }
        match self.layout.format {
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
            if self.layout.format == FormatArg::Gff3 { (";qvalue=", ";sequence=") } else { ("\t", "\t") };
        if self.layout.q_value {
            write!(self.output, "{before_q}{q}")?;
        }
        if self.layout.matched_sequence {
            write!(self.output, "{before_matched}{matched}")?;
        }
        Ok(writeln!(self.output)?)
    }
}

fn write_key(output: &mut dyn Write, [a, b, c, d]: [u64; 4]) -> anyhow::Result<()> {
    Ok(write!(output, "{a} {b} {c} {d} ")?)
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
