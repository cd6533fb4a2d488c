//! A checkpoint of which each tensor is read when it is wanted: large ones are never in memory twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::tensor::index_in;
use super::torch::{self, TensorView};
use super::{Checkpoint, Tensor, TensorElement, safetensors, shape_text};
use crate::ModelsError;

/// The bytes that become numbers at a time; a multiple of each type's width.
const PIECE: usize = 1 << 20;

/// A checkpoint's names, shapes and places.
pub(crate) struct CheckpointFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    nested_in: Option<String>,
    skipped: Vec<String>,
}

/// A tensor in a file.
pub(super) struct Entry {
    pub(super) element: TensorElement,
    pub(super) shape: Vec<usize>,
    pub(super) place: Place,
}

/// Where its numbers are.
pub(super) enum Place {
    /// Row after row, in these bytes of the file.
    Bytes(Range<u64>),
    /// Scattered over a storage, which lies in these bytes of the file.
    View(TensorView, Range<u64>),
    /// In memory: formats whose numbers have no known place.
    Memory(Tensor),
}

/// What a format says of its file.
pub(super) struct Content {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) nested_in: Option<String>,
    pub(super) skipped: Vec<String>,
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
        let mut file = File::open(path).map_err(ModelsError::io(path))?;
        let mut begin = Vec::new();
        Read::by_ref(&mut file).take(9).read_to_end(&mut begin).map_err(ModelsError::io(path))?;
        let content = match &begin[..] {
            [b'P', b'K', 3, 4, ..] => torch::index_zip(BufReader::new(file)),
            [_, _, _, _, _, _, _, _, b'{'] => safetensors::index(file),
            _ => Ok(Checkpoint::read(path)?.into()),
        };
        let Content { entries, nested_in, skipped } =
            content.map_err(|problem| ModelsError::format(path, problem))?;
        Ok(Self { path: path.to_path_buf(), entries, nested_in, skipped })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the tensors, in alphabetical order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| &entry.shape[..])
    }

    /// The entry that held the tensors, if they did not stand at the top.
    pub(crate) fn nested_in(&self) -> Option<&str> {
        self.nested_in.as_deref()
    }

    /// Entries that are no tensors.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The finite numbers of a tensor whose shape is known, in single precision.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`], [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or
    /// [`ModelsError::NonFinite`].
    pub(crate) fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelsError> {
        let path = || self.path.clone();
        let entry = self.entries.get(name).ok_or_else(|| ModelsError::MissingTensors {
            path: path(),
            missing: vec![name.to_owned()],
            found: self.entries.keys().cloned().collect(),
        })?;
        if entry.shape != shape {
            let expected = shape_text(&shape.iter().copied().map(Some).collect::<Vec<_>>());
            let (tensor, found) = (name.to_owned(), entry.shape.clone());
            return Err(ModelsError::TensorShape { path: path(), tensor, found, expected });
        }
        let values = entry.values(&self.path)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(place) => Err(ModelsError::NonFinite {
                path: path(),
                tensor: name.to_owned(),
                index: index_in(shape, place),
                found: f64::from(values[place]),
            }),
        }
    }
}

impl Entry {
    fn values(&self, path: &Path) -> Result<Vec<f32>, ModelsError> {
        match &self.place {
            Place::Memory(tensor) => Ok(tensor.to_f32()),
            Place::Bytes(bytes) => self.read_bytes(path, bytes),
            Place::View(view, bytes) => {
                let mut storage = Vec::new();
                open_at(path, bytes.start)?
                    .take(bytes.end - bytes.start)
                    .read_to_end(&mut storage)
                    .map_err(ModelsError::io(path))?;
                let gathered = view.gather(&storage).map_err(|problem| {
                    ModelsError::format(path, format!("a tensor of shape {:?} {problem}", self.shape))
                })?;
                Ok(self.numbers(gathered))
            }
        }
    }

    fn read_bytes(&self, path: &Path, bytes: &Range<u64>) -> Result<Vec<f32>, ModelsError> {
        let mut file = open_at(path, bytes.start)?;
        let mut left = (bytes.end - bytes.start) as usize;
        let mut values = Vec::with_capacity(left / self.element.width());
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE)];
            file.read_exact(&mut piece).map_err(ModelsError::io(path))?;
            left -= piece.len();
            values.extend(self.numbers(piece));
        }
        Ok(values)
    }

    fn numbers(&self, bytes: Vec<u8>) -> Vec<f32> {
        let n = bytes.len() / self.element.width();
        Tensor::from_bytes(self.element, &[n], bytes).map_or_else(Vec::new, |tensor| tensor.to_f32())
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
