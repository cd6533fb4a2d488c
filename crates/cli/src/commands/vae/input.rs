//! A family, from an alignment or from what `vae prepare` wrote.

use std::fs::File;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::encode::NpyReader;
use cistron::encode::alignment::{Alignment, ColumnRule, Family, PrepareOptions, PrepareReport, WeightRule};
use cistron::genome::text;
use cistron::{Alphabet, Observer, Warning};
use clap::{Args, ValueEnum};

use super::family_error;
use crate::context::{Context, usage};

/// How an alignment becomes a family.
#[derive(Args)]
#[command(next_help_heading = "Alignment")]
pub(super) struct AlignmentArgs {
    /// Which columns and records are kept
    #[arg(long, value_enum, default_value_t)]
    pub(super) rule: RuleArg,
    /// deepsequence, plmc, none, or a file with a weight for each record or each one kept
    #[arg(long, value_name = "RULE|FILE")]
    weights: Option<String>,
    /// Distance within which sequences share one weight, a share of the positions
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    theta: f64,
    /// protein, rna, dna or the letters
    #[arg(long, value_name = "NAME|LETTERS", default_value = "protein")]
    alphabet: String,
    /// The focus record, by its name with or without its region [default: the first]
    #[arg(long, value_name = "NAME")]
    focus: Option<String>,
    /// Added to every position; without a region in the name of the focus its first column has position 1 + N
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    offset: Option<i64>,
}

/// The rule for columns and records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum RuleArg {
    /// Columns in which the focus is not lower case; no filter of gaps
    #[default]
    Deepsequence,
    /// Records with at most half gaps, then columns with at most 0.3
    Eve,
    /// Columns in which the focus has an upper-case letter; a foreign letter anywhere drops a record
    Plmc,
}

/// A family, and what became of its alignment unless it was prepared before.
pub(super) struct Input {
    pub(super) family: Family,
    pub(super) report: Option<PrepareReport>,
}

impl AlignmentArgs {
    /// Reads a family or an alignment, told by content.
    pub(super) fn read(&self, path: &Path, context: &Context) -> anyhow::Result<Input> {
        let mut start = Vec::new();
        if path.as_os_str() != "-" {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            file.take(2).read_to_end(&mut start).with_context(|| path.display().to_string())?;
        }
        if start == b"PK" {
            return Ok(Input { family: Family::load(path)?, report: None });
        }
        let (family, report) = self.prepare(path)?;
        for warning in &report.warnings {
            context.progress.warn(Warning::new(1, warning.clone()));
        }
        if !report.dropped.is_empty() {
            let kinds =
                ["repeated", "gaps", "alphabet"].map(|kind| format!("{kind} {}", report.n_dropped(kind)));
            let what = format!("records dropped ({})", kinds.join(", "));
            context.progress.warn(Warning::new(report.dropped.len() as u64, what));
        }
        Ok(Input { family, report: Some(report) })
    }

    fn prepare(&self, path: &Path) -> anyhow::Result<(Family, PrepareReport)> {
        let (weights, file) = self.weights();
        let options = PrepareOptions {
            rule: match self.rule {
                RuleArg::Deepsequence => ColumnRule::DeepSequence,
                RuleArg::Eve => ColumnRule::eve(),
                RuleArg::Plmc => ColumnRule::Plmc,
            },
            alphabet: self.alphabet()?,
            focus: self.focus.clone(),
            offset: self.offset,
            weights,
            theta: self.theta,
        };
        let alignment = Alignment::read(text::open(path)?, path).map_err(family_error)?;
        let (family, report) = alignment.prepare(&options).map_err(family_error)?;
        let Some(file) = file else { return Ok((family, report)) };
        let weights = choose(&read_weights(&file)?, &report).with_context(|| file.display().to_string())?;
        let family = family.with_weights(weights, None).with_context(|| file.display().to_string())?;
        Ok((family, report))
    }

    /// The rule of the weights, or the file that holds them.
    fn weights(&self) -> (WeightRule, Option<PathBuf>) {
        match self.weights.as_deref() {
            None if self.rule == RuleArg::Plmc => (WeightRule::Plmc, None),
            None | Some("deepsequence") => (WeightRule::DeepSequence, None),
            Some("plmc") => (WeightRule::Plmc, None),
            Some("none") => (WeightRule::Equal, None),
            Some(file) => (WeightRule::Equal, Some(PathBuf::from(file))),
        }
    }

    fn alphabet(&self) -> anyhow::Result<Alphabet> {
        match self.alphabet.as_str() {
            "protein" => Ok(Alphabet::protein()),
            "rna" => Ok(Alphabet::rna()),
            "dna" => Ok(Alphabet::dna()),
            letters => Alphabet::custom(letters).map_err(|error| usage(format!("--alphabet: {error}"))),
        }
    }
}

/// Numbers of an npy file, or of a text with one a line.
fn read_weights(path: &Path) -> anyhow::Result<Vec<f64>> {
    let mut reader = text::open(path)?;
    if reader.fill_buf()?.starts_with(b"\x93NUMPY") {
        let mut array = NpyReader::new(reader).with_context(|| path.display().to_string())?;
        return array.read_all().with_context(|| path.display().to_string());
    }
    let mut weights = Vec::new();
    for (line, number) in reader.lines().zip(1..) {
        let line = line.with_context(|| path.display().to_string())?;
        let weight = line.trim();
        let parsed = weight.parse();
        weights.push(parsed.map_err(|_| {
            anyhow::anyhow!("{}:{number}: `{weight}` found, expected a weight", path.display())
        })?);
    }
    Ok(weights)
}

/// The weights of the records that are kept.
fn choose(weights: &[f64], report: &PrepareReport) -> anyhow::Result<Vec<f64>> {
    match weights.len() {
        n if n == report.kept.len() => Ok(weights.to_vec()),
        n if n == report.n_records => {
            Ok(report.kept.iter().filter_map(|&record| weights.get(record)).copied().collect())
        }
        n => anyhow::bail!(
            "{n} weights found, expected {} as records were kept, or {} as there are",
            report.kept.len(),
            report.n_records
        ),
    }
}
