//! Which tensors a configuration has: DeepSequence's names, shapes, how they lie in memory, where they start and what
//! they cost.

use cistron_core::Seed;

use super::config::{VaeConfig, VaeSparsity, VaeStart};
use super::kernel::{LANES, Lane};
use super::prior::{Prior, ScaleDensity};
use crate::train::{Initializer, Scalar};
use crate::{Checkpoint, ModelsError};

/// A tensor of weights.
#[derive(Clone, Debug)]
pub(super) struct TensorSpec {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) layout: Layout,
    pub(super) start: Initializer,
    pub(super) prior: Prior,
    /// The stream of its noise.
    pub(super) stream: u32,
}

/// How the numbers of a tensor lie in memory, which in files lie row after row.
///
/// Units of the decoder's last layer lie by the row of scales that they share. Positions lie next to one another, in
/// rows filled up to whole vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As in files.
    Plain,
    /// The columns are units.
    Units { scale_rows: usize, patterns: usize },
    /// In files (rows, positions, channels), in memory (rows, channels, width); the rows may be units, of so many rows
    /// of scales and patterns each.
    Positions { length: usize, channels: usize, units: Option<[usize; 2]> },
}

/// The streams of noise.
pub(super) const LATENT: u32 = 0;
pub(super) const OUTPUT: u32 = 1;
const CONVOLUTION: u32 = 2;
const BIAS: u32 = 3;
const SCALE: u32 = 4;
const TEMPERATURE: u32 = 5;
pub(super) const SCALE_DIVERGENCE: u32 = 6;
const LAYERS: u32 = 1 << 8;
const DROPOUT: u32 = 1 << 20;

/// What log deviations start from.
pub(super) const FIRST_LOG_SD: f64 = -5.0;

/// The positions of a row in memory.
pub(super) fn width(length: usize) -> usize {
    length.next_multiple_of(LANES)
}

/// The place of a unit in memory.
const fn unit(place: usize, [scale_rows, patterns]: [usize; 2]) -> usize {
    place % scale_rows * patterns + place / scale_rows
}

impl Layout {
    /// Where the number lies that is at a place in a file.
    fn place(self, place: usize) -> usize {
        match self {
            Self::Plain => place,
            Self::Units { scale_rows, patterns } => {
                let n = scale_rows * patterns;
                place / n * n + unit(place % n, [scale_rows, patterns])
            }
            Self::Positions { length, channels, units } => {
                let (row, rest) = (place / (length * channels), place % (length * channels));
                let row = units.map_or(row, |units| unit(row, units));
                (row * channels + rest % channels) * width(length) + rest / channels
            }
        }
    }

    /// The numbers in memory of so many in files.
    fn size(self, n: usize) -> usize {
        match self {
            Self::Positions { length, .. } => n / length * width(length),
            _ => n,
        }
    }

    /// The numbers of a file in memory, and what fills rows up.
    pub(super) fn pack<T: Copy>(self, values: &[T], filling: T) -> Vec<T> {
        let mut packed = vec![filling; self.size(values.len())];
        for (place, value) in values.iter().enumerate() {
            packed[self.place(place)] = *value;
        }
        packed
    }

    /// The numbers in memory in the order of files.
    pub(super) fn unpack<T: Copy>(self, packed: &[T], n: usize) -> Vec<T> {
        (0..n).map(|place| packed[self.place(place)]).collect()
    }

    /// Sets what fills rows up.
    pub(super) fn fill<T: Copy>(self, packed: &mut [T], filling: T) {
        if let Self::Positions { length, .. } = self
            && length < width(length)
        {
            packed.chunks_exact_mut(width(length)).for_each(|row| row[length..].fill(filling));
        }
    }
}

impl TensorSpec {
    /// The numbers in a file.
    pub(super) fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether its weights have posteriors.
    pub(super) fn is_drawn(&self) -> bool {
        matches!(self.prior, Prior::Normal { .. } | Prior::Sampled(_))
    }

    /// The numbers of a weight.
    pub(super) fn n_numbers(&self) -> usize {
        if self.is_drawn() { 2 } else { 1 }
    }

    /// The names in files: of the weights, or of means and log deviations.
    pub(super) fn names(&self) -> Vec<String> {
        let Self { name, .. } = self;
        if self.is_drawn() {
            vec![format!("{name}-mu"), format!("{name}-log_sigma")]
        } else {
            vec![name.clone()]
        }
    }

