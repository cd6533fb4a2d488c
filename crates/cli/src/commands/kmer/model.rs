//! A denoiser in a folder: `config.json` and what it knows.

use std::path::Path;

use anyhow::Context as _;
use cistron::encode::kmer::{
    CodebookDenoiser, CodebookOptions, Correction, CorrectionOptions, Kmer, KmerCounts, KmerDenoiser,
    KmerError, PackedSequences, ReadCorrector, Search, SpectrumDenoiser, SpectrumOptions, Split,
    SplitOptions, vote,
};
use cistron::encode::{ElementType, EncodeError, NpzReader, NpzWriter};
use cistron::genome::{fasta, text};
use cistron::models::{Checkpoint, Denoiser, DenoiserKind};
use serde::{Deserialize, Serialize};

use super::sequences::read_packed;
use super::{StrandsArg, kmer_error};
use crate::record::write_text;

const MODEL_TYPE: &str = "denoiser";
const CONFIG: &str = "config.json";
const GENOME: &str = "genome.fa.gz";
const KMERS: &str = "kmers.npz";
const WEIGHTS: &str = "model.safetensors";
/// The version of the folder that is written; older ones are read.
const VERSION: u32 = 1;

/// What `config.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Config {
    model_type: String,
    version: u32,
    pub(super) k: usize,
    #[serde(flatten)]
    kind: Kind,
    /// How the windows were parted, for evaluations on those held out.
    #[serde(default)]
    pub(super) split: Option<SplitRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Kind {
    #[serde(rename = "kmer-codebook")]
    Codebook { noise: f64, strands: StrandsArg, margin: u32 },
    #[serde(rename = "kmer-spectrum")]
    Spectrum { threshold: u32, max_changes: usize, dominance: f64 },
    #[serde(rename = "kmer-network")]
    Network { network: String, channels: Option<usize>, seed_width: Option<usize>, noise: f64 },
}

/// A split as it can be made again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct SplitRecord {
    /// The width of the blocks; without one, single windows at random.
    pub(super) block: Option<u64>,
    pub(super) validation: f64,
    pub(super) seed: u64,
    /// Whether validation is known to leak into training.
    pub(super) leaky: bool,
}

impl Config {
    /// What models that differ in nothing but the seed of their training have in common.
    pub(super) fn but_for_seed(&self) -> anyhow::Result<serde_json::Value> {
        let split = self.split.map(|split| SplitRecord { seed: 0, ..split });
        Ok(serde_json::to_value(Self { split, ..self.clone() })?)
    }
}

/// Whether a path is the folder of a denoiser.
pub(in crate::commands) fn is_denoiser(path: &Path) -> bool {
    let config = std::fs::read_to_string(path.join(CONFIG)).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap_or_default();
    config["model_type"] == MODEL_TYPE
}

/// What a denoiser is: lines of a name and a value.
pub(in crate::commands) fn describe(folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let (model, config) = Model::load(folder)?;
    let (kind, noise) = match &config.kind {
        Kind::Codebook { noise, .. } => ("codebook".to_owned(), Some(*noise)),
        Kind::Spectrum { threshold, .. } => {
            (format!("spectrum of k-mers seen {threshold} times or more"), None)
        }
        Kind::Network { network, noise, .. } => (network.clone(), Some(*noise)),
    };
    let mut lines = vec![
        ("type", MODEL_TYPE.to_owned()),
        ("kind", kind),
        ("alphabet", "ACGT".to_owned()),
        ("k", config.k.to_string()),
    ];
    lines.extend(noise.map(|noise| ("noise", noise.to_string())));
    lines.extend(model.n_parameters().map(|n| ("parameters", n.to_string())));
    lines.extend(config.split.map(|split| ("held_out", split.describe())));
    Ok(lines)
}

impl SplitRecord {
    fn describe(&self) -> String {
        let Self { block, validation, seed, .. } = self;
        let what = block.map_or("single windows".to_owned(), |width| format!("blocks of {width} bases"));
        format!("{what}, {validation} of all, seed {seed}")
    }

    pub(super) fn new(split: Split, validation: f64, seed: u64) -> Self {
        let block = match split {
            Split::Blocks { width } => Some(width),
            Split::Random => None,
        };
        Self { block, validation, seed, leaky: split.is_leaky() }
    }

    pub(super) fn options(&self) -> SplitOptions {
        let split = self.block.map_or(Split::Random, |width| Split::Blocks { width });
        SplitOptions { split, validation: self.validation, ..SplitOptions::default() }
    }
}

