use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use cistron_core::AtomicFile;
use cistron_encode::{HeadSpec, ModelSpec, SequenceModel};
use serde_json::Value;

use crate::{Checkpoint, ConvNet, Enformer, LinearProbe, LoadReport, ModelsError, Vae};

/// What there is to say about a model before it runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The kind of model, as a `config.json` names it: `probe`, `convnet`, `enformer` or `vae`.
    pub model_type: String,
    /// The variant of the kind, such as `kmer+positional`; for networks the number of layers with weights.
    pub variant: String,
    /// The letters that it reads.
    pub alphabet: String,
    /// The number of letters of an input; `None` if any number will do.
    pub input_length: Option<usize>,
    /// The outputs.
    pub heads: Vec<HeadSpec>,
    /// The number of trained numbers.
    pub n_parameters: usize,
    /// The number of neighbouring letters that act together: 1 for a model that adds up single letters, k for
    /// k-mers, what a position sees before positions are brought together for networks. `None` for the whole input.
    pub receptive_field: Option<usize>,
}

impl ModelInfo {
    fn probe(probe: &LinearProbe) -> Self {
        let ModelSpec { alphabet, input_length, heads, .. } = probe.spec();
        Self {
            model_type: "probe".to_owned(),
            variant: probe.kind().name().to_owned(),
            alphabet: alphabet.to_string(),
            input_length: *input_length,
            heads: heads.clone(),
            n_parameters: probe.n_parameters(),
            receptive_field: Some(probe.kmer().map_or(1, crate::KmerWeights::k)),
        }
    }

    fn convnet(net: &ConvNet) -> Self {
        let ModelSpec { alphabet, input_length, heads, .. } = net.spec();
        let weighted = net.config().all_layers().into_iter().filter(|layer| layer.name().is_some()).count();
        Self {
            model_type: CONVNET.to_owned(),
            variant: format!("{weighted} layers with weights"),
            alphabet: alphabet.to_string(),
            input_length: *input_length,
            heads: heads.clone(),
            n_parameters: net.config().n_parameters(),
            receptive_field: Some(net.config().receptive_field()),
        }
    }

    fn enformer(model: &Enformer) -> Self {
        let ModelSpec { alphabet, input_length, heads, .. } = model.spec();
        let config = model.config();
        Self {
            model_type: ENFORMER.to_owned(),
            variant: format!(
                "{} blocks of width {}, gamma norm {}",
                config.depth,
                config.dim,
                config.gamma_norm.name()
            ),
            alphabet: alphabet.to_string(),
            input_length: *input_length,
            heads: heads.clone(),
            n_parameters: config.n_parameters(),
            receptive_field: None,
        }
    }

    fn vae(vae: &Vae) -> Self {
        let ModelSpec { alphabet, input_length, heads, .. } = vae.spec();
        let weights =
            if vae.config().point.is_some() { "weights are points" } else { "weights have posteriors" };
        Self {
            model_type: VAE.to_owned(),
            variant: format!("{} latent variables, {weights}", vae.config().n_latent),
            alphabet: alphabet.to_string(),
            input_length: *input_length,
            heads: heads.clone(),
            n_parameters: vae.config().n_parameters(),
            receptive_field: None,
        }
    }
}

/// A model and how it was loaded.
pub struct LoadedModel {
    /// The model.
    pub model: Box<dyn SequenceModel>,
    /// What it is.
    pub info: ModelInfo,
    /// What loading had to do and to leave.
    pub report: LoadReport,
}

const PROBE: &str = "probe";
const CONVNET: &str = "convnet";
const VAE: &str = "vae";
const ENFORMER: &str = "enformer";

/// Loads the model of a path.
///
/// A `.safetensors` or PyTorch file, told by content, is a [`LinearProbe`]. A folder holds `config.json`, whose
/// `model_type` says what it is (`probe`, `convnet`, `enformer` or `vae`), and `model.safetensors` or
/// `pytorch_model.bin`.
///
/// # Errors
/// [`ModelsError::Io`] or [`ModelsError::Format`] for files that cannot be read, [`ModelsError::ModelType`] for
/// another kind of model, and what [`LinearProbe::load`], [`ConvNet::load`],
/// [`Enformer::load`] or [`Vae::load`] finds wrong.
pub fn load_model(path: impl AsRef<Path>) -> Result<LoadedModel, ModelsError> {
    let path = path.as_ref();
    let kind = if path.is_dir() { model_type(path, &[PROBE, CONVNET, ENFORMER, VAE])? } else { PROBE };
    if kind == CONVNET {
        let (net, report) = ConvNet::load(path)?;
        return Ok(LoadedModel { info: ModelInfo::convnet(&net), model: Box::new(net), report });
    }
    if kind == ENFORMER {
        let (model, report) = Enformer::load(path)?;
        return Ok(LoadedModel { info: ModelInfo::enformer(&model), model: Box::new(model), report });
    }
    if kind == VAE {
        let (vae, report) = Vae::load(path)?;
        return Ok(LoadedModel { info: ModelInfo::vae(&vae), model: Box::new(vae), report });
    }
    let (probe, report) = LinearProbe::load(path)?;
    Ok(LoadedModel { info: ModelInfo::probe(&probe), model: Box::new(probe), report })
}

/// Loads the probe of a folder with `config.json` and weights.
pub(crate) fn load_folder(folder: &Path) -> Result<(LinearProbe, LoadReport), ModelsError> {
    model_type(folder, &[PROBE])?;
    LinearProbe::from_checkpoint(&Checkpoint::read(weights_of(folder)?)?)
}

/// What a folder's `config.json` says that it is, one of those that are expected.
fn model_type(folder: &Path, expected: &[&'static str]) -> Result<&'static str, ModelsError> {
    let path = folder.join("config.json");
    let text = fs::read(&path).map_err(ModelsError::io(&path))?;
    let config: Value = serde_json::from_slice(&text)
        .map_err(|error| ModelsError::format(&path, format!("not sound JSON: {error}")))?;
    let names = || expected.join(" or ");
    let found = config.get("model_type").and_then(Value::as_str).ok_or_else(|| {
        ModelsError::format(&path, format!("has no text `model_type`, expected {}", names()))
    })?;
    expected.iter().copied().find(|known| *known == found).ok_or_else(|| ModelsError::ModelType {
        path: path.clone(),
        found: found.to_owned(),
        expected: names(),
    })
}

/// Writes the `config.json` of a folder, complete or not at all.
pub(crate) fn write_config(folder: &Path, text: &str) -> Result<(), ModelsError> {
    write_text(folder, "config.json", text)
}

/// Writes a file of a folder, complete or not at all.
pub(crate) fn write_text(folder: &Path, name: &str, text: &str) -> Result<(), ModelsError> {
    let path = folder.join(name);
    let write = || {
        let mut file = AtomicFile::create(&path)?;
        file.write_all(text.as_bytes())?;
        file.commit()
    };
    write().map_err(ModelsError::io(&path))
}

/// The file of a folder's weights.
pub(crate) fn weights_of(folder: &Path) -> Result<PathBuf, ModelsError> {
    let files = ["model.safetensors", "pytorch_model.bin"].map(|name| folder.join(name));
    files.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        ModelsError::format(folder, "has no weights, expected model.safetensors or pytorch_model.bin")
    })
}
