use std::path::Path;

use cistron_core::Seed;
use cistron_encode::kmer::{KmerDenoiser, KmerError};

use crate::error::check_option;
use crate::nn::{Parameters, Precision, Tensor};
use crate::{Checkpoint, Device, ModelsError};

mod network;
mod seeds;
mod train;

pub use train::{DenoiserTraining, TrainedDenoiser, train_denoiser};

use network::Layers;
use seeds::Seeds;

/// The bases.
const LETTERS: usize = 4;

/// The k-mers that are denoised at a time, at most.
const BATCH: usize = 4096;

/// The numbers of a layer that are computed at a time.
const NUMBERS: usize = 1 << 21;

/// The shape of a denoising network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenoiserKind {
    /// Fully connected, from 4k over 3.5k, 3k, 2.5k (with batch normalisation) to 2k numbers and back: the shape of
    /// the k-mer autoencoder notebook.
    Notebook,
    /// The same, its output added to the input times a trained number: it starts as the identity.
    NotebookSkip,
    /// A convolution over 2k - 1 bases to this many channels and from each position's channels to its bases, added to
    /// the input: every base sees the whole k-mer, and what is learned at one offset serves all.
    Conv {
        /// The channels.
        channels: usize,
    },
    /// For each word of `width` bases a trained table of what it says about every base around it; a k-mer's windows
    /// add up. Errors spare some windows, and those tell where in a known genome the k-mer is from.
    Seeds {
        /// The bases of a word, 1 to 11.
        width: usize,
    },
}

impl DenoiserKind {
    /// The channels of a convolution unless told otherwise.
    pub const CHANNELS: usize = 512;

    /// The bases of a seed unless told otherwise.
    pub const SEED: usize = 8;

    /// Whether an untrained network returns its input.
    pub const fn starts_as_identity(self) -> bool {
        !matches!(self, Self::Notebook)
    }

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notebook => "notebook",
            Self::NotebookSkip => "notebook-skip",
            Self::Conv { .. } => "conv",
            Self::Seeds { .. } => "seeds",
        }
    }
}

/// A network that guesses the clean k-mer behind a noisy one.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_encode::kmer::KmerDenoiser;
/// use cistron_models::{Denoiser, DenoiserKind};
///
/// // As it begins, a network with a skip returns its input.
/// let denoiser = Denoiser::new(5, DenoiserKind::Conv { channels: 8 }, 0.1, Seed::new(1))?;
/// let (mut prediction, mut confidence) = ([0; 5], [0.0; 5]);
/// denoiser.denoise(&[0, 3, 2, 1, 1], &mut prediction, &mut confidence)?;
/// assert_eq!(prediction, [0, 3, 2, 1, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Denoiser {
    k: usize,
    kind: DenoiserKind,
    noise: f64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Network { parameters: Parameters, layers: Layers },
    Seeds(Seeds),
}

impl Denoiser {
    /// An untrained network for k-mers whose bases are wrong with probability `noise`.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for a k outside 1 to 32, no channels or a noise that is no probability below 3/4.
    pub fn new(k: usize, kind: DenoiserKind, noise: f64, seed: Seed) -> Result<Self, ModelsError> {
        check_option("k", k, (1..=cistron_encode::kmer::MAX_K).contains(&k), "1 to 32")?;
        check_option("noise", noise, (0.0..0.75).contains(&noise), "a probability below 3/4")?;
        if let DenoiserKind::Conv { channels } = kind {
            check_option("channels", channels, (1..=1 << 16).contains(&channels), "1 to 65536")?;
        }
        // How much more likely a base is the one that was read than a given other.
        let skip = (3.0 * (1.0 - noise) / noise.max(1e-6)).ln();
        let mut parameters = Parameters::new(Device::Cpu, Precision::Single);
        let scope = &mut parameters.scope(seed);
        let layers = match kind {
            DenoiserKind::Notebook => Layers::dense(scope, k, None)?,
            DenoiserKind::NotebookSkip => Layers::dense(scope, k, Some(skip))?,
            DenoiserKind::Conv { channels } => Layers::conv(scope, k, channels, skip)?,
            DenoiserKind::Seeds { width } => {
                return Ok(Self { k, kind, noise, body: Body::Seeds(Seeds::new(k, width, skip)?) });
            }
        };
        Ok(Self { k, kind, noise, body: Body::Network { parameters, layers } })
    }

    /// The network with the weights of a checkpoint.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or
    /// [`ModelsError::NonFinite`].
    pub fn from_checkpoint(
        k: usize,
        kind: DenoiserKind,
        noise: f64,
        weights: &Checkpoint,
    ) -> Result<Self, ModelsError> {
        let mut denoiser = Self::new(k, kind, noise, Seed::default())?;
        denoiser.load(weights)?;
        Ok(denoiser)
    }

