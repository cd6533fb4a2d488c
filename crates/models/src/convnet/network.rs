//! The layers as a network that is trained and differentiated.

use super::{ConvNetConfig, ConvNetLayer, FlattenOrder, HeadActivation};
use crate::ModelsError;
use crate::nn::{Activation, BatchNormLayer, ConvShape, Pass, Pool, PoolShape, Scope, Tensor};
use crate::train::Initializer;

/// The layers of a network, those that all heads share and those of each.
#[derive(Debug)]
pub(super) struct Network {
    trunk: Vec<Node>,
    heads: Vec<(Vec<Node>, HeadActivation)>,
}

#[derive(Debug)]
enum Node {
    Conv { weight: Tensor, bias: Option<Tensor>, shape: ConvShape },
    Norm(BatchNormLayer),
    Activation(Activation),
    Pool(Pool, PoolShape),
    Residual(Vec<Self>),
    Flatten(FlattenOrder),
    Global(Pool),
    Linear { weight: Tensor, bias: Option<Tensor> },
    Dropout(f64),
}

impl Network {
    /// A network whose numbers lie in a scope.
    pub(super) fn new(config: &ConvNetConfig, scope: &mut Scope<'_>) -> Result<Self, ModelsError> {
        let trunk = nodes(&config.layers, scope)?;
        let head = |head: &super::ConvNetHead| Ok((nodes(&head.layers, scope)?, head.activation));
        Ok(Self { trunk, heads: config.heads.iter().map(head).collect::<Result<_, ModelsError>>()? })
    }

    /// The numbers of each head for x (B, L, C), before its activation.
    pub(super) fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Vec<Tensor>, ModelsError> {
        let trunk = through(&self.trunk, x, pass)?;
        self.heads.iter().map(|(nodes, _)| through(nodes, &trunk, pass)).collect()
    }

    /// The numbers of one head for x (B, L, C), with its activation.
    pub(super) fn predict(&self, x: &Tensor, head: usize) -> Result<Tensor, ModelsError> {
        let trunk = through(&self.trunk, x, &mut Pass::Evaluation)?;
        match self.heads.get(head) {
            Some((nodes, activation)) => activation.of(&through(nodes, &trunk, &mut Pass::Evaluation)?),
            None => Ok(trunk),
        }
    }
}

impl HeadActivation {
    /// Of a head's last numbers, tracks in the last axis.
    pub(super) fn of(self, x: &Tensor) -> Result<Tensor, ModelsError> {
        match self {
            Self::None => Ok(x.clone()),
            Self::Sigmoid => x.activate(Activation::Sigmoid),
            Self::Softplus => x.activate(Activation::Softplus),
            Self::Softmax => x.softmax(),
        }
    }
}

fn nodes(layers: &[ConvNetLayer], scope: &mut Scope<'_>) -> Result<Vec<Node>, ModelsError> {
    layers.iter().map(|layer| node(layer, scope)).collect()
}

fn node(layer: &ConvNetLayer, scope: &mut Scope<'_>) -> Result<Node, ModelsError> {
    Ok(match layer {
        ConvNetLayer::Conv1d { stride, padding, dilation, groups, .. } => {
            let [weight, bias] = weights(layer, scope)?;
            let shape =
                ConvShape { stride: *stride, padding: *padding, dilation: *dilation, groups: *groups };
            Node::Conv { weight: required(weight)?, bias, shape }
        }
        ConvNetLayer::Linear { .. } => {
            let [weight, bias] = weights(layer, scope)?;
            Node::Linear { weight: required(weight)?, bias }
        }
        ConvNetLayer::BatchNorm { name, channels, eps } => {
            Node::Norm(BatchNormLayer::with_epsilon(&mut scope.enter(name), *channels, *eps)?)
        }
        ConvNetLayer::MaxPool { kernel, stride, padding } => {
            Node::Pool(Pool::Max, PoolShape { kernel: *kernel, stride: *stride, padding: *padding })
        }
        ConvNetLayer::AvgPool { kernel, stride, padding } => {
            Node::Pool(Pool::Mean, PoolShape { kernel: *kernel, stride: *stride, padding: *padding })
        }
        ConvNetLayer::Residual { layers } => Node::Residual(nodes(layers, scope)?),
        ConvNetLayer::Flatten { order } => Node::Flatten(*order),
        ConvNetLayer::GlobalMean => Node::Global(Pool::Mean),
        ConvNetLayer::GlobalMax => Node::Global(Pool::Max),
        ConvNetLayer::Dropout { p } => Node::Dropout(*p),
        ConvNetLayer::Activation(activation) => Node::Activation(*activation),
    })
}

/// The weight and the bias of a layer.
fn weights(layer: &ConvNetLayer, scope: &mut Scope<'_>) -> Result<[Option<Tensor>; 2], ModelsError> {
    let tensors = layer.trained();
    let mut scope = scope.enter(layer.name().unwrap_or_default());
    let mut found = [None, None];
    for (place, (name, shape)) in found.iter_mut().zip(&tensors) {
        let initial = match (*name, tensors.first()) {
            (_, None) => Initializer::Zeros,
            ("weight", _) => Initializer::layer_weight(),
            (_, Some((_, weight))) => Initializer::layer_bias(weight)?,
        };
        *place = Some(scope.parameter(name, shape, initial)?);
    }
    Ok(found)
}

fn required(weight: Option<Tensor>) -> Result<Tensor, ModelsError> {
    weight.ok_or_else(|| super::parse::problem("layers", "found a layer without weights"))
}

fn through(nodes: &[Node], x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
    let mut x = x.clone();
    let mut rest = nodes;
    while let [node, after @ ..] = rest {
        (x, rest) = match (node, after) {
            // Both in one pass.
            (Node::Linear { weight, bias: Some(bias) }, [Node::Activation(Activation::Relu), after @ ..]) => {
                (x.linear_relu(weight, bias)?, after)
            }
            _ => (node.forward(&x, pass)?, after),
        };
    }
    Ok(x)
}

impl Node {
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError> {
        match self {
            Self::Conv { weight, bias, shape } => {
                let out = x.conv(weight, *shape)?;
                match bias {
                    Some(bias) => out.shift(bias),
                    None => Ok(out),
                }
            }
            Self::Norm(norm) => norm.forward(x, pass),
            Self::Activation(activation) => x.activate(*activation),
            Self::Pool(pool, shape) => x.pool(*pool, *shape),
            Self::Residual(nodes) => x.add(&through(nodes, x, pass)?),
            Self::Flatten(order) => {
                let x = match order {
                    FlattenOrder::Channel => &x.transpose(1, 2)?,
                    FlattenOrder::Position => x,
                };
                let features = x.shape().iter().skip(1).product();
                x.reshape(&[x.shape().first().copied().unwrap_or(0), features])
            }
            Self::Global(pool) => {
                let &[batch, length, channels] = x.shape() else { return Ok(x.clone()) };
                x.pool(*pool, PoolShape::tiles(length))?.reshape(&[batch, channels])
            }
            Self::Linear { weight, bias } => x.linear(weight, bias.as_ref()),
            Self::Dropout(p) => x.dropout(*p, pass),
        }
    }
}
