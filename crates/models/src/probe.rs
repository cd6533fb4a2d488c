use std::path::Path;

use cistron_core::{Alphabet, Sequence};
use cistron_encode::{
    GradientModel, IncrementalModel, ModelError, ModelSpec, Readout, ReferencePass, SequenceBatch,
    SequenceModel,
};
use ndarray::{Array2, Array3, ArrayView3, Axis};
use rayon::prelude::*;

use crate::load::load_folder;
use crate::{Checkpoint, LoadReport, ModelsError};

mod file;
mod gradient;
mod kmer;
mod reference;
mod train;

pub use kmer::KmerWeights;
use kmer::check_k;
pub use train::{ProbeData, ProbeEpoch, ProbeTarget, ProbeTraining, TrainedProbe, train_probe};

use reference::ProbePass;

/// The name of the only head and its only track.
const TRACK: &str = "logit";

/// Letters of DNA.
const LETTERS: usize = 4;

/// Codes of DNA: letters, unknown, padding and gap.
const CODES: usize = LETTERS + 3;

/// Which parts a probe is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeKind {
    /// A projection of each letter, averaged over positions, then a linear classifier. It sees base composition
    /// and nothing else.
    #[default]
    Mean,
    /// A weight for each letter at each position.
    Positional,
    /// A weight for each k-mer, wherever it stands.
    Kmer,
    /// Both of the last.
    KmerPositional,
}

impl ProbeKind {
    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Positional => "positional",
            Self::Kmer => "kmer",
            Self::KmerPositional => "kmer+positional",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Mean, Self::Positional, Self::Kmer, Self::KmerPositional];

    const fn has_kmer(self) -> bool {
        matches!(self, Self::Kmer | Self::KmerPositional)
    }

    const fn has_positional(self) -> bool {
        matches!(self, Self::Positional | Self::KmerPositional)
    }
}

impl std::fmt::Display for ProbeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ProbeKind {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| ModelsError::Option {
            option: "kind",
            found: text.to_owned(),
            expected: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// The two layers of a mean probe, as PyTorch stores them.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanWeights {
    /// `proj.weight` (H, 4): hidden units, letters.
    pub projection: Array2<f64>,
    /// `proj.bias` (H).
    pub projection_bias: Vec<f64>,
    /// `classifier.weight` (1, H).
    pub classifier: Vec<f64>,
    /// `classifier.bias` (1).
    pub classifier_bias: f64,
}

/// A model that is linear in features of a DNA sequence: one head and one track, both called `logit`.
///
/// The logit is the sum of the parts that the probe has; all arithmetic is in f64.
///
/// * **mean**: `c · mean_i(W x_i + b) + d` for one-hot rows `x_i`. **It sees base composition only**: with
///   `v = Wᵀc` the substitution of letter r by letter a changes the logit by `(v[a] - v[r]) / L` wherever it is
///   made, so its maps of effects hold at most twelve different numbers and no motif.
/// * **positional** (L, 4): the sum of the weight of each letter at its position; sequences of one length.
/// * **k-mer** (4^k): the sum of the weights of the `L - k + 1` k-mers; one with an unknown letter counts 0.
///
/// A position without a known letter (N, padding, gap) is an all-zero row: it adds nothing.
///
/// Effects of edits come in closed form ([`IncrementalModel`]): constant time an edit for the first two parts,
/// the k windows over an edit for the k-mers; windows over several edits are counted once.
///
/// ```
/// use cistron_core::{Alphabet, Sequence};
/// use cistron_encode::{Edit, IncrementalModel, Reduce, SequenceModel};
/// use cistron_models::{KmerWeights, LinearProbe};
/// use ndarray::Array3;
///
/// // Counts the word TATAAT.
/// let mut words = KmerWeights::zeros(6, false)?;
/// words.set("TATAAT", 1.0)?;
/// let probe = LinearProbe::from_parts(None, Some(words), 0.0)?;
/// let readout = probe.spec().readout(None, &[], None, Reduce::Mean)?;
/// let sequence = Sequence::parse(&Alphabet::dna(), "GGTATCATGG")?;
/// let pass = probe.reference(&sequence, &readout)?;
/// let mut deltas = Array3::zeros((1, 1, 1));
/// pass.deltas(&[&[Edit { position: 5, code: 0 }]], deltas.view_mut())?;
/// assert_eq!(deltas[[0, 0, 0]], 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearProbe {
    spec: ModelSpec,
    mean: Option<MeanPart>,
    positional: Option<Array2<f64>>,
    kmer: Option<KmerWeights>,
    bias: f64,
    target: Option<ProbeTarget>,
}

/// The mean part with its two layers multiplied out.
#[derive(Clone, Debug, PartialEq)]
struct MeanPart {
    weights: MeanWeights,
    /// `Wᵀc`: the effect of a letter at every position of a sequence.
    effect: [f64; LETTERS],
    /// `c·b + d`.
    constant: f64,
}

