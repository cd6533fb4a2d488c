use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cistron_core::{Alphabet, Seed};
use cistron_encode::{
    Fill, HeadSpec, IncrementalModel, ModelError, ModelSpec, Readout, Reduce, SequenceBatch, SequenceModel,
};
use ndarray::{Array3, Axis};

use crate::checkpoint::CheckpointFile;
use crate::nn::{Precision, Real};
use crate::{Checkpoint, Device, LoadReport, ModelsError, Tensor};

mod basis;
mod config;
mod contexts;
mod engine;
mod graph;
mod heads;
mod incremental;
mod layers;
mod lora;
mod parameters;
mod parse;
mod tower;
mod trainable;
mod transformer;
mod tune;
mod weights;

pub use basis::relative_position_basis;
pub use config::{
    EnformerConfig, EnformerContextAttention, EnformerContextLayer, EnformerCrop, EnformerHead,
    EnformerHeadInput, GammaNorm,
};
pub use contexts::{EnformerContextHead, EnformerContexts};
pub use trainable::{Trainable, TrainableGroup};
pub use tune::{EnformerStart, EnformerTraining, HeadStart, TrackLoss, TrainedEnformer, finetune_enformer};

use engine::{Engine, Source};
use graph::{Graph, GraphOptions};

/// An Enformer with its weights: convolutions that halve the length, blocks of attention, and a head of tracks for
/// each bin (Avsec et al. 2021, doi:10.1038/s41592-021-01252-x).
///
/// Computes what enformer-pytorch 0.8.12 does in evaluation, within 2e-5 of a number plus 1e-5 of its size, in single
/// precision or in double for comparisons; on the processor, or on a GPU by [`load_on`](Self::load_on). Letters beside
/// A, C, G and T are zeros, padding and gaps a quarter of each letter. What a sequence gives depends neither on the
/// others of its batch nor on threads.
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
    /// On another device than the processor.
    Graph(Box<Graph>),
}

/// Where a model is computed.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    device: Device,
    precision: Precision,
}

impl Enformer {
    /// A model as it begins before training: weights as the package's begin, drawn from the seed.
    ///
    /// # Errors
    /// [`ModelsError::Network`] if the configuration does not fit together.
    pub fn new(config: &EnformerConfig, seed: Seed) -> Result<Self, ModelsError> {
        Self::build(config, Place::default(), &mut |parameter| parameter.initial(seed))
    }

