//! `cistron effect marginalize`, `ablate` and `space`: what a model says before and after sequences are changed.

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::effects::{EffectError, Perturbation, Perturbed, Prediction, perturb};
use cistron::encode::SequenceModel;
use cistron::models::LoadedModel;
use cistron::ndarray::Array2;
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Alphabet, Sequence};
use clap::Args;

use super::option_error;
use crate::commands::motif::read_motifs;
use crate::context::{Context, usage};
use crate::input::{Input, InputArgs, ModelArgs, ReadoutArgs, parse_range};
use crate::output::{Number, Output, check_free};
use crate::record::write_text;

/// What all three commands take.
#[derive(Args)]
struct Common {
    #[command(flatten)]
    model: ModelArgs,
    /// Output table [default: standard output]
    #[arg(long, short, value_name = "TSV")]
    output: Option<PathBuf>,
    // Last, since their headings would stand over whatever follows.
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    readout: ReadoutArgs,
}

#[derive(Args)]
pub(crate) struct MarginalizeArgs {
    /// Letters, or FILE:NAME for the likeliest letters of a motif
    #[arg(long, value_name = "SEQ|MOTIFS:NAME")]
    motif: String,
    /// First position of the motif, from 0 [default: its middle in the middle]
    #[arg(long, value_name = "P")]
    position: Option<usize>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct AblateArgs {
    /// First position whose letters are shuffled, from 0
    #[arg(long, value_name = "S")]
    start: usize,
    /// One past the last position whose letters are shuffled
    #[arg(long, value_name = "E")]
    end: usize,
    /// Random orders of each sequence
    #[arg(long, value_name = "N", default_value_t = 20)]
    repeats: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct SpaceArgs {
    /// Letters, or FILE:NAME for the likeliest letters of a motif; given twice, from left to right
    #[arg(long, value_name = "SEQ|MOTIFS:NAME", required = true)]
    motif: Vec<String>,
    /// Bases between the end of the first and the start of the second, half-open
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    gaps: (usize, usize),
    /// First position of the first motif, from 0 [default: the middle of both in the middle, at each gap]
    #[arg(long, value_name = "P")]
    position: Option<usize>,
    /// Draw the mean difference at each gap
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn marginalize(args: &MarginalizeArgs, context: &Context) -> anyhow::Result<()> {
    let loaded = args.common.model.load(context)?;
    let motif = parse_motif(&args.motif, &loaded.model.spec().alphabet, context)?;
    let experiment = Perturbation::Marginalize { motifs: vec![motif], start: args.position };
    let ways = Ways { column: None, names: Vec::new() };
    run(&args.common, &loaded, &experiment, &ways, context).map(drop)
}

pub(super) fn ablate(args: &AblateArgs, context: &Context) -> anyhow::Result<()> {
    let loaded = args.common.model.load(context)?;
    let experiment = Perturbation::Ablate { span: args.start..args.end, repeats: args.repeats };
    let ways = Ways { column: Some("repeat"), names: (0..args.repeats).collect() };
    run(&args.common, &loaded, &experiment, &ways, context).map(drop)
}

pub(super) fn space(args: &SpaceArgs, context: &Context) -> anyhow::Result<()> {
    let [first, second] = &args.motif[..] else {
        return Err(usage(format!("--motif is given {} times, expected twice", args.motif.len())));
    };
    let gaps = args.gaps.0..args.gaps.1;
    if gaps.is_empty() {
        return Err(usage(format!("--gaps is {}..{}, expected A below B", gaps.start, gaps.end)));
    }
    if let Some(path) = &args.plot {
        check_free(path, context)?;
    }
    let loaded = args.common.model.load(context)?;
    let alphabet = &loaded.model.spec().alphabet;
    let experiment = Perturbation::Space {
        motifs: vec![parse_motif(first, alphabet, context)?, parse_motif(second, alphabet, context)?],
        gaps: gaps.clone().map(|gap| vec![gap]).collect(),
        start: args.position,
    };
    let ways = Ways { column: Some("gap"), names: gaps.collect() };
    let means = run(&args.common, &loaded, &experiment, &ways, context)?;
    match &args.plot {
        Some(path) => draw(path, (first, second), &ways.names, &means),
        None => Ok(()),
    }
}

/// The letters of a text, or the likeliest letters of a motif in a file.
fn parse_motif(text: &str, alphabet: &Alphabet, context: &Context) -> anyhow::Result<Sequence> {
    let Some((file, name)) = text.rsplit_once(':') else {
        return parse_word("--motif", text, alphabet);
    };
    let set = read_motifs(Path::new(file), context)?;
    let motif = set.position(name).and_then(|place| set.motifs().get(place));
    let Some(motif) = motif else { anyhow::bail!("{file}: no motif `{name}` among {}", set.len()) };
    let likeliest = |row: cistron::ndarray::ArrayView1<'_, f64>| {
        let best = row.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, (code, &value)| {
            if value > best.1 { (code, value) } else { best }
        });
        set.alphabet().letter(best.0 as u8) as char
    };
    let letters: String = motif.matrix().rows().into_iter().map(likeliest).collect();
    Ok(Sequence::parse(alphabet, &letters)?)
}

/// The letters of an option, of which N stands for any.
pub(super) fn parse_word(option: &str, text: &str, alphabet: &Alphabet) -> anyhow::Result<Sequence> {
    let foreign = |letter: &u8| alphabet.code(*letter) >= alphabet.len() && !b"Nn".contains(letter);
    if let Some(letter) = text.bytes().find(foreign) {
        let found = letter.escape_ascii();
        return Err(usage(format!("{option} {text}: found `{found}`, expected letters of {alphabet} or N")));
    }
    Sequence::parse(alphabet, text).map_err(|error| usage(format!("{option} {text}: {error}")))
}

/// The column that tells the ways in which a sequence was changed.
struct Ways {
    column: Option<&'static str>,
    names: Vec<usize>,
}

/// The mean differences of each way and output.
struct Means {
    outputs: Vec<String>,
    /// (ways, outputs).
    differences: Array2<f64>,
}

fn run(
    common: &Common,
    loaded: &LoadedModel,
    experiment: &Perturbation,
    ways: &Ways,
    context: &Context,
) -> anyhow::Result<Means> {
    let model: &dyn SequenceModel = &*loaded.model;
    let measure = Prediction::new(model, Some(common.readout.of(model)?))?;
    let outputs = measure.output_names();
    let input = common.input.read(model.spec(), context)?;
    let mut output = Output::open(common.output.as_ref(), context)?;
    let path = common.output.clone().unwrap_or_default();
    let column = ways.column.map_or(String::new(), |column| format!("{column}\t"));
    writeln!(output, "name\t{column}track\tbefore\tafter\tdifference")?;
    let mut sums = Array2::zeros((experiment.count(), outputs.len()));
    perturb(&measure, input.sequences(), experiment, context.run(), &mut |found| {
        let here = (&input, &outputs[..], ways);
        write_rows(&found, here, &mut sums, &mut output)
            .map_err(|source| EffectError::Io { path: path.clone(), source })
    })
    .map_err(option_error)?;
    output.commit()?;
    Ok(Means { outputs, differences: sums / input.names.len() as f64 })
}

fn write_rows(
    found: &Perturbed,
    (input, outputs, ways): (&Input, &[String], &Ways),
    sums: &mut Array2<f64>,
    output: &mut Output,
) -> std::io::Result<()> {
    let rows = found.before.outer_iter().zip(found.after.outer_iter()).zip(&input.names[found.first..]);
    for ((before, after), name) in rows {
        for (way, after) in after.outer_iter().enumerate() {
            let label = ways.names.get(way).map_or(String::new(), |name| format!("{name}\t"));
            let numbers = outputs.iter().zip(before.iter().zip(after));
            for (place, (track, (before, after))) in numbers.enumerate() {
                let difference = after - before;
                sums[[way, place]] += difference;
                let [before, after, difference] = [*before, *after, difference].map(Number);
                writeln!(output, "{name}\t{label}{track}\t{before}\t{after}\t{difference}")?;
            }
        }
    }
    Ok(())
}

fn draw(path: &Path, (first, second): (&str, &str), gaps: &[usize], means: &Means) -> anyhow::Result<()> {
    let curves: Vec<Vec<(f64, f64)>> = means
        .differences
        .columns()
        .into_iter()
        .map(|column| gaps.iter().map(|gap| *gap as f64).zip(column.iter().copied()).collect())
        .collect();
    let series: Vec<Series<'_>> =
        means.outputs.iter().zip(&curves).map(|(name, points)| Series { name, points }).collect();
    let picture = line_chart(&LineChart {
        title: &format!("{first} and {second} at each distance"),
        x_label: "bases between the two",
        y_label: "mean difference of the output",
        series: &series,
    })?;
    write_text(path, &picture)
}
