//! Heads: from the rows of the last block to the numbers of tracks.

use std::borrow::Cow;

use faer::Accum;
use rayon::prelude::*;

use super::EnformerHeadInput;
use super::contexts::ContextTracks;
use super::layers::{Dense, LayerNorm, Scaling, Shelf, room};
use crate::Activation;
use crate::nn::Real;

/// Rows that are computed at a time.
pub(super) const ROWS: usize = 256;

/// What makes embeddings of the transformer's rows: normalisation, GELU, a convolution of one tap, GELU.
#[derive(Debug)]
pub(super) struct Pointwise<T> {
    pub(super) scaling: Scaling<T>,
    pub(super) layer: Dense<T>,
}

impl<T: Real> Pointwise<T> {
    /// The embeddings of the transformer's rows: (positions, 2 dim).
    pub(super) fn apply(&self, rows: &[T]) -> Vec<T> {
        let (inputs, outputs) = (self.layer.inputs, self.layer.outputs);
        let mut out = vec![T::zero(); rows.len() / inputs * outputs];
        let shelf = Shelf::<Vec<T>>::default();
        out.par_chunks_mut(ROWS * outputs).zip(rows.par_chunks(ROWS * inputs)).for_each(|(out, rows)| {
            shelf.lend(|prepared| {
                let prepared = room(prepared, rows.len());
                self.scaling.gelu(rows, prepared);
                self.layer.apply(prepared, Accum::Replace, out);
                Activation::GeluSigmoid.in_place(out);
            });
        });
        out
    }
}

/// What makes tracks.
#[derive(Debug)]
pub(super) enum Output<T> {
    Head(Head<T>),
    Contexts(ContextTracks<T>),
}

impl<T: Real + Default> Output<T> {
    /// Some tracks, which are there, of the transformer's rows: (positions, tracks).
    pub(super) fn tracks(&self, rows: &[T], pointwise: &Pointwise<T>, tracks: &[u32]) -> Vec<T> {
        match self {
            Self::Head(head) => head.tracks(rows, pointwise, tracks),
            Self::Contexts(contexts) => contexts.tracks(&pointwise.apply(rows), tracks),
        }
    }
}

/// A head with its weights.
#[derive(Debug)]
pub(super) struct Head<T> {
    pub(super) reads: EnformerHeadInput,
    /// Before the layer, of a head that reads normalised rows.
    pub(super) norm: Option<LayerNorm<T>>,
    pub(super) layer: Dense<T>,
    pub(super) activation: Option<Activation>,
}

impl<T: Real> Head<T> {
    fn tracks(&self, rows: &[T], pointwise: &Pointwise<T>, tracks: &[u32]) -> Vec<T> {
        let inputs = match (self.reads, &self.norm) {
            (EnformerHeadInput::Embeddings, _) => Cow::Owned(pointwise.apply(rows)),
            (_, Some(norm)) => {
                let mut normed = vec![T::zero(); rows.len()];
                norm.apply(rows, &mut normed);
                Cow::Owned(normed)
            }
            (_, None) => Cow::Borrowed(rows),
        };
        let is_all = tracks.iter().copied().eq(0..self.layer.outputs as u32);
        let chosen;
        let layer = if is_all {
            &self.layer
        } else {
            chosen = self.layer.select(tracks);
            &chosen
        };
        let mut out = vec![T::zero(); inputs.len() / layer.inputs * layer.outputs];
        let rows = inputs.par_chunks(ROWS * layer.inputs);
        out.par_chunks_mut((ROWS * layer.outputs).max(1)).zip(rows).for_each(|(out, rows)| {
            layer.apply(rows, Accum::Replace, out);
            if let Some(activation) = self.activation {
                activation.in_place(out);
            }
        });
        out
    }
}
