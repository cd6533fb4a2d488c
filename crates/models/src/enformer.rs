use std::fs;
use std::path::Path;

use cistron_core::{Alphabet, Seed};
use cistron_encode::{
    Fill, HeadSpec, IncrementalModel, ModelError, ModelSpec, Readout, Reduce, SequenceBatch, SequenceModel,
};
use ndarray::{Array3, Axis};

use crate::checkpoint::CheckpointFile;
use crate::nn::{Precision, Real};
use crate::{Checkpoint, LoadReport, ModelsError, Tensor};

mod basis;
mod config;
mod contexts;
mod engine;
mod heads;
mod incremental;
mod layers;
mod parameters;
mod parse;
mod tower;
mod transformer;
mod weights;

pub use basis::relative_position_basis;
pub use config::{EnformerConfig, EnformerCrop, EnformerHead, EnformerHeadInput, GammaNorm};
pub use contexts::{EnformerContextHead, EnformerContexts};

use engine::{Engine, Source};

/// An Enformer with its weights: convolutions that halve the length, blocks of attention, and a head of tracks for
/// each bin (Avsec et al. 2021, doi:10.1038/s41592-021-01252-x).
///
/// Computes what enformer-pytorch 0.8.12 does in evaluation, within 2e-5 of a number plus 1e-5 of its size, on the
/// processor, in single precision or in double for comparisons. Letters beside A, C, G and T are zeros, padding and
/// gaps a quarter of each letter. What a sequence gives depends neither on the others of its batch nor on threads.
///
/// **Cost**: of 196,608 letters, 1.5·10¹² products. In memory are the weights once (1.0 GB) and the first stage of
/// the tower's result (0.15 GB); only the tracks and bins of the readout are computed in the last layers.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
/// use cistron_encode::{Reduce, SequenceBatch, SequenceModel};
/// use cistron_models::{Enformer, EnformerConfig, EnformerHead};
///
/// // As small as one can be: 64 letters become 8 positions of 12 numbers, of which 4 are kept.
/// let config = EnformerConfig {
///     dim: 12,
///     depth: 1,
///     heads: 2,
///     attn_dim_key: 4,
///     output_heads: vec![EnformerHead::numbered("human", 3)],
///     target_length: Some(4),
///     num_downsamples: 3,
///     dim_divisible_by: 6,
///     input_length: 64,
///     ..EnformerConfig::default()
/// };
/// let model = Enformer::new(&config, Seed::new(1))?;
/// let sequence = Sequence::parse(&Alphabet::dna(), &"GATTACAG".repeat(8))?;
/// let batch = SequenceBatch::from_sequences(&[sequence])?;
/// let readout = model.spec().readout(Some("human"), &[], None, Reduce::Keep)?;
/// assert_eq!(model.predict(&batch, &readout)?.dim(), (1, 4, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Enformer {
    config: EnformerConfig,
    spec: ModelSpec,
    body: Body,
}

/// The layers in a precision.
#[derive(Debug)]
enum Body {
    Single(Box<Engine<f32>>),
    Double(Box<Engine<f64>>),
}

impl Enformer {
    /// A model as it begins before training: weights as the package's begin, drawn from the seed.
    ///
    /// # Errors
    /// [`ModelsError::Network`] if the configuration does not fit together.
    pub fn new(config: &EnformerConfig, seed: Seed) -> Result<Self, ModelsError> {
        Self::build(config, Precision::Single, &mut |parameter| parameter.initial(seed))
    }

    fn build(config: &EnformerConfig, precision: Precision, source: Source<'_>) -> Result<Self, ModelsError> {
        config.check()?;
        let body = match precision {
            Precision::Single => Body::Single(Box::new(Engine::new(config, source)?)),
            Precision::Double => Body::Double(Box::new(Engine::new(config, source)?)),
        };
        Ok(Self { config: config.clone(), spec: spec(config), body })
    }

