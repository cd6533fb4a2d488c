use std::io;
use std::path::{Path, PathBuf};

use cistron_encode::kmer::KmerError;
use cistron_encode::{EncodeError, ModelError};

/// Why a model could not be read, written, trained or put on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// A model that does not fit what it was given.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Sequences that do not fit together.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// K-mers that do not fit together.
    #[error(transparent)]
    Kmer(#[from] KmerError),
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A file that is not what its format says.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Which part of it, what was found and what was expected.
        problem: String,
    },
    /// A checkpoint without tensors that its model needs.
    #[error("{}: tensors {} are missing, found {}", path.display(), missing.join(", "), listed(found))]
    MissingTensors {
        /// The file.
        path: PathBuf,
        /// The names that the model needs and the file does not have.
        missing: Vec<String>,
        /// The names that it has.
        found: Vec<String>,
    },
    /// A tensor of another shape than its model needs.
    #[error("{}: tensor `{tensor}` has shape {found:?}, expected {expected}", path.display())]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the model needs.
        expected: String,
    },
    /// A weight that is no finite number.
    #[error("{}: tensor `{tensor}` holds {found} at index {index:?}, expected finite numbers", path.display())]
    NonFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Where in the tensor, from 0.
        index: Vec<usize>,
        /// The value found.
        found: f64,
    },
    /// A kind of model that this version cannot read.
    #[error("{}: model type `{found}` is not supported by this version, expected {expected}", path.display())]
    ModelType {
        /// The file that names the type.
        path: PathBuf,
        /// The type found.
        found: String,
        /// The types that this version reads.
        expected: String,
    },
    /// A declared network whose parts do not fit.
    #[error("{place}: {problem}")]
    Network {
        /// Which part, such as `layers[3] (conv2)`.
        place: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A text that names no device.
    #[error("device {found:?} is not known, expected cpu, cuda, cuda:N or metal")]
    DeviceName {
        /// The text found.
        found: String,
    },
    /// A device whose code is not in this program.
    #[error("device {device} is not compiled in, expected a build with the feature `{feature}`")]
    DeviceFeature {
        /// The device asked for.
        device: String,
        /// The cargo feature that brings it.
        feature: &'static str,
    },
    /// A device whose code is in this program, but which this machine does not have or cannot open.
    #[error("device {device} was not found on this machine")]
    DeviceMissing {
        /// The device asked for.
        device: String,
        /// What its driver said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An option out of its range.
    #[error("option {option} is {found}, expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// The value given.
        found: String,
        /// The values that make sense.
        expected: String,
    },
    /// Data that a model cannot be trained on.
    #[error("{set} data: {problem}")]
    Data {
        /// Which data: `training` or `validation`.
        set: &'static str,
        /// Where, what was found and what was expected.
        problem: String,
    },
    /// Tensors that do not fit together, or a device that failed.
    #[error("a tensor operation failed: {source}")]
    Tensor {
        /// What the tensor library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A gradient that is no finite number, or too large to be squared.
    #[error("gradient of `{parameter}` holds {found} at place {index}, expected numbers with finite squares")]
    Gradient {
        /// The parameter.
        parameter: String,
        /// Where in it, row after row, from 0.
        index: usize,
        /// The value found.
        found: f64,
    },
    /// A loss that is no finite number.
    #[error("training loss of step {step} is {found}, expected a finite number; try a lower learning rate")]
    Diverged {
        /// The step of the run, from 0.
        step: u64,
        /// The loss found.
        found: f64,
    },
    /// A run that cannot be gone on with, because it is another.
    #[error("{}: {what} is {found}, but the run to resume began with {expected}", path.display())]
    Resume {
        /// The file of the run's state.
        path: PathBuf,
        /// What differs.
        what: String,
        /// What it is now.
        found: String,
        /// What it was.
        expected: String,
    },
    /// The run was asked to stop.
    #[error("stopped after {done} of {total} epochs")]
    Cancelled {
        /// Epochs that were complete.
        done: u64,
        /// Epochs that were planned.
        total: u64,
    },
}

#[doc(hidden)]
impl From<candle_core::Error> for ModelsError {
    fn from(source: candle_core::Error) -> Self {
        Self::Tensor { source: Box::new(source) }
    }
}

/// Refuses an option that is not what was expected.
pub(crate) fn check_option(
    option: &'static str,
    found: impl ToString,
    is_right: bool,
    expected: &str,
) -> Result<(), ModelsError> {
    if is_right {
        return Ok(());
    }
    Err(ModelsError::Option { option, found: found.to_string(), expected: expected.to_owned() })
}

/// The first names of a list, as text.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.len() {
        0 => "none".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{}, … ({n} names)", names[..SHOWN].join(", ")),
    }
}

impl ModelsError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), problem: problem.into() }
    }
}
