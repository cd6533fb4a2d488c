//! The sequences that a DNA model reads, from an npz file, a genome with regions, or FASTA records.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cistron::effects::Sequences;
use cistron::encode::{ModelSpec, NpzReader, Readout, Reduce, SequenceModel};
use cistron::genome::{DEFAULT_MAX_MEMORY, bed, fasta, open_reference};
use cistron::models::{LinearProbe, LoadReport, LoadedModel, load_model};
use cistron::{Alphabet, Anchor, CoreError, Observer, Reference, Region, Sequence, Strand, Warning, Window};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::context::{Context, usage};

/// Where the middle of a region stands in its window.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum AnchorArg {
    /// At index width / 2
    #[default]
    Half,
    /// At index width / 2 - 1
    HalfMinusOne,
}

impl From<AnchorArg> for Anchor {
    fn from(anchor: AnchorArg) -> Self {
        match anchor {
            AnchorArg::Half => Self::Half,
            AnchorArg::HalfMinusOne => Self::HalfMinusOne,
        }
    }
}

/// What a genome is read from.
#[derive(Args)]
pub(crate) struct GenomeArgs {
    /// Largest genome that is read into memory (plain gzip), in bytes
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MEMORY)]
    pub(crate) max_memory: u64,
}

/// The sequences of a model.
#[derive(Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// One-hot sequences: `X` (N, L, letters), optional `names`
    #[arg(long, value_name = "NPZ", conflicts_with_all = ["fasta", "sequences"])]
    data: Option<PathBuf>,
    /// Genome, plain, bgzip or gzip
    #[arg(long, value_name = "FASTA", conflicts_with = "sequences")]
    fasta: Option<PathBuf>,
    /// Regions of the genome; each gives the window around its middle, on the strand of column 6
    #[arg(long, value_name = "BED", requires = "fasta")]
    bed: Option<PathBuf>,
    /// A region, CONTIG:START-END or CONTIG:START-END:STRAND, 0-based and half-open; may be repeated
    #[arg(long, value_name = "REGION", requires = "fasta", conflicts_with = "bed")]
    region: Vec<String>,
    /// Width of the windows in bases [default: the model's input length]
    #[arg(long, value_name = "L", requires = "fasta")]
    width: Option<u32>,
    /// Where the middle of a region stands in its window
    #[arg(long, value_enum, default_value_t, requires = "fasta")]
    anchor: AnchorArg,
    #[command(flatten)]
    genome: GenomeArgs,
    /// FASTA records, each a sequence
    #[arg(long, value_name = "FASTA")]
    sequences: Option<PathBuf>,
    /// Take the first N sequences only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Sequences with their names, and what they were read from.
pub(crate) struct Input {
    source: Source,
    pub(crate) names: Vec<String>,
    /// The name of the split if none is given.
    pub(crate) split: String,
    pub(crate) files: Vec<PathBuf>,
}

enum Source {
    Loaded(Vec<Sequence>),
    Windows(Box<dyn Reference>, Vec<Window>),
}

impl Input {
    /// The windows of a genome, if the sequences are some.
    pub(crate) fn windows(&self) -> Option<&[Window]> {
        match &self.source {
            Source::Loaded(_) => None,
            Source::Windows(_, windows) => Some(windows),
        }
    }

    /// The sequences; windows of a genome are read when they are needed.
    pub(crate) fn sequences(&self) -> Sequences<'_> {
        match &self.source {
            Source::Loaded(sequences) => Sequences::Loaded(sequences),
            Source::Windows(reference, windows) => Sequences::Windows { reference: &**reference, windows },
        }
    }
}

impl InputArgs {
    /// Reads the sequences for a model.
    pub(crate) fn read(&self, spec: &ModelSpec, context: &Context) -> anyhow::Result<Input> {
        let limit = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let input = if let Some(path) = &self.data {
            read_npz(path, &spec.alphabet, limit)?
        } else if let Some(path) = &self.sequences {
            read_records(path, &spec.alphabet, limit)?
        } else if let Some(path) = &self.fasta {
            self.read_windows(path, spec, limit)?
        } else {
            return Err(usage("no input, expected --data, --sequences, or --fasta with --bed or --region"));
        };
        if input.sequences().is_empty() {
            let file = input.files.last().map_or(Path::new(""), PathBuf::as_path);
            anyhow::bail!("{}: no sequence found, expected at least one", file.display());
        }
        warn_of_padding(&input, context);
        Ok(input)
    }

