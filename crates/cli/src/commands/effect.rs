//! `cistron effect`: saturate, attribute, marginalize, ablate, space, design, variants, motifs, compare.

use std::path::{Path, PathBuf};

use cistron::Shard;
use cistron::effects::{
    ArtefactOptions, Compatibility, EffectError, Engine, PartPlan, PartWriter, SaturationOptions,
    SaturationPlan, Scale, UnknownLetters,
};
use cistron::encode::Readout;
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::{Context, usage};
use crate::input::{Input, InputArgs, ModelArgs, ReadoutArgs, parse_range};
use crate::record::{Record, digests};

mod attribute;
mod compare;
mod design;
mod files;
mod motifs;
mod perturb;
mod scores;
mod tally;
mod variants;

use compare::{CompareArgs, compare};
pub(crate) use files::SaturationFiles;
pub(crate) use variants::merge as merge_variants;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The effect of every substitution at every position (in-silico saturation mutagenesis)
    #[command(after_help = "Examples:\n  \
        cistron effect saturate --model probe.pt --fasta genome.fa --bed peaks.bed --width 2000 --out-dir vep\n  \
        cistron effect saturate --model probe.pt --data test.npz --out-dir vep --plot 0\n  \
        cistron effect saturate … --shard 3/64 --out-dir vep    one part; then: cistron merge vep/part-* --out-dir vep")]
    Saturate(Box<SaturateArgs>),
    /// What each letter contributes: gradients, DeepLIFT or mutagenesis
    #[command(after_help = "Examples:\n  \
        cistron effect attribute --model net --fasta genome.fa --bed peaks.bed --method deeplift --out-dir attributed --plot 0\n  \
        cistron effect attribute --model net --data test.npz --method integrated --reference zero --out-dir attributed\n  \
        cistron seqlets call attributed/attributions_custom_bed.npz -o seqlets.tsv    what stands out of them")]
    Attribute(Box<attribute::AttributeArgs>),
    /// What a motif does in each sequence
    #[command(
        after_help = "Example: cistron effect marginalize --model net --sequences backgrounds.fa --motif TGACTCA -o ap1.tsv"
    )]
    Marginalize(Box<perturb::MarginalizeArgs>),
    /// What is lost if the letters of a span are shuffled
    #[command(
        after_help = "Example: cistron effect ablate --model net --data test.npz --start 90 --end 110 -o ablated.tsv"
    )]
    Ablate(Box<perturb::AblateArgs>),
    /// What two motifs do at each distance from one another
    #[command(after_help = "Example: cistron effect space --model net --sequences backgrounds.fa \
        --motif TGACTCA --motif JASPAR2024.meme:MA0493.1 --gaps 0..50 -o spacing.tsv --plot spacing.svg")]
    Space(Box<perturb::SpaceArgs>),
    /// Sequences that a model gives wanted numbers for, by substitutions
    #[command(
        after_help = "Example: cistron effect design --model net --sequences start.fa --target wanted.tsv \
        --max-edits 10 --protect 0..20 -o designed.fa"
    )]
    Design(Box<design::DesignArgs>),
    /// What variants do: scores of each alternate allele
    #[command(after_help = "Examples:\n  \
        cistron effect variants --model probe.pt --fasta genome.fa --vcf variants.vcf.gz --width 2000 -o scores.tsv\n  \
        cistron effect variants --model probe.pt --fasta genome.fa --variant 'chr1:209827887_C>T' --width 2000 --statistic sad log2fc\n  \
        cistron effect variants … --background shuffles:20 -o scores.tsv    with p-values and quantiles\n  \
        cistron effect variants … --shard 3/64 -o scores.tsv    one part; then: cistron merge scores.tsv.part-* -o scores.tsv")]
    Variants(Box<variants::VariantsArgs>),
    /// Which motifs variants make or break
    #[command(after_help = "Examples:\n  \
        cistron effect motifs JASPAR2024.meme --fasta genome.fa --vcf variants.vcf -o motifs.tsv\n  \
        cistron effect motifs JASPAR2024.meme --sequences pairs.fa --threshold 1e-4")]
    Motifs(motifs::MotifsArgs),
    /// Whether the scores of one group of variants differ from those of another
    #[command(
        after_help = "Example: cistron effect compare scores.tsv --groups groups.tsv --columns K562 HepG2 \
        --first functional --absolute -o compared.json --plot compared.svg"
    )]
    Compare(CompareArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Saturate(args) => saturate(args, context),
        Command::Attribute(args) => attribute::attribute(args, context),
        Command::Marginalize(args) => perturb::marginalize(args, context),
        Command::Ablate(args) => perturb::ablate(args, context),
        Command::Space(args) => perturb::space(args, context),
        Command::Design(args) => design::design(args, context),
        Command::Variants(args) => variants::variants(args, context),
        Command::Motifs(args) => motifs::motifs(args, context),
        Command::Compare(args) => compare(args, context),
    }
}