    /// Its weights, under the names of the notebook's state dict (`encoder.1.weight` …) or those of a convolution
    /// (`conv`, `out`, `skip`) or of seeds (`tables`, `skip`).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn weights(&self) -> Result<Checkpoint, ModelsError> {
        match &self.body {
            Body::Network { parameters, .. } => parameters.save(),
            Body::Seeds(seeds) => Ok(seeds.weights()),
        }
    }

    /// The k-mers that are denoised at a time: as many as fit into little memory.
    fn batch(&self) -> usize {
        let width = match self.kind {
            DenoiserKind::Conv { channels } => channels,
            _ => LETTERS,
        };
        (NUMBERS / (self.k * width)).clamp(1, BATCH)
    }

    fn load(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        match &mut self.body {
            Body::Network { parameters, .. } => parameters.load(weights),
            Body::Seeds(seeds) => seeds.load(weights),
        }
    }

    /// Writes the weights as a safetensors file.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelsError> {
        self.weights()?.write(path)
    }

    /// The shape of the network.
    pub fn kind(&self) -> DenoiserKind {
        self.kind
    }

    /// The probability that a base is wrong that it is made for.
    pub fn noise(&self) -> f64 {
        self.noise
    }

    /// The number of trained numbers.
    pub fn n_parameters(&self) -> usize {
        match &self.body {
            Body::Network { parameters, .. } => parameters.n_trained(),
            Body::Seeds(seeds) => seeds.n_parameters(),
        }
    }

    /// Logits (n · k, 4) of codes (n · k).
    fn logits(&self, noisy: &[u8], pass: &crate::nn::Pass) -> Result<Tensor, ModelsError> {
        let shape = [noisy.len(), LETTERS];
        match &self.body {
            Body::Network { layers, .. } => layers.forward(&one_hot(noisy, self.k)?, pass)?.reshape(&shape),
            Body::Seeds(seeds) => Tensor::from_f32(seeds.logits(noisy), &shape, Device::Cpu),
        }
    }
}

/// (n, k, 4) of codes (n · k); a code that is no base has zeros.
fn one_hot(codes: &[u8], k: usize) -> Result<Tensor, ModelsError> {
    let mut values = vec![0.0; codes.len() * LETTERS];
    for (row, code) in values.chunks_exact_mut(LETTERS).zip(codes) {
        if let Some(value) = row.get_mut(usize::from(*code)) {
            *value = 1.0;
        }
    }
    Tensor::from_f32(values, &[codes.len() / k, k, LETTERS], Device::Cpu)
}

/// The most probable base of each row of logits, the first of equal ones, and its probability.
fn guesses(logits: &Tensor, prediction: &mut [u8], confidence: &mut [f32]) -> Result<(), ModelsError> {
    logits.softmax()?.read_f32(&mut |rows| {
        let outputs = prediction.iter_mut().zip(confidence.iter_mut());
        for (row, (prediction, confidence)) in rows.chunks_exact(LETTERS).zip(outputs) {
            let best = (1..LETTERS).fold(0, |best, code| if row[code] > row[best] { code } else { best });
            (*prediction, *confidence) = (best as u8, row[best].clamp(0.0, 1.0));
        }
    })
}

impl KmerDenoiser for Denoiser {
    fn k(&self) -> usize {
        self.k
    }

    fn denoise(&self, noisy: &[u8], prediction: &mut [u8], confidence: &mut [f32]) -> Result<(), KmerError> {
        let expected = noisy.len() / self.k * self.k;
        for (what, found) in [("prediction", prediction.len()), ("confidence", confidence.len())] {
            if found != expected || noisy.len() != expected {
                return Err(KmerError::Length { what, found, expected });
            }
        }
        if let Some(code) = noisy.iter().find(|code| usize::from(**code) >= LETTERS) {
            let (found, expected) = (code.to_string(), "codes from 0 to 3".to_owned());
            return Err(KmerError::Option { what: "noisy code", found, expected });
        }
        let width = self.batch() * self.k;
        let outputs = prediction.chunks_mut(width).zip(confidence.chunks_mut(width));
        for (noisy, (prediction, confidence)) in noisy.chunks(width).zip(outputs) {
            self.logits(noisy, &crate::nn::Pass::Evaluation)
                .and_then(|logits| guesses(&logits, prediction, confidence))
                .map_err(|error| KmerError::Model(Box::new(error)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
