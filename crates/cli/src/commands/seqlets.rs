//! `cistron seqlets`: call, annotate, count, pairs, spacing, sites, logo.

mod annotate;
mod counts;
mod dense;
mod logo;
mod sites;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::encode::{ElementType, NpzReader};
use cistron::motif::{
    AttributionValue, Seqlet, SeqletError, SeqletOptions, call_seqlets, call_seqlets_with_control,
};
use cistron::ndarray::{Array2, Array3, Axis};
use cistron::{Observer, Warning};
use clap::{Args, Subcommand};

use crate::context::{Context, usage};
use crate::output::{Number, Output};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Call the spans of an attribution track that stand out
    #[command(after_help = "Example: cistron seqlets call vep/attributions_custom_bed.npz -o seqlets.tsv")]
    Call(CallArgs),
    /// Name seqlets by the motifs that they match best (TOMTOM)
    #[command(
        after_help = "Example: cistron seqlets annotate seqlets.tsv --sequences X.npz --motifs JASPAR2024.meme -o named.tsv"
    )]
    Annotate(annotate::AnnotateArgs),
    /// Count motifs in examples
    #[command(after_help = "Example: cistron seqlets count named.tsv --sum example")]
    Count(counts::CountArgs),
    /// Count pairs of motifs in examples
    #[command(after_help = "Example: cistron seqlets pairs named.tsv --symmetric")]
    Pairs(counts::PairArgs),
    /// Count pairs of motifs by their distance
    #[command(after_help = "Example: cistron seqlets spacing named.tsv --ordered --max-distance 50")]
    Spacing(counts::SpacingArgs),
    /// Gather annotations that overlap into sites, each named by the best
    #[command(
        after_help = "Example: cistron seqlets sites hits.tsv --attributions vep/attributions_custom_bed.npz -o sites.tsv"
    )]
    Sites(sites::SiteArgs),
    /// Draw attributions as letters, with annotations below
    #[command(
        after_help = "Example: cistron seqlets logo vep/attributions_custom_bed.npz --example 0 --start 80 --end 160 --annotations named.tsv -o logo.svg"
    )]
    Logo(logo::LogoArgs),
}

pub(crate) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Call(args) => call(args, context),
        Command::Annotate(args) => annotate::annotate(args, context),
        Command::Count(args) => counts::count(args, context),
        Command::Pairs(args) => counts::pairs(args, context),
        Command::Spacing(args) => counts::spacing(args, context),
        Command::Sites(args) => sites::sites(args, context),
        Command::Logo(args) => logo::draw(args, context),
    }
}

#[derive(Args)]
pub(crate) struct CallArgs {
    /// Array `attributions` (N, L), or (N, L, letters), which is summed over the letters
    attributions: PathBuf,
    /// How rare a span and every span inside it must be by chance
    #[arg(long, value_name = "P", default_value_t = 0.01)]
    threshold: f64,
    /// Shortest span, in positions
    #[arg(long, value_name = "N", default_value_t = 4)]
    min_length: usize,
    /// Longest span, in positions
    #[arg(long, value_name = "N", default_value_t = 25)]
    max_length: usize,
    /// Positions added on each side of a span
    #[arg(long, value_name = "N", default_value_t = 0)]
    flanks: usize,
    /// Bins of the null
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bins: usize,
    /// Attributions of a control, such as shuffled sequences: the threshold is then the largest that keeps the share of false calls
    #[arg(long, value_name = "NPZ", conflicts_with_all = ["threshold", "both_signs"])]
    control: Option<PathBuf>,
    /// The largest share of false calls, with --control
    #[arg(long, value_name = "RATE", default_value_t = 0.1, requires = "control")]
    target_fdr: f64,
    /// Call negative spans as well; those over a positive one are left out
    #[arg(long)]
    both_signs: bool,
    /// Output table: example, start, end, attribution, p_value [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl CallArgs {
    fn options(&self) -> SeqletOptions {
        SeqletOptions {
            threshold: self.threshold,
            min_length: self.min_length,
            max_length: self.max_length,
            flanks: self.flanks,
            bins: self.bins,
        }
    }
}

fn call(args: &CallArgs, context: &Context) -> anyhow::Result<()> {
    let (tracks, element) = read(&args.attributions)?;
    let control = args.control.as_deref().map(read).transpose()?.map(|(tracks, _)| tracks);
    let seqlets = match element {
        // Bins are computed in the type of the input, as other tools do.
        ElementType::Float32 => {
            let narrow = |tracks: &Array2<f64>| tracks.mapv(|value| value as f32);
            call_in(args, &narrow(&tracks), control.as_ref().map(narrow).as_ref(), context)
        }
        _ => call_in(args, &tracks, control.as_ref(), context),
    };
    let seqlets = seqlets.map_err(|error| match error {
        SeqletError::Option { .. } => usage(error.to_string()),
        other => anyhow::anyhow!("{}: {other}", args.attributions.display()),
    })?;
    let mut output = Output::open(args.output.as_ref(), context)?;
    writeln!(output, "example\tstart\tend\tattribution\tp_value")?;
    for Seqlet { example, start, end, attribution, p_value } in seqlets {
        writeln!(output, "{example}\t{start}\t{end}\t{}\t{}", Number(attribution), Number(p_value))?;
    }
    output.commit()
}

fn call_in<T: AttributionValue + std::ops::Neg<Output = T>>(
    args: &CallArgs,
    tracks: &Array2<T>,
    control: Option<&Array2<T>>,
    context: &Context,
) -> Result<Vec<Seqlet>, SeqletError> {
    if let Some(control) = control {
        let called =
            call_seqlets_with_control(tracks.view(), control.view(), args.target_fdr, args.options());
        let (seqlets, curve) = called?;
        if curve.chosen.is_none() {
            let lowest = curve.points.iter().map(|point| point.false_discovery_rate).fold(f64::NAN, f64::min);
            let what =
                format!("thresholds tried, the lowest share of false calls is {lowest}: nothing called");
            context.progress.warn(Warning::new(curve.points.len() as u64, what));
        }
        return Ok(seqlets);
    }
    let mut seqlets = call_seqlets(tracks.view(), args.options())?;
    if args.both_signs {
        let negated = tracks.mapv(|value| -value);
        let overlaps = |a: &Seqlet, b: &Seqlet| a.example == b.example && a.start < b.end && b.start < a.end;
        let mut negative = call_seqlets(negated.view(), args.options())?;
        negative.retain(|seqlet| !seqlets.iter().any(|positive| overlaps(seqlet, positive)));
        seqlets.extend(negative.into_iter().map(|s| Seqlet { attribution: -s.attribution, ..s }));
        seqlets.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    }
    Ok(seqlets)
}

/// The attributions of a file, summed over the letters if it has them, and the type in which they are stored.
fn read(path: &Path) -> anyhow::Result<(Array2<f64>, ElementType)> {
    let mut file = NpzReader::open(path)?;
    let element = file.header("attributions")?.element;
    let (shape, values) = file.numbers("attributions")?;
    let tracks = match shape[..] {
        [n, length] => Array2::from_shape_vec((n, length), values)?,
        [n, length, letters] => Array3::from_shape_vec((n, length, letters), values)?.sum_axis(Axis(2)),
        _ => anyhow::bail!(
            "{}: array `attributions` has shape {shape:?}, expected (N, L) or (N, L, letters)",
            path.display()
        ),
    };
    Ok((tracks, element))
}