#[derive(Args)]
pub(crate) struct SaturateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder of the results
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Name in the names of the results [default: custom_bed, custom_windows or the input file's name]
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Scale of the effects: the model's own output, or the difference of its sigmoids
    #[arg(long, value_enum, default_value_t)]
    scale: ScaleArg,
    /// Positions to evaluate, half-open [default: all]; the others are NaN
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    span: Option<(usize, usize)>,
    /// Evaluate every K-th position; the others are NaN
    #[arg(long, value_name = "K", default_value_t = 1)]
    position_step: usize,
    /// Positions prepared at a time; kept for the record, memory is bounded without it
    #[arg(long, value_name = "N")]
    position_chunk: Option<usize>,
    /// Mutants a prediction of the black-box engine
    #[arg(long, value_name = "N", default_value_t = 256)]
    batch: usize,
    /// Positions in the table of the strongest
    #[arg(long, value_name = "K", default_value_t = 50)]
    top: usize,
    /// Leave the reference letter's cell empty in the table of positions
    #[arg(long)]
    mask_reference: bool,
    /// Do not write the table of positions (deltas_<split>.tsv)
    #[arg(long)]
    no_table: bool,
    /// What is done where no letter is known [default: substitute; notebook with --compat notebook]
    #[arg(long, value_enum)]
    unknown: Option<UnknownArg>,
    /// Whose rules: ours, or those of the notebook this command replaces (unknown letters count as A, CR LF, masking of every 0, ties to the last)
    #[arg(long, value_enum, default_value_t)]
    compat: CompatArg,
    /// Draw the effects of sequence I, from 0, as delta_map_<I>.svg
    #[arg(long, value_name = "I")]
    plot: Option<usize>,
    /// How effects are computed
    #[arg(long, value_enum, default_value_t)]
    engine: EngineArg,
    /// Check N effects of each sequence by an exact engine against two predictions, and stop if they differ
    #[arg(long, value_name = "N", default_value_t = 0)]
    check: usize,
    /// Compute part I of N, I from 0, into DIR/part-I-of-N
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    // Last, since their headings would stand over whatever follows.
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    readout: ReadoutArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ScaleArg {
    #[default]
    Logit,
    Prob,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum CompatArg {
    #[default]
    Current,
    #[value(alias = "seed")]
    Notebook,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UnknownArg {
    /// Every letter is a real substitution
    Substitute,
    /// Nothing is evaluated
    Nan,
    /// The first letter (A) counts as the reference
    Notebook,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum EngineArg {
    /// The model's exact engine if it has one, else the black box
    #[default]
    Auto,
    /// A formula
    Closed,
    /// Propagated differences
    Delta,
    /// One prediction a mutant
    Blackbox,
}

impl From<EngineArg> for Engine {
    fn from(argument: EngineArg) -> Self {
        match argument {
            EngineArg::Auto => Self::Auto,
            EngineArg::Closed => Self::ClosedForm,
            EngineArg::Delta => Self::Delta,
            EngineArg::Blackbox => Self::BlackBox,
        }
    }
}

/// The options that results depend on beside those in the names of the files, as parts keep them.
#[derive(Serialize, Deserialize)]
pub(crate) struct SaturateRecord {
    pub(crate) artefacts: ArtefactOptions,
    pub(crate) plot: Option<usize>,
    pub(crate) engine: String,
    unknown: UnknownLetters,
    span: Option<(usize, usize)>,
    head: usize,
    bins: (usize, usize),
    reduce: String,
}

impl SaturateArgs {
    fn options(&self, readout: Readout) -> SaturationOptions {
        let unknown = match (self.unknown, self.compat) {
            (Some(UnknownArg::Substitute), _) | (None, CompatArg::Current) => UnknownLetters::Substitute,
            (Some(UnknownArg::Nan), _) => UnknownLetters::Nan,
            (Some(UnknownArg::Notebook), _) | (None, CompatArg::Notebook) => UnknownLetters::Notebook,
        };
        SaturationOptions {
            scale: match self.scale {
                ScaleArg::Logit => Scale::Raw,
                ScaleArg::Prob => Scale::Probability,
            },
            step: self.position_step,
            span: self.span.map(|(start, end)| start..end),
            unknown,
            readout: Some(readout),
            engine: self.engine.into(),
            batch: self.batch,
            check: self.check,
            block: None,
        }
    }

    fn record(&self, plan: &SaturationPlan<'_>, split: &str, readout: &Readout) -> SaturateRecord {
        let options = self.options(readout.clone());
        let [n, length, ..] = plan.shape();
        let checkpoint = self.model.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
        SaturateRecord {
            artefacts: ArtefactOptions {
                split: self.split.clone().unwrap_or_else(|| split.to_owned()),
                letters: plan.letters(),
                outputs: plan.output_names(),
                shape: (n, length),
                checkpoint,
                scale: options.scale,
                step: self.position_step,
                chunk: self.position_chunk,
                batch: self.batch,
                top: self.top,
                mask_reference: self.mask_reference,
                table: !self.no_table,
                compatibility: match self.compat {
                    CompatArg::Current => Compatibility::Current,
                    CompatArg::Notebook => Compatibility::Notebook,
                },
                exact: plan.is_exact(),
            },
            plot: self.plot,
            engine: plan.engine().to_owned(),
            unknown: options.unknown,
            span: self.span,
            head: readout.head,
            bins: (readout.bins.start, readout.bins.end),
            reduce: format!("{:?}", readout.reduce).to_lowercase(),
        }
    }
}

fn saturate(args: &SaturateArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    let loaded = args.model.load(context)?;
    let input = args.input.read(loaded.model.spec(), context)?;
    let readout = args.readout.of(&*loaded.model)?;
    let options = args.options(readout.clone());
    let plan = SaturationPlan::new(input.sequences(), &*loaded.model, options).map_err(option_error)?;
    if let Some(index) = args.plot.filter(|&index| index >= input.names.len()) {
        return Err(usage(format!("--plot is {index}, expected a sequence below {}", input.names.len())));
    }
    let settings = args.record(&plan, &input.split, &readout);
    let inputs = [std::slice::from_ref(&args.model.model), &input.files].concat();
    let inputs = digests(&inputs)?;
    if let Some(shard) = args.shard {
        let part = part_plan(&plan, shard, &settings, &inputs, context)?;
        return write_part(&plan, shard, part, &input, &args.out_dir, context);
    }
    let artefacts = settings.artefacts.clone();
    // From here on an interrupt waits for the next block, so that unfinished files are cleared away.
    let run = context.run();
    let mut files = SaturationFiles::create(&args.out_dir, artefacts, args.plot, &input.names, context)
        .map_err(option_error)?;
    plan.execute(Shard::WHOLE, run, &mut |block| files.push(&block))?;
    let summary = files.finish(&record.date())?;
    let more = json!({
        "command": "effect saturate", "options": settings, "engine": plan.engine(),
        "counts": {"sequences": input.names.len(), "effects": summary.cells()},
        "delta_mean": summary.mean(), "delta_abs_mean": summary.absolute_mean(),
    });
    record.write(&args.out_dir, context, &inputs, &more)
}

/// An option that cannot be is a wrong use.
fn option_error(error: EffectError) -> anyhow::Error {
    match error {
        EffectError::Option { .. } => usage(error.to_string()),
        EffectError::Exists(_) => anyhow::anyhow!("{error} (--force)"),
        other => other.into(),
    }
}

fn part_plan(
    plan: &SaturationPlan<'_>,
    shard: Shard,
    settings: &SaturateRecord,
    inputs: &[cistron::effects::InputDigest],
    context: &Context,
) -> anyhow::Result<PartPlan> {
    Ok(PartPlan {
        version: 1,
        cistron: env!("CARGO_PKG_VERSION").to_owned(),
        command: "effect saturate".to_owned(),
        inputs: inputs.to_vec(),
        options: serde_json::to_value(settings)?,
        seed: context.seed.number(),
        block_size: plan.block_size(),
        blocks: plan.blocks(),
        shape: plan.shape(),
        shard: shard.to_string(),
        block_range: shard.blocks(plan.blocks()),
    })
}

fn write_part(
    plan: &SaturationPlan<'_>,
    shard: Shard,
    part: PartPlan,
    input: &Input,
    folder: &Path,
    context: &Context,
) -> anyhow::Result<()> {
    let folder = folder.join(format!("part-{}-of-{}", shard.index(), shard.count()));
    if folder.join("plan.json").exists() && !context.force {
        anyhow::bail!("{} exists already, expected a new folder or --force", folder.display());
    }
    let records = plan.sequences_of(part.block_range.clone());
    let run = context.run();
    let mut sink = PartWriter::create(&folder, part)?;
    plan.execute(shard, run, &mut |block| sink.push(&block))?;
    Ok(sink.finish(&input.names[records])?)
}
