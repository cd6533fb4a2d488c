//! `cistron effect variants`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::effects::{
    EnsembleOrder, IndelMode, OnMismatch, Statistic, VariantOptions, VariantScore, VariantScorer,
};
use cistron::encode::{Reduce, SequenceModel};
use cistron::genome::{open_reference, vcf};
use cistron::models::{LoadedModel, load_model};
use cistron::{Anchor, Observer, VariantRow, VariantStatus, Warning};
use clap::{Args, ValueEnum};

use super::option_error;
use crate::context::{Context, usage};
use crate::input::{GenomeArgs, OutputsArgs};
use crate::output::Output;

/// Rows that are scored at a time.
const AT_ONCE: usize = 1 << 14;

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

#[derive(Args)]
pub(crate) struct VariantsArgs {
    /// Model: a .safetensors or .pt file or a folder; may be repeated, for means and standard deviations
    #[arg(long = "model", short, value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Genome, plain, bgzip or gzip
    #[arg(long, value_name = "FASTA")]
    fasta: PathBuf,
    /// Variants, plain, gzip or bgzip
    #[arg(long, value_name = "VCF", conflicts_with = "variants", required_unless_present = "variants")]
    vcf: Option<PathBuf>,
    /// A variant such as chr1:209827887_C>T; may be repeated
    #[arg(long = "variant", value_name = "VARIANT")]
    variants: Vec<VariantRow>,
    /// Bases of the windows [default: what the model reads]
    #[arg(long, value_name = "BASES")]
    width: Option<u32>,
    /// Where the variant stands in a window: at index width / 2, or one before
    #[arg(long, value_enum, default_value_t)]
    anchor: AnchorArg,
    /// The flank that keeps its place beside an insertion or a deletion
    #[arg(long, value_enum, default_value_t)]
    indel: IndelArg,
    /// Average over both strands
    #[arg(long)]
    both_strands: bool,
    /// Average over windows moved by so many bases, such as -1,0,1
    #[arg(
        long,
        value_name = "BASES",
        value_delimiter = ',',
        default_value = "0",
        allow_hyphen_values = true
    )]
    shifts: Vec<i32>,
    /// What is averaged over strands and shifts
    #[arg(long, value_enum, default_value_t)]
    ensemble: EnsembleArg,
    /// What is done if the genome has another reference allele
    #[arg(long, value_enum, default_value_t)]
    on_mismatch: MismatchArg,
    /// Statistics of each track besides reference, alternate and difference: log2fc, sad, log_sad, sqrt_sad, sax, d1,
    /// log_d1, sqrt_d1, d2, log_d2, sqrt_d2, kl, jsd, sar, logit, deepsea, max_abs, mean_abs
    #[arg(long = "statistic", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    statistics: Vec<Statistic>,
    /// What is added to both sides of a ratio
    #[arg(long, value_name = "X", default_value_t = 1e-6)]
    pseudocount: f64,
    #[command(flatten)]
    outputs: OutputsArgs,
    /// Sequences of a prediction
    #[arg(long, value_name = "N", default_value_t = VariantOptions::default().batch)]
    batch: usize,
    #[command(flatten)]
    genome: GenomeArgs,
    /// Output: a table, or with --vcf a name that ends in .vcf or .vcf.gz [default: the table on standard output]
    #[arg(long, short, value_name = "TSV|VCF")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AnchorArg {
    #[default]
    Half,
    HalfMinusOne,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum IndelArg {
    /// The bases before the variant
    #[default]
    Left,
    /// The bases after it
    Right,
    /// Bins before the variant as with left, the others as with right
    Stitch,
    /// The mean of the scores of left and right
    Both,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum EnsembleArg {
    #[default]
    Predictions,
    Scores,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum MismatchArg {
    /// Nothing is scored
    #[default]
    Error,
    /// The variant is not scored
    Skip,
    /// It is scored with the genome's allele as the reference
    Warn,
    /// If the genome has the alternate allele, the alleles change places
    Swap,
}

impl VariantsArgs {
    fn options(&self, model: &dyn SequenceModel) -> anyhow::Result<VariantOptions> {
        let readout = self.outputs.of(model, Reduce::Keep)?;
        Ok(VariantOptions {
            width: self.width,
            anchor: match self.anchor {
                AnchorArg::Half => Anchor::Half,
                AnchorArg::HalfMinusOne => Anchor::HalfMinusOne,
            },
            indel: match self.indel {
                IndelArg::Left => IndelMode::Left,
                IndelArg::Right => IndelMode::Right,
                IndelArg::Stitch => IndelMode::Stitch,
                IndelArg::Both => IndelMode::Both,
            },
            both_strands: self.both_strands,
            shifts: self.shifts.clone(),
            ensemble: match self.ensemble {
                EnsembleArg::Predictions => EnsembleOrder::Predictions,
                EnsembleArg::Scores => EnsembleOrder::Scores,
            },
            on_mismatch: match self.on_mismatch {
                MismatchArg::Error => OnMismatch::Error,
                MismatchArg::Skip => OnMismatch::Skip,
                MismatchArg::Warn => OnMismatch::Warn,
                MismatchArg::Swap => OnMismatch::Swap,
            },
            statistics: self.statistics.clone(),
            pseudocount: self.pseudocount,
            readout: Some(readout),
            batch: self.batch,
        })
    }

    fn wants_vcf(&self) -> anyhow::Result<bool> {
        let is = |path: &Path, end: &str| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(end));
        let plain = |path: &PathBuf| if is(path, "gz") { path.with_extension("") } else { path.clone() };
        let wanted = self.output.as_ref().map(plain).is_some_and(|path| is(&path, "vcf"));
        if wanted && self.vcf.is_none() {
            return Err(usage(
                "a VCF is written from one alone, expected --vcf or an output of another name",
            ));
        }
        Ok(wanted)
    }
}

pub(super) fn variants(args: &VariantsArgs, context: &Context) -> anyhow::Result<()> {
    let wants_vcf = args.wants_vcf()?;
    let loaded = args.models.iter().map(load_model).collect::<Result<Vec<LoadedModel>, _>>()?;
    let models: Vec<&dyn SequenceModel> = loaded.iter().map(|loaded| &*loaded.model).collect();
    let Some(first) = models.first() else { return Err(usage("no model was given")) };
    let genome = open_reference(&args.fasta, args.genome.max_memory)?;
    let scorer = VariantScorer::new(&*genome, &models, args.options(*first)?).map_err(option_error)?;
    let mut tally = Tally::default();
    let run = context.run();
    run.observer.begin("variants", None);
    let score = |rows: &[VariantRow]| -> anyhow::Result<Vec<VariantScore>> { Ok(scorer.score(rows, run)?) };
    match &args.vcf {
        None => {
            let scores = score(&args.variants)?;
            let mut table = Table::open(args, &scorer, context)?;
            for (row, one) in args.variants.iter().zip(&scores) {
                tally.add(one);
                table.write(row, one)?;
            }
            table.output.commit()?;
        }
        Some(path) => {
            let mut records = vcf::Reader::open(path)?;
            let mut sink = if wants_vcf {
                let output = Output::open(args.output.as_ref(), context)?;
                Sink::Vcf(vcf::Writer::new(output, records.header(), &ADDED)?, Names::of(&scorer, args))
            } else {
                Sink::Table(Table::open(args, &scorer, context)?)
            };
            loop {
                let block: Vec<vcf::Record> = records.by_ref().take(AT_ONCE).collect::<Result<_, _>>()?;
                if block.is_empty() {
                    break;
                }
                let rows: Vec<VariantRow> = block.iter().flat_map(vcf::Record::rows).collect();
                let scores = score(&rows)?;
                for one in &scores {
                    tally.add(one);
                }
                sink.write(&block, &rows, &scores)?;
            }
            sink.commit()?;
        }
    }
    run.observer.end();
    tally.warn(context);
    Ok(())
}

/// How many rows came to what.
#[derive(Default)]
struct Tally {
    unscored: BTreeMap<VariantStatus, u64>,
    mismatches: u64,
}

impl Tally {
    fn add(&mut self, score: &VariantScore) {
        if score.status == VariantStatus::Ok {
            self.mismatches += u64::from(score.mismatch);
        } else {
            *self.unscored.entry(score.status).or_default() += 1;
        }
    }

    fn warn(&self, context: &Context) {
        for (status, n) in &self.unscored {
            context.progress.warn(Warning::new(*n, format!("variants not scored: {status}")));
        }
        if self.mismatches > 0 {
            let what = "variants scored though the genome has another reference allele";
            context.progress.warn(Warning::new(self.mismatches, what));
        }
    }
}

/// Where scores of records go.
enum Sink {
    Table(Table),
    Vcf(vcf::Writer<Output>, Names),
}

impl Sink {
    fn write(
        &mut self,
        records: &[vcf::Record],
        rows: &[VariantRow],
        scores: &[VariantScore],
    ) -> anyhow::Result<()> {
        let mut pairs = rows.iter().zip(scores);
        match self {
            Self::Table(table) => pairs.try_for_each(|(row, score)| table.write(row, score)),
            Self::Vcf(writer, names) => {
                for record in records {
                    let n = record.rows().count();
                    let own: Vec<&VariantScore> = pairs.by_ref().take(n).map(|(_, score)| score).collect();
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

    fn commit(self) -> anyhow::Result<()> {
        match self {
            Self::Table(table) => table.output.commit(),
            Self::Vcf(writer, _) => writer.into_inner().commit(),
        }
    }
}

/// A row for each alternate allele.
struct Table {
    output: Output,
    /// Cells after the status.
    n: usize,
}

impl Table {
    fn open(args: &VariantsArgs, scorer: &VariantScorer<'_>, context: &Context) -> anyhow::Result<Self> {
        let mut columns = scorer.columns();
        if args.models.len() > 1 {
            let deviations: Vec<String> = columns.iter().map(|column| format!("{column}_sd")).collect();
            columns.extend(deviations);
        }
        let mut output = Output::open(args.output.as_ref(), context)?;
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
struct Names(Vec<String>);

impl Names {
    fn of(scorer: &VariantScorer<'_>, args: &VariantsArgs) -> Self {
        let statistics = ["ref", "alt", "diff"].into_iter().chain(args.statistics.iter().map(|it| it.name()));
        let statistics: Vec<&str> = statistics.collect();
        let of_track = |track: &std::sync::Arc<str>| {
            let track = escaped(track);
            statistics.iter().map(move |statistic| format!("{track}|{statistic}")).collect::<Vec<_>>()
        };
        Self(scorer.tracks().iter().flat_map(of_track).collect())
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
fn escaped(track: &str) -> String {
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
