use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use cistron_core::AtomicFile;

use crate::ModelsError;

mod file;
mod half;
mod safetensors;
mod tensor;
mod torch;

pub(crate) use file::CheckpointFile;
pub use tensor::{Tensor, TensorElement};

/// Names before the names of a model's tensors that wrappers leave behind (`DataParallel`, Lightning).
const PREFIXES: [&str; 6] = ["", "module.", "model.", "probe.", "module.model.", "module.probe."];

/// Named tensors and a few texts about them: the content of a checkpoint file.
///
/// Reads `.safetensors` and PyTorch's `.pt`/`.bin`, told by content, not by name. Of PyTorch's files only state
/// dicts are read: nothing in them is ever executed, and whatever is no tensor is skipped and reported. Writes
/// `.safetensors`, byte for byte the same for the same content.
///
/// ```
/// use cistron_models::{Checkpoint, Tensor};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("bias.safetensors");
/// let mut checkpoint = Checkpoint::new();
/// if let Some(tensor) = Tensor::from_f32(&[1], &[0.25]) {
///     checkpoint.insert("bias", tensor);
/// }
/// checkpoint.write(&path)?;
/// let read = Checkpoint::read(&path)?;
/// assert_eq!(read.get("bias").map(|tensor| tensor.to_f64()), Some(vec![0.25]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
    nested_in: Option<String>,
    skipped: Vec<String>,
    path: PathBuf,
}

