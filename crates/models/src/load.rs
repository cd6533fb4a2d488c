use std::fs;
use std::path::Path;

use cistron_encode::{HeadSpec, ModelSpec, SequenceModel};
use serde_json::Value;

use crate::{Checkpoint, LinearProbe, LoadReport, ModelsError};

/// What there is to say about a model before it runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The kind of model, as a `config.json` names it: `probe`.
    pub model_type: String,
    /// The variant of the kind, such as `kmer+positional`.
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
    /// k-mers. `None` for the whole input.
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

/// Model types that a `config.json` may name and this version reads.
const READABLE: &str = "probe";

/// Loads the model of a path.
///
/// A `.safetensors` or PyTorch file, told by content, is a [`LinearProbe`]. A folder holds `config.json`, whose
/// `model_type` says what it is (this version: `probe`), and `model.safetensors` or `pytorch_model.bin`.
///
/// # Errors
/// [`ModelsError::Io`] or [`ModelsError::Format`] for files that cannot be read, [`ModelsError::ModelType`] for
/// another kind of model, and what [`LinearProbe::load`] finds wrong.
pub fn load_model(path: impl AsRef<Path>) -> Result<LoadedModel, ModelsError> {
    let path = path.as_ref();
    let (probe, report) = LinearProbe::load(path)?;
    Ok(LoadedModel { info: ModelInfo::probe(&probe), model: Box::new(probe), report })
}

/// Loads the probe of a folder with `config.json` and weights.
pub(crate) fn load_folder(folder: &Path) -> Result<(LinearProbe, LoadReport), ModelsError> {
    let config_path = folder.join("config.json");
    let text = fs::read(&config_path).map_err(ModelsError::io(&config_path))?;
    let config: Value = serde_json::from_slice(&text)
        .map_err(|error| ModelsError::format(&config_path, format!("not sound JSON: {error}")))?;
    let model_type = config.get("model_type").and_then(Value::as_str).ok_or_else(|| {
        ModelsError::format(&config_path, format!("has no text `model_type`, expected {READABLE}"))
    })?;
    if model_type != READABLE {
        let (found, expected) = (model_type.to_owned(), READABLE.to_owned());
        return Err(ModelsError::ModelType { path: config_path, found, expected });
    }
    let files = ["model.safetensors", "pytorch_model.bin"].map(|name| folder.join(name));
    let file = files.iter().find(|file| file.is_file()).ok_or_else(|| {
        ModelsError::format(folder, "has no weights, expected model.safetensors or pytorch_model.bin")
    })?;
    LinearProbe::from_checkpoint(&Checkpoint::read(file)?)
}
