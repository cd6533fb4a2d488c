//! Networks computed number by number, channels before positions as PyTorch's definitions say.

use super::super::{ConvNetConfig, ConvNetLayer, FlattenOrder, HeadActivation};
use crate::{Activation, Checkpoint};

/// Channels of positions; features are channels of one position.
type Rows = Vec<Vec<f64>>;

/// A head's numbers (bins, tracks) for codes.
pub(super) fn predict(config: &ConvNetConfig, weights: &Checkpoint, head: usize, codes: &[u8]) -> Vec<f64> {
    let row = |code: &u8| (0..4).map(|letter| f64::from(u8::from(letter == *code))).collect();
    let rows: Rows = codes.iter().map(row).collect();
    predict_rows(config, weights, head, &rows)
}

/// The same for rows of letters, one a position.
pub(super) fn predict_rows(
    config: &ConvNetConfig,
    weights: &Checkpoint,
    head: usize,
    rows: &[Vec<f64>],
) -> Vec<f64> {
    let x: Rows = (0..4).map(|letter| rows.iter().map(|row| row[letter]).collect()).collect();
    let head = &config.heads[head];
    let mut x = through(&head.layers, weights, through(&config.layers, weights, x));
    let length = x[0].len();
    for position in 0..length {
        let total: f64 = x.iter().map(|channel| channel[position].exp()).sum();
        for channel in &mut x {
            let value = &mut channel[position];
            *value = match head.activation {
                HeadActivation::None => *value,
                HeadActivation::Sigmoid => 1.0 / (1.0 + (-*value).exp()),
                HeadActivation::Softplus => value.exp().ln_1p(),
                HeadActivation::Softmax => value.exp() / total,
            };
        }
    }
    (0..length).flat_map(|position| x.iter().map(move |channel| channel[position])).collect()
}

fn through(layers: &[ConvNetLayer], weights: &Checkpoint, x: Rows) -> Rows {
    layers.iter().fold(x, |x, layer| after(layer, weights, &x))
}

fn after(layer: &ConvNetLayer, weights: &Checkpoint, x: &Rows) -> Rows {
    let tensor = |name: &str| {
        let name = format!("{}.{name}", layer.name().unwrap());
        weights.get(&name).map(crate::Tensor::to_f64)
    };
    let at = |channel: &Vec<f64>, place: isize| {
        usize::try_from(place).ok().and_then(|place| channel.get(place)).copied()
    };
    let each = |f: &dyn Fn(&Vec<f64>) -> Vec<f64>| x.iter().map(f).collect::<Rows>();
    match layer {
        &ConvNetLayer::Conv1d { outputs, kernel, stride, padding, dilation, groups, .. } => {
            let (weight, bias) = (tensor("weight").unwrap(), tensor("bias"));
            let inputs = x.len() / groups;
            let room = x[0].len() + 2 * padding - (kernel - 1) * dilation - 1;
            let one = |output: usize, place: usize| {
                let mut sum = bias.as_ref().map_or(0.0, |bias| bias[output]);
                let first = output / (outputs / groups) * inputs;
                for input in 0..inputs {
                    for tap in 0..kernel {
                        let position = (place * stride + tap * dilation) as isize - padding as isize;
                        let value = at(&x[first + input], position).unwrap_or(0.0);
                        sum += weight[(output * inputs + input) * kernel + tap] * value;
                    }
                }
                sum
            };
            (0..outputs).map(|output| (0..=room / stride).map(|place| one(output, place)).collect()).collect()
        }
        ConvNetLayer::BatchNorm { eps, .. } => {
            let [weight, bias, mean, variance] =
                ["weight", "bias", "running_mean", "running_var"].map(|name| tensor(name).unwrap());
            let normal = |(channel, values): (usize, &Vec<f64>)| {
                let scale = weight[channel] / (variance[channel] + eps).sqrt();
                values.iter().map(|value| (value - mean[channel]) * scale + bias[channel]).collect()
            };
            x.iter().enumerate().map(normal).collect()
        }
        &ConvNetLayer::MaxPool { kernel, stride, padding } => each(&|channel| {
            let windows = 0..=(channel.len() + 2 * padding - kernel) / stride;
            let window = |i: usize| (0..kernel).map(move |j| (i * stride + j) as isize - padding as isize);
            let largest = |i| window(i).filter_map(|place| at(channel, place)).fold(f64::MIN, f64::max);
            windows.map(largest).collect()
        }),
        &ConvNetLayer::AvgPool { kernel, stride, padding } => each(&|channel| {
            let windows = 0..=(channel.len() + 2 * padding - kernel) / stride;
            let window = |i: usize| (0..kernel).map(move |j| (i * stride + j) as isize - padding as isize);
            windows
                .map(|i| window(i).filter_map(|place| at(channel, place)).sum::<f64>() / kernel as f64)
                .collect()
        }),
        ConvNetLayer::Residual { layers } => {
            let inner = through(layers, weights, x.clone());
            let sum = |(a, b): (&Vec<f64>, Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
            x.iter().zip(inner).map(sum).collect()
        }
        ConvNetLayer::Flatten { order: FlattenOrder::Channel } => {
            x.iter().flatten().map(|value| vec![*value]).collect()
        }
        ConvNetLayer::Flatten { order: FlattenOrder::Position } => {
            (0..x[0].len()).flat_map(|place| x.iter().map(move |channel| vec![channel[place]])).collect()
        }
        ConvNetLayer::GlobalMean => each(&|channel| vec![channel.iter().sum::<f64>() / channel.len() as f64]),
        ConvNetLayer::GlobalMax => each(&|channel| vec![channel.iter().copied().fold(f64::MIN, f64::max)]),
        ConvNetLayer::Linear { inputs, outputs, .. } => {
            let (weight, bias) = (tensor("weight").unwrap(), tensor("bias"));
            let one = |output: usize| {
                let products = x.iter().zip(&weight[output * inputs..]).map(|(x, weight)| x[0] * weight);
                vec![products.sum::<f64>() + bias.as_ref().map_or(0.0, |bias| bias[output])]
            };
            (0..*outputs).map(one).collect()
        }
        ConvNetLayer::Dropout { .. } => x.clone(),
        ConvNetLayer::Activation(activation) => {
            each(&|channel| channel.iter().map(|value| function(*activation, *value)).collect())
        }
    }
}

fn function(activation: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Gelu => x * 0.5 * (1.0 + libm::erf(x / 2.0_f64.sqrt())),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::GeluSigmoid => x * sigmoid(1.702 * x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Exp => x.exp(),
        Activation::Softplus => x.exp().ln_1p(),
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Activation::LeakyRelu => {
            if x > 0.0 {
                x
            } else {
                0.01 * x
            }
        }
    }
}