    fn build(config: &EnformerConfig, place: Place, source: Source<'_>) -> Result<Self, ModelsError> {
        config.check()?;
        let Place { device, precision } = place;
        let body = match (device, precision) {
            (Device::Cpu, Precision::Single) => Body::Single(Box::new(Engine::new(config, source)?)),
            (Device::Cpu, Precision::Double) => Body::Double(Box::new(Engine::new(config, source)?)),
            _ => {
                device.check()?;
                let options = GraphOptions { device, precision, ..GraphOptions::default() };
                Body::Graph(Box::new(Graph::whole(config, source, options)?))
            }
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
        Self::load_at(folder.as_ref(), Place { precision, ..Place::default() })
    }

    /// As [`load`](Self::load), to be computed on a device in single precision. Elsewhere than on the processor each
    /// stage runs as a whole, and predictions from cached references are not offered.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`ModelsError::DeviceFeature`] or [`ModelsError::DeviceMissing`].
    pub fn load_on(folder: impl AsRef<Path>, device: Device) -> Result<(Self, LoadReport), ModelsError> {
        Self::load_at(folder.as_ref(), Place { device, ..Place::default() })
    }

    fn load_at(folder: &Path, place: Place) -> Result<(Self, LoadReport), ModelsError> {
        Self::of_file(open_folder(folder)?, place)
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
        Self::of_file(open_file(config, path.as_ref())?, Place { precision, ..Place::default() })
    }

    fn of_file(opened: Opened, place: Place) -> Result<(Self, LoadReport), ModelsError> {
        let Opened { config, file, found } = opened;
        let read = &mut |parameter: &parameters::Parameter| read_tensor(&file, &found.names, parameter);
        Ok((Self::build(&config, place, read)?, found.report))
    }

    /// What the model is made of.
    pub fn config(&self) -> &EnformerConfig {
        &self.config
    }

    /// The precision that it is computed in.
    pub fn precision(&self) -> Precision {
        match self.body {
            Body::Single(_) | Body::Graph(_) => Precision::Single,
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
                Body::Graph(graph) => {
                    graph.embed(&codes).and_then(|found| found.to_f32()).map_err(backend)?
                }
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
        let n_tracks = readout.tracks.len();
        reduced(readout, |bin, track| values[bin * n_tracks + track].wide())
    }

    /// The same by the graph, of letters.
    fn read_graph(&self, graph: &Graph, codes: &[u8], readout: &Readout) -> Result<Array3<f64>, ModelsError> {
        let values = graph.tracks(codes, readout.head)?.to_f64()?;
        let all = self.config.output_heads.get(readout.head).map_or(0, |head| head.tracks.len());
        let chosen = |track: usize| readout.tracks[track] as usize;
        Ok(reduced(readout, |bin, track| values[(readout.bins.start + bin) * all + chosen(track)]))
    }
}

/// What a readout makes of values by its bins and tracks: (1, bins, tracks).
fn reduced(readout: &Readout, value: impl Fn(usize, usize) -> f64) -> Array3<f64> {
    let n_bins = readout.bins.len();
    Array3::from_shape_fn((1, readout.bins_out(), readout.tracks.len()), |(_, bin, track)| {
        let sum = || (0..n_bins).map(|bin| value(bin, track)).sum::<f64>();
        match readout.reduce {
            Reduce::Keep => value(bin, track),
            Reduce::Sum => sum(),
            Reduce::Mean => sum() / n_bins as f64,
        }
    })
}

fn backend(error: ModelsError) -> ModelError {
    ModelError::Backend(Box::new(error))
}

/// A file of weights.
struct Opened {
    /// With the heads of the file.
    config: EnformerConfig,
    file: CheckpointFile,
    /// Where the tensors are.
    found: weights::Found,
}

fn open_folder(folder: &Path) -> Result<Opened, ModelsError> {
    open_file(&EnformerConfig::read(folder)?, &crate::load::weights_of(folder)?)
}

fn open_file(config: &EnformerConfig, path: &Path) -> Result<Opened, ModelsError> {
    let file = CheckpointFile::open(path)?;
    let config = weights::with_new_head(config, &file);
    let found = weights::Found::new(&config, &file)?;
    Ok(Opened { config, file, found })
}

/// The numbers of a tensor.
fn read_tensor(
    file: &CheckpointFile,
    names: &BTreeMap<String, String>,
    parameter: &parameters::Parameter,
) -> Result<Vec<f32>, ModelsError> {
    let name = names.get(&parameter.name).map_or(&*parameter.name, String::as_str);
    let values = file.read(name, &parameter.shape)?;
    if parameter.name.ends_with("running_var") && values.iter().any(|value| *value < 0.0) {
        let problem = format!("tensor `{name}` holds a number below 0, expected variances");
        return Err(ModelsError::format(file.path(), problem));
    }
    Ok(values)
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
    /// The letter of an input with which the first bin begins.
    pub fn first_bin(&self) -> usize {
        self.kept_bins(self.n_positions(self.input_length)).start << self.num_downsamples
    }

    /// Reads `config.json` of a folder.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`] for a file that is not what it should be.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, ModelsError> {
        let path = folder.as_ref().join("config.json");
        let text = fs::read_to_string(&path).map_err(ModelsError::io(&path))?;
        Self::from_json(&text).map_err(|problem| ModelsError::format(&path, problem.to_string()))
    }

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
                Body::Graph(graph) => self.read_graph(graph, &codes, readout).map_err(backend)?,
            };
            out.index_axis_mut(Axis(0), i).assign(&found.index_axis_move(Axis(0), 0));
        }
        Ok(out)
    }

    fn as_incremental(&self) -> Option<&dyn IncrementalModel> {
        if let Body::Graph(_) = self.body { None } else { Some(self) }
    }
}

#[cfg(test)]
mod tests;
