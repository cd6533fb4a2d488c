//! Heads whose tracks are given by contexts, such as embeddings of a cell type or a protein, not by a layer's rows.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::heads::{Head, Output};
use super::layers::Dense;
use super::parameters::{CONTEXTS, MASK, parameters};
use super::parse::problem;
use super::{
    Body, Enformer, EnformerConfig, EnformerContextAttention, EnformerContextLayer, EnformerHead,
    EnformerHeadInput, Opened, open_folder, read_tensor,
};
use crate::checkpoint::CheckpointFile;
use crate::nn::Real;
use crate::{Activation, Checkpoint, LoadReport, ModelsError, Tensor};

mod attention;
mod file;
mod table;

use attention::Attention;
pub(super) use attention::ContextTracks;
use file::HeadFile;
pub(super) use file::Tensors;

/// What stands for the tracks of a model with an [`EnformerContextHead`]: for each track a name and one or more
/// vectors, its tokens.
///
/// ```
/// use cistron_models::EnformerContexts;
/// use ndarray::array;
///
/// let contexts = EnformerContexts::vectors(["liver", "heart"], array![[0.5, 1.0], [1.5, -1.0]])?;
/// assert_eq!(contexts.names(), ["liver", "heart"]);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EnformerContexts {
    names: Vec<String>,
    tokens: Array3<f32>,
    mask: Option<Array2<bool>>,
}

impl EnformerContexts {
    /// Tracks of one vector each: (tracks, numbers).
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    pub fn vectors(
        names: impl IntoIterator<Item = impl Into<String>>,
        vectors: Array2<f32>,
    ) -> Result<Self, ModelsError> {
        Self::tokens(names, vectors.insert_axis(Axis(1)), None)
    }

    /// Tracks of several vectors each, (tracks, tokens, numbers), of which those count where the mask, (tracks,
    /// tokens), is true; all where there is no mask.
    ///
    /// # Errors
    /// [`ModelsError::Network`] if names, vectors and mask are not of the same number of tracks and tokens, if there
    /// is none, or if a number is not finite.
    pub fn tokens(
        names: impl IntoIterator<Item = impl Into<String>>,
        tokens: Array3<f32>,
        mask: Option<Array2<bool>>,
    ) -> Result<Self, ModelsError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let (n_tracks, n_tokens, _) = tokens.dim();
        if names.len() != n_tracks || tokens.is_empty() {
            let found = format!(
                "found shape {:?}, expected a token or more for {} names",
                tokens.shape(),
                names.len()
            );
            return Err(problem("contexts", found));
        }
        if let Some(mask) = mask.as_ref().filter(|mask| mask.dim() != (n_tracks, n_tokens)) {
            let found = format!("found shape {:?}, expected {:?}", mask.shape(), [n_tracks, n_tokens]);
            return Err(problem("mask of contexts", found));
        }
        if let Some((place, value)) = tokens.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let found = format!("found {value} at {place:?}, expected finite numbers");
            return Err(problem("contexts", found));
        }
        Ok(Self { names, tokens, mask })
    }

    /// The names of the tracks.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Those of these names, in this order.
    ///
    /// # Errors
    /// [`ModelsError::Network`] with the first name that is not there.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, ModelsError> {
        let place = |name: &S| {
            let place = self.names.iter().position(|known| known == name.as_ref());
            let found = || format!("found none for track {}, expected one for each", name.as_ref());
            place.ok_or_else(|| problem("contexts", found()))
        };
        let places = names.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let mask = self.mask.as_ref().map(|mask| mask.select(Axis(0), &places));
        let names = names.iter().map(AsRef::as_ref);
        Self::tokens(names, self.tokens.select(Axis(0), &places), mask)
    }

    /// The layer that reads these contexts, with this attention or as a vector.
    ///
    /// # Errors
    /// [`ModelsError::Network`] for several tokens or a mask without attention.
    pub(super) fn layer(
        &self,
        attention: Option<EnformerContextAttention>,
    ) -> Result<EnformerContextLayer, ModelsError> {
        let (_, tokens, width) = self.tokens.dim();
        if attention.is_none() && (tokens != 1 || self.mask.is_some()) {
            let found =
                format!("found {tokens} tokens, masked or not, expected a vector: the head has no attention");
            return Err(problem("contexts", found));
        }
        Ok(EnformerContextLayer { width, tokens, attention })
    }

    /// The shortest weights of which each track's first vector makes a number, as near to the ones given as they come:
    /// by conjugate gradients from 0.
    pub(super) fn weights_for(&self, numbers: &[f32]) -> Vec<f32> {
        let vectors = self.tokens.index_axis(Axis(1), 0).mapv(f64::from);
        let mut rest = Array1::from_iter(numbers.iter().copied().map(f64::from));
        let mut weights = Array1::<f64>::zeros(vectors.ncols());
        let mut slope = vectors.t().dot(&rest);
        let mut direction = slope.clone();
        let mut size = slope.dot(&slope);
        let enough = size * 1e-24;
        for _ in 0..4 * vectors.nrows().min(vectors.ncols()) {
            let image = vectors.dot(&direction);
            let length = image.dot(&image);
            if size <= enough || length == 0.0 {
                break;
            }
            weights.scaled_add(size / length, &direction);
            rest.scaled_add(-size / length, &image);
            slope = vectors.t().dot(&rest);
            let before = std::mem::replace(&mut size, slope.dot(&slope));
            direction = &slope + &(direction * (size / before));
        }
        weights.iter().map(|weight| *weight as f32).collect()
    }

    /// As tensors of a head with a layer.
    pub(super) fn tensors(&self, layer: EnformerContextLayer) -> Tensors {
        let mask = |place| {
            let counts = self.mask.as_ref().and_then(|mask| mask.get(place)).is_none_or(|counts| *counts);
            if counts { 1.0 } else { 0.0 }
        };
        let shape = (self.names.len(), layer.tokens);
        let masks = layer.attention.map(|_| Array2::from_shape_fn(shape, mask).into_iter().collect());
        let masks = masks.map(|mask| (MASK.to_owned(), mask));
        let tokens = self.tokens.iter().copied().collect();
        masks.into_iter().chain([(CONTEXTS.to_owned(), tokens)]).collect()
    }

    /// Of tensors of a head with a layer.
    fn of_tensors(
        names: &[String],
        layer: EnformerContextLayer,
        tensors: &Tensors,
    ) -> Result<Self, ModelsError> {
        let wrong = |error: ndarray::ShapeError| problem("contexts", error.to_string());
        let tokens = tensors.get(CONTEXTS).cloned().unwrap_or_default();
        let tokens = Array3::from_shape_vec((names.len(), layer.tokens, layer.width), tokens);
        let mask = |mask: &Vec<f32>| {
            let mask = mask.iter().map(|counts| *counts != 0.0).collect();
            Array2::from_shape_vec((names.len(), layer.tokens), mask).map_err(wrong)
        };
        let mask = tensors.get(MASK).map(mask).transpose()?;
        Self::tokens(names, tokens.map_err(wrong)?, mask)
    }

    /// The tokens of a track that count.
    fn counted(&self, track: usize) -> impl Iterator<Item = Vec<f64>> {
        let counts = move |token: &usize| {
            self.mask.as_ref().and_then(|mask| mask.get([track, *token])).is_none_or(|counts| *counts)
        };
        let track_tokens = self.tokens.index_axis(Axis(0), track);
        (0..self.tokens.len_of(Axis(1))).filter(counts).map(move |token| wide(&track_tokens, token))
    }
}

