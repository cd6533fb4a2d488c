//! Heads whose tracks come from contexts.

use super::super::parameters::{CONTEXTS, MASK};
use super::super::{EnformerContextAttention, EnformerContextLayer};
use super::GraphOptions;
use super::layers::{Layer, RowNorm, Weights};
use crate::ModelsError;
use crate::nn::Tensor;

/// What stands in the place of the layer of other heads.
#[derive(Debug)]
pub(super) enum ContextLayer {
    Vectors(Vectors),
    Attention(Box<Attention>),
}

impl ContextLayer {
    pub(super) fn new(
        head: &str,
        layer: EnformerContextLayer,
        weights: &mut Weights<'_>,
        options: GraphOptions,
    ) -> Result<Self, ModelsError> {
        match layer.attention {
            None => Vectors::new(head, weights).map(Self::Vectors),
            Some(shape) => {
                Attention::new(head, shape, weights, options).map(|it| Self::Attention(Box::new(it)))
            }
        }
    }

    /// The numbers of tracks, (B, bins, tracks), of embeddings.
    pub(super) fn forward(&self, embeddings: &Tensor) -> Result<Tensor, ModelsError> {
        match self {
            Self::Vectors(vectors) => vectors.forward(embeddings),
            Self::Attention(attention) => attention.forward(embeddings),
        }
    }
}

/// A layer whose weights and bias are made of the vector of each track.
#[derive(Debug)]
pub(super) struct Vectors {
    /// (tracks, width).
    contexts: Tensor,
    /// (width, embeddings).
    weights: Tensor,
    /// (width, 1).
    bias: Tensor,
}

impl Vectors {
    fn new(head: &str, weights: &mut Weights<'_>) -> Result<Self, ModelsError> {
        let contexts = weights.tensor(&format!("{head}.{CONTEXTS}"))?;
        let (n_tracks, width) = ends(&contexts);
        Ok(Self {
            contexts: contexts.reshape(&[n_tracks, width])?,
            weights: weights.tensor(&format!("{head}.to_context_weights"))?,
            bias: weights.tensor(&format!("{head}.to_context_bias"))?.reshape(&[width, 1])?,
        })
    }

    fn forward(&self, embeddings: &Tensor) -> Result<Tensor, ModelsError> {
        let weights = self.contexts.product(&self.weights)?;
        let (n_tracks, _) = ends(&weights);
        let bias = self.contexts.product(&self.bias)?.reshape(&[n_tracks])?;
        embeddings.linear(&weights, Some(&bias))
    }
}

/// Attention of embeddings to the tokens of each track and to one that stands for none.
///
/// All that follows the shares is linear and ends in one number: what a token adds to it is made first, (tracks, tokens)
/// for each head, so that nothing is as large as positions times tracks times embeddings.
#[derive(Debug)]
pub(super) struct Attention {
    shape: EnformerContextAttention,
    /// (tracks, tokens, width), and the same number of rows in all with the tokens for none.
    contexts: Tensor,
    /// 1 for the tokens for none, which come first of each track, else 0: (all tokens, 1).
    nones: Tensor,
    /// What is added to logits: 0, or much less for tokens that do not count, (all tokens).
    mask: Tensor,
    query_norm: RowNorm,
    context_norm: RowNorm,
    queries: Layer,
    keys_values: Layer,
    /// (1, inner).
    null_key: Tensor,
    null_value: Tensor,
    /// (embeddings, inner) and (embeddings, 1).
    out: [Tensor; 2],
    /// (1, embeddings) and (1).
    prediction: [Tensor; 2],
    /// Ones, (1, heads) and (1, tracks): what sums and what repeats.
    ones: [Tensor; 2],
}

/// Added to a logit it makes a share of 0.
const NEVER: f64 = -1e30;