impl LinearProbe {
    /// A probe of the mean part alone.
    ///
    /// # Errors
    /// [`ModelsError::Option`] if the layers do not fit one another or hold a number that is not finite.
    pub fn from_mean(weights: MeanWeights) -> Result<Self, ModelsError> {
        let hidden = weights.classifier.len();
        let shapes = (weights.projection.dim(), weights.projection_bias.len());
        if shapes != ((hidden, LETTERS), hidden) || hidden == 0 {
            let found = format!("({}, {}), ({}), (1, {hidden})", shapes.0.0, shapes.0.1, shapes.1);
            return Err(wrong("mean weights", found, "shapes (H, 4), (H), (1, H) with H of at least 1"));
        }
        let values = weights.projection.iter().chain(&weights.projection_bias).chain(&weights.classifier);
        finite("mean weights", values.chain([&weights.classifier_bias]))?;
        let effect = std::array::from_fn(|letter| {
            let column = weights.projection.column(letter);
            column.iter().zip(&weights.classifier).map(|(w, c)| w * c).sum()
        });
        let through = weights.projection_bias.iter().zip(&weights.classifier).map(|(b, c)| b * c);
        let constant = through.sum::<f64>() + weights.classifier_bias;
        let spec = ModelSpec::scalar(Alphabet::dna(), None, TRACK);
        let mean = Some(MeanPart { weights, effect, constant });
        Ok(Self { spec, mean, positional: None, kmer: None, bias: 0.0, target: None })
    }

    /// A probe of a positional part (L, 4), a k-mer part or both.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for no part, a positional part without positions or of other than four letters,
    /// or a number that is not finite.
    pub fn from_parts(
        positional: Option<Array2<f64>>,
        kmer: Option<KmerWeights>,
        bias: f64,
    ) -> Result<Self, ModelsError> {
        if positional.is_none() && kmer.is_none() {
            return Err(wrong("probe", "no part".into(), "a positional part, a k-mer part or both"));
        }
        if let Some(weights) = &positional {
            let (length, letters) = weights.dim();
            if length == 0 || letters != LETTERS {
                return Err(wrong("positional weights", format!("({length}, {letters})"), "shape (L, 4)"));
            }
            finite("positional weights", weights.iter())?;
        }
        finite("bias", [&bias])?;
        let positional = positional.map(|weights| weights.as_standard_layout().into_owned());
        let spec = ModelSpec::scalar(Alphabet::dna(), positional.as_ref().map(Array2::nrows), TRACK);
        Ok(Self { spec, mean: None, positional, kmer, bias, target: None })
    }

