//! The heads, and the layer between them and the transformer.

use super::super::{EnformerConfig, EnformerHead, EnformerHeadInput};
use super::GraphOptions;
use super::contexts::ContextLayer;
use super::layers::{Layer, Norm, RowNorm, Weights};
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

/// A head: perhaps a normalisation, a layer and perhaps a function.
#[derive(Debug)]
pub(super) struct Head {
    reads: EnformerHeadInput,
    norm: Option<RowNorm>,
    layer: HeadLayer,
    activation: Option<Activation>,
}

#[derive(Debug)]
enum HeadLayer {
    /// A row for each track.
    Rows(Layer),
    Contexts(ContextLayer),
}

impl Head {
    pub(super) fn new(
        head: &EnformerHead,
        weights: &mut Weights<'_>,
        options: GraphOptions,
    ) -> Result<Self, ModelsError> {
        let name = format!("_heads.{}", head.name);
        let has_norm = head.reads == EnformerHeadInput::NormedTransformer;
        Ok(Self {
            reads: head.reads,
            norm: has_norm.then(|| weights.row_norm(&format!("{name}.norm"))).transpose()?,
            layer: match head.contexts {
                None => HeadLayer::Rows(weights.layer(&format!("{name}.0"))?),
                Some(layer) => HeadLayer::Contexts(ContextLayer::new(&name, layer, weights, options)?),
            },
            activation: head.activation,
        })
    }

    /// The tracks, (B, bins, tracks), of the transformer's rows and of the embeddings, for a head that reads these.
    pub(super) fn forward(&self, rows: &Tensor, embeddings: Option<&Tensor>) -> Result<Tensor, ModelsError> {
        let read = embeddings.filter(|_| self.reads_embeddings()).unwrap_or(rows);
        let normed = self.norm.as_ref().map(|norm| norm.forward(rows)).transpose()?;
        let read = normed.as_ref().unwrap_or(read);
        let found = match &self.layer {
            HeadLayer::Rows(layer) => layer.forward(read)?,
            HeadLayer::Contexts(layer) => layer.forward(read)?,
        };
        match self.activation {
            Some(activation) => found.activate(activation),
            None => Ok(found),
        }
    }

    pub(super) fn reads_embeddings(&self) -> bool {
        self.reads == EnformerHeadInput::Embeddings
    }
}
