//! Heads whose tracks are given by contexts, such as embeddings of a cell type or a protein, not by a layer's rows.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::engine::Engine;
use super::heads::{Head, Output};
use super::layers::Dense;
use super::parse::problem;
use super::{Body, Enformer, EnformerConfig, EnformerHead, EnformerHeadInput};
use crate::checkpoint::CheckpointFile;
use crate::nn::Real;
use crate::{Activation, LoadReport, ModelsError};

mod attention;
mod file;

use attention::Attention;
pub(super) use attention::ContextTracks;
use file::HeadFile;

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

/// A trained head that makes tracks of contexts: enformer-pytorch's `ContextAdapterWrapper` and
/// `ContextAttentionAdapterWrapper`, for [`Enformer::with_contexts`].
///
/// The first makes the weights of a layer of a context's vector, the second lets embeddings attend to a context's
/// tokens and a learned token that stands for none. It computes what the package 0.8.12 does, but for two defects of
/// its attention: a batch of more than one sequence stops with an error or mixes sequences and tracks, and a mask is
/// laid over sequences. Here each sequence and each track is computed on its own.
///
/// ```no_run
/// use cistron_models::{Enformer, EnformerContextHead, EnformerContexts};
/// use ndarray::Array2;
///
/// let (model, _) = Enformer::load("finetuned")?;
/// let (head, _) = EnformerContextHead::load("finetuned/model.safetensors")?;
/// let contexts = EnformerContexts::vectors(["liver"], Array2::zeros((1, head.context_width())))?;
/// let model = model.with_contexts(&head, &contexts)?;
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EnformerContextHead {
    path: PathBuf,
    context_width: usize,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Weights (context, embeddings) and a bias (context).
    Layer {
        weights: Array2<f32>,
        bias: Vec<f32>,
    },
    Attention(Box<Attention>),
}

/// The package's default.
const HEADS: usize = 8;

/// What the weights of a layer are called.
const WEIGHTS: &str = "to_context_weights";

impl EnformerContextHead {
    /// Reads the head of a wrapper's checkpoint; what it wraps, under `enformer.`, is read by [`Enformer::load`] and
    /// [`Enformer::from_file`]. Attention has 8 heads, the package's default.
    ///
    /// # Errors
    /// [`ModelsError::Io`], [`ModelsError::Format`], [`ModelsError::MissingTensors`] with every name that is not
    /// there, [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, LoadReport), ModelsError> {
        Self::load_with_heads(path, HEADS)
    }

    /// As [`load`](Self::load), for attention with this many heads: a checkpoint does not say how many it has.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`ModelsError::Format`] if the heads do not divide the width of queries.
    pub fn load_with_heads(path: impl AsRef<Path>, heads: usize) -> Result<(Self, LoadReport), ModelsError> {
        let path = path.as_ref();
        let mut file = HeadFile::new(CheckpointFile::open(path)?)?;
        let (context_width, kind) = if file.has(WEIGHTS) {
            let [context, width] = file.matrix(WEIGHTS)?;
            let [weights, bias] =
                file.read([(WEIGHTS, &[context, width]), ("to_context_bias", &[context])])?;
            let weights = Array2::from_shape_vec((context, width), weights).unwrap_or_default();
            (context, Kind::Layer { weights, bias })
        } else {
            let (context, attention) = Attention::read(&mut file, heads)?;
            (context, Kind::Attention(Box::new(attention)))
        };
        Ok((Self { path: path.to_path_buf(), context_width, kind }, file.report()))
    }

    /// The numbers of a context's vector.
    pub fn context_width(&self) -> usize {
        self.context_width
    }

    fn check(&self, config: &EnformerConfig, contexts: &EnformerContexts) -> Result<(), ModelsError> {
        let embeddings = config.read_width(EnformerHeadInput::Embeddings);
        let (tensor, found) = match &self.kind {
            Kind::Layer { weights, .. } => (WEIGHTS, weights.shape().to_vec()),
            Kind::Attention(attention) => (attention::QUERIES, attention.queries_shape()),
        };
        if found.last() != Some(&embeddings) {
            let expected = format!("[any, {embeddings}]");
            return Err(ModelsError::TensorShape {
                path: self.path.clone(),
                tensor: tensor.into(),
                found,
                expected,
            });
        }
        let (_, n_tokens, width) = contexts.tokens.dim();
        if width != self.context_width {
            let found = format!("found vectors of {width} numbers, expected {}", self.context_width);
            return Err(problem("contexts", found));
        }
        if matches!(self.kind, Kind::Layer { .. }) && (n_tokens != 1 || contexts.mask.is_some()) {
            let found = format!(
                "found {n_tokens} tokens, masked or not, expected a vector: the head has no attention"
            );
            return Err(problem("contexts", found));
        }
        Ok(())
    }

    /// The head with its contexts, in a precision.
    fn output<T: Real>(&self, contexts: &EnformerContexts) -> Output<T> {
        let n_tracks = contexts.names.len();
        match &self.kind {
            Kind::Attention(attention) => Output::Contexts(ContextTracks::new(attention, contexts)),
            Kind::Layer { weights, bias } => {
                let weights = weights.mapv(f64::from);
                let bias = ndarray::Array1::from_iter(bias.iter().map(|value| f64::from(*value)));
                let vectors = contexts.tokens.index_axis(Axis(1), 0).mapv(f64::from);
                let of = |values: Vec<f64>| values.into_iter().map(T::of).collect();
                let layer_weights = vectors.dot(&weights).into_iter().collect();
                let layer_bias = vectors.dot(&bias).into_iter().collect();
                Output::Head(Head {
                    reads: EnformerHeadInput::Embeddings,
                    norm: None,
                    layer: Dense::new(of(layer_weights), of(layer_bias), n_tracks),
                    activation: Some(Activation::Softplus),
                })
            }
        }
    }
}

/// The name of the head of contexts.
const CONTEXTS: &str = "contexts";

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
        head.check(&self.config, contexts)?;
        self.config.output_heads = vec![EnformerHead::named(CONTEXTS, contexts.names.iter().cloned())];
        self.config.check()?;
        match &mut self.body {
            Body::Single(engine) => engine.set_contexts(head, contexts),
            Body::Double(engine) => engine.set_contexts(head, contexts),
            Body::Graph(_) => {
                return Err(problem("contexts", "found a model on a GPU, expected one on the processor"));
            }
        }
        self.spec = super::spec(&self.config);
        Ok(self)
    }
}

impl<T: Real + Default> Engine<T> {
    fn set_contexts(&mut self, head: &EnformerContextHead, contexts: &EnformerContexts) {
        self.heads = vec![head.output(contexts)];
    }
}

#[cfg(test)]
mod tests;