/// What loading a model from a checkpoint had to do and to leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// What stood before each name and was taken off, such as `module.`.
    pub prefix_stripped: Option<String>,
    /// The entry of the file that held the tensors, if they did not stand at the top, such as `state_dict`.
    pub nested_in: Option<String>,
    /// Entries that the model does not use, in alphabetical order.
    pub extra: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without tensors.
    pub fn new() -> Self {
        Self { path: PathBuf::from("checkpoint"), ..Self::default() }
    }

    /// Reads a `.safetensors` file or a PyTorch state dict, told by content.
    ///
    /// # Errors
    /// [`ModelsError::Io`], or [`ModelsError::Format`] for anything else than these formats, a damaged file, a
    /// Python object that is no state dict (named), or numbers of a type that is not read.
    ///
    /// **Cost**: the tensors are held in memory once; those of PyTorch's files a second time while they are read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelsError> {
        let path = path.as_ref();
        let (mut file, length) = open(path).map_err(ModelsError::io(path))?;
        let begin = file.fill_buf().map_err(ModelsError::io(path))?;
        if length > 0 && safetensors::begins(begin) {
            let checkpoint = safetensors::read(&mut file, length, path)?;
            return Ok(Self { path: path.to_path_buf(), ..checkpoint });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(ModelsError::io(path))?;
        Self::from_bytes(&bytes, path)
    }

    /// As [`read`](Self::read), of bytes in memory; `path` is for messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_bytes(bytes: &[u8], path: impl AsRef<Path>) -> Result<Self, ModelsError> {
        let path = path.as_ref();
        let content = match bytes {
            [] => Err("the file is empty, expected a safetensors or PyTorch file".to_owned()),
            // Before the others: a header of 640 bytes begins as a pickle does.
            _ if safetensors::begins(bytes) => {
                let mut rest = bytes;
                let checkpoint = safetensors::read(&mut rest, bytes.len() as u64, path)?;
                return Ok(Self { path: path.to_path_buf(), ..checkpoint });
            }
            [b'P', b'K', 3, 4, ..] => torch::read_zip(bytes),
            [0x80, 2, ..] => torch::read_legacy(bytes),
            _ => Err(format!("found a file that begins with {}, {EXPECTED}", begin(bytes))),
        };
        let content = content.map_err(|problem| ModelsError::format(path, problem))?;
        Ok(Self { path: path.to_path_buf(), ..content })
    }

    /// The file that the checkpoint was read from; `checkpoint` for one made in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A tensor by its name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Every tensor by its name, in alphabetical order.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Adds a tensor, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// A text of the file's header, such as `format`; PyTorch's files have none.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Adds a text to the header, in place of one of the same key.
    pub fn set_metadata(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.metadata.insert(key.into(), value.into());
    }

    /// The number of values of all tensors.
    pub fn n_values(&self) -> usize {
        self.tensors.values().map(Tensor::len).sum()
    }

    /// Writes a `.safetensors` file, complete or not at all; the same content gives the same bytes.
    ///
    /// # Errors
    /// [`ModelsError::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ModelsError> {
        let path = path.as_ref();
        let write = || {
            let mut file = AtomicFile::create(path)?;
            file.write_all(&safetensors::header(&self.tensors, &self.metadata))?;
            for (_, tensor) in safetensors::in_file_order(&self.tensors) {
                file.write_all(tensor.bytes())?;
            }
            file.commit()
        };
        write().map_err(ModelsError::io(path))
    }

    /// The part of the checkpoint that a model needs, under the names that it knows.
    ///
    /// A prefix that wrappers leave before each name (`module.`, `model.`, `probe.`) is taken off when all
    /// names are found that way.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`] with every name that is not there.
    pub fn select(&self, expected: &[&str]) -> Result<(Self, LoadReport), ModelsError> {
        let missing = |prefix: &str| {
            let absent = |name: &&&str| !self.tensors.contains_key(&format!("{prefix}{name}"));
            expected.iter().filter(absent).map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        let Some(prefix) = PREFIXES.into_iter().find(|prefix| missing(prefix).is_empty()) else {
            // The reading under which the fewest are missing says most about what is wrong.
            let fewest = PREFIXES.into_iter().map(missing).min_by_key(Vec::len).unwrap_or_default();
            let found = self.tensors.keys().cloned().collect();
            return Err(ModelsError::MissingTensors { path: self.path.clone(), missing: fewest, found });
        };
        Ok(self.chosen(prefix, expected))
    }

    /// The same tensors under other names.
    pub(crate) fn renamed(&self, new_name: impl Fn(&str) -> String) -> Self {
        let tensors = self.tensors.iter().map(|(name, tensor)| (new_name(name), tensor.clone()));
        Self { tensors: tensors.collect(), ..self.clone() }
    }

    fn chosen(&self, prefix: &str, expected: &[&str]) -> (Self, LoadReport) {
        let mut chosen = Self { tensors: BTreeMap::new(), ..self.clone() };
        let mut extra = self.skipped.clone();
        for (name, tensor) in &self.tensors {
            match name.strip_prefix(prefix).filter(|name| expected.contains(name)) {
                Some(name) => chosen.insert(name, tensor.clone()),
                None => extra.push(name.clone()),
            }
        }
        extra.sort();
        let prefix_stripped = (!prefix.is_empty()).then(|| prefix.to_owned());
        (chosen, LoadReport { prefix_stripped, nested_in: self.nested_in.clone(), extra })
    }

    /// The finite values of a tensor whose shape is known, `None` standing for an axis of any size.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    pub fn values(&self, name: &str, shape: &[Option<usize>]) -> Result<Vec<f64>, ModelsError> {
        Ok(self.checked(name, shape)?.to_f64())
    }

    /// Takes a tensor out, checked as its [`values`](Self::values) are.
    pub(crate) fn take(&mut self, name: &str, shape: &[Option<usize>]) -> Result<Tensor, ModelsError> {
        let tensor = self.checked(name, shape)?.clone();
        self.tensors.remove(name);
        Ok(tensor)
    }

    fn checked(&self, name: &str, shape: &[Option<usize>]) -> Result<&Tensor, ModelsError> {
        let path = || self.path.clone();
        let tensor = self.get(name).ok_or_else(|| ModelsError::MissingTensors {
            path: path(),
            missing: vec![name.to_owned()],
            found: self.tensors.keys().cloned().collect(),
        })?;
        let fits = |(expected, found): (&Option<usize>, &usize)| expected.is_none_or(|size| size == *found);
        if tensor.shape().len() != shape.len() || !shape.iter().zip(tensor.shape()).all(fits) {
            let found = tensor.shape().to_vec();
            let expected = shape_text(shape);
            return Err(ModelsError::TensorShape { path: path(), tensor: name.to_owned(), found, expected });
        }
        match tensor.first_not_finite() {
            None => Ok(tensor),
            Some((place, found)) => Err(ModelsError::NonFinite {
                path: path(),
                tensor: name.to_owned(),
                index: tensor.index_of(place),
                found,
            }),
        }
    }
}

/// A file and its length; 0 for what is no plain file.
fn open(path: &Path) -> io::Result<(BufReader<File>, u64)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    Ok((BufReader::new(file), if about.is_file() { about.len() } else { 0 }))
}

const EXPECTED: &str = "expected a safetensors or PyTorch file";

/// The first bytes of a file as they would stand in a program.
fn begin(bytes: &[u8]) -> String {
    const SHOWN: usize = 12;
    format!("\"{}\"", bytes[..bytes.len().min(SHOWN)].escape_ascii())
}

fn shape_text(shape: &[Option<usize>]) -> String {
    let sizes: Vec<_> =
        shape.iter().map(|size| size.map_or_else(|| "any".to_owned(), |size| size.to_string())).collect();
    format!("[{}]", sizes.join(", "))
}

#[cfg(test)]
mod tests;
