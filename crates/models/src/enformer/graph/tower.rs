//! The stem and the tower of convolutions.

use super::super::EnformerConfig;
use super::layers::{Conv, Layer, Norm, Weights};
use super::part::{Body, Part};
use crate::ModelsError;
use crate::nn::{Pass, Tensor};

/// A convolution, another of one tap around which its input is added, and a pool of pairs.
#[derive(Debug)]
pub(super) struct Stage {
    /// Before the convolution; none in the stem.
    before: Option<Norm>,
    conv: Conv,
    within: Norm,
    pointwise: Layer,
    /// The weights of the pool.
    gate: Layer,
}

/// The stem and all stages of the tower.
pub(super) fn stages(
    config: &EnformerConfig,
    weights: &mut Weights<'_>,
) -> Result<Vec<Part<Stage>>, ModelsError> {
    let mut stages = vec![part(None, ["stem.0", "stem.1.fn", "stem.2"].map(String::from), weights)?];
    for i in 0..config.num_downsamples - 1 {
        let name = |part: &str| format!("conv_tower.{i}.{part}");
        let before = Some(weights.norm(&name("0.0"))?);
        stages.push(part(before, ["0.2", "1.fn", "2"].map(name), weights)?);
    }
    Ok(stages)
}

fn part(
    before: Option<Norm>,
    [conv, residual, pool]: [String; 3],
    weights: &mut Weights<'_>,
) -> Result<Part<Stage>, ModelsError> {
    let stage = Stage {
        before,
        conv: weights.conv(&conv)?,
        within: weights.norm(&format!("{residual}.0"))?,
        pointwise: weights.layer(&format!("{residual}.2"))?,
        gate: weights.layer(&format!("{pool}.to_attn_logits"))?,
    };
    Ok(Part::new(stage, weights.take_variables()))
}

impl Body for Stage {
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        let x = match &self.before {
            Some(norm) => self.conv.forward(&norm.gelu(x, pass)?)?,
            None => self.conv.forward(x)?,
        };
        let inner = self.pointwise.forward(&self.within.gelu(&x, pass)?)?;
        pooled(&x.add(&inner)?, &self.gate)
    }
}

/// The softmax over the two of a pair is the logistic function of their logits' difference, which the weights make of
/// the difference of the two.
fn pooled(x: &Tensor, gate: &Layer) -> Result<Tensor, ModelsError> {
    if x.shape().get(1) == Some(&1) {
        return Ok(x.clone());
    }
    x.pair_means(&gate.forward(&x.pair_differences()?)?)
}
