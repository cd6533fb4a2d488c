//! `cistron enformer info`, `predict`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cistron::encode::{ElementType, HeadSpec, NpzWriter, Readout, Reduce, SequenceBatch};
use cistron::models::{Activation, Enformer, LoadedModel};
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Observer, Region, Strand, TargetShards, Window};
use clap::Args;

use crate::context::{Context, usage};
use crate::input::{Input, InputArgs, ModelArgs, OutputsArgs};
use crate::output::{Output, check_free};
use crate::parts::PARTS;
use crate::record::write_text;

/// Pictures of a sequence, at most.
const MAX_PICTURES: usize = 20;

#[derive(Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Predictions: `predictions` (N, bins, tracks), `names` (N), `tracks`
    #[arg(long, short, value_name = "NPZ")]
    output: PathBuf,
    /// Draw each chosen track of sequence I, from 0, as NAME_I_TRACK.svg beside the output
    #[arg(long, value_name = "I", num_args = 0..=1, default_missing_value = "0")]
    plot: Option<usize>,
    /// Folder of `enformer targets`: draw what was observed, too
    #[arg(long, value_name = "DIR", requires = "plot")]
    targets: Option<PathBuf>,
    // Last, since their headings would stand over whatever follows.
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    outputs: OutputsArgs,
}

/// What a folder holds, from its weights.
pub(super) fn info(args: &ModelArgs, context: &Context) -> anyhow::Result<()> {
    let (model, report) = Enformer::load(&args.model)?;
    let config = model.config();
    let positions = config.n_positions(config.input_length);
    let kept = config.kept_bins(positions);
    let mut output = Output::open(None, context)?;
    writeln!(output, "input_length\t{}", config.input_length)?;
    writeln!(output, "positions\t{positions}")?;
    writeln!(
        output,
        "bins\t{} of {} bases, from bin {}",
        kept.len(),
        1 << config.num_downsamples,
        kept.start
    )?;
    for head in &config.output_heads {
        let activation = head.activation.map_or("none", Activation::name);
        let (name, n_tracks, reads) = (&head.name, head.tracks.len(), head.reads.name());
        writeln!(output, "head\t{name} ({n_tracks} tracks, reads {reads}, activation {activation})")?;
    }
    writeln!(output, "width\t{}", config.dim)?;
    writeln!(output, "blocks\t{} of {} heads", config.depth, config.heads)?;
    let filters: Vec<String> = config.tower_filters().iter().map(ToString::to_string).collect();
    writeln!(output, "filters\t{}", filters.join(", "))?;
    writeln!(output, "gamma_norm\t{}", config.gamma_norm.name())?;
    writeln!(output, "parameters\t{}", config.n_parameters())?;
    for (name, value) in [("prefix_stripped", &report.prefix_stripped), ("nested_in", &report.nested_in)] {
        if let Some(value) = value {
            writeln!(output, "{name}\t{value}")?;
        }
    }
    if !report.extra.is_empty() {
        writeln!(output, "not_used\t{}", report.extra.join(", "))?;
    }
    output.commit()
}

pub(super) fn predict(args: &PredictArgs, context: &Context) -> anyhow::Result<()> {
    check_free(&args.output, context)?;
    let loaded = args.model.load(context)?;
    if loaded.info.model_type != "enformer" {
        bail!("{}: found a {}, expected an enformer", args.model.model.display(), loaded.info.model_type);
    }
    let input = args.input.read(loaded.model.spec(), context)?;
    let readout = args.outputs.of(&*loaded.model, Reduce::Keep)?;
    let head = &loaded.model.spec().heads[readout.head];
    if let Some(index) = args.plot {
        check_plot(index, &input, &readout)?;
    }
    let observed = match (&args.targets, args.plot) {
        (Some(folder), Some(index)) => Some(Observed::read(folder, &input, index, head)?),
        _ => None,
    };
    let n = input.names.len();
    let shape = [n, readout.bins.len(), readout.tracks.len()];
    let mut file = NpzWriter::create(&args.output)?;
    let mut member = file.begin("predictions", ElementType::Float32, &shape)?;
    let run = context.run();
    run.observer.begin("predicting", Some(n as u64));
    let mut pictures = Vec::new();
    for index in 0..n {
        if context.is_cancelled() {
            bail!("interrupted");
        }
        let values = predict_one(&loaded, &input, index, &readout)?;
        member.write(&values)?;
        if args.plot == Some(index) {
            let picture = Picture { index, name: &input.names[index], head, readout: &readout };
            pictures = draw(args, &picture, &values, observed.as_ref())?;
        }
        context.progress.advance(1);
    }
    run.observer.end();
    file.add(member)?;
    file.add_text("names", &input.names)?;
    let tracks: Vec<String> =
        readout.tracks.iter().map(|&track| head.tracks[track as usize].to_string()).collect();
    file.add_text("tracks", &tracks)?;
    file.finish()?;
    // What is drawn appears beside what it shows, or not at all.
    pictures.iter().try_for_each(|(path, text)| write_text(path, text))
}