    /// What fills rows of means and of log deviations up: where they cost nothing.
    pub(super) fn filling<T: Lane>(&self) -> [T; 2] {
        match self.prior {
            Prior::Normal { mean, sd } => [T::of(mean), T::of(sd.ln())],
            _ => [T::zero(); 2],
        }
    }

    /// Where the weights start.
    pub(super) fn first<T: Lane + Scalar>(&self, seed: Seed) -> Result<Vec<T>, ModelsError> {
        let values = self.start.values::<T>(seed, &self.name, &self.shape)?;
        Ok(self.layout.pack(&values, self.filling::<T>()[0]))
    }

    /// The numbers of a file's tensor, in memory.
    pub(super) fn read<T: Lane>(
        &self,
        checkpoint: &Checkpoint,
        name: &str,
        filling: T,
    ) -> Result<Vec<T>, ModelsError> {
        let shape: Vec<Option<usize>> = self.shape.iter().map(|size| Some(*size)).collect();
        let values: Vec<T> = checkpoint.values(name, &shape)?.into_iter().map(T::of).collect();
        Ok(if self.layout == Layout::Plain { values } else { self.layout.pack(&values, filling) })
    }
}

/// The masks of the decoder's layers as tensors of (n, units).
pub(super) fn dropout_masks(config: &VaeConfig, n: usize) -> Vec<TensorSpec> {
    let units = config.decoder_units();
    let mask = |(layer, units_of): (usize, usize)| TensorSpec {
        name: format!("dropout_{layer}"),
        shape: vec![n, units_of],
        layout: if layer + 1 == units.len() { units_layout(config) } else { Layout::Plain },
        start: Initializer::Zeros,
        prior: Prior::Free,
        stream: DROPOUT + layer as u32,
    };
    units.iter().copied().enumerate().map(mask).collect()
}

fn units_layout(config: &VaeConfig) -> Layout {
    Layout::Units { scale_rows: config.n_scale_rows(), patterns: config.n_patterns }
}

/// Weights and biases of a layer.
pub(super) type Layer = [TensorSpec; 2];

/// The encoder's tensors.
pub(super) struct EncoderTensors {
    pub(super) convolution: Option<TensorSpec>,
    pub(super) layers: Vec<Layer>,
    pub(super) mean: Layer,
    pub(super) log_sd: Layer,
}

/// The tensors between the decoder's last layer and the logits.
pub(super) struct OutputTensors {
    pub(super) weights: TensorSpec,
    pub(super) convolution: Option<TensorSpec>,
    pub(super) bias: Option<TensorSpec>,
    pub(super) scale: Option<TensorSpec>,
    pub(super) temperature: Option<TensorSpec>,
}

/// All tensors, the encoder's first.
pub(super) fn tensors(config: &VaeConfig) -> Vec<TensorSpec> {
    let EncoderTensors { convolution, layers, mean, log_sd } = encoder(config);
    let encoder = convolution.into_iter().chain(layers.into_iter().chain([mean, log_sd]).flatten());
    let OutputTensors { weights, convolution: patterns, bias, scale, temperature } = output(config);
    let output = [Some(weights), patterns, bias, scale, temperature].into_iter().flatten();
    encoder.chain(decoder(config).into_iter().flatten()).chain(output).collect()
}

const GLOROT: Initializer = Initializer::XavierNormal { gain: 1.0 };

/// How the weights of a layer start that has so many inputs.
fn start(config: &VaeConfig, inputs: usize) -> Initializer {
    match config.start {
        VaeStart::Glorot => GLOROT,
        VaeStart::Uniform => Initializer::Uniform { bound: 1.0 / (inputs as f64).sqrt() },
    }
}

/// A layer of points that cost nothing.
fn free_layer(config: &VaeConfig, names: [String; 2], shape: [usize; 2], bias: f64) -> Layer {
    let shapes = [shape.to_vec(), vec![shape[1]]];
    let starts = [start(config, shape[0]), Initializer::Constant { value: bias }];
    let [weights, biases] = names;
    let [of_weights, of_biases] = shapes;
    let spec = |name, shape, start| TensorSpec {
        name,
        shape,
        layout: Layout::Plain,
        start,
        prior: Prior::Free,
        stream: 0,
    };
    [spec(weights, of_weights, starts[0]), spec(biases, of_biases, starts[1])]
}