/// A denoiser that was loaded.
pub(super) enum Model {
    Codebook(Box<CodebookDenoiser>),
    Spectrum(Box<SpectrumDenoiser>),
    Network(Box<Denoiser>),
}

impl Model {
    /// Reads a folder.
    pub(super) fn load(folder: &Path) -> anyhow::Result<(Self, Config)> {
        let path = folder.join(CONFIG);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let config: Config = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        if config.model_type != MODEL_TYPE {
            anyhow::bail!("{}: model type is `{}`, expected {MODEL_TYPE}", path.display(), config.model_type);
        }
        if config.version != VERSION {
            anyhow::bail!("{}: version is {}, expected {VERSION}", path.display(), config.version);
        }
        let damaged = |error: KmerError| anyhow::anyhow!("{}: {error}", folder.display());
        let model = match config.kind {
            Kind::Codebook { noise, strands, margin } => {
                let genome = read_packed(&[folder.join(GENOME)])?;
                let options =
                    CodebookOptions { strands: strands.into(), noise, margin, search: Search::Seeds };
                Self::Codebook(Box::new(CodebookDenoiser::new(genome, config.k, options).map_err(damaged)?))
            }
            Kind::Spectrum { threshold, max_changes, dominance } => {
                let counts = read_counts(&folder.join(KMERS), config.k)?;
                let options = SpectrumOptions { threshold: Some(threshold), max_changes, dominance };
                Self::Spectrum(Box::new(SpectrumDenoiser::new(&counts, options).map_err(damaged)?))
            }
            Kind::Network { ref network, channels, seed_width, noise } => {
                let kind = network_kind(network, channels, seed_width)
                    .with_context(|| path.display().to_string())?;
                let weights = Checkpoint::read(folder.join(WEIGHTS))?;
                Self::Network(Box::new(Denoiser::from_checkpoint(config.k, kind, noise, &weights)?))
            }
        };
        Ok((model, config))
    }

    /// Writes a folder, which is there; `config.json` comes last.
    pub(super) fn save(&self, folder: &Path, split: Option<SplitRecord>) -> anyhow::Result<()> {
        let kind = match self {
            Self::Codebook(codebook) => {
                write_genome(&folder.join(GENOME), codebook.sequences())?;
                let CodebookOptions { strands, noise, margin, .. } = codebook.options();
                let both = strands == StrandsArg::Both.into();
                let strands = if both { StrandsArg::Both } else { StrandsArg::Forward };
                Kind::Codebook { noise, strands, margin }
            }
            Self::Spectrum(spectrum) => {
                write_counts(&folder.join(KMERS), spectrum.solid())?;
                let SpectrumOptions { max_changes, dominance, .. } = spectrum.options();
                Kind::Spectrum { threshold: spectrum.threshold(), max_changes, dominance }
            }
            Self::Network(denoiser) => {
                denoiser.save(folder.join(WEIGHTS))?;
                let (mut channels, mut seed_width) = (None, None);
                match denoiser.kind() {
                    DenoiserKind::Conv { channels: n } => channels = Some(n),
                    DenoiserKind::Seeds { width } => seed_width = Some(width),
                    _ => {}
                }
                let network = denoiser.kind().name().to_owned();
                Kind::Network { network, channels, seed_width, noise: denoiser.noise() }
            }
        };
        let config = Config {
            model_type: MODEL_TYPE.to_owned(),
            version: VERSION,
            k: self.denoiser().k(),
            kind,
            split,
        };
        write_text(&folder.join(CONFIG), &format!("{}\n", serde_json::to_string_pretty(&config)?))
    }

    /// The denoiser of k-mers.
    pub(super) fn denoiser(&self) -> &dyn KmerDenoiser {
        match self {
            Self::Codebook(codebook) => &**codebook,
            Self::Spectrum(spectrum) => &**spectrum,
            Self::Network(denoiser) => &**denoiser,
        }
    }

    /// How many numbers were trained; none for a model of counts.
    pub(super) fn n_parameters(&self) -> Option<usize> {
        match self {
            Self::Codebook(_) | Self::Spectrum(_) => None,
            Self::Network(denoiser) => Some(denoiser.n_parameters()),
        }
    }

