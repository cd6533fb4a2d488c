//! Blocks of attention with relative positions and of feed-forward layers.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::basis::basis;
use super::super::{EnformerConfig, GammaNorm};
use super::GraphOptions;
use super::layers::{Layer, RowNorm, Weights};
use super::part::{Body, Part};
use crate::ModelsError;
use crate::nn::{Pass, Tensor};

/// The functions of distances, for the number of positions that was last asked for.
#[derive(Debug)]
pub(super) struct Basis {
    functions: usize,
    norm: GammaNorm,
    options: GraphOptions,
    cached: Mutex<Option<(usize, Tensor)>>,
}

impl Basis {
    pub(super) fn new(config: &EnformerConfig, options: GraphOptions) -> Self {
        let (functions, norm) = (config.head_width(), config.gamma_norm);
        Self { functions, norm, options, cached: Mutex::new(None) }
    }

    /// (2N - 1, functions).
    fn of(&self, positions: usize) -> Result<Tensor, ModelsError> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, basis)) = cached.as_ref().filter(|(known, _)| *known == positions) {
            return Ok(basis.clone());
        }
        let values = basis(positions, self.functions, self.norm);
        let shape = [2 * positions - 1, self.functions];
        let basis = Tensor::from_f64(values, &shape, self.options.precision, self.options.device)?;
        *cached = Some((positions, basis.clone()));
        Ok(basis)
    }
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    heads: usize,
    basis: Arc<Basis>,
    attention_norm: RowNorm,
    query: Layer,
    key: Layer,
    value: Layer,
    relative: Layer,
    content_bias: Tensor,
    position_bias: Tensor,
    out: Layer,
    feed_norm: RowNorm,
    up: Layer,
    down: Layer,
    rates: Rates,
}

/// How often numbers are 0 in training.
#[derive(Clone, Copy, Debug)]
struct Rates {
    layer: f64,
    attention: f64,
    positions: f64,
}

impl Block {
    pub(super) fn part(
        i: usize,
        config: &EnformerConfig,
        basis: &Arc<Basis>,
        weights: &mut Weights<'_>,
    ) -> Result<Part<Self>, ModelsError> {
        let (attention, feed) = (format!("transformer.{i}.0.fn"), format!("transformer.{i}.1.fn"));
        let block = Self {
            heads: config.heads,
            basis: Arc::clone(basis),
            attention_norm: weights.row_norm(&format!("{attention}.0"))?,
            query: weights.layer(&format!("{attention}.1.to_q"))?,
            key: weights.layer(&format!("{attention}.1.to_k"))?,
            value: weights.layer(&format!("{attention}.1.to_v"))?,
            relative: weights.layer(&format!("{attention}.1.to_rel_k"))?,
            content_bias: weights.flat(&format!("{attention}.1.rel_content_bias"))?,
            position_bias: weights.flat(&format!("{attention}.1.rel_pos_bias"))?,
            out: weights.layer(&format!("{attention}.1.to_out"))?,
            feed_norm: weights.row_norm(&format!("{feed}.0"))?,
            up: weights.layer(&format!("{feed}.1"))?,
            down: weights.layer(&format!("{feed}.4"))?,
            rates: Rates {
                layer: config.dropout_rate,
                attention: config.attn_dropout,
                positions: config.pos_dropout,
            },
        };
        Ok(Part::new(block, weights.take_variables()))
    }

    fn attend(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        let &[batch, positions, width] = x.shape() else { return Ok(x.clone()) };
        let queries = self.query.forward(x)?;
        let key_width = queries.shape().last().copied().unwrap_or(1) / self.heads;
        let queries = queries.affine((key_width as f64).powf(-0.5), 0.0)?;
        let keys = self.by_head(&self.key.forward(x)?)?.transpose(2, 3)?;
        let contents = self.by_head(&queries.shift(&self.content_bias)?)?.product(&keys)?;
        let basis = self.basis.of(positions)?.dropout(self.rates.positions, pass)?;
        let distances =
            self.relative.forward(&basis)?.reshape(&[2 * positions - 1, self.heads, key_width])?;
        let queries = self.by_head(&queries.shift(&self.position_bias)?)?;
        let logits = contents.add(&queries.relative_logits(&distances.transpose(0, 1)?)?)?;
        let shares = logits.softmax()?.dropout(self.rates.attention, pass)?;
        let values = shares.product(&self.by_head(&self.value.forward(x)?)?)?;
        let values = values.reshape(&[self.heads, batch * positions, width / self.heads])?;
        self.out.forward(&values.transpose(0, 1)?.reshape(&[batch, positions, width])?)
    }

    /// (B, N, heads · width) as (heads, B, N, width).
    fn by_head(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        let &[batch, positions, width] = x.shape() else { return Ok(x.clone()) };
        let width = width / self.heads;
        let heads = x.reshape(&[batch * positions, self.heads, width])?.transpose(0, 1)?;
        heads.reshape(&[self.heads, batch, positions, width])
    }

    /// Dropout before the rectifier and after it are the same: what it multiplies with is never negative.
    fn feed(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        let wide = self.up.forward_relu(x)?.dropout(self.rates.layer, pass)?;
        self.down.forward(&wide)
    }
}

impl Body for Block {
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        let attended = self.attend(&self.attention_norm.forward(x)?, pass)?;
        let x = x.add(&attended.dropout(self.rates.layer, pass)?)?;
        let fed = self.feed(&self.feed_norm.forward(&x)?, pass)?;
        x.add(&fed.dropout(self.rates.layer, pass)?)
    }
}
