//! `cistron seqlets call`: the spans of attribution tracks that stand out.

use std::io::Write;
use std::ops::{Neg, Range};
use std::path::{Path, PathBuf};

use cistron::encode::{ElementType, NpzReader};
use cistron::motif::{
    AttributionValue, Seqlet, SeqletCaller, SeqletError, SeqletNull, SeqletOptions, TfModiscoCaller,
    TfModiscoOptions, ThresholdRule, WindowSums, call_seqlets_with_control,
};
use cistron::ndarray::{Array2, Array3, Axis, s};
use cistron::{Observer, Shard, Warning};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::part;
use crate::context::{Context, usage};
use crate::output::{Number, Output};

#[derive(Args)]
pub(crate) struct CallArgs {
    /// Array `attributions` (N, L), or (N, L, letters), which is summed over the letters
    pub(super) attributions: PathBuf,
    /// Whose rules
    #[arg(long, value_enum, default_value_t)]
    pub(super) method: MethodArg,
    /// Recursive: how rare a span and every span inside it must be by chance [default: 0.01]
    #[arg(long, value_name = "P")]
    threshold: Option<f64>,
    /// Recursive: shortest span, in positions [default: 4]
    #[arg(long, value_name = "N")]
    min_length: Option<usize>,
    /// Recursive: longest span, in positions [default: 25]
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// Recursive: positions added on each side of a span [default: 0]
    #[arg(long, value_name = "N")]
    flanks: Option<usize>,
    /// Recursive: bins of the null [default: 1000]
    #[arg(long, value_name = "N")]
    bins: Option<usize>,
    /// Recursive: attributions of a control, such as shuffled sequences: the threshold is then the largest that keeps the share of false calls
    #[arg(long, value_name = "NPZ", conflicts_with_all = ["threshold", "both_signs"])]
    pub(super) control: Option<PathBuf>,
    /// Recursive: call negative spans as well; those over a positive one are left out
    #[arg(long)]
    both_signs: bool,
    /// TF-MoDISco: positions over which attributions are summed [default: 21]
    #[arg(long, value_name = "N")]
    window: Option<usize>,
    /// TF-MoDISco: positions added on each side of a window [default: 10]
    #[arg(long, value_name = "N")]
    flank: Option<usize>,
    /// TF-MoDISco: the least share of windows that may be called [default: 0.03]
    #[arg(long, value_name = "SHARE")]
    min_passing: Option<f64>,
    /// TF-MoDISco: the largest share of windows that may be called [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    max_passing: Option<f64>,
    /// The largest share of false calls, with --control [default: 0.1] or TF-MoDISco [default: 0.2]
    #[arg(long, value_name = "RATE")]
    target_fdr: Option<f64>,
    /// Ours; or tangermeme 1.6, whose TF-MoDISco thresholds depend on the order of the examples
    #[arg(long, value_enum, default_value_t)]
    compat: CompatArg,
    /// Call part I of N, I from 0, into FILE.part-I-of-N
    #[arg(long, value_name = "I/N", requires = "output")]
    shard: Option<Shard>,
    /// Output table: example, start, end, attribution, p_value (empty for TF-MoDISco) [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub(super) enum MethodArg {
    /// Spans that are rare with every span inside them
    #[default]
    Recursive,
    /// Windows whose sum is far from 0, of either sign
    Tfmodisco,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum CompatArg {
    #[default]
    Current,
    Peer,
}

impl CallArgs {
    fn recursive(&self) -> SeqletOptions {
        let base = SeqletOptions::default();
        SeqletOptions {
            threshold: self.threshold.unwrap_or(base.threshold),
            min_length: self.min_length.unwrap_or(base.min_length),
            max_length: self.max_length.unwrap_or(base.max_length),
            flanks: self.flanks.unwrap_or(base.flanks),
            bins: self.bins.unwrap_or(base.bins),
        }
    }

