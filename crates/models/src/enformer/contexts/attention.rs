//! Attention of embeddings to the tokens of contexts.
//!
//! All that follows the softmax is linear and ends in one number: what a token adds to it, for each head, is known
//! before any sequence is. Only queries, logits and the softmax remain.

use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;

use super::{EnformerContextAttention, EnformerContexts, Tensors};
use crate::Activation;
use crate::enformer::heads::ROWS;
use crate::enformer::layers::{Dense, EPSILON, LayerNorm, Shelf, room};
use crate::nn::{Real, block_product};

/// The weights of a head of attention.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    heads: usize,
    /// The width of embeddings.
    width: usize,
    query_norm: [Vec<f32>; 2],
    context_norm: [Vec<f32>; 2],
    /// (inner, embeddings).
    queries: Vec<f32>,
    /// (2 inner, context): keys, then values.
    keys_values: Vec<f32>,
    /// The token that stands for none: its key and its value.
    null: [Vec<f32>; 2],
    /// (embeddings, inner), with a bias.
    out: [Vec<f32>; 2],
    /// (1, embeddings), with a bias.
    prediction: [Vec<f32>; 2],
}

impl Attention {
    /// Of the tensors of a head.
    pub(super) fn new(shape: EnformerContextAttention, tensors: &Tensors) -> Self {
        let get = |name: &str| tensors.get(name).cloned().unwrap_or_default();
        let pair = |first: &str, second: &str| [get(first), get(second)];
        let query_norm = pair("query_norm.weight", "query_norm.bias");
        Self {
            heads: shape.heads,
            width: query_norm[0].len(),
            query_norm,
            context_norm: pair("key_values_norm.weight", "key_values_norm.bias"),
            queries: get(super::QUERIES),
            keys_values: get(super::KEYS_VALUES),
            null: pair("null_key", "null_value"),
            out: pair("to_out.weight", "to_out.bias"),
            prediction: pair("to_pred.0.weight", "to_pred.0.bias"),
        }
    }

    fn inner(&self) -> usize {
        self.queries.len() / self.width
    }

    /// What the number that is predicted changes by with each number that attention gives: (inner).
    fn slopes(&self) -> Vec<f64> {
        let [out, _] = &self.out;
        let [weight, _] = &self.prediction;
        let mut slopes = vec![0.0; self.inner()];
        for (row, weight) in out.chunks_exact(self.inner()).zip(weight) {
            for (slope, value) in slopes.iter_mut().zip(row) {
                *slope += f64::from(*weight) * f64::from(*value);
            }
        }
        slopes
    }

    /// What the prediction begins with, beside what it reads of the embeddings.
    fn constant(&self) -> f64 {
        let ([_, out_bias], [weight, bias]) = (&self.out, &self.prediction);
        dot(out_bias, weight.iter().copied().map(f64::from))
            + bias.iter().copied().map(f64::from).sum::<f64>()
    }

    /// The keys and values of a token, (2 inner).
    fn token(&self, token: &[f64]) -> Vec<f64> {
        let n = token.len() as f64;
        let mean = token.iter().sum::<f64>() / n;
        let variance = token.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let inverse = 1.0 / (variance + EPSILON).sqrt();
        let [weight, bias] = &self.context_norm;
        let scale = weight.iter().zip(bias).zip(token);
        let normed: Vec<f64> = scale
            .map(|((weight, bias), x)| (x - mean) * inverse * f64::from(*weight) + f64::from(*bias))
            .collect();
        self.keys_values.chunks_exact(token.len()).map(|row| dot(row, normed.iter().copied())).collect()
    }
}

fn dot(weights: &[f32], values: impl Iterator<Item = f64>) -> f64 {
    weights.iter().zip(values).map(|(weight, value)| f64::from(*weight) * value).sum()
}

/// A head of attention with the contexts that it attends to.
#[derive(Debug)]
pub(in crate::enformer) struct ContextTracks<T> {
    heads: usize,
    norm: LayerNorm<T>,
    queries: Dense<T>,
    /// What the prediction reads of the embeddings themselves.
    direct: Dense<T>,
    activation: Option<Activation>,
    tracks: Vec<Tokens<T>>,
}

/// The tokens of a track, that which stands for none the first.
#[derive(Clone, Debug, Default)]
struct Tokens<T> {
    /// Keys, divided by the root of their width: (tokens, inner).
    keys: Vec<T>,
    /// What each adds to the prediction: (tokens, heads).
    scores: Vec<T>,
}

/// What a thread needs.
#[derive(Debug, Default)]
struct Bench<T> {
    normed: Vec<T>,
    queries: Vec<T>,
    logits: Vec<T>,
}