    fn read_windows(&self, path: &Path, spec: &ModelSpec, limit: usize) -> anyhow::Result<Input> {
        let width = match self.width.or(spec.input_length.map(|length| length as u32)) {
            Some(0) => return Err(usage("--width is 0, expected at least 1")),
            Some(width) => width,
            None => return Err(usage("this model takes any length, expected --width L")),
        };
        let reference = open_reference(path, self.genome.max_memory)?;
        let shape = WindowShape { width, anchor: self.anchor.into() };
        let mut files = vec![path.to_path_buf()];
        let windows = match &self.bed {
            Some(bed) => {
                files.push(bed.clone());
                windows_of_bed(bed, &*reference, shape, limit)?
            }
            None if self.region.is_empty() => return Err(usage("--fasta needs --bed or --region")),
            None => windows_of_texts(&self.region, &*reference, shape, limit)?,
        };
        let split = if self.bed.is_some() { "custom_bed" } else { "custom_windows" };
        Ok(Input {
            names: windows.iter().map(ToString::to_string).collect(),
            source: Source::Windows(reference, windows),
            split: split.to_owned(),
            files,
        })
    }
}

/// How a region becomes a window.
#[derive(Clone, Copy)]
pub(crate) struct WindowShape {
    pub(crate) width: u32,
    pub(crate) anchor: Anchor,
}

impl WindowShape {
    fn over(self, region: &Region, strand: Option<Strand>) -> Window {
        Window::centered(region, self.width, self.anchor, strand.unwrap_or_default())
    }
}

/// The windows of a BED file's rows; a contig that the genome lacks is an error with the row's line.
pub(crate) fn windows_of_bed(
    path: &Path,
    reference: &dyn Reference,
    shape: WindowShape,
    limit: usize,
) -> anyhow::Result<Vec<Window>> {
    let mut rows = bed::Reader::open(path)?;
    let mut windows = Vec::new();
    while windows.len() < limit {
        let Some(row) = rows.next().transpose()? else { break };
        reference
            .find(row.region.contig())
            .with_context(|| format!("{}:{}:1", path.display(), rows.line()))?;
        windows.push(shape.over(&row.region, row.strand));
    }
    Ok(windows)
}

fn windows_of_texts(
    texts: &[String],
    reference: &dyn Reference,
    shape: WindowShape,
    limit: usize,
) -> anyhow::Result<Vec<Window>> {
    let window = |text: &String| {
        let (region, strand) = Region::parse_with_strand(text).map_err(region_error)?;
        reference.find(region.contig()).with_context(|| format!("--region {text}"))?;
        Ok(shape.over(&region, strand))
    };
    texts.iter().take(limit).map(window).collect()
}

