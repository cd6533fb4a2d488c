use std::fs;
use std::path::{Path, PathBuf};

use super::{EnformerContexts, HeadFile, KEYS_VALUES, QUERIES, Tensors, WEIGHTS, output};
use crate::checkpoint::CheckpointFile;
use crate::enformer::parameters::parameters;
use crate::enformer::parse::problem;
use crate::enformer::{
    Body, Enformer, EnformerConfig, EnformerContextAttention, EnformerContextLayer, EnformerHead,
    EnformerHeadInput, Opened, open_folder, read_tensor,
};
use crate::{Activation, Checkpoint, LoadReport, ModelsError, Tensor};

/// A trained head that makes tracks of contexts, for [`Enformer::with_contexts`]: that of a folder which
/// [`finetune_enformer`](crate::finetune_enformer) wrote, or enformer-pytorch's `ContextAdapterWrapper` and
/// `ContextAttentionAdapterWrapper`.
///
/// The first makes the weights of a layer of a context's vector, the second lets embeddings attend to a context's
/// tokens and a learned token that stands for none. It computes what the package 0.8.12 does, but for two defects of
/// its attention: a batch of more than one sequence stops with an error or mixes sequences and tracks, and a mask is
/// laid over sequences. Here each sequence and each track is computed on its own.
///
/// ```no_run
/// use cistron_models::{Enformer, EnformerContextHead, EnformerContexts};
///
/// let (model, _) = Enformer::load("finetuned")?;
/// let (head, _) = EnformerContextHead::load("finetuned")?;
/// let model = model.with_contexts(&head, &EnformerContexts::read("unseen.tsv")?)?;
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EnformerContextHead {
    path: PathBuf,
    /// Of one token.
    layer: EnformerContextLayer,
    activation: Option<Activation>,
    /// The width of embeddings.
    embeddings: usize,
    tensors: Tensors,
}

impl EnformerContextHead {
    /// Reads the head of a model's folder, or of a wrapper's folder or checkpoint; what it wraps, under `enformer.`,
    /// is read by [`Enformer::load`] and [`Enformer::from_file`]. A wrapper's attention has 8 heads, the package's
    /// default.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`], [`ModelsError::MissingTensors`] with every name that is not
    /// there, [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, LoadReport), ModelsError> {
        let path = path.as_ref();
        let heads = EnformerContextAttention::default().heads;
        if !path.is_dir() {
            return Self::load_with_heads(path, heads);
        }
        let (config, weights) = (EnformerConfig::read(path)?, crate::load::weights_of(path)?);
        let own = config.output_heads.iter().find_map(|head| Some((head, head.contexts?)));
        let Some((head, layer)) = own else { return Self::load_with_heads(weights, heads) };
        let file = HeadFile::of_model(CheckpointFile::open(&weights)?, &head.name);
        Self::read(file, layer.attention.map_or(heads, |it| it.heads), head.activation)
    }

    /// As [`load`](Self::load), of a wrapper's folder or checkpoint whose attention has this many heads: a checkpoint
    /// does not say how many it has.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`ModelsError::Format`] if the heads do not divide the width of queries.
    pub fn load_with_heads(path: impl AsRef<Path>, heads: usize) -> Result<(Self, LoadReport), ModelsError> {
        let path = path.as_ref();
        let weights = if path.is_dir() { crate::load::weights_of(path)? } else { path.to_path_buf() };
        let file = HeadFile::of_wrapper(CheckpointFile::open(&weights)?)?;
        Self::read(file, heads, Some(Activation::Softplus))
    }

    fn read(
        mut file: HeadFile,
        heads: usize,
        activation: Option<Activation>,
    ) -> Result<(Self, LoadReport), ModelsError> {
        let (width, embeddings, attention) = if file.has(WEIGHTS) {
            let [width, embeddings] = file.matrix(WEIGHTS)?;
            (width, embeddings, None)
        } else {
            let [inner, embeddings] = file.matrix(QUERIES)?;
            let [_, width] = file.matrix(KEYS_VALUES)?;
            if heads == 0 || !inner.is_multiple_of(heads) {
                let found =
                    format!("makes queries of {inner} numbers, which {heads} heads do not divide evenly");
                return Err(file.problem(QUERIES, &found));
            }
            (width, embeddings, Some(EnformerContextAttention { heads, head_width: inner / heads }))
        };
        let layer = EnformerContextLayer { width, tokens: 1, attention };
        let tensors = file.read(layer, embeddings)?;
        let path = file.path().to_path_buf();
        Ok((Self { path, layer, activation, embeddings, tensors }, file.report()))
    }

    /// The numbers of a context's vector.
    pub fn context_width(&self) -> usize {
        self.layer.width
    }

    /// The head of a configuration with these contexts as its tracks.
    fn with(
        &self,
        config: &EnformerConfig,
        contexts: &EnformerContexts,
    ) -> Result<(EnformerHead, EnformerContextLayer), ModelsError> {
        let expected = config.read_width(EnformerHeadInput::Embeddings);
        if self.embeddings != expected {
            let (tensor, rows) = match self.layer.attention {
                None => (WEIGHTS, self.layer.width),
                Some(attention) => (QUERIES, attention.heads * attention.head_width),
            };
            return Err(ModelsError::TensorShape {
                path: self.path.clone(),
                tensor: tensor.into(),
                found: vec![rows, self.embeddings],
                expected: format!("[any, {expected}]"),
            });
        }
        let layer = contexts.layer(self.layer.attention)?;
        if layer.width != self.layer.width {
            let found = format!("found vectors of {} numbers, expected {}", layer.width, self.layer.width);
            return Err(problem("contexts", found));
        }
        let tracks = contexts.names.iter().cloned();
        let head = EnformerHead::named(CONTEXTS_HEAD, tracks);
        Ok((EnformerHead { activation: self.activation, contexts: Some(layer), ..head }, layer))
    }

    /// All tensors of the head with contexts in a layer.
    fn tensors_with(&self, contexts: &EnformerContexts, layer: EnformerContextLayer) -> Tensors {
        self.tensors.clone().into_iter().chain(contexts.tensors(layer)).collect()
    }
}

