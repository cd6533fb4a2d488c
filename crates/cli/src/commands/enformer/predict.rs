//! `cistron enformer info`, `predict`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cistron::encode::{ElementType, HeadSpec, NpyReader, NpzWriter, Readout, Reduce, SequenceBatch};
use cistron::genome::bed;
use cistron::models::{Activation, Enformer, LoadedModel};
use cistron::plot::{LineChart, Series, line_chart};
use cistron::{Observer, Strand, Window};
use clap::Args;
use serde_json::Value;

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
    for index in 0..n {
        if context.is_cancelled() {
            bail!("interrupted");
        }
        let values = predict_one(&loaded, &input, index, &readout)?;
        member.write(&values)?;
        if args.plot == Some(index) {
            draw(
                args,
                &Picture { index, name: &input.names[index], head, readout: &readout },
                &values,
                observed.as_ref(),
            )?;
        }
        context.progress.advance(1);
    }
    run.observer.end();
    file.add(member)?;
    file.add_text("names", &input.names)?;
    let tracks: Vec<String> =
        readout.tracks.iter().map(|&track| head.tracks[track as usize].to_string()).collect();
    file.add_text("tracks", &tracks)?;
    Ok(file.finish()?)
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

/// Draws each track, predicted and perhaps observed.
fn draw(
    args: &PredictArgs,
    picture: &Picture<'_>,
    values: &[f64],
    observed: Option<&Observed>,
) -> anyhow::Result<()> {
    let Picture { index, name, head, readout } = *picture;
    let n_tracks = readout.tracks.len();
    for (place, &track) in readout.tracks.iter().enumerate() {
        let label = &head.tracks[track as usize];
        let predicted = values.iter().skip(place).step_by(n_tracks).copied();
        let predicted: Vec<(f64, f64)> = readout.bins.clone().map(|bin| bin as f64).zip(predicted).collect();
        let seen = observed.map(|observed| observed.points(track as usize, readout));
        let mut series = vec![Series { name: "predicted", points: &predicted }];
        series.extend(seen.as_ref().map(|points| Series { name: "observed", points }));
        let title = format!("{label}, {name}");
        let chart = LineChart { title: &title, x_label: "bin", y_label: label, series: &series };
        write_text(&picture_path(&args.output, index, label), &line_chart(&chart)?)?;
    }
    Ok(())
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
    values: Vec<f64>,
}

impl Observed {
    /// The row of a folder of targets whose window is that of a sequence's bins.
    fn read(folder: &Path, input: &Input, index: usize, head: &HeadSpec) -> anyhow::Result<Self> {
        let window = input.windows().and_then(|windows| windows.get(index));
        let window = window.ok_or_else(|| usage("--targets needs --fasta with --bed or --region"))?;
        let path = folder.join("targets.json");
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        let described: Value = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        let n_tracks = described["tracks"].as_array().map_or(0, Vec::len);
        let bin_size = head.bin_width.map_or(0, std::num::NonZeroUsize::get);
        for (key, expected) in [("bins", head.bins), ("bin_size", bin_size)] {
            let found = &described[key];
            if found.as_u64() != Some(expected as u64) {
                bail!("{}: `{key}` is {found}, expected the model's {expected}", path.display());
            }
        }
        if n_tracks < head.tracks.len() {
            let expected = head.tracks.len();
            bail!(
                "{}: found {n_tracks} tracks, expected the {expected} of head {}",
                path.display(),
                head.name
            );
        }
        let mut values = Self::find(folder, window, head)?;
        if window.strand() == Strand::Reverse {
            values = values.chunks_exact(n_tracks).rev().flatten().copied().collect();
        }
        if values.len() != head.bins * n_tracks {
            bail!(
                "{}: a row has {} numbers, expected {} bins of {n_tracks}",
                folder.display(),
                values.len(),
                head.bins
            );
        }
        Ok(Self { n_tracks, values })
    }

    fn find(folder: &Path, window: &Window, head: &HeadSpec) -> anyhow::Result<Vec<f64>> {
        let width = head.bins * head.bin_width.map_or(0, std::num::NonZeroUsize::get);
        let before = match window.strand() {
            Strand::Reverse => (window.width() as usize).saturating_sub(head.first_bin + width),
            Strand::Forward => head.first_bin,
        };
        let start = window.start() + before as i64;
        let end = start + width as i64;
        for (_, part) in PARTS {
            let mut rows = bed::Reader::open(folder.join(format!("{part}.bed")))?;
            let mut row = 0;
            while let Some(found) = rows.advance()? {
                let is_it = (found.start as i64, found.end as i64) == (start, end);
                if is_it && *found.contig == **window.contig() {
                    return row_of(folder, part, row);
                }
                row += 1;
            }
        }
        bail!("{}: found no window {}:{start}-{end}, the bins of {window}", folder.display(), window.contig())
    }

    /// A track's numbers at the bins of a readout.
    fn points(&self, track: usize, readout: &Readout) -> Vec<(f64, f64)> {
        let value = |bin: usize| self.values[bin * self.n_tracks + track];
        readout.bins.clone().map(|bin| (bin as f64, value(bin))).collect()
    }
}

/// A row of a part's arrays, where its index says it is.
fn row_of(folder: &Path, part: &str, row: usize) -> anyhow::Result<Vec<f64>> {
    let path = folder.join(format!("{part}.index.tsv"));
    let index = File::open(&path).with_context(|| path.display().to_string())?;
    let line = BufReader::new(index).lines().nth(row + 1);
    let line = line.with_context(|| format!("{}: row {row} is missing", path.display()))??;
    let place = match line.split('\t').collect::<Vec<_>>()[..] {
        [_, file, offset] => offset.parse::<usize>().ok().map(|offset| (folder.join(file), offset)),
        _ => None,
    };
    let (path, offset) = place.with_context(|| {
        format!("{}:{}: found {line:?}, expected row, file and offset", path.display(), row + 2)
    })?;
    let file = File::open(&path).with_context(|| path.display().to_string())?;
    let mut array = NpyReader::new(BufReader::new(file)).with_context(|| path.display().to_string())?;
    let size: usize = array.header().shape.iter().skip(1).product();
    let mut values = vec![0.0; size];
    for _ in 0..=offset {
        array.read_into(&mut values).with_context(|| path.display().to_string())?;
    }
    Ok(values)
}