/// A text that is no region is a wrong use; a region that cannot be is bad data.
pub(crate) fn region_error(error: CoreError) -> anyhow::Error {
    match error {
        CoreError::Syntax { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

/// Reads windows as DNA codes.
pub(crate) fn fetch_all(reference: &dyn Reference, windows: &[Window]) -> anyhow::Result<Vec<Sequence>> {
    let dna = Alphabet::dna();
    let fetch = |window: &Window| {
        let mut codes = Vec::new();
        reference.fetch_into(window, &mut codes)?;
        Ok(Sequence::from_codes(&dna, codes)?)
    };
    windows.iter().map(fetch).collect()
}

/// Reads all sequences of an npz file (`X`) or of FASTA records, told by content.
pub(crate) fn read_sequences(path: &Path, alphabet: &Alphabet) -> anyhow::Result<Input> {
    let mut start = Vec::new();
    let file = File::open(path).with_context(|| path.display().to_string())?;
    file.take(2).read_to_end(&mut start)?;
    if start == b"PK" {
        read_npz(path, alphabet, usize::MAX)
    } else {
        read_records(path, alphabet, usize::MAX)
    }
}

/// Reads one-hot sequences and their names.
fn read_npz(path: &Path, alphabet: &Alphabet, limit: usize) -> anyhow::Result<Input> {
    let mut file = NpzReader::open(path)?;
    let batch = file.one_hot("X", alphabet, limit)?;
    let names = if file.contains("names") {
        let mut names = file.text("names")?;
        names.truncate(batch.len());
        names
    } else {
        (0..batch.len()).map(|index| format!("idx:{index}")).collect()
    };
    if names.len() != batch.len() {
        anyhow::bail!("{}: {} names found, expected {}", path.display(), names.len(), batch.len());
    }
    let source = Source::Loaded(batch.to_sequences()?);
    Ok(Input { source, names, split: stem(path), files: vec![path.to_path_buf()] })
}

fn read_records(path: &Path, alphabet: &Alphabet, limit: usize) -> anyhow::Result<Input> {
    let (mut sequences, mut names) = (Vec::new(), Vec::new());
    for record in fasta::Reader::open(path)?.with_alphabet(alphabet).take(limit) {
        let record = record?;
        let sequence = record.to_sequence(alphabet);
        sequences.push(sequence.with_context(|| format!("{}: record `{}`", path.display(), record.name))?);
        names.push(record.name.to_string());
    }
    Ok(Input { source: Source::Loaded(sequences), names, split: stem(path), files: vec![path.to_path_buf()] })
}

/// A file's name without folders and endings, as far as it can stand in the name of a result.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.trim_end_matches(".gz");
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let plain: String = stem.chars().map(plain).collect();
    if plain.is_empty() { "sequences".to_owned() } else { plain }
}

/// Counts what holds nothing to work on: windows beside their contig, sequences without a letter.
fn warn_of_padding(input: &Input, context: &Context) {
    let empty = |sequence: &&Sequence| sequence.codes().iter().all(|&code| code >= sequence.alphabet().len());
    let count = match &input.source {
        Source::Loaded(sequences) => sequences.iter().filter(empty).count(),
        Source::Windows(reference, windows) => {
            let length =
                |window: &Window| reference.contig(window.contig()).map_or(0, |contig| contig.length);
            let outside = |window: &&Window| window.end() <= 0 || window.start() >= length(window) as i64;
            windows.iter().filter(outside).count()
        }
    };
    if count > 0 {
        context.progress.warn(Warning::new(count as u64, "sequences without any known letter"));
    }
}

/// The model of a command.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// A .safetensors or .pt file (a linear probe) or a folder with config.json and weights (a network or a probe)
    #[arg(long, short, value_name = "MODEL")]
    pub(crate) model: PathBuf,
}

impl ModelArgs {
    /// Loads the model and warns of what was left over.
    pub(crate) fn load(&self, context: &Context) -> anyhow::Result<LoadedModel> {
        let loaded = load_model(&self.model)?;
        self.warn(&loaded.report, context);
        Ok(loaded)
    }

    /// Loads a linear probe and warns of what was left over.
    pub(crate) fn load_probe(&self, context: &Context) -> anyhow::Result<LinearProbe> {
        let (probe, report) = LinearProbe::load(&self.model)?;
        self.warn(&report, context);
        Ok(probe)
    }

    fn warn(&self, report: &LoadReport, context: &Context) {
        if !report.extra.is_empty() {
            let what = format!("tensors of {} not used: {}", self.model.display(), report.extra.join(", "));
            context.progress.warn(Warning::new(report.extra.len() as u64, what));
        }
    }
}

/// Which outputs of a model are wanted.
#[derive(Args)]
#[command(next_help_heading = "Outputs")]
pub(crate) struct ReadoutArgs {
    #[command(flatten)]
    outputs: OutputsArgs,
    /// What becomes of the bins
    #[arg(long, value_enum, default_value_t)]
    reduce: ReduceArg,
}

/// Which of a model's numbers are wanted.
#[derive(Args, Serialize)]
pub(crate) struct OutputsArgs {
    /// Head of the model [default: the first]
    #[arg(long, value_name = "NAME")]
    head: Option<String>,
    /// Tracks, by name or index [default: all]
    #[arg(long, value_name = "TRACK", value_delimiter = ',')]
    tracks: Vec<String>,
    /// Bins, half-open [default: all]
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    bins: Option<(usize, usize)>,
}

impl OutputsArgs {
    pub(crate) fn of(&self, model: &dyn SequenceModel, reduce: Reduce) -> anyhow::Result<Readout> {
        let bins = self.bins.map(|(start, end)| start..end);
        Ok(model.spec().readout(self.head.as_deref(), &self.tracks, bins, reduce)?)
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ReduceArg {
    Keep,
    #[default]
    Mean,
    Sum,
}

impl ReadoutArgs {
    pub(crate) fn of(&self, model: &dyn SequenceModel) -> anyhow::Result<Readout> {
        let reduce = match self.reduce {
            ReduceArg::Keep => Reduce::Keep,
            ReduceArg::Mean => Reduce::Mean,
            ReduceArg::Sum => Reduce::Sum,
        };
        self.outputs.of(model, reduce)
    }
}

/// Reads `A..B`.
pub(crate) fn parse_range(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.ok_or_else(|| "expected A..B with whole numbers, half-open".to_owned())
}
