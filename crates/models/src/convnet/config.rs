use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Activation;

/// A network of convolutions, declared: what a `config.json` of `model_type` `convnet` says.
///
/// Sequences enter as one-hot rows of the alphabet's letters; unknown letters, padding and gaps are rows of zeros.
/// Layers follow one another; each head goes on from what the last layer gives, with layers of its own.
///
/// | `op` | what it makes of (positions, channels) |
/// |---|---|
/// | `conv1d` | convolution along positions, as `torch.nn.Conv1d` |
/// | `batch_norm` | each channel by its running statistics, as `torch.nn.BatchNorm1d` |
/// | `relu`, `gelu`, `gelu_tanh`, `gelu_sigmoid`, `sigmoid`, `tanh`, `exp`, `softplus`, `elu`, `leaky_relu` | a function of each number |
/// | `max_pool`, `avg_pool` | windows of positions, an incomplete last one left out; zeros of padding count in means |
/// | `residual` | what goes in plus what its own layers make of it |
/// | `flatten` | positions and channels as one row of features, in the order `channel` (each channel's positions together, as PyTorch's tensors lie) or `position` |
/// | `global_mean`, `global_max` | one feature a channel |
/// | `linear` | features to features, as `torch.nn.Linear` |
/// | `dropout` | in training, each number is 0 with probability `p` and the others scaled up |
///
/// ```
/// use cistron_models::ConvNetConfig;
///
/// let config = ConvNetConfig::from_json(
///     r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": null,
///         "layers": [{"op": "conv1d", "name": "motifs", "in": 4, "out": 16, "kernel": 9, "padding": 4},
///                    {"op": "relu"}, {"op": "global_max"}],
///         "heads": [{"name": "activity", "tracks": ["liver"],
///                    "layers": [{"op": "linear", "name": "out", "in": 16, "out": 1}]}]}"#,
/// )?;
/// assert_eq!(config.n_parameters(), 16 * (4 * 9 + 1) + 17);
/// assert_eq!(config.receptive_field(), 9);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct ConvNetConfig {
    /// The letters of the input, in the order of the channels: `ACGT`.
    pub alphabet: String,
    /// The number of letters of an input; `None` if any number will do, which `flatten` and heads of several bins
    /// exclude.
    pub input_length: Option<usize>,
    /// What all heads share.
    pub layers: Vec<ConvNetLayer>,
    /// The outputs, at least one.
    pub heads: Vec<ConvNetHead>,
}

/// One layer of a [`ConvNetConfig`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "op", rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the operations of a version of the format")]
pub enum ConvNetLayer {
    /// Convolution along positions; tensors `weight` (out, in / groups, kernel) and `bias` (out).
    #[serde(rename = "conv1d")]
    Conv1d {
        /// Before the names of its tensors.
        name: String,
        /// Channels in.
        #[serde(rename = "in")]
        inputs: usize,
        /// Channels out.
        #[serde(rename = "out")]
        outputs: usize,
        /// The number of taps.
        kernel: usize,
        /// The distance of neighbouring windows. Default: 1.
        #[serde(default = "one")]
        stride: usize,
        /// Zeros before the first and after the last position. Default: 0.
        #[serde(default)]
        padding: usize,
        /// The distance of neighbouring taps. Default: 1.
        #[serde(default = "one")]
        dilation: usize,
        /// Groups of channels that do not see one another. Default: 1.
        #[serde(default = "one")]
        groups: usize,
        /// Whether a number is added to each channel. Default: yes.
        #[serde(default = "yes")]
        bias: bool,
    },
    /// Normalisation of each channel; tensors `weight`, `bias`, `running_mean` and `running_var` (channels).
    BatchNorm {
        /// Before the names of its tensors.
        name: String,
        /// The channels or features.
        channels: usize,
        /// What is added to the variance. Default: 1e-5.
        #[serde(default = "epsilon")]
        eps: f64,
    },
    /// The largest of each window.
    MaxPool {
        /// The positions of a window.
        kernel: usize,
        /// The distance of neighbouring windows. Default: the positions of one.
        stride: usize,
        /// Positions before the first and after the last that are never the largest; at most half a window.
        #[serde(default)]
        padding: usize,
    },
    /// The mean of each window.
    AvgPool {
        /// The positions of a window.
        kernel: usize,
        /// The distance of neighbouring windows. Default: the positions of one.
        stride: usize,
        /// Zeros before the first and after the last position, which count; at most half a window.
        #[serde(default)]
        padding: usize,
    },
    /// What goes in plus what layers make of it.
    Residual {
        /// Layers that keep the shape.
        layers: Vec<ConvNetLayer>,
    },
    /// One row of features.
    Flatten {
        /// Which of them lie together. Default: a channel's positions.
        #[serde(default)]
        order: FlattenOrder,
    },
    /// The mean of each channel over positions.
    GlobalMean,
    /// The largest of each channel over positions.
    GlobalMax,
    /// Features to features; tensors `weight` (out, in) and `bias` (out).
    Linear {
        /// Before the names of its tensors.
        name: String,
        /// Features in.
        #[serde(rename = "in")]
        inputs: usize,
        /// Features out.
        #[serde(rename = "out")]
        outputs: usize,
        /// Whether a number is added to each feature. Default: yes.
        #[serde(default = "yes")]
        bias: bool,
    },
    /// In training, noise that keeps units from relying on one another.
    Dropout {
        /// The probability that a number becomes 0.
        p: f64,
    },
    /// A function of each number.
    #[serde(skip)]
    Activation(Activation),
}

