//! `cistron effect variants`.

mod background;
mod calibrated;
mod haplotype;
mod part;
mod sink;

pub(crate) use part::merge;

use std::ops::Range;
use std::path::{Path, PathBuf};

use cistron::effects::{EnsembleOrder, IndelMode, Statistic, VariantOptions, VariantScore, VariantScorer};
use cistron::encode::{Reduce, SequenceModel};
use cistron::genome::text::TextReader;
use cistron::genome::{open_reference, vcf};
use cistron::models::{LoadedModel, load_model};
use cistron::{Shard, VariantRow};
use clap::{Args, ValueEnum};

use super::tally::{MismatchArg, Tally};
use super::{EngineArg, option_error};
use crate::context::{Context, usage};
use crate::input::{AnchorArg, GenomeArgs, OutputsArgs};
use crate::output::{Output, check_free};
use background::Background;
use calibrated::{Calibrated, Layout};
use haplotype::Haplotype;
use sink::Sink;

/// Records of a block, which are scored at a time.
const BLOCK: usize = 1 << 14;

#[derive(Args)]
pub(crate) struct VariantsArgs {
    /// Model: a .safetensors or .pt file or a folder; may be repeated, for means and standard deviations
    #[arg(long = "model", short, value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Genome, plain, bgzip or gzip
    #[arg(long, value_name = "FASTA")]
    fasta: PathBuf,
    /// Variants, plain, gzip or bgzip
    #[arg(
        long,
        value_name = "VCF",
        conflicts_with_all = ["variants", "haplotypes"],
        required_unless_present_any = ["variants", "haplotypes"]
    )]
    vcf: Option<PathBuf>,
    /// A variant such as chr1:209827887_C>T; may be repeated
    #[arg(long = "variant", value_name = "VARIANT")]
    variants: Vec<VariantRow>,
    /// Variants of one molecule, scored together, such as chr1:209827887_C>T,chr1:209827901_G>A; may be repeated
    #[arg(long = "haplotype", value_name = "VARIANT,…")]
    haplotypes: Vec<Haplotype>,
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
    /// Read one window for the variants of so many bases of a grid, around their middle: much faster with exact engines
    /// where variants are dense
    #[arg(long, value_name = "BASES", default_value_t = 1)]
    share: u32,
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
    /// Say how rare each difference is: among so many dinucleotide shuffles of what is around each variant, such as
    /// shuffles:20, or among the variants of a VCF that are thought to do nothing
    #[arg(long, value_name = "shuffles:N|VCF")]
    background: Option<Background>,
    /// Score part I of N of the records, I from 0, into FILE.part-I-of-N
    #[arg(long, value_name = "I/N", requires_all = ["output", "vcf"])]
    shard: Option<Shard>,
    #[command(flatten)]
    outputs: OutputsArgs,
    /// How differences are computed
    #[arg(long, value_enum, default_value_t)]
    engine: EngineArg,
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

