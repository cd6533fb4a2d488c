//! A checkpoint of which each tensor is read when it is wanted: large ones are never in memory twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::torch::{self, TensorView};
use super::{Checkpoint, Tensor, TensorElement, safetensors, shape_text};
use crate::ModelsError;

/// A checkpoint's names, shapes and places.
pub(crate) struct CheckpointFile {
    path: PathBuf,
    content: Content,
}

/// What a format says of its file.
pub(super) struct Content {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) nested_in: Option<String>,
    pub(super) skipped: Vec<String>,
}

/// A tensor in a file.
pub(super) struct Entry {
    pub(super) element: TensorElement,
    pub(super) shape: Vec<usize>,
    pub(super) place: Place,
}

/// Where its numbers are.
pub(super) enum Place {
    /// Row after row, from this byte of the file on.
    Bytes(u64),
    /// Scattered over a storage, which lies in these bytes of the file.
    View(TensorView, Range<u64>),
    /// In memory: formats whose numbers have no known place.
    Memory(Tensor),
}

impl From<Checkpoint> for Content {
    fn from(checkpoint: Checkpoint) -> Self {
        let entry = |(name, tensor): (String, Tensor)| {
            let (element, shape) = (tensor.element(), tensor.shape().to_vec());
            (name, Entry { element, shape, place: Place::Memory(tensor) })
        };
        Self {
            entries: checkpoint.tensors.into_iter().map(entry).collect(),
            nested_in: checkpoint.nested_in,
            skipped: checkpoint.skipped,
        }
    }
}

impl CheckpointFile {
    /// Reads what a file says of its tensors.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub(crate) fn open(path: &Path) -> Result<Self, ModelsError> {
        let (mut file, length) = super::open(path).map_err(ModelsError::io(path))?;
        let begin = file.fill_buf().map_err(ModelsError::io(path))?;
        let content = if length > 0 && safetensors::begins(begin) {
            safetensors::index(&mut file, length, path)?
        } else if begin.starts_with(b"PK\x03\x04") {
            torch::index_zip(file).map_err(|problem| ModelsError::format(path, problem))?
        } else {
            Checkpoint::read(path)?.into()
        };
        Ok(Self { path: path.to_path_buf(), content })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the tensors, in alphabetical order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.content.entries.keys().map(String::as_str)
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.content.entries.get(name).map(|entry| &entry.shape[..])
    }

    /// The entry that held the tensors, if they did not stand at the top.
    pub(crate) fn nested_in(&self) -> Option<&str> {
        self.content.nested_in.as_deref()
    }

    /// Entries that are no tensors.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.content.skipped
    }

    /// The finite numbers of a tensor whose shape is known, in single precision.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`], [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or
    /// [`ModelsError::NonFinite`].
    pub(crate) fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelsError> {
        let path = || self.path.clone();
        let entry = self.content.entries.get(name).ok_or_else(|| ModelsError::MissingTensors {
            path: path(),
            missing: vec![name.to_owned()],
            found: self.names().map(str::to_owned).collect(),
        })?;
        if entry.shape != shape {
            let expected = shape_text(&shape.iter().copied().map(Some).collect::<Vec<_>>());
            let (tensor, found) = (name.to_owned(), entry.shape.clone());
            return Err(ModelsError::TensorShape { path: path(), tensor, found, expected });
        }
        let tensor = entry.tensor(name, &self.path)?;
        match tensor.first_not_finite() {
            None => Ok(tensor.into_f32()),
            Some((place, found)) => {
                let (tensor, index) = (name.to_owned(), tensor.index_of(place));
                Err(ModelsError::NonFinite { path: path(), tensor, index, found })
            }
        }
    }
}

impl Entry {
    fn tensor(&self, name: &str, path: &Path) -> Result<Tensor, ModelsError> {
        let problem = |problem: String| ModelsError::format(path, format!("tensor `{name}` {problem}"));
        let tensor = match &self.place {
            Place::Memory(tensor) => Some(tensor.clone()),
            Place::Bytes(start) => Tensor::read(self.element, &self.shape, &mut open_at(path, *start)?)
                .map_err(ModelsError::io(path))?,
            Place::View(view, bytes) => {
                let mut storage = Vec::new();
                let file = open_at(path, bytes.start)?;
                file.take(bytes.end - bytes.start)
                    .read_to_end(&mut storage)
                    .map_err(ModelsError::io(path))?;
                Tensor::from_bytes(self.element, &self.shape, view.gather(&storage).map_err(problem)?)
            }
        };
        tensor.ok_or_else(|| problem(format!("does not fill its shape {:?}", self.shape)))
    }
}

fn open_at(path: &Path, place: u64) -> Result<File, ModelsError> {
    let open = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(place))?;
        Ok(file)
    };
    open().map_err(ModelsError::io(path))
}