/// The name of a head that is given contexts.
const CONTEXTS_HEAD: &str = "contexts";

impl Enformer {
    /// The model with contexts as the tracks of its only head, `contexts`: they are predicted, scored and explained
    /// as any other tracks.
    ///
    /// # Errors
    /// [`ModelsError::TensorShape`] if the head is of a model of another width, [`ModelsError::Network`] if the
    /// contexts are not what the head reads or the model is not computed on the processor.
    pub fn with_contexts(
        mut self,
        head: &EnformerContextHead,
        contexts: &EnformerContexts,
    ) -> Result<Self, ModelsError> {
        let (described, layer) = head.with(&self.config, contexts)?;
        let tensors = head.tensors_with(contexts, layer);
        match &mut self.body {
            Body::Single(engine) => engine.heads = vec![output(&described, layer, &tensors)?],
            Body::Double(engine) => engine.heads = vec![output(&described, layer, &tensors)?],
            Body::Graph(_) => {
                return Err(problem("contexts", "found a model on a GPU, expected one on the processor"));
            }
        }
        self.config.output_heads = vec![described];
        self.config.check()?;
        self.spec = crate::enformer::spec(&self.config);
        Ok(self)
    }

    /// Writes the model of a folder, or what a wrapper's folder wraps, once more with contexts as the tracks of its only
    /// head.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`with_contexts`](Self::with_contexts), and [`ModelsError::Io`] for a folder that is
    /// not written.
    ///
    /// ```no_run
    /// use cistron_models::{Enformer, EnformerContextHead, EnformerContexts};
    ///
    /// let (head, _) = EnformerContextHead::load("finetuned")?;
    /// let unseen = EnformerContexts::read("unseen.tsv")?;
    /// Enformer::write_with_contexts("finetuned", &head, &unseen, "unseen")?;
    /// let (model, _) = Enformer::load("unseen")?;
    /// assert_eq!(model.config().output_heads[0].tracks, unseen.names());
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn write_with_contexts(
        folder: impl AsRef<Path>,
        head: &EnformerContextHead,
        contexts: &EnformerContexts,
        out: impl AsRef<Path>,
    ) -> Result<(), ModelsError> {
        let out = out.as_ref();
        let Opened { mut config, file, found } = open_folder(folder.as_ref())?;
        let (described, layer) = head.with(&config, contexts)?;
        config.output_heads = vec![described];
        config.check()?;
        let tensors = head.tensors_with(contexts, layer);
        let mut weights = Checkpoint::new();
        for parameter in parameters(&config) {
            let own = parameter.name.strip_prefix(&format!("_heads.{CONTEXTS_HEAD}."));
            let values = match own.and_then(|name| tensors.get(name)) {
                Some(values) => values.clone(),
                None => read_tensor(&file, &found.names, &parameter)?,
            };
            let tensor = Tensor::from_f32(&parameter.shape, &values);
            let tensor = tensor.ok_or_else(|| problem(&parameter.name, "found another shape"))?;
            weights.insert(parameter.name, tensor);
        }
        // Without a configuration a folder is no model.
        fs::create_dir_all(out).map_err(ModelsError::io(out))?;
        weights.write(out.join("model.safetensors"))?;
        config.write(out)
    }
}