fn check_plot(index: usize, input: &Input, readout: &Readout) -> anyhow::Result<()> {
    if index >= input.names.len() {
        return Err(usage(format!("--plot is {index}, expected a sequence below {}", input.names.len())));
    }
    let n = readout.tracks.len();
    if n > MAX_PICTURES {
        return Err(usage(format!(
            "--plot would draw {n} tracks, expected --tracks with at most {MAX_PICTURES}"
        )));
    }
    Ok(())
}

fn predict_one(
    loaded: &LoadedModel,
    input: &Input,
    index: usize,
    readout: &Readout,
) -> anyhow::Result<Vec<f64>> {
    let sequences = input.sequences().fetch(index..index + 1)?;
    let batch = SequenceBatch::from_sequences(&sequences)?;
    let found = loaded.model.predict_f64(&batch, readout);
    Ok(found.with_context(|| format!("sequence `{}`", input.names[index]))?.into_iter().collect())
}

/// What is drawn.
struct Picture<'a> {
    index: usize,
    name: &'a str,
    head: &'a HeadSpec,
    readout: &'a Readout,
}

/// A picture of each track, predicted and perhaps observed, and the file that it goes to.
fn draw(
    args: &PredictArgs,
    picture: &Picture<'_>,
    values: &[f64],
    observed: Option<&Observed>,
) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let Picture { index, name, head, readout } = *picture;
    let n_tracks = readout.tracks.len();
    let mut pictures = Vec::with_capacity(n_tracks);
    for (place, &track) in readout.tracks.iter().enumerate() {
        let label = &head.tracks[track as usize];
        let predicted = values.iter().skip(place).step_by(n_tracks).copied();
        let predicted: Vec<(f64, f64)> = readout.bins.clone().map(|bin| bin as f64).zip(predicted).collect();
        let seen = observed.map(|observed| observed.points(track as usize, readout));
        let mut series = vec![Series { name: "predicted", points: &predicted }];
        series.extend(seen.as_ref().map(|points| Series { name: "observed", points }));
        let title = format!("{label}, {name}");
        let chart = LineChart { title: &title, x_label: "bin", y_label: label, series: &series };
        pictures.push((picture_path(&args.output, index, label), line_chart(&chart)?));
    }
    Ok(pictures)
}

/// `NAME_I_TRACK.svg`, letters that cannot stand in names replaced.
fn picture_path(output: &Path, index: usize, track: &str) -> PathBuf {
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let track: String = track.chars().map(plain).collect();
    output.with_file_name(format!("{stem}_{index}_{track}.svg"))
}

/// The observed signal of a window, (bins, tracks).
struct Observed {
    n_tracks: usize,
    values: Vec<f32>,
}

impl Observed {
    /// The row of a folder of targets whose window is that of a sequence's bins.
    fn read(folder: &Path, input: &Input, index: usize, head: &HeadSpec) -> anyhow::Result<Self> {
        let window = input.windows().and_then(|windows| windows.get(index));
        let window = window.ok_or_else(|| usage("--targets needs --fasta with --bed or --region"))?;
        let shards = TargetShards::open(folder)?;
        let path = folder.join("targets.json");
        let bin_size = head.bin_width.map_or(0, std::num::NonZeroUsize::get);
        for (key, found, expected) in
            [("bins", shards.bins(), head.bins), ("bin_size", shards.bin_size(), bin_size)]
        {
            if found != expected {
                bail!("{}: `{key}` is {found}, expected the model's {expected}", path.display());
            }
        }
        let (n_tracks, expected) = (shards.tracks().len(), head.tracks.len());
        if n_tracks < expected {
            let path = path.display();
            bail!("{path}: found {n_tracks} tracks, expected the {expected} of head {}", head.name);
        }
        let mut values = Self::find(&shards, window, head)?;
        if window.strand() == Strand::Reverse {
            values = values.chunks_exact(n_tracks).rev().flatten().copied().collect();
        }
        Ok(Self { n_tracks, values })
    }

    fn find(shards: &TargetShards, window: &Window, head: &HeadSpec) -> anyhow::Result<Vec<f32>> {
        let width = shards.bins() * shards.bin_size();
        let before = match window.strand() {
            Strand::Reverse => (window.width() as usize).saturating_sub(head.first_bin + width),
            Strand::Forward => head.first_bin,
        };
        let start = window.start() + before as i64;
        let end = start + width as i64;
        for (part, _) in PARTS {
            let rows = shards.part(part)?;
            let is_it = |row: &Region| {
                row.contig() == window.contig() && (row.start() as i64, row.end() as i64) == (start, end)
            };
            if let Some(row) = rows.windows().iter().position(is_it) {
                let mut values = vec![0.0; shards.bins() * shards.tracks().len()];
                rows.read(row, &mut values)?;
                return Ok(values);
            }
        }
        let folder = shards.folder().display();
        bail!("{folder}: found no window {}:{start}-{end}, the bins of {window}", window.contig())
    }

    /// A track's numbers at the bins of a readout.
    fn points(&self, track: usize, readout: &Readout) -> Vec<(f64, f64)> {
        let value = |bin: usize| f64::from(self.values[bin * self.n_tracks + track]);
        readout.bins.clone().map(|bin| (bin as f64, value(bin))).collect()
    }
}
