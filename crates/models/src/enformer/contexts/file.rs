//! Reading the tensors of a head out of a wrapper's checkpoint.

use std::collections::BTreeSet;

use crate::checkpoint::CheckpointFile;
use crate::{LoadReport, ModelsError};

/// What stands before the names of a wrapper.
const PREFIXES: [&str; 4] = ["", "module.", "model.", "module.model."];

/// What stands before the names of what it wraps.
const WRAPPED: &str = "enformer.";

/// Names that a checkpoint with a head of contexts has, of one kind or the other.
const SIGNS: [&str; 2] = [super::WEIGHTS, super::attention::KEYS_VALUES];

/// A checkpoint with a head.
pub(super) struct HeadFile {
    file: CheckpointFile,
    prefix: &'static str,
    used: BTreeSet<String>,
}

impl HeadFile {
    /// # Errors
    /// [`ModelsError::Format`] if there is no head of contexts.
    pub(super) fn new(file: CheckpointFile) -> Result<Self, ModelsError> {
        let has = |prefix: &str| SIGNS.iter().any(|sign| file.shape(&format!("{prefix}{sign}")).is_some());
        let Some(prefix) = PREFIXES.into_iter().find(|prefix| has(prefix)) else {
            let problem = format!("has no head of contexts, expected a tensor {}", SIGNS.join(" or "));
            return Err(ModelsError::format(file.path(), problem));
        };
        Ok(Self { file, prefix, used: BTreeSet::new() })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file.shape(&self.named(name)).is_some()
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The shape of a matrix.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`].
    pub(super) fn matrix(&self, name: &str) -> Result<[usize; 2], ModelsError> {
        let (path, tensor) = (self.file.path().to_path_buf(), self.named(name));
        match self.file.shape(&tensor) {
            Some(&[rows, columns]) if rows > 0 && columns > 0 => Ok([rows, columns]),
            Some(found) => {
                let expected = "[any, any] with numbers".to_owned();
                Err(ModelsError::TensorShape { path, tensor, found: found.to_vec(), expected })
            }
            None => Err(self.missing(vec![tensor])),
        }
    }

    /// Tensors of these names and shapes.
    ///
    /// # Errors
    /// As [`CheckpointFile::read`], every name at once that is not there.
    pub(super) fn read<const N: usize>(
        &mut self,
        wanted: [(&str, &[usize]); N],
    ) -> Result<[Vec<f32>; N], ModelsError> {
        let missing: Vec<String> =
            wanted.iter().filter(|(name, _)| !self.has(name)).map(|(name, _)| self.named(name)).collect();
        if !missing.is_empty() {
            return Err(self.missing(missing));
        }
        let mut tensors = [const { Vec::new() }; N];
        for (tensor, (name, shape)) in tensors.iter_mut().zip(wanted) {
            let name = self.named(name);
            *tensor = self.file.read(&name, shape)?;
            self.used.insert(name);
        }
        Ok(tensors)
    }

    /// A tensor that does not fit.
    pub(super) fn problem(&self, name: &str, problem: &str) -> ModelsError {
        ModelsError::format(self.file.path(), format!("tensor `{}` {problem}", self.named(name)))
    }

    fn missing(&self, missing: Vec<String>) -> ModelsError {
        let found = self.file.names().map(str::to_owned).collect();
        ModelsError::MissingTensors { path: self.file.path().to_path_buf(), missing, found }
    }

    /// What was not read; what is wrapped is another's matter.
    pub(super) fn report(&self) -> LoadReport {
        let wrapped = self.named(WRAPPED);
        let is_extra = |name: &&str| !name.starts_with(&wrapped) && !self.used.contains(*name);
        let mut extra: Vec<String> = self.file.names().filter(is_extra).map(str::to_owned).collect();
        extra.extend_from_slice(self.file.skipped());
        extra.sort();
        LoadReport {
            prefix_stripped: (!self.prefix.is_empty()).then(|| self.prefix.to_owned()),
            nested_in: self.file.nested_in().map(str::to_owned),
            extra,
        }
    }
}
