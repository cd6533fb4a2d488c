use std::fs;
use std::path::Path;

use cistron_core::{Alphabet, Seed};
use cistron_encode::alignment::WildType;
use cistron_encode::{ModelError, ModelSpec, Readout, SequenceBatch, SequenceModel};
use ndarray::{Array3, ArrayView2};

use crate::nn::Precision;
use crate::{Checkpoint, LoadReport, ModelsError};

mod config;
mod decoder;
mod dense;
mod encoder;
mod kernel;
mod latent;
mod learner;
mod network;
mod noise;
mod output;
mod parse;
mod prior;
mod score;
mod tensors;
mod train;
mod variable;

pub use config::{VaeActivation, VaeConfig, VaeLikelihood, VaePoint, VaeSparsity, VaeStart};
pub use latent::VaeEmbedding;
pub use learner::{VaeAdam, VaeLearner, VaeUpdate};
pub use network::VaeTerms;
pub use noise::VaeNoise;
pub use score::{MutantEffect, ensemble_effects};
pub use train::{TrainedVae, VaeTraining, train_vae};

use network::Network;

/// A variational autoencoder of a family of sequences: what it takes for a likely member is taken for fit.
///
/// It is DeepSequence's model (Riesselman, Ingraham and Marks 2018, doi:10.1038/s41592-018-0138-4) with its names of
/// tensors. Unlike there, a mutant and the wild type are compared under the same draws of weights and latent variables
/// ([`mutant_effects`](Self::mutant_effects)), nothing is left out at random while scoring, and positions are those of
/// the columns.
///
/// As a [`SequenceModel`] it gives a sequence's evidence lower bound, the mean over [`Self::SAMPLES`] draws that are
/// the same for all sequences. Codes that are no letters are gaps, which say nothing.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_models::{Vae, VaeConfig};
///
/// let config = VaeConfig { focus: "ACDEF".into(), ..VaeConfig::small("ACDEFGHIKLMNPQRSTVWY", 5) };
/// let vae = Vae::new(&config, Seed::new(1))?;
/// let effects = vae.mutant_effects(&[vae.wild_type()?.parse("A1C:E4D")?], 8, Seed::new(2))?;
/// assert!(effects[0].standard_error > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vae {
    config: VaeConfig,
    spec: ModelSpec,
    wild_type: Option<WildType>,
    body: Body,
}

/// The network in a precision.
#[derive(Clone, Debug)]
enum Body {
    Single(Network<f32>),
    Double(Network<f64>),
}

/// The same for either precision.
macro_rules! with_network {
    ($body:expr, $network:ident => $work:expr) => {
        match $body {
            $crate::vae::Body::Single($network) => $work,
            $crate::vae::Body::Double($network) => $work,
        }
    };
}
use with_network;

impl Vae {
    /// The draws that a prediction is the mean of.
    pub const SAMPLES: usize = 64;

    /// A network as it begins before training, as in DeepSequence: weights of Glorot's deviation, biases of 0.1, small
    /// deviations of posteriors; drawn from the seed.
    ///
    /// # Errors
    /// As [`VaeConfig::check`].
    pub fn new(config: &VaeConfig, seed: Seed) -> Result<Self, ModelsError> {
        Self::begin(config, seed, Precision::Single)
    }

    fn begin(config: &VaeConfig, seed: Seed, precision: Precision) -> Result<Self, ModelsError> {
        config.check()?;
        let alphabet = config.letters()?;
        let positions = match config.positions.len() {
            0 => (1..=config.length as i64).collect(),
            _ => config.positions.clone(),
        };
        let wild_type =
            |letters: &str| WildType::new(alphabet.clone(), letters.as_bytes(), positions).map_err(refused);
        let wild_type =
            (!config.focus.is_empty()).then_some(config.focus.as_str()).map(wild_type).transpose()?;
        let spec = ModelSpec::scalar(alphabet, Some(config.length), "elbo");
        let body = match precision {
            Precision::Single => Body::Single(Network::new(config, seed)?),
            Precision::Double => Body::Double(Network::new(config, seed)?),
        };
        Ok(Self { config: config.clone(), spec, wild_type, body })
    }

