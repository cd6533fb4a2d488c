use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cistron_core::Seed;
use cistron_encode::{
    DeepLiftModel, Fill, GradientModel, HeadSpec, IncrementalModel, ModelError, ModelSpec, Readout, Reduce,
    SequenceBatch, SequenceModel,
};
use ndarray::{Array3, ArrayView3};

use crate::nn::{Frozen, Parameters, Precision, Real, Tensor};
use crate::{Checkpoint, Device, LoadReport, ModelsError};

mod config;
mod freeze;
mod gradient;
mod incremental;
mod multipliers;
mod network;
mod parse;
mod published;
mod shape;
mod train;
mod weights;

pub use config::{ConvNetConfig, ConvNetHead, ConvNetLayer, FlattenOrder, HeadActivation};
pub use train::{ConvNetData, ConvNetLoss, ConvNetTraining, TrainedConvNet, train_convnet};

use network::Network;
use shape::Shape;

/// A network of convolutions with its weights: a model as [`ConvNetConfig`] declares it.
///
/// Computed in single precision, or in double for comparisons ([`with_precision`](Self::with_precision)). What a
/// sequence gives does not depend on the others of its batch, nor on threads. Normalisation is folded into the weights
/// before it.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
/// use cistron_encode::{Reduce, SequenceBatch, SequenceModel};
/// use cistron_models::{ConvNet, ConvNetConfig};
///
/// let net = ConvNet::new(&ConvNetConfig::bpnet(200, &["plus", "minus"]), Seed::new(1))?;
/// let sequence = Sequence::parse(&Alphabet::dna(), &"GATTACA".repeat(40)[..200])?;
/// let batch = SequenceBatch::from_sequences(&[sequence])?;
/// let profile = net.spec().readout(Some("profile"), &[], None, Reduce::Keep)?;
/// assert_eq!(net.predict(&batch, &profile)?.dim(), (1, 200, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ConvNet {
    config: ConvNetConfig,
    spec: ModelSpec,
    parameters: Parameters,
    network: Network,
    frozen: Body,
}

/// The layers in a precision.
#[derive(Debug)]
enum Body {
    Single(Frozen<f32>),
    Double(Frozen<f64>),
}

impl Body {
    fn new(
        config: &ConvNetConfig,
        parameters: &Parameters,
        precision: Precision,
    ) -> Result<Self, ModelsError> {
        Ok(match precision {
            Precision::Single => Self::Single(freeze::freeze(config, parameters, precision)?),
            Precision::Double => Self::Double(freeze::freeze(config, parameters, precision)?),
        })
    }
}

impl ConvNet {
    /// A network as it begins before training: weights as PyTorch's layers begin, drawn from the seed.
    ///
    /// # Errors
    /// [`ModelsError::Network`] if the layers do not fit one another.
    pub fn new(config: &ConvNetConfig, seed: Seed) -> Result<Self, ModelsError> {
        let precision = Precision::Single;
        Self::begin(config, seed, Parameters::new(Device::Cpu, precision), precision)
    }

    fn begin(
        config: &ConvNetConfig,
        seed: Seed,
        mut parameters: Parameters,
        precision: Precision,
    ) -> Result<Self, ModelsError> {
        config.check()?;
        let network = Network::new(config, &mut parameters.scope(seed))?;
        let frozen = Body::new(config, &parameters, precision)?;
        Ok(Self { config: config.clone(), spec: spec(config)?, parameters, network, frozen })
    }

    /// With the numbers of a checkpoint that has just what it takes.
    fn given(
        config: &ConvNetConfig,
        checkpoint: Checkpoint,
        precision: Precision,
    ) -> Result<Self, ModelsError> {
        Self::begin(config, Seed::default(), Parameters::given(Device::Cpu, precision, checkpoint), precision)
    }

    /// The network with the weights of a checkpoint, named `<layer>.weight` and so on; a prefix that wrappers leave
    /// (`module.`, `model.`) is taken off, and tensors that the network does not use are reported.
    ///
    /// # Errors
    /// [`ModelsError::Network`], [`ModelsError::MissingTensors`] with every name that is not there,
    /// [`ModelsError::TensorShape`], [`ModelsError::NonFinite`], or [`ModelsError::Format`] for a variance below 0.
    pub fn from_checkpoint(
        config: &ConvNetConfig,
        checkpoint: &Checkpoint,
    ) -> Result<(Self, LoadReport), ModelsError> {
        Self::named(config, checkpoint.clone(), &BTreeMap::new(), Precision::Single)
    }