    fn tfmodisco(&self) -> TfModiscoOptions {
        let base = TfModiscoOptions::default();
        let peer = self.compat == CompatArg::Peer;
        TfModiscoOptions {
            window: self.window.unwrap_or(base.window),
            flank: self.flank.unwrap_or(base.flank),
            target_fdr: self.target_fdr.unwrap_or(base.target_fdr),
            min_passing: self.min_passing.unwrap_or(base.min_passing),
            max_passing: self.max_passing.unwrap_or(base.max_passing),
            rule: if peer { ThresholdRule::ScanOrder } else { ThresholdRule::Sorted },
        }
    }

    /// The largest share of false calls with a control.
    fn target(&self) -> f64 {
        self.target_fdr.unwrap_or(0.1)
    }

    /// Refuses an option that the method would not look at.
    fn check(&self) -> anyhow::Result<()> {
        let recursive = [
            ("threshold", self.threshold.is_some()),
            ("min-length", self.min_length.is_some()),
            ("max-length", self.max_length.is_some()),
            ("flanks", self.flanks.is_some()),
            ("bins", self.bins.is_some()),
            ("control", self.control.is_some()),
            ("both-signs", self.both_signs),
        ];
        let tfmodisco = [
            ("window", self.window.is_some()),
            ("flank", self.flank.is_some()),
            ("min-passing", self.min_passing.is_some()),
            ("max-passing", self.max_passing.is_some()),
            ("target-fdr", self.target_fdr.is_some() && self.control.is_none()),
        ];
        let (foreign, expected) = match self.method {
            MethodArg::Recursive => (&tfmodisco[..], "--method tfmodisco"),
            MethodArg::Tfmodisco => (&recursive[..], "--method recursive"),
        };
        match foreign.iter().find(|(_, given)| *given) {
            Some(("target-fdr", _)) => {
                Err(usage("found --target-fdr, expected --control or --method tfmodisco with it"))
            }
            Some((option, _)) => Err(usage(format!("found --{option}, expected {expected} with it"))),
            None => Ok(()),
        }
    }

