//! The layer between the transformer and the heads.

use super::super::EnformerConfig;
use super::layers::{Layer, Norm, Weights};
use super::part::{Body, Part};
use crate::ModelsError;
use crate::nn::{Activation, Pass, Tensor};

/// Normalisation, GELU, a layer and GELU.
#[derive(Debug)]
pub(super) struct Pointwise {
    norm: Norm,
    layer: Layer,
    rate: f64,
}

impl Pointwise {
    pub(super) fn part(
        config: &EnformerConfig,
        weights: &mut Weights<'_>,
    ) -> Result<Part<Self>, ModelsError> {
        let norm = weights.norm("final_pointwise.1.0")?;
        let layer = weights.layer("final_pointwise.1.2")?;
        let pointwise = Self { norm, layer, rate: config.dropout_rate / 8.0 };
        Ok(Part::new(pointwise, weights.take_variables()))
    }
}

impl Body for Pointwise {
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        let x = self.layer.forward(&self.norm.gelu(x, pass)?)?;
        x.dropout(self.rate, pass)?.activate(Activation::GeluSigmoid)
    }
}