    fn named(
        config: &ConvNetConfig,
        checkpoint: Checkpoint,
        names: &BTreeMap<String, String>,
        precision: Precision,
    ) -> Result<(Self, LoadReport), ModelsError> {
        config.check()?;
        let (chosen, report) = weights::select(config, &checkpoint, names)?;
        // What nobody else holds need not be copied.
        drop(checkpoint);
        weights::check_variances(&chosen)?;
        Ok((Self::given(config, chosen, precision)?, report))
    }

    /// Reads a folder with `config.json`, `model.safetensors` or `pytorch_model.bin`, and perhaps `name_map.json`,
    /// which pairs names of tensors or layers in the file with those of the configuration.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`] for files that are not what they should be, and as
    /// [`from_checkpoint`](Self::from_checkpoint).
    pub fn load(folder: impl AsRef<Path>) -> Result<(Self, LoadReport), ModelsError> {
        Self::load_with_precision(folder, Precision::Single)
    }

    /// The same, computed in another precision, in which it also keeps its weights.
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
        let config = ConvNetConfig::from_json(&text)
            .map_err(|problem| ModelsError::format(&path, problem.to_string()))?;
        let map = folder.join("name_map.json");
        let names = if map.is_file() {
            let text = fs::read(&map).map_err(ModelsError::io(&map))?;
            serde_json::from_slice(&text).map_err(|error| {
                ModelsError::format(&map, format!("expected an object of names and names: {error}"))
            })?
        } else {
            BTreeMap::new()
        };
        Self::named(&config, Checkpoint::read(crate::load::weights_of(folder)?)?, &names, precision)
    }

    /// Writes `config.json` and `model.safetensors` into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), ModelsError> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(ModelsError::io(folder))?;
        self.weights()?.write(folder.join("model.safetensors"))?;
        write_config(&self.config, folder)
    }

    /// The same network computed in another precision.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn with_precision(&self, precision: Precision) -> Result<Self, ModelsError> {
        Self::given(&self.config, self.parameters.save_exactly()?, precision)
    }

    /// What the network is made of.
    pub fn config(&self) -> &ConvNetConfig {
        &self.config
    }

    /// The precision that it is computed in.
    pub fn precision(&self) -> Precision {
        match self.frozen {
            Body::Single(_) => Precision::Single,
            Body::Double(_) => Precision::Double,
        }
    }

    /// The weights in single precision, by name.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn weights(&self) -> Result<Checkpoint, ModelsError> {
        self.parameters.save()
    }

    /// Whether sequences of a length, which fits the specification, and a readout fit the layers.
    fn check_run(&self, length: usize, readout: &Readout) -> Result<(), ModelError> {
        let head = self.spec.heads.get(readout.head);
        let fits = head.is_some_and(|head| {
            readout.bins.end <= head.bins
                && readout.tracks.iter().all(|&track| (track as usize) < head.tracks.len())
        });
        if !fits {
            return Err(ModelError::Readout {
                found: format!(
                    "head {}, bins {:?} and tracks {:?}",
                    readout.head, readout.bins, readout.tracks
                ),
                expected: format!("one of {} heads, its bins and tracks", self.spec.heads.len()),
            });
        }
        if self.spec.input_length.is_none() {
            let input = Shape::Positions { length: Some(length), channels: self.spec.alphabet.len().into() };
            let layers = self.config.heads.get(readout.head).map_or(&[][..], |head| &head.layers);
            shape::through(&self.config.layers, input, "layers")
                .and_then(|trunk| shape::through(layers, trunk, "head layers"))
                .map_err(|error| {
                    ModelError::Unsupported(format!("sequences of {length} letters: {error}"))
                })?;
        }
        Ok(())
    }

    fn read<T: Real + Default>(
        &self,
        frozen: &Frozen<T>,
        batch: &SequenceBatch,
        readout: &Readout,
    ) -> Result<Array3<f64>, ModelError> {
        let (codes, letters) = (batch.codes(), usize::from(self.spec.alphabet.len()));
        let one_hot = |i: usize, rows: &mut [T]| {
            for (row, code) in rows.chunks_exact_mut(letters).zip(codes.row(i)) {
                if let Some(value) = row.get_mut(usize::from(*code)) {
                    *value = T::one();
                }
            }
        };
        let full =
            frozen.run(readout.head, batch.len(), (batch.width(), letters), one_hot).map_err(backend)?;
        let n_tracks = self.spec.heads.get(readout.head).map_or(1, |head| head.tracks.len());
        Ok(reduced(&full, batch.len(), n_tracks, readout))
    }
}