/// Which features lie together after `flatten`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum FlattenOrder {
    /// All positions of channel 0, then of channel 1: `torch.flatten` of (channels, positions).
    #[default]
    Channel,
    /// All channels of position 0, then of position 1, as Keras.
    Position,
}

/// One output of a [`ConvNetConfig`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct ConvNetHead {
    /// The head's name, unique in its network.
    pub name: String,
    /// The names of the tracks.
    pub tracks: Vec<String>,
    /// The number of places along the sequence. Default: 1. With several, the head ends in as many positions, and its
    /// channels are the tracks; with one, its features may be the tracks.
    #[serde(default = "one")]
    pub bins: usize,
    /// The bases of a bin, if the head has places along the sequence.
    #[serde(default)]
    pub bin_width: Option<usize>,
    /// The bases before bin 0. Default: 0.
    #[serde(default)]
    pub first_bin: usize,
    /// What is done to the last layer's numbers. Default: nothing.
    #[serde(default)]
    pub activation: HeadActivation,
    /// The head's own layers, after the shared ones.
    #[serde(default)]
    pub layers: Vec<ConvNetLayer>,
}

/// What a head does to its last numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "those of a version of the format")]
pub enum HeadActivation {
    /// Nothing.
    #[default]
    None,
    /// 1 / (1 + e⁻ˣ): a probability for each track.
    Sigmoid,
    /// ln(1 + eˣ): a rate for each track.
    Softplus,
    /// eˣ / Σ eˣ over the tracks of a bin.
    Softmax,
}

const fn one() -> usize {
    1
}

const fn yes() -> bool {
    true
}

const fn epsilon() -> f64 {
    1e-5
}

impl Serialize for ConvNetLayer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Activation(activation) => activation.serialize(serializer),
            other => Self::serialize(other, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ConvNetLayer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parse::layer(&Value::deserialize(deserializer)?, "layer").map_err(D::Error::custom)
    }
}

impl ConvNetLayer {
    /// The layer's name in files, if it has tensors.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Conv1d { name, .. } | Self::BatchNorm { name, .. } | Self::Linear { name, .. } => {
                Some(name)
            }
            _ => None,
        }
    }

    /// The name of the operation in files.
    pub const fn op(&self) -> &'static str {
        match self {
            Self::Conv1d { .. } => "conv1d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::MaxPool { .. } => "max_pool",
            Self::AvgPool { .. } => "avg_pool",
            Self::Residual { .. } => "residual",
            Self::Flatten { .. } => "flatten",
            Self::GlobalMean => "global_mean",
            Self::GlobalMax => "global_max",
            Self::Linear { .. } => "linear",
            Self::Dropout { .. } => "dropout",
            Self::Activation(activation) => activation.name(),
        }
    }

    /// The tensors that are trained: what follows the layer's name, and their shapes.
    pub(super) fn trained(&self) -> Vec<(&'static str, Vec<usize>)> {
        let (weight, channels, bias) = match self {
            Self::Conv1d { inputs, outputs, kernel, groups, bias, .. } => {
                (vec![*outputs, inputs / groups, *kernel], *outputs, *bias)
            }
            Self::Linear { inputs, outputs, bias, .. } => (vec![*outputs, *inputs], *outputs, *bias),
            Self::BatchNorm { channels, .. } => (vec![*channels], *channels, true),
            _ => return Vec::new(),
        };
        let mut tensors = vec![("weight", weight)];
        tensors.extend(bias.then(|| ("bias", vec![channels])));
        tensors
    }

    /// The tensors that are kept but not trained.
    pub(super) fn running(&self) -> Vec<(&'static str, Vec<usize>)> {
        match self {
            Self::BatchNorm { channels, .. } => {
                ["running_mean", "running_var"].map(|name| (name, vec![*channels])).to_vec()
            }
            _ => Vec::new(),
        }
    }
}

impl ConvNetConfig {
    /// Every layer, those of residual blocks and heads included.
    pub(crate) fn all_layers(&self) -> Vec<&ConvNetLayer> {
        fn add<'a>(layers: &'a [ConvNetLayer], all: &mut Vec<&'a ConvNetLayer>) {
            for layer in layers {
                all.push(layer);
                if let ConvNetLayer::Residual { layers } = layer {
                    add(layers, all);
                }
            }
        }
        let mut all = Vec::new();
        add(&self.layers, &mut all);
        self.heads.iter().for_each(|head| add(&head.layers, &mut all));
        all
    }

    /// The number of trained numbers.
    pub fn n_parameters(&self) -> usize {
        let tensors = self.all_layers().into_iter().flat_map(ConvNetLayer::trained);
        tensors.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The names of all tensors with their shapes, in the order of the layers.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let of_layer = |layer: &ConvNetLayer| {
            let name = layer.name().unwrap_or_default().to_owned();
            let tensors = layer.trained().into_iter().chain(layer.running());
            tensors.map(move |(tensor, shape)| (format!("{name}.{tensor}"), shape)).collect::<Vec<_>>()
        };
        self.all_layers().into_iter().flat_map(of_layer).collect()
    }
}
