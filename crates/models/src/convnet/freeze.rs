//! The layers as they are computed without gradients: normalisation folded into the weights before it, functions
//! applied while values are near.

use super::{ConvNetConfig, ConvNetLayer, FlattenOrder, HeadActivation};
use crate::nn::{
    Activation, ConvShape, Frozen, FrozenLayer, Parameters, Pool, PoolShape, Precision, Real, Tensor,
};
use crate::{Device, ModelsError};

/// The network with the parameters' present numbers.
pub(super) fn freeze<T: Real + Default>(
    config: &ConvNetConfig,
    parameters: &Parameters,
    precision: Precision,
) -> Result<Frozen<T>, ModelsError> {
    let source = Source { parameters, precision };
    let trunk = source.layers(&config.layers)?;
    let head = |head: &super::ConvNetHead| {
        let mut layers = source.layers(&head.layers)?;
        layers.extend(match head.activation {
            HeadActivation::None => None,
            HeadActivation::Sigmoid => Some(FrozenLayer::Activate(Activation::Sigmoid)),
            HeadActivation::Softplus => Some(FrozenLayer::Activate(Activation::Softplus)),
            HeadActivation::Softmax => Some(FrozenLayer::Softmax),
        });
        Ok(layers)
    };
    Ok(Frozen::new(trunk, config.heads.iter().map(head).collect::<Result<_, ModelsError>>()?))
}

struct Source<'a> {
    parameters: &'a Parameters,
    precision: Precision,
}

/// What a batch normalisation does to each channel.
struct Scaling {
    factor: Vec<f64>,
    constant: Vec<f64>,
}

impl Source<'_> {
    fn tensor(&self, layer: &str, name: &str) -> Result<Tensor, ModelsError> {
        let name = format!("{layer}.{name}");
        self.parameters.get(&name).ok_or_else(|| super::parse::problem(name, "found no such parameter"))
    }

    fn layers<T: Real + Default>(&self, layers: &[ConvNetLayer]) -> Result<Vec<FrozenLayer<T>>, ModelsError> {
        let mut frozen = Vec::with_capacity(layers.len());
        let mut rest = layers;
        while let [layer, after @ ..] = rest {
            rest = after;
            if let ConvNetLayer::Conv1d { .. } | ConvNetLayer::Linear { .. } = layer {
                let mut scaling = None;
                if let [norm @ ConvNetLayer::BatchNorm { .. }, after @ ..] = rest {
                    (scaling, rest) = (self.scaling(norm)?, after);
                }
                let mut function = None;
                if let [ConvNetLayer::Activation(activation), after @ ..] = rest {
                    (function, rest) = (Some(*activation), after);
                }
                frozen.push(self.weighted(layer, scaling.as_ref(), function)?);
            } else {
                frozen.extend(self.other(layer)?);
            }
        }
        Ok(frozen)
    }

    fn scaling(&self, layer: &ConvNetLayer) -> Result<Option<Scaling>, ModelsError> {
        let ConvNetLayer::BatchNorm { name, eps, .. } = layer else { return Ok(None) };
        let values = |tensor: &str| self.tensor(name, tensor)?.to_f64();
        let (mean, variance) = (values("running_mean")?, values("running_var")?);
        let inverse = variance.iter().map(|variance| 1.0 / (variance + eps).sqrt());
        let factor: Vec<f64> =
            values("weight")?.iter().zip(inverse).map(|(scale, inverse)| scale * inverse).collect();
        let shift = values("bias")?;
        let constant =
            shift.iter().zip(mean.iter().zip(&factor)).map(|(shift, (mean, factor))| shift - mean * factor);
        Ok(Some(Scaling { constant: constant.collect(), factor }))
    }

    /// A layer with weights, and the normalisation and the function that follow it.
    fn weighted<T: Real + Default>(
        &self,
        layer: &ConvNetLayer,
        scaling: Option<&Scaling>,
        function: Option<Activation>,
    ) -> Result<FrozenLayer<T>, ModelsError> {
        let name = layer.name().unwrap_or_default();
        let weight = self.tensor(name, "weight")?;
        let outputs = weight.shape().first().copied().unwrap_or(0);
        let has_bias = layer.trained().len() > 1;
        let mut bias = if has_bias { self.tensor(name, "bias")?.to_f64()? } else { vec![0.0; outputs] };
        if let Some(Scaling { factor, constant }) = scaling {
            for (bias, (factor, constant)) in bias.iter_mut().zip(factor.iter().zip(constant)) {
                *bias = *bias * factor + constant;
            }
        }
        let scaled = || {
            let mut values = weight.to_f64()?;
            let width = values.len() / outputs.max(1);
            if let Some(Scaling { factor, .. }) = scaling {
                for (row, factor) in values.chunks_exact_mut(width.max(1)).zip(factor) {
                    for weight in row {
                        *weight *= factor;
                    }
                }
            }
            Ok::<Vec<f64>, ModelsError>(values)
        };
        if let &ConvNetLayer::Conv1d { stride, padding, dilation, groups, inputs, kernel, .. } = layer {
            let shape = ConvShape { stride, padding, dilation, groups };
            let dims = [outputs, inputs / groups.max(1), kernel];
            return Ok(FrozenLayer::conv(&scaled()?, dims, &bias, shape, function));
        }
        let weight = match scaling {
            None => weight.detached(),
            Some(_) => Tensor::from_f64(scaled()?, weight.shape(), self.precision, Device::Cpu)?,
        };
        Ok(FrozenLayer::linear(weight, &bias, function))
    }

    /// A layer without weights; nothing for dropout.
    fn other<T: Real + Default>(&self, layer: &ConvNetLayer) -> Result<Option<FrozenLayer<T>>, ModelsError> {
        Ok(Some(match layer {
            ConvNetLayer::BatchNorm { .. } => {
                let scaling = self.scaling(layer)?;
                return Ok(scaling.map(|it| FrozenLayer::scale_shift(&it.factor, &it.constant)));
            }
            ConvNetLayer::MaxPool { kernel, stride, padding } => FrozenLayer::Pool(
                Pool::Max,
                PoolShape { kernel: *kernel, stride: *stride, padding: *padding },
            ),
            ConvNetLayer::AvgPool { kernel, stride, padding } => FrozenLayer::Pool(
                Pool::Mean,
                PoolShape { kernel: *kernel, stride: *stride, padding: *padding },
            ),
            ConvNetLayer::Residual { layers } => FrozenLayer::Residual(self.layers(layers)?),
            ConvNetLayer::Flatten { order } => {
                FrozenLayer::Flatten { by_channel: *order == FlattenOrder::Channel }
            }
            ConvNetLayer::GlobalMean => FrozenLayer::Global(Pool::Mean),
            ConvNetLayer::GlobalMax => FrozenLayer::Global(Pool::Max),
            ConvNetLayer::Activation(activation) => FrozenLayer::Activate(*activation),
            ConvNetLayer::Dropout { .. } | ConvNetLayer::Conv1d { .. } | ConvNetLayer::Linear { .. } => {
                return Ok(None);
            }
        }))
    }
}