    /// The network with the weights of a checkpoint; tensors that it does not use are reported.
    ///
    /// # Errors
    /// As [`VaeConfig::check`]; [`ModelsError::MissingTensors`] with every name that is not there,
    /// [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    pub fn from_checkpoint(
        config: &VaeConfig,
        checkpoint: &Checkpoint,
        precision: Precision,
    ) -> Result<(Self, LoadReport), ModelsError> {
        config.check()?;
        let names: Vec<String> =
            tensors::tensors(config).iter().flat_map(tensors::TensorSpec::names).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (chosen, report) = checkpoint.select(&names)?;
        let mut vae = Self::begin(config, Seed::default(), precision)?;
        with_network!(&mut vae.body, network => network.load(&chosen))?;
        Ok((vae, report))
    }

    /// Reads a folder with `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`] for files that are not what they should be, and as
    /// [`from_checkpoint`](Self::from_checkpoint).
    pub fn load(folder: impl AsRef<Path>) -> Result<(Self, LoadReport), ModelsError> {
        let folder = folder.as_ref();
        let path = folder.join("config.json");
        let text = fs::read_to_string(&path).map_err(ModelsError::io(&path))?;
        let config =
            VaeConfig::from_json(&text).map_err(|problem| ModelsError::format(&path, problem.to_string()))?;
        let checkpoint = Checkpoint::read(crate::load::weights_of(folder)?)?;
        Self::from_checkpoint(&config, &checkpoint, Precision::Single)
    }

    /// Writes `config.json` and `model.safetensors` into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), ModelsError> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(ModelsError::io(folder))?;
        self.weights().write(folder.join("model.safetensors"))?;
        self.save_config(folder)
    }

    fn save_config(&self, folder: &Path) -> Result<(), ModelsError> {
        crate::load::write_config(folder, &self.config.to_json()?)
    }

    /// The same network computed in another precision.
    ///
    /// # Errors
    /// [`ModelsError::NonFinite`] for a weight that is no finite number.
    pub fn with_precision(&self, precision: Precision) -> Result<Self, ModelsError> {
        Ok(Self::from_checkpoint(&self.config, &self.weights(), precision)?.0)
    }

    /// What the network is made of.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// The precision that it is computed in.
    pub fn precision(&self) -> Precision {
        match self.body {
            Body::Single(_) => Precision::Single,
            Body::Double(_) => Precision::Double,
        }
    }

    /// The weights by DeepSequence's names: `W_encode_0`, `W_out-mu`, `W_out-log_sigma` and so on, matrices as
    /// (in, out).
    pub fn weights(&self) -> Checkpoint {
        with_network!(&self.body, network => network.save())
    }

    /// The sequence that mutants are compared with.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] if the configuration names none.
    pub fn wild_type(&self) -> Result<&WildType, ModelError> {
        self.wild_type.as_ref().ok_or_else(|| {
            ModelError::Unsupported(
                "the model has no focus sequence, expected letters in its config.json".to_owned(),
            )
        })
    }

    /// Codes of sequences that fit the network, in one piece.
    fn codes(&self, sequences: ArrayView2<'_, u8>) -> Result<Vec<u8>, ModelError> {
        self.spec.check(&self.spec.alphabet, sequences.ncols())?;
        Ok(sequences.iter().copied().collect())
    }
}

impl VaeConfig {
    fn letters(&self) -> Result<Alphabet, ModelsError> {
        Alphabet::custom(&self.alphabet).map_err(|error| ModelsError::Option {
            option: "alphabet",
            found: format!("{:?}", self.alphabet),
            expected: format!("letters ({error})"),
        })
    }
}

fn refused(error: cistron_encode::alignment::FamilyError) -> ModelsError {
    ModelsError::Option {
        option: "focus",
        found: "one that does not fit".to_owned(),
        expected: error.to_string(),
    }
}

fn backend(error: ModelsError) -> ModelError {
    ModelError::Backend(Box::new(error))
}

impl SequenceModel for Vae {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        Ok(self.predict_f64(batch, readout)?.mapv(|value| value as f32))
    }

    fn predict_f64(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f64>, ModelError> {
        self.spec.check(batch.alphabet(), batch.width())?;
        let single = Array3::zeros((batch.len(), 1, 1));
        readout.apply(single.view())?;
        let samples = self.elbo_samples(batch.codes(), Self::SAMPLES, Seed::default()).map_err(backend)?;
        let shape = (batch.len(), readout.bins_out(), readout.tracks.len());
        Ok(Array3::from_shape_fn(shape, |(i, ..)| samples.row(i).iter().sum::<f64>() / Self::SAMPLES as f64))
    }
}

#[cfg(test)]
mod tests;