pub(super) fn encoder(config: &VaeConfig) -> EncoderTensors {
    let features = config.encoder_convolution;
    let [convolution, _] = free_layer(
        config,
        ["W_conv_encode", ""].map(str::to_owned),
        [config.n_letters(), features.unwrap_or(1)],
        0.0,
    );
    let mut inputs = config.length * features.unwrap_or(config.n_letters());
    let mut layers = Vec::new();
    for (layer, units) in config.encoder.iter().enumerate() {
        let names = ["W", "b"].map(|letter| format!("{letter}_encode_{layer}"));
        layers.push(free_layer(config, names, [inputs, *units], 0.1));
        inputs = *units;
    }
    let head = |name: &str, bias| {
        free_layer(
            config,
            ["W", "b"].map(|letter| format!("{letter}_{name}")),
            [inputs, config.n_latent],
            bias,
        )
    };
    EncoderTensors {
        convolution: features.map(|_| convolution),
        layers,
        mean: head("hmu", 0.1),
        log_sd: head("hsigma", FIRST_LOG_SD),
    }
}

/// What weights cost that are not scales.
fn prior(config: &VaeConfig, sd: f64) -> Prior {
    match config.point {
        None => Prior::Normal { mean: 0.0, sd },
        Some(point) if config.sparsity.is_some() => Prior::Squares(0.5 * point.l2_lambda),
        Some(point) => Prior::Squares(point.l2_lambda),
    }
}

/// The decoder's layers.
pub(super) fn decoder(config: &VaeConfig) -> Vec<Layer> {
    let (mut all, mut inputs) = (Vec::new(), config.n_latent);
    let units = config.decoder_units();
    for (layer, n) in units.iter().copied().enumerate() {
        let layout = if layer + 1 == units.len() { units_layout(config) } else { Layout::Plain };
        let mut stream = LAYERS + 2 * layer as u32;
        let names = ["W", "b"].map(|letter| format!("{letter}_decode_{layer}"));
        all.push(free_layer(config, names, [inputs, n], 0.1).map(|spec| {
            stream += 1;
            TensorSpec { layout, prior: prior(config, 1.0), stream, ..spec }
        }));
        inputs = n;
    }
    all
}

pub(super) fn output(config: &VaeConfig) -> OutputTensors {
    let (length, letters, rows) = (config.length, config.n_letters(), config.n_scale_rows());
    let (channels, units) = (config.n_output_rows(), rows * config.n_patterns);
    let pattern_prior = prior(config, config.pattern_sigma);
    let spec = |name: &str, shape: &[usize], layout, start, prior, stream| TensorSpec {
        name: name.to_owned(),
        shape: shape.to_vec(),
        layout,
        start,
        prior,
        stream,
    };
    let positions = |channels, units| Layout::Positions { length, channels, units };
    let of_weights = match config.point {
        Some(point) if config.sparsity.is_none() => Prior::Norms(point.sparsity_lambda),
        _ => pattern_prior,
    };
    let layout = positions(channels, Some([rows, config.n_patterns]));
    let weights = spec("W_out", &[units, length * channels], layout, GLOROT, of_weights, OUTPUT);
    let convolution = config.convolution.map(|patterns| {
        let start = start(config, patterns);
        spec("W_conv", &[patterns, letters], Layout::Plain, start, prior(config, 1.0), CONVOLUTION)
    });
    let bias = config.output_bias.then(|| {
        let start = Initializer::Constant { value: 0.1 };
        spec("b_out", &[length * letters], positions(letters, None), start, pattern_prior, BIAS)
    });
    let scale = config.sparsity.map(|sparsity| {
        let start = if config.point.is_some() { GLOROT } else { Initializer::Zeros };
        let prior = scale_prior(config, sparsity);
        spec("W_out_scale", &[rows, length], positions(1, None), start, prior, SCALE)
    });
    let temperature = config.temperature.then(|| {
        let prior = prior(config, 1.0);
        spec("final_pwm_scale", &[1], Layout::Plain, Initializer::Ones, prior, TEMPERATURE)
    });
    OutputTensors { weights, convolution, bias, scale, temperature }
}

fn scale_prior(config: &VaeConfig, sparsity: VaeSparsity) -> Prior {
    let scale = config.global_scale;
    let density = match (config.scale_prior(), sparsity) {
        (Some((mean, sd)), _) => ScaleDensity::Normal { mean, sd },
        (None, VaeSparsity::Laplacian) => ScaleDensity::Laplacian { scale },
        (None, VaeSparsity::Ard) => ScaleDensity::Ard { scale },
        (None, _) => ScaleDensity::Horseshoe { scale },
    };
    match (config.point, density) {
        (Some(point), _) => Prior::Density(density, point.sparsity_lambda),
        (None, ScaleDensity::Normal { mean, sd }) => Prior::Normal { mean, sd },
        (None, _) => Prior::Sampled(density),
    }
}