    /// The weights that [`new`](Self::new) begins with, under the package's names.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn initial_weights(config: &EnformerConfig, seed: Seed) -> Result<Checkpoint, ModelsError> {
        config.check()?;
        let mut checkpoint = Checkpoint::new();
        for parameter in parameters::parameters(config) {
            if let Some(tensor) = Tensor::from_f32(&parameter.shape, &parameter.initial(seed)?) {
                checkpoint.insert(parameter.name, tensor);
            }
        }
        Ok(checkpoint)
    }

    /// The names and shapes of the tensors of a model, in the package's order: what is trained and running
    /// statistics.
    pub fn tensors(config: &EnformerConfig) -> Vec<(String, Vec<usize>)> {
        parameters::parameters(config).into_iter().map(|it| (it.name, it.shape)).collect()
    }

    /// Reads a folder with `config.json` and `model.safetensors` or `pytorch_model.bin`.
    ///
    /// Tensors may stand under the package's names, their aliases (`_trunk.1.` for `stem.` and so on) or both, and
    /// behind what wrappers leave (`enformer.`, `module.`, `model.`). The head `to_tracks.0` of a finetuned model
    /// takes the place of the configuration's heads, under the name `tracks`. Tensors that the model does not use are
    /// reported.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`] for files that are not what they should be,
    /// [`ModelsError::Network`] for a configuration that does not fit together, [`ModelsError::MissingTensors`] with
    /// every name that is not there, [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    ///
    /// **Cost**: tensors are read one by one; the file is never in memory as a whole.
    pub fn load(folder: impl AsRef<Path>) -> Result<(Self, LoadReport), ModelsError> {
        Self::load_with_precision(folder, Precision::Single)
    }

    /// As [`load`](Self::load), to be computed in a precision.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_precision(
        folder: impl AsRef<Path>,
        precision: Precision,
    ) -> Result<(Self, LoadReport), ModelsError> {
        let folder = folder.as_ref();
        let path = folder.join("config.json");
        let text = fs::read_to_string(&path).map_err(ModelsError::io(&path))?;
        let config = EnformerConfig::from_json(&text)
            .map_err(|problem| ModelsError::format(&path, problem.to_string()))?;
        Self::from_file(&config, crate::load::weights_of(folder)?, precision)
    }

    /// The model of a configuration with the weights of a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_file(
        config: &EnformerConfig,
        path: impl AsRef<Path>,
        precision: Precision,
    ) -> Result<(Self, LoadReport), ModelsError> {
        let file = CheckpointFile::open(path.as_ref())?;
        let config = weights::with_new_head(config, &file);
        let found = weights::Found::new(&config, &file)?;
        let model = Self::build(&config, precision, &mut |parameter| {
            let name = found.names.get(&parameter.name).map_or(&*parameter.name, String::as_str);
            let values = file.read(name, &parameter.shape)?;
            if parameter.name.ends_with("running_var") && values.iter().any(|value| *value < 0.0) {
                let problem = format!("tensor `{name}` holds a number below 0, expected variances");
                return Err(ModelsError::format(file.path(), problem));
            }
            Ok(values)
        })?;
        Ok((model, found.report))
    }

    /// What the model is made of.
    pub fn config(&self) -> &EnformerConfig {
        &self.config
    }

    /// The precision that it is computed in.
    pub fn precision(&self) -> Precision {
        match self.body {
            Body::Single(_) => Precision::Single,
            Body::Double(_) => Precision::Double,
        }
    }

    /// The embeddings of the bins that are kept, (N, bins, 2 dim): what heads read, unless they say otherwise.
    ///
    /// # Errors
    /// [`ModelError`] if the batch does not fit the model.
    pub fn embeddings(&self, batch: &SequenceBatch) -> Result<Array3<f32>, ModelError> {
        self.spec.check(batch.alphabet(), batch.width())?;
        let kept = self.config.kept_bins(self.config.n_positions(batch.width()));
        let shape = (batch.len(), kept.len(), 2 * self.config.dim);
        let mut out = Array3::zeros(shape);
        for (codes, mut out) in batch.codes().outer_iter().zip(out.outer_iter_mut()) {
            let codes = codes.to_vec();
            let values = match &self.body {
                Body::Single(engine) => engine.embeddings(&codes, kept.clone()),
                Body::Double(engine) => narrowed(engine.embeddings(&codes, kept.clone())),
            };
            out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
        }
        Ok(out)
    }

    fn check_readout(&self, readout: &Readout) -> Result<(), ModelError> {
        let fits = self.spec.heads.get(readout.head).is_some_and(|head| {
            readout.bins.end <= head.bins
                && readout.bins.start < readout.bins.end
                && readout.tracks.iter().all(|&track| (track as usize) < head.tracks.len())
        });
        if fits {
            return Ok(());
        }
        let Readout { head, tracks, bins, .. } = readout;
        Err(ModelError::Readout {
            found: format!("head {head}, bins {bins:?} and tracks {tracks:?}"),
            expected: format!("one of {} heads, its bins and tracks", self.spec.heads.len()),
        })
    }

    /// The numbers of a readout, (1, bins, tracks), of the tower's rows.
    fn read<T: Real + Default>(&self, engine: &Engine<T>, trunk: Vec<T>, readout: &Readout) -> Array3<f64> {
        let first = self.config.kept_bins(trunk.len() / self.config.dim).start;
        let wanted = first + readout.bins.start..first + readout.bins.end;
        let values = engine.tracks(&engine.attended(trunk, wanted), readout.head, &readout.tracks);
        let (n_tracks, n_bins) = (readout.tracks.len(), readout.bins.len());
        let value = |bin: usize, track: usize| values[bin * n_tracks + track].wide();
        Array3::from_shape_fn((1, readout.bins_out(), n_tracks), |(_, bin, track)| {
            let sum = || (0..n_bins).map(|bin| value(bin, track)).sum::<f64>();
            match readout.reduce {
                Reduce::Keep => value(bin, track),
                Reduce::Sum => sum(),
                Reduce::Mean => sum() / n_bins as f64,
            }
        })
    }
}