fn wide(rows: &ArrayView2<'_, f32>, row: usize) -> Vec<f64> {
    rows.index_axis(Axis(0), row).iter().map(|value| f64::from(*value)).collect()
}

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

/// What the weights of a layer are called, and those that make keys and values of tokens and queries of embeddings.
const WEIGHTS: &str = "to_context_weights";
const KEYS_VALUES: &str = "to_key_values.weight";
const QUERIES: &str = "to_queries.weight";

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

    /// As [`load`](Self::load), of a wrapper's checkpoint whose attention has this many heads: a checkpoint does not
    /// say how many it has.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`ModelsError::Format`] if the heads do not divide the width of queries.
    pub fn load_with_heads(path: impl AsRef<Path>, heads: usize) -> Result<(Self, LoadReport), ModelsError> {
        let file = HeadFile::of_wrapper(CheckpointFile::open(path.as_ref())?)?;
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

/// A head of contexts of its tensors, in a precision.
pub(super) fn output<T: Real>(
    head: &EnformerHead,
    layer: EnformerContextLayer,
    tensors: &Tensors,
) -> Result<Output<T>, ModelsError> {
    let contexts = EnformerContexts::of_tensors(&head.tracks, layer, tensors)?;
    if let Some(shape) = layer.attention {
        let attention = Attention::new(shape, tensors);
        return Ok(Output::Contexts(ContextTracks::new(&attention, &contexts, head.activation)));
    }
    let get = |name: &str| tensors.get(name).cloned().unwrap_or_default();
    let (weights, bias) = (get(WEIGHTS), get("to_context_bias"));
    let weights = Array2::from_shape_vec((layer.width, weights.len() / layer.width), weights);
    let weights = weights.map_err(|error| problem(WEIGHTS, error.to_string()))?.mapv(f64::from);
    let bias = Array1::from_vec(bias).mapv(f64::from);
    let vectors = contexts.tokens.index_axis(Axis(1), 0).mapv(f64::from);
    let of = |values: Vec<f64>| values.into_iter().map(T::of).collect();
    let layer_weights = vectors.dot(&weights).into_iter().collect();
    let layer_bias = vectors.dot(&bias).into_iter().collect();
    Ok(Output::Head(Head {
        reads: head.reads,
        norm: None,
        layer: Dense::new(of(layer_weights), of(layer_bias), head.tracks.len()),
        activation: head.activation,
    }))
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
        self.spec = super::spec(&self.config);
        Ok(self)
    }

    /// Writes the folder of a model that has a head of contexts, or of a wrapper of the package, once more with other
    /// contexts as its tracks; what of the first folder was not used.
    ///
    /// # Errors
    /// As [`load`](Self::load), [`EnformerContextHead::load`] and [`with_contexts`](Self::with_contexts), and
    /// [`ModelsError::Io`] for a folder that is not written.
    ///
    /// ```no_run
    /// use cistron_models::{Enformer, EnformerContexts};
    ///
    /// let unseen = EnformerContexts::read("unseen.tsv")?;
    /// Enformer::write_with_contexts("finetuned", &unseen, "unseen")?;
    /// let (model, _) = Enformer::load("unseen")?;
    /// assert_eq!(model.config().output_heads[0].tracks, unseen.names());
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn write_with_contexts(
        folder: impl AsRef<Path>,
        contexts: &EnformerContexts,
        out: impl AsRef<Path>,
    ) -> Result<LoadReport, ModelsError> {
        let (folder, out) = (folder.as_ref(), out.as_ref());
        let Opened { mut config, file, found } = open_folder(folder)?;
        let (head, report) = EnformerContextHead::load(folder)?;
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
        config.write(out)?;
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