impl VariantsArgs {
    fn options(&self, model: &dyn SequenceModel) -> anyhow::Result<VariantOptions> {
        let readout = self.outputs.of(model, Reduce::Keep)?;
        Ok(VariantOptions {
            width: self.width,
            anchor: self.anchor.into(),
            indel: match self.indel {
                IndelArg::Left => IndelMode::Left,
                IndelArg::Right => IndelMode::Right,
                IndelArg::Stitch => IndelMode::Stitch,
                IndelArg::Both => IndelMode::Both,
            },
            both_strands: self.both_strands,
            shifts: self.shifts.clone(),
            share: self.share,
            ensemble: match self.ensemble {
                EnsembleArg::Predictions => EnsembleOrder::Predictions,
                EnsembleArg::Scores => EnsembleOrder::Scores,
            },
            on_mismatch: self.on_mismatch.into(),
            statistics: self.statistics.clone(),
            pseudocount: self.pseudocount,
            readout: Some(readout),
            engine: self.engine.into(),
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

    /// What is read twice can be no pipe.
    fn check_input(&self) -> anyhow::Result<()> {
        let is_pipe = self.vcf.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if is_pipe && (self.shard.is_some() || self.background.is_some()) {
            return Err(usage("standard input can be read once only, expected a file for --vcf"));
        }
        Ok(())
    }
}

pub(super) fn variants(args: &VariantsArgs, context: &Context) -> anyhow::Result<()> {
    let wants_vcf = args.wants_vcf()?;
    args.check_input()?;
    if let Some(path) = args.output.as_ref().filter(|path| args.shard.is_none() && path.as_os_str() != "-") {
        // Before a background is scored, which may take long.
        check_free(path, context)?;
    }
    let loaded = args.models.iter().map(load_model).collect::<Result<Vec<LoadedModel>, _>>()?;
    let models: Vec<&dyn SequenceModel> = loaded.iter().map(|loaded| &*loaded.model).collect();
    let Some(first) = models.first() else { return Err(usage("no model was given")) };
    let genome = open_reference(&args.fasta, args.genome.max_memory)?;
    let scorer = VariantScorer::new(&*genome, &models, args.options(*first)?).map_err(option_error)?;
    let mut given = args.variants.clone();
    let width = args.width.map(|width| width as usize).or(first.spec().input_length);
    for haplotype in &args.haplotypes {
        given.push(haplotype.row(args.on_mismatch.into(), width, &*genome)?);
    }
    let layout = Layout::of(&scorer, args.statistics.len(), wants_vcf);
    let task = Task { args, given, scorer: &scorer, layout, context };
    if let Some(shard) = args.shard {
        return part::write(&task, shard);
    }
    let calibration = background::calibrate(&task)?;
    let output = Output::open(args.output.as_ref(), context)?;
    task.write(Calibrated::new(output, &task.layout, calibration), 0..u64::MAX)?.into_inner().commit()
}

/// What a run scores, and with what.
struct Task<'a> {
    args: &'a VariantsArgs,
    /// Variants without a file.
    given: Vec<VariantRow>,
    scorer: &'a VariantScorer<'a>,
    layout: Layout,
    context: &'a Context,
}

/// Records of a VCF, none of variants given by themselves, and their rows.
struct Block {
    records: Vec<vcf::Record>,
    rows: Vec<VariantRow>,
}

impl Task<'_> {
    /// Scores the rows of some blocks and writes them, with a header; warns of those that are not scored.
    fn write<W: std::io::Write>(&self, output: W, range: Range<u64>) -> anyhow::Result<W> {
        let mut blocks = self.blocks(range)?;
        let mut sink = Sink::open(output, self, blocks.header())?;
        let mut tally = Tally::default();
        let run = self.context.run();
        run.observer.begin("variants", None);
        while let Some(block) = blocks.next()? {
            let scores: Vec<VariantScore> = self.scorer.score(&block.rows, run)?;
            for score in &scores {
                tally.add(score.status, score.mismatch);
            }
            sink.write(&block, &scores)?;
        }
        run.observer.end();
        tally.warn("variants", self.context);
        Ok(sink.into_inner())
    }

    fn blocks(&self, range: Range<u64>) -> anyhow::Result<Blocks> {
        match &self.args.vcf {
            Some(path) => Blocks::open(path, range),
            None => Ok(Blocks::Given(Some(self.given.clone()))),
        }
    }
}

/// Rows, a block at a time.
enum Blocks {
    /// Variants given by themselves, one block.
    Given(Option<Vec<VariantRow>>),
    /// Those of a range of a file's blocks, of which so many were read.
    File(vcf::Reader<TextReader>, Range<u64>, u64),
}

impl Blocks {
    fn open(path: &Path, range: Range<u64>) -> anyhow::Result<Self> {
        Ok(Self::File(vcf::Reader::open(path)?, range, 0))
    }

    fn header(&self) -> Option<&vcf::Header> {
        match self {
            Self::Given(_) => None,
            Self::File(records, ..) => Some(records.header()),
        }
    }

    fn next(&mut self) -> anyhow::Result<Option<Block>> {
        let (records, range, next) = match self {
            Self::Given(rows) => return Ok(rows.take().map(|rows| Block { records: Vec::new(), rows })),
            Self::File(records, range, next) => (records, range, next),
        };
        while *next < range.end {
            let block: Vec<vcf::Record> = records.by_ref().take(BLOCK).collect::<Result<_, _>>()?;
            *next += 1;
            if block.is_empty() {
                break;
            }
            if range.contains(&(*next - 1)) {
                let rows = block.iter().flat_map(vcf::Record::rows).collect();
                return Ok(Some(Block { records: block, rows }));
            }
        }
        Ok(None)
    }
}

/// The number of records of a VCF.
fn count_records(path: &Path) -> anyhow::Result<usize> {
    vcf::Reader::open(path)?.try_fold(0, |n, record| Ok(record.map(|_| n + 1)?))
}
