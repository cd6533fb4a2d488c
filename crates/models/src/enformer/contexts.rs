//! Heads whose tracks are given by contexts, such as embeddings of a cell type or a protein, not by a layer's rows.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::heads::{Head, Output};
use super::layers::Dense;
use super::parameters::{CONTEXTS, MASK};
use super::parse::problem;
use super::{EnformerContextAttention, EnformerContextLayer, EnformerHead};
use crate::ModelsError;
use crate::nn::Real;

mod attention;
mod file;
mod head;
mod table;

use attention::Attention;
pub(super) use attention::ContextTracks;
use file::HeadFile;
pub(super) use file::Tensors;
pub use head::EnformerContextHead;

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

/// What the weights of a layer are called, and those that make keys and values of tokens and queries of embeddings.
const WEIGHTS: &str = "to_context_weights";
const KEYS_VALUES: &str = "to_key_values.weight";
const QUERIES: &str = "to_queries.weight";

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

#[cfg(test)]
mod tests;