    /// Denoises reads in place; tells what became of each. The spectrum looks for paths of solid k-mers, unless votes
    /// are wanted; any other model lets its k-mers vote.
    pub(super) fn denoise_reads(
        &self,
        reads: &mut [Vec<u8>],
        votes: bool,
    ) -> anyhow::Result<Vec<Correction>> {
        match self {
            Self::Spectrum(spectrum) if !votes => {
                let corrector = ReadCorrector::new(spectrum.solid(), CorrectionOptions::default());
                let mut corrections = corrector.map_err(kmer_error)?.corrections();
                Ok(reads.iter_mut().map(|read| corrections.correct(read)).collect())
            }
            _ => reads.iter_mut().map(|read| by_votes(self.denoiser(), read)).collect(),
        }
    }
}

/// The shape that `config.json` names.
fn network_kind(
    name: &str,
    channels: Option<usize>,
    seed_width: Option<usize>,
) -> anyhow::Result<DenoiserKind> {
    Ok(match (name, channels, seed_width) {
        ("notebook", ..) => DenoiserKind::Notebook,
        ("notebook-skip", ..) => DenoiserKind::NotebookSkip,
        ("conv", Some(channels), _) => DenoiserKind::Conv { channels },
        ("seeds", _, Some(width)) => DenoiserKind::Seeds { width },
        _ => anyhow::bail!(
            "network `{name}` with channels {channels:?} and seed_width {seed_width:?} is not known"
        ),
    })
}

fn by_votes(denoiser: &dyn KmerDenoiser, read: &mut [u8]) -> anyhow::Result<Correction> {
    if read.len() < denoiser.k() {
        return Ok(Correction::Untouched);
    }
    Ok(Correction::Solid { changes: vote(denoiser, read)? })
}

fn write_genome(path: &Path, genome: &PackedSequences) -> anyhow::Result<()> {
    let mut writer = fasta::Writer::new(text::create(path)?);
    for index in 0..genome.n_records() {
        writer.write_record(&format!("record_{index}"), &genome.letters(index).unwrap_or_default())?;
    }
    Ok(writer.into_inner().commit()?)
}

/// `kmers` (N, 8): the bits of each k-mer, little-endian, so that numpy views a row as one `<u8`; `counts` (N, 4)
/// likewise.
fn write_counts(path: &Path, counts: &KmerCounts) -> anyhow::Result<()> {
    let mut file = NpzWriter::create(path)?;
    let n = counts.set().len();
    let mut kmers = file.begin("kmers", ElementType::Unsigned(1), &[n, 8])?;
    let mut numbers = file.begin("counts", ElementType::Unsigned(1), &[n, 4])?;
    for (kmer, count) in counts.iter() {
        kmers.write_bytes(&kmer.bits().to_le_bytes())?;
        numbers.write_bytes(&count.to_le_bytes())?;
    }
    file.add(kmers)?;
    file.add(numbers)?;
    Ok(file.finish()?)
}

fn read_counts(path: &Path, k: usize) -> anyhow::Result<KmerCounts> {
    let mut file = NpzReader::open(path)?;
    let kmers = read_words::<8>(&mut file, path, "kmers")?.into_iter().map(u64::from_le_bytes);
    let counts = read_words::<4>(&mut file, path, "counts")?.into_iter().map(u32::from_le_bytes);
    if kmers.len() != counts.len() {
        anyhow::bail!("{}: {} counts found, expected {}", path.display(), counts.len(), kmers.len());
    }
    let pairs = kmers.map(Kmer::from_bits).zip(counts);
    KmerCounts::from_pairs(k, pairs).with_context(|| path.display().to_string())
}

/// The rows of an array (N, W) of bytes.
fn read_words<const W: usize>(file: &mut NpzReader, path: &Path, name: &str) -> anyhow::Result<Vec<[u8; W]>> {
    let header = file.header(name)?;
    if header.element != ElementType::Unsigned(1) || header.shape.len() != 2 || header.shape[1] != W {
        let (element, shape) = (header.element, header.shape);
        anyhow::bail!("{}: array `{name}` is {element:?} {shape:?}, expected bytes (N, {W})", path.display());
    }
    let (mut words, mut word, mut have) = (Vec::new(), [0; W], 0);
    file.for_each_chunk(name, 1 << 16, |bytes| {
        for &byte in bytes {
            word[have] = byte as u8;
            have = (have + 1) % W;
            if have == 0 {
                words.push(word);
            }
        }
        Ok::<(), EncodeError>(())
    })?;
    Ok(words)
}