/// The numbers of a readout from the whole output (N, bins, tracks) of its head.
fn reduced<T: Real>(full: &[T], n: usize, n_tracks: usize, readout: &Readout) -> Array3<f64> {
    let size = full.len() / n.max(1);
    let value = |i: usize, bin: usize, track: u32| full[i * size + bin * n_tracks + track as usize].wide();
    let shape = (n, readout.bins_out(), readout.tracks.len());
    Array3::from_shape_fn(shape, |(i, bin, track)| {
        let track = readout.tracks[track];
        let sum = || readout.bins.clone().map(|bin| value(i, bin, track)).sum::<f64>();
        match readout.reduce {
            Reduce::Keep => value(i, readout.bins.start + bin, track),
            Reduce::Sum => sum(),
            Reduce::Mean => sum() / readout.bins.len() as f64,
        }
    })
}

fn backend(error: ModelsError) -> ModelError {
    ModelError::Backend(Box::new(error))
}

fn spec(config: &ConvNetConfig) -> Result<ModelSpec, ModelsError> {
    let head = |head: &ConvNetHead| HeadSpec {
        name: head.name.as_str().into(),
        bins: head.bins,
        bin_width: head.bin_width.and_then(std::num::NonZeroUsize::new),
        first_bin: head.first_bin,
        tracks: head.tracks.iter().map(|track| track.as_str().into()).collect(),
        mirror: None,
    };
    Ok(ModelSpec {
        alphabet: shape::alphabet(&config.alphabet)?,
        input_length: config.input_length,
        fill: Fill::default(),
        heads: config.heads.iter().map(head).collect(),
    })
}

fn write_config(config: &ConvNetConfig, folder: &Path) -> Result<(), ModelsError> {
    crate::load::write_config(folder, &config.to_json()?)
}

impl SequenceModel for ConvNet {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        Ok(self.predict_f64(batch, readout)?.mapv(|value| value as f32))
    }

    fn predict_f64(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f64>, ModelError> {
        self.spec.check(batch.alphabet(), batch.width())?;
        self.check_run(batch.width(), readout)?;
        let shape = (batch.len(), readout.bins_out(), readout.tracks.len());
        if batch.is_empty() {
            return Ok(Array3::zeros(shape));
        }
        match &self.frozen {
            Body::Single(frozen) => self.read(frozen, batch, readout),
            Body::Double(frozen) => self.read(frozen, batch, readout),
        }
    }

    fn as_gradient(&self) -> Option<&dyn GradientModel> {
        Some(self)
    }

    fn as_incremental(&self) -> Option<&dyn IncrementalModel> {
        Some(self)
    }

    fn as_deep_lift(&self) -> Option<&dyn DeepLiftModel> {
        Some(self)
    }
}

impl GradientModel for ConvNet {
    fn input_gradient(
        &self,
        one_hot: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Array3<f32>, ModelError> {
        Ok(self.input_gradient_f64(one_hot, readout)?.mapv(|value| value as f32))
    }

    fn input_gradient_f64(
        &self,
        one_hot: ArrayView3<'_, f32>,
        readout: &Readout,
    ) -> Result<Array3<f64>, ModelError> {
        let (_, length, letters) = one_hot.dim();
        self.check_letters(letters)?;
        self.spec.check(&self.spec.alphabet, length)?;
        self.check_run(length, readout)?;
        gradient::input_gradient(self, one_hot, readout).map_err(backend)
    }
}

#[cfg(test)]
mod tests;