    /// Reads a probe from a checkpoint, or from a folder with `config.json` and weights.
    ///
    /// # Errors
    /// As [`Checkpoint::read`], then [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`],
    /// [`ModelsError::NonFinite`], or [`ModelsError::Format`] for a header that says something else.
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, LoadReport), ModelsError> {
        let path = path.as_ref();
        if path.is_dir() { load_folder(path) } else { Self::from_checkpoint(&Checkpoint::read(path)?) }
    }

    /// Writes the probe as `.safetensors`, complete or not at all.
    ///
    /// A mean probe is exactly `proj.weight` (H, 4), `proj.bias` (H), `classifier.weight` (1, H) and
    /// `classifier.bias` (1); others are `positional.weight` (L, 4), `kmer.weight` (4^k) and `bias` (1).
    /// Numbers are stored in 32 bits where every one of the probe is exact in them, else in 64.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelsError> {
        self.to_checkpoint().write(path)
    }

    /// Which parts the probe has.
    pub fn kind(&self) -> ProbeKind {
        match (&self.positional, &self.kmer) {
            (None, None) => ProbeKind::Mean,
            (Some(_), None) => ProbeKind::Positional,
            (None, Some(_)) => ProbeKind::Kmer,
            (Some(_), Some(_)) => ProbeKind::KmerPositional,
        }
    }

    /// What the probe was trained to predict; `None` where nobody said, as in PyTorch's files.
    pub fn target(&self) -> Option<ProbeTarget> {
        self.target
    }

    /// The same probe, known to predict this.
    #[must_use]
    pub fn with_target(self, target: ProbeTarget) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The layers of the mean part.
    pub fn mean(&self) -> Option<&MeanWeights> {
        self.mean.as_ref().map(|part| &part.weights)
    }

    /// The effect of each letter A C G T on the logit of a mean probe, if it stood at every position: `Wᵀc`.
    pub fn letter_effects(&self) -> Option<[f64; LETTERS]> {
        self.mean.as_ref().map(|part| part.effect)
    }

    /// The positional part (L, 4).
    pub fn positional(&self) -> Option<&Array2<f64>> {
        self.positional.as_ref()
    }

    /// The k-mer part.
    pub fn kmer(&self) -> Option<&KmerWeights> {
        self.kmer.as_ref()
    }

    /// What is added to the positional and the k-mer part.
    pub fn bias(&self) -> f64 {
        self.bias
    }

    /// The number of weights, biases included.
    pub fn n_parameters(&self) -> usize {
        let mean = self.mean.as_ref().map(|part| part.weights.classifier.len() * (LETTERS + 2) + 1);
        let positional = self.positional.as_ref().map(Array2::len);
        let kmer = self.kmer.as_ref().map(|weights| weights.values().len());
        let bias = usize::from(self.mean.is_none());
        mean.unwrap_or(0) + positional.unwrap_or(0) + kmer.unwrap_or(0) + bias
    }

    /// The logits of sequences (N), in f64.
    ///
    /// # Errors
    /// [`ModelError`] if the sequences do not fit the probe.
    pub fn logits(&self, batch: &SequenceBatch) -> Result<Vec<f64>, ModelError> {
        self.spec.check(batch.alphabet(), batch.width())?;
        let codes = batch.codes();
        let rows: Vec<_> = codes.axis_iter(Axis(0)).collect();
        let logit = |row: &ndarray::ArrayView1<'_, u8>| match row.as_slice() {
            Some(codes) => self.logit(codes),
            None => self.logit(&row.to_vec()),
        };
        Ok(rows.par_iter().map(logit).collect())
    }

    /// The logit of codes that fit the probe.
    fn logit(&self, codes: &[u8]) -> f64 {
        let mean = self.mean.as_ref().map_or(0.0, |part| part.logit(codes));
        let positional = self.positional.as_ref().map_or(0.0, |weights| {
            let here = |(row, code): (ndarray::ArrayView1<'_, f64>, &u8)| {
                row.get(usize::from(*code)).copied().unwrap_or(0.0)
            };
            weights.outer_iter().zip(codes).map(here).sum()
        });
        let kmer = self.kmer.as_ref().map_or(0.0, |weights| weights.score(codes));
        mean + positional + kmer + self.bias
    }

    /// The readout's number of columns.
    fn columns(readout: &Readout) -> Result<usize, ModelError> {
        if readout.head != 0 || readout.bins != (0..1) || readout.tracks.iter().any(|&track| track != 0) {
            return Err(ModelError::Readout {
                found: format!("head {}, bins {:?}, tracks {:?}", readout.head, readout.bins, readout.tracks),
                expected: "the one head, bin and track of a probe".to_owned(),
            });
        }
        Ok(readout.tracks.len())
    }
}

impl MeanPart {
    fn logit(&self, codes: &[u8]) -> f64 {
        let mut counts = [0_u64; CODES];
        for &code in codes {
            if let Some(count) = counts.get_mut(usize::from(code)) {
                *count += 1;
            }
        }
        let sum: f64 = self.effect.iter().zip(counts).map(|(effect, count)| effect * count as f64).sum();
        sum / codes.len() as f64 + self.constant
    }
}

fn wrong(option: &'static str, found: String, expected: &str) -> ModelsError {
    ModelsError::Option { option, found, expected: expected.to_owned() }
}

fn finite<'a>(option: &'static str, values: impl IntoIterator<Item = &'a f64>) -> Result<(), ModelsError> {
    match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((place, value)) => Err(wrong(option, format!("{value} at place {place}"), "finite numbers")),
        None => Ok(()),
    }
}

impl SequenceModel for LinearProbe {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        let columns = Self::columns(readout)?;
        let logits = self.logits(batch)?;
        Ok(Array3::from_shape_fn((batch.len(), 1, columns), |(i, _, _)| logits[i] as f32))
    }

    fn as_gradient(&self) -> Option<&dyn GradientModel> {
        Some(self)
    }

    fn as_incremental(&self) -> Option<&dyn IncrementalModel> {
        Some(self)
    }
}

impl IncrementalModel for LinearProbe {
    fn engine(&self) -> &'static str {
        "closed"
    }

    fn reference<'a>(
        &'a self,
        sequence: &Sequence,
        readout: &Readout,
    ) -> Result<Box<dyn ReferencePass + 'a>, ModelError> {
        let columns = Self::columns(readout)?;
        self.spec.check(sequence.alphabet(), sequence.len())?;
        Ok(Box::new(ProbePass::new(self, sequence.codes(), columns)))
    }
}

impl GradientModel for LinearProbe {
    /// One-hot or all-zero rows for a probe with k-mers; any rows for the others.
    fn input_gradient(
        &self,
        one_hot: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Array3<f32>, ModelError> {
        let columns = Self::columns(readout)?;
        gradient::input_gradient(self, one_hot, columns)
    }
}

#[cfg(test)]
mod tests;
