//! Reading the tensors of a head out of a checkpoint, a wrapper's or one of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::EnformerContextLayer;
use crate::checkpoint::CheckpointFile;
use crate::enformer::parameters::{Parameter, of_contexts};
use crate::{LoadReport, ModelsError};

/// What stands before the names of a wrapper.
const PREFIXES: [&str; 4] = ["", "module.", "model.", "module.model."];

/// What stands before the names of what it wraps.
const WRAPPED: &str = "enformer.";

/// Names that a checkpoint with a head of contexts has, of one kind or the other.
const SIGNS: [&str; 2] = [super::WEIGHTS, super::KEYS_VALUES];

/// The numbers of a head by the names of its tensors.
pub(in crate::enformer) type Tensors = BTreeMap<String, Vec<f32>>;

/// A checkpoint with a head.
pub(super) struct HeadFile {
    file: CheckpointFile,
    prefix: String,
    /// Whether the head is one of a model of ours, under the model's names.
    is_own: bool,
    used: BTreeSet<String>,
}

impl HeadFile {
    /// A wrapper's checkpoint.
    ///
    /// # Errors
    /// [`ModelsError::Format`] if there is no head of contexts.
    pub(super) fn of_wrapper(file: CheckpointFile) -> Result<Self, ModelsError> {
        let has = |prefix: &str| SIGNS.iter().any(|sign| file.shape(&format!("{prefix}{sign}")).is_some());
        let Some(prefix) = PREFIXES.into_iter().find(|prefix| has(prefix)) else {
            let problem = format!("has no head of contexts, expected a tensor {}", SIGNS.join(" or "));
            return Err(ModelsError::format(file.path(), problem));
        };
        let prefix = prefix.to_owned();
        Ok(Self { file, prefix, is_own: false, used: BTreeSet::new() })
    }

    /// The checkpoint of a model with this head.
    pub(super) fn of_model(file: CheckpointFile, head: &str) -> Self {
        Self { file, prefix: format!("_heads.{head}."), is_own: true, used: BTreeSet::new() }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
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

    /// The trained tensors of a head, for embeddings of a width.
    ///
    /// # Errors
    /// As [`CheckpointFile::read`], every name at once that is not there.
    pub(super) fn read(
        &mut self,
        layer: EnformerContextLayer,
        embeddings: usize,
    ) -> Result<Tensors, ModelsError> {
        let wanted: Vec<Parameter> =
            of_contexts("", layer, 1, embeddings).into_iter().filter(|it| it.trained).collect();
        let missing: Vec<String> =
            wanted.iter().filter(|it| !self.has(&it.name)).map(|it| self.named(&it.name)).collect();
        if !missing.is_empty() {
            return Err(self.missing(missing));
        }
        let mut tensors = Tensors::new();
        for Parameter { name, shape, .. } in wanted {
            let full_name = self.named(&name);
            tensors.insert(name, self.file.read(&full_name, &shape)?);
            self.used.insert(full_name);
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

    /// What of a wrapper was not read; what is wrapped, or the rest of a model, is another's matter.
    pub(super) fn report(&self) -> LoadReport {
        if self.is_own {
            return LoadReport::default();
        }
        let wrapped = self.named(WRAPPED);
        let is_extra = |name: &&str| !name.starts_with(&wrapped) && !self.used.contains(*name);
        let mut extra: Vec<String> = self.file.names().filter(is_extra).map(str::to_owned).collect();
        extra.extend_from_slice(self.file.skipped());
        extra.sort();
        LoadReport {
            prefix_stripped: (!self.prefix.is_empty()).then(|| self.prefix.clone()),
            nested_in: self.file.nested_in().map(str::to_owned),
            extra,
        }
    }
}