fn narrowed(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

fn spec(config: &EnformerConfig) -> ModelSpec {
    let kept = config.kept_bins(config.n_positions(config.input_length));
    let bin_width = 1 << config.num_downsamples;
    let head = |head: &EnformerHead| HeadSpec {
        name: head.name.as_str().into(),
        bins: kept.len(),
        bin_width: std::num::NonZeroUsize::new(bin_width),
        first_bin: kept.start * bin_width,
        tracks: head.tracks.iter().map(|track| track.as_str().into()).collect(),
        mirror: None,
    };
    ModelSpec {
        alphabet: Alphabet::dna(),
        input_length: Some(config.input_length),
        fill: Fill { unknown: 0.0, padding: 0.25, gap: 0.25 },
        heads: config.output_heads.iter().map(head).collect(),
    }
}

impl EnformerConfig {
    /// Writes `config.json` into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<(), ModelsError> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(ModelsError::io(folder))?;
        crate::load::write_config(folder, &self.to_json())
    }
}

impl SequenceModel for Enformer {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        Ok(self.predict_f64(batch, readout)?.mapv(|value| value as f32))
    }

    fn predict_f64(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f64>, ModelError> {
        self.spec.check(batch.alphabet(), batch.width())?;
        self.check_readout(readout)?;
        let mut out = Array3::zeros((batch.len(), readout.bins_out(), readout.tracks.len()));
        for (i, codes) in batch.codes().outer_iter().enumerate() {
            let codes = codes.to_vec();
            let found = match &self.body {
                Body::Single(engine) => self.read(engine, engine.trunk(&codes), readout),
                Body::Double(engine) => self.read(engine, engine.trunk(&codes), readout),
            };
            out.index_axis_mut(Axis(0), i).assign(&found.index_axis_move(Axis(0), 0));
        }
        Ok(out)
    }

    fn as_incremental(&self) -> Option<&dyn IncrementalModel> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