    /// Every option that results depend on.
    pub(super) fn record(&self) -> Value {
        let TfModiscoOptions { window, flank, target_fdr, min_passing, max_passing, rule } = self.tfmodisco();
        let SeqletOptions { threshold, min_length, max_length, flanks, bins } = self.recursive();
        match self.method {
            MethodArg::Recursive => json!({
                "method": "recursive", "threshold": threshold, "min_length": min_length,
                "max_length": max_length, "flanks": flanks, "bins": bins, "both_signs": self.both_signs,
                "target_fdr": self.control.as_ref().map(|_| self.target()),
            }),
            MethodArg::Tfmodisco => json!({
                "method": "tfmodisco", "window": window, "flank": flank, "target_fdr": target_fdr,
                "min_passing": min_passing, "max_passing": max_passing,
                "order": if rule == ThresholdRule::Sorted { "sorted" } else { "scan" },
            }),
        }
    }
}

pub(crate) fn call(args: &CallArgs, context: &Context) -> anyhow::Result<()> {
    args.check()?;
    let (tracks, element) = read(&args.attributions)?;
    let control = args.control.as_deref().map(read).transpose()?.map(|(tracks, _)| tracks);
    let plan = args.shard.map(|shard| part::plan(args, shard, tracks.dim(), context)).transpose()?;
    let examples = plan.as_ref().map_or(0..tracks.nrows(), |(_, plan)| plan.records());
    let narrow = |tracks: &Array2<f64>| tracks.mapv(|value| value as f32);
    let seqlets = match (args.method, element) {
        (MethodArg::Tfmodisco, _) => tfmodisco(&narrow(&tracks), examples, args.tfmodisco()),
        // Bins are computed in the type of the input, as other tools do.
        (_, ElementType::Float32) => {
            recursive(args, &narrow(&tracks), control.as_ref().map(narrow).as_ref(), examples, context)
        }
        _ => recursive(args, &tracks, control.as_ref(), examples, context),
    };
    let seqlets = seqlets.map_err(|error| match error {
        SeqletError::Option { .. } => usage(error.to_string()),
        SeqletError::Null { .. } if args.compat == CompatArg::Peer => {
            anyhow::anyhow!("{}: {error}, or --compat current", args.attributions.display())
        }
        other => anyhow::anyhow!("{}: {other}", args.attributions.display()),
    })?;
    if let Some((folder, plan)) = plan {
        return part::write(&folder, &plan, &seqlets);
    }
    let mut output = Output::open(args.output.as_ref(), context)?;
    write(&mut output, &seqlets)?;
    output.commit()
}

pub(super) const HEADER: &str = "example\tstart\tend\tattribution\tp_value";

pub(super) fn write(output: &mut impl Write, seqlets: &[Seqlet]) -> anyhow::Result<()> {
    writeln!(output, "{HEADER}")?;
    for &Seqlet { example, start, end, attribution, p_value } in seqlets {
        write!(output, "{example}\t{start}\t{end}\t{}\t", Number(attribution))?;
        if !p_value.is_nan() {
            write!(output, "{}", Number(p_value))?;
        }
        writeln!(output)?;
    }
    Ok(())
}

/// The seqlets of some examples, with a null of all.
fn tfmodisco(
    tracks: &Array2<f32>,
    examples: Range<usize>,
    options: TfModiscoOptions,
) -> Result<Vec<Seqlet>, SeqletError> {
    let mut sums = WindowSums::new(options.window)?;
    for (example, row) in tracks.rows().into_iter().enumerate() {
        sums.add(example, row.to_slice().unwrap_or_default())?;
    }
    let caller = TfModiscoCaller::new(sums.thresholds(&options)?, options)?;
    Ok(numbered(caller.call_all(tracks.slice(s![examples.clone(), ..])), examples.start))
}

/// The seqlets of some examples, with a null of all.
fn recursive<T: AttributionValue + Neg<Output = T>>(
    args: &CallArgs,
    tracks: &Array2<T>,
    control: Option<&Array2<T>>,
    examples: Range<usize>,
    context: &Context,
) -> Result<Vec<Seqlet>, SeqletError> {
    let options = args.recursive();
    if let Some(control) = control {
        // The threshold comes from the calls of all examples.
        let (mut seqlets, curve) =
            call_seqlets_with_control(tracks.view(), control.view(), args.target(), options)?;
        if curve.chosen.is_none() {
            let lowest = curve.points.iter().map(|point| point.false_discovery_rate).fold(f64::NAN, f64::min);
            let what =
                format!("thresholds tried, the lowest share of false calls is {lowest}: nothing called");
            context.progress.warn(Warning::new(curve.points.len() as u64, what));
        }
        seqlets.retain(|seqlet| examples.contains(&(seqlet.example as usize)));
        return Ok(seqlets);
    }
    let one_sign = |tracks: &Array2<T>| {
        let null = SeqletNull::of(tracks.rows().into_iter().filter_map(|row| row.to_slice()), options.bins)?;
        let caller = SeqletCaller::new(&null, options)?;
        Ok(numbered(caller.call_all(tracks.slice(s![examples.clone(), ..])), examples.start))
    };
    let mut seqlets = one_sign(tracks)?;
    if args.both_signs {
        let overlaps = |a: &Seqlet, b: &Seqlet| a.example == b.example && a.start < b.end && b.start < a.end;
        let mut negative = one_sign(&tracks.mapv(|value| -value))?;
        negative.retain(|seqlet| !seqlets.iter().any(|positive| overlaps(seqlet, positive)));
        seqlets.extend(negative.into_iter().map(|s| Seqlet { attribution: -s.attribution, ..s }));
        // By example among equal ones, so that parts of the examples, one after another, are in the same order.
        seqlets.sort_by(|a, b| a.p_value.total_cmp(&b.p_value).then(a.example.cmp(&b.example)));
    }
    Ok(seqlets)
}

/// Seqlets of examples that count from another number than 0.
fn numbered(mut seqlets: Vec<Seqlet>, first: usize) -> Vec<Seqlet> {
    for seqlet in &mut seqlets {
        seqlet.example += first as u32;
    }
    seqlets
}

/// The attributions of a file, summed over the letters if it has them, and the type in which they are stored.
pub(super) fn read(path: &Path) -> anyhow::Result<(Array2<f64>, ElementType)> {
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