impl<T: Real> ContextTracks<T> {
    pub(super) fn new(
        attention: &Attention,
        contexts: &EnformerContexts,
        activation: Option<Activation>,
    ) -> Self {
        let of = |values: &[f32]| -> Vec<T> { values.iter().map(|value| T::of(f64::from(*value))).collect() };
        let [norm_weight, norm_bias] = &attention.query_norm;
        let [weight, _] = &attention.prediction;
        let slopes = attention.slopes();
        let [null_key, null_value] = &attention.null;
        let null: Vec<f64> = null_key.iter().chain(null_value).copied().map(f64::from).collect();
        let tokens = |track| {
            let counted = contexts.counted(track).map(|token| attention.token(&token));
            Tokens::new(std::iter::once(null.clone()).chain(counted), &slopes, attention.heads)
        };
        Self {
            heads: attention.heads,
            norm: LayerNorm { weight: of(norm_weight), bias: of(norm_bias) },
            queries: Dense::new(of(&attention.queries), Vec::new(), attention.inner()),
            direct: Dense::new(of(weight), vec![T::of(attention.constant())], 1),
            activation,
            tracks: (0..contexts.names.len()).map(tokens).collect(),
        }
    }
}

impl<T: Real> Tokens<T> {
    /// Of keys and values, (2 inner), of each token.
    fn new(tokens: impl Iterator<Item = Vec<f64>>, slopes: &[f64], heads: usize) -> Self {
        let (inner, width) = (slopes.len(), slopes.len() / heads);
        let scale = (width as f64).powf(-0.5);
        let (mut keys, mut scores) = (Vec::new(), Vec::new());
        for token in tokens {
            let (key, value) = token.split_at(inner);
            keys.extend(key.iter().map(|x| T::of(x * scale)));
            let values = value.chunks_exact(width).zip(slopes.chunks_exact(width));
            let score =
                |(value, slopes): (&[f64], &[f64])| value.iter().zip(slopes).map(|(x, y)| x * y).sum();
            scores.extend(values.map(|pair| T::of(score(pair))));
        }
        Self { keys, scores }
    }
}

impl<T: Real + Default> ContextTracks<T> {
    /// Some tracks of embeddings: (positions, tracks).
    pub(in crate::enformer) fn tracks(&self, embeddings: &[T], tracks: &[u32]) -> Vec<T> {
        if tracks.is_empty() {
            return Vec::new();
        }
        let chosen: Vec<&Tokens<T>> = tracks.iter().map(|track| &self.tracks[*track as usize]).collect();
        let keys: Vec<T> = chosen.iter().flat_map(|tokens| tokens.keys.iter().copied()).collect();
        let width = self.norm.weight.len();
        let mut out = vec![T::zero(); embeddings.len() / width * tracks.len()];
        let shelf = Shelf::<Bench<T>>::default();
        let rows = embeddings.par_chunks(ROWS * width);
        out.par_chunks_mut(ROWS * tracks.len()).zip(rows).for_each(|(out, rows)| {
            shelf.lend(|bench| self.attend(rows, &chosen, &keys, bench, out));
        });
        out
    }

    /// The tracks of some rows, whose keys lie together in `keys`.
    fn attend(&self, rows: &[T], chosen: &[&Tokens<T>], keys: &[T], bench: &mut Bench<T>, out: &mut [T]) {
        let (inner, width) = (self.queries.outputs, self.norm.weight.len());
        let (n, n_tokens, head_width) = (rows.len() / width, keys.len() / inner, inner / self.heads);
        let normed = room(&mut bench.normed, rows.len());
        self.norm.apply(rows, normed);
        let queries = room(&mut bench.queries, n * inner);
        self.queries.multiply(normed, width, Accum::Replace, queries);
        let logits = room(&mut bench.logits, n * n_tokens);
        self.direct.apply(rows, Accum::Replace, &mut logits[..n]);
        for (out, direct) in out.chunks_exact_mut(chosen.len()).zip(&*logits) {
            out.fill(*direct);
        }
        let queries = MatRef::from_row_major_slice(queries, n, inner);
        let keys = MatRef::from_row_major_slice(keys, n_tokens, inner);
        for head in 0..self.heads {
            let (queries, keys) =
                (queries.subcols(head * head_width, head_width), keys.subcols(head * head_width, head_width));
            let found = MatMut::from_row_major_slice_mut(logits, n, n_tokens);
            block_product(queries, keys.transpose(), Accum::Replace, found);
            for (logits, out) in logits.chunks_exact_mut(n_tokens).zip(out.chunks_exact_mut(chosen.len())) {
                self.add_head(head, logits, chosen, out);
            }
        }
        if let Some(activation) = self.activation {
            activation.in_place(out);
        }
    }

    /// Adds what a head gives at one position to each track.
    fn add_head(&self, head: usize, mut logits: &mut [T], chosen: &[&Tokens<T>], out: &mut [T]) {
        for (out, tokens) in out.iter_mut().zip(chosen) {
            let own;
            (own, logits) = logits.split_at_mut(tokens.scores.len() / self.heads);
            let top =
                own.iter().copied().fold(T::of(f64::NEG_INFINITY), |top, x| if x > top { x } else { top });
            let (mut sum, mut weighted) = (T::zero(), T::zero());
            for (logit, score) in own.iter().zip(tokens.scores.iter().skip(head).step_by(self.heads)) {
                let weight = (*logit - top).exponential();
                sum += weight;
                weighted += weight * *score;
            }
            *out += weighted / sum;
        }
    }
}