impl Attention {
    fn new(
        head: &str,
        shape: EnformerContextAttention,
        weights: &mut Weights<'_>,
        options: GraphOptions,
    ) -> Result<Self, ModelsError> {
        let name = |part: &str| format!("{head}.{part}");
        let contexts = weights.tensor(&name(CONTEXTS))?;
        let counts = weights.tensor(&name(MASK))?;
        let (n_tracks, n_tokens) = ends(&counts);
        let counts = counts.to_f64()?;
        let of_tracks = || counts.chunks_exact(n_tokens);
        let logit = |counts: &f64| if *counts == 0.0 { NEVER } else { 0.0 };
        let mask = of_tracks().flat_map(|row| std::iter::once(0.0).chain(row.iter().map(logit))).collect();
        let nones = of_tracks().flat_map(|row| std::iter::once(1.0).chain(row.iter().map(|_| 0.0))).collect();
        let (inner, n_all) = (shape.heads * shape.head_width, n_tracks * (n_tokens + 1));
        let constant = |values: Vec<f64>, shape: &[usize]| {
            Tensor::from_f64(values, shape, options.precision, options.device)
        };
        let out = weights.tensor(&name("to_out.weight"))?;
        let (width, _) = ends(&out);
        Ok(Self {
            shape,
            contexts,
            nones: constant(nones, &[n_all, 1])?,
            mask: constant(mask, &[n_all])?,
            query_norm: weights.row_norm(&name("query_norm"))?,
            context_norm: weights.row_norm(&name("key_values_norm"))?,
            queries: weights.layer(&name("to_queries"))?,
            keys_values: weights.layer(&name("to_key_values"))?,
            null_key: weights.tensor(&name("null_key"))?.reshape(&[1, inner])?,
            null_value: weights.tensor(&name("null_value"))?.reshape(&[1, inner])?,
            out: [out, weights.tensor(&name("to_out.bias"))?.reshape(&[width, 1])?],
            prediction: [
                weights.tensor(&name("to_pred.0.weight"))?,
                weights.tensor(&name("to_pred.0.bias"))?,
            ],
            ones: [
                constant(vec![1.0; shape.heads], &[1, shape.heads])?,
                constant(vec![1.0; n_tracks], &[1, n_tracks])?,
            ],
        })
    }

    fn forward(&self, embeddings: &Tensor) -> Result<Tensor, ModelsError> {
        let &[batch, bins, width] = embeddings.shape() else { return Ok(embeddings.clone()) };
        let (n_rows, (_, n_tracks)) = (batch * bins, ends(&self.ones[1]));
        let rows = embeddings.reshape(&[n_rows, width])?;
        let attended = self.attended(&rows)?.reshape(&[n_tracks, n_rows])?.transpose(0, 1)?;
        let ([_, out_bias], [weight, bias]) = (&self.out, &self.prediction);
        let constant = weight.product(out_bias)?.reshape(&[1])?.add(bias)?;
        let direct = rows.linear(weight, Some(&constant))?.product(&self.ones[1])?;
        direct.add(&attended)?.reshape(&[batch, bins, n_tracks])
    }

    /// What attention adds to each track at each row: (1, tracks · rows).
    fn attended(&self, rows: &Tensor) -> Result<Tensor, ModelsError> {
        let EnformerContextAttention { heads, head_width } = self.shape;
        let (n_rows, _) = ends(rows);
        let (n_all, _) = ends(&self.nones);
        let (_, n_tracks) = ends(&self.ones[1]);
        let n_tokens = n_all / n_tracks;
        let [keys, values] = self.tokens(n_all)?;
        let queries = self.queries.forward(&self.query_norm.forward(rows)?)?;
        let queries = self.by_head(&queries.affine((head_width as f64).powf(-0.5), 0.0)?)?;
        let logits = queries.product(&self.by_head(&keys)?.transpose(1, 2)?)?.shift(&self.mask)?;
        let shares = logits.reshape(&[heads, n_rows, n_tracks, n_tokens])?.softmax()?.transpose(1, 2)?;
        let ([out, _], [weight, _]) = (&self.out, &self.prediction);
        let slopes = weight.product(out)?.reshape(&[heads, head_width, 1])?;
        let scores = self.by_head(&values)?.product(&slopes)?.reshape(&[heads, n_tracks, n_tokens, 1])?;
        self.ones[0].product(&shares.product(&scores)?.reshape(&[heads, n_tracks * n_rows])?)
    }

    /// The keys and the values of all tokens, (all tokens, inner) each.
    fn tokens(&self, n_all: usize) -> Result<[Tensor; 2], ModelsError> {
        let inner = self.shape.heads * self.shape.head_width;
        let given = self.keys_values.forward(&self.context_norm.forward(&self.contexts)?)?;
        let all = given.pad(1, 1, 0)?.reshape(&[n_all, 2 * inner])?;
        let keys = all.narrow(1, 0, inner)?.add(&self.nones.product(&self.null_key)?)?;
        Ok([keys, all.narrow(1, inner, inner)?.add(&self.nones.product(&self.null_value)?)?])
    }

    /// (n, heads · width) as (heads, n, width).
    fn by_head(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        let EnformerContextAttention { heads, head_width } = self.shape;
        x.reshape(&[ends(x).0, heads, head_width])?.transpose(0, 1)
    }
}

/// The first and the last axis.
fn ends(x: &Tensor) -> (usize, usize) {
    let axis = |axis: Option<&usize>| axis.copied().unwrap_or(0);
    (axis(x.shape().first()), axis(x.shape().last()))
}
