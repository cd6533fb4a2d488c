use candle_core::Var;
use cistron_core::{Seed, Stream};
use rayon::prelude::*;

use super::ConvShape;
use super::Real;
use super::norm::normalised_batch;
use super::parameters::{Scope, overwrite};
use super::tensor::{Precision, Raw, RawResult, Tensor};
use super::vector::PIECE;
use crate::ModelsError;
use crate::train::Initializer;

/// Whether a network is being trained, and with which random numbers.
#[derive(Debug)]
pub enum Pass {
    /// Dropout is off, batch normalisation uses the running statistics.
    Evaluation,
    /// Dropout draws from the stream, batch normalisation uses and follows the batch.
    Training(Box<Stream>),
    /// A training pass once more: the running statistics have followed the batch already.
    Repetition(Box<Stream>),
}

impl Pass {
    /// A pass of a part of the network, with random numbers of its own; so many parts draw from this one's stream.
    #[must_use]
    pub fn part(&mut self) -> Self {
        let own = |stream: &mut Stream| Box::new(Seed::new(stream.next_u64()).stream("part of a pass", 0));
        match self {
            Self::Evaluation => Self::Evaluation,
            Self::Training(stream) => Self::Training(own(stream)),
            Self::Repetition(stream) => Self::Repetition(own(stream)),
        }
    }

    /// The same pass, made again.
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            Self::Evaluation => Self::Evaluation,
            Self::Training(stream) | Self::Repetition(stream) => Self::Repetition(stream.clone()),
        }
    }
}

/// `x Wᵀ + b` over the last axis, parameters `weight` (O, I) and `bias` (O).
#[derive(Debug)]
pub struct LinearLayer {
    weight: Tensor,
    bias: Tensor,
}

impl LinearLayer {
    /// Starts as `torch.nn.Linear`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if a name is taken or the device fails.
    pub fn new(scope: &mut Scope<'_>, inputs: usize, outputs: usize) -> Result<Self, ModelsError> {
        let shape = [outputs, inputs];
        let weight = scope.parameter("weight", &shape, Initializer::layer_weight())?;
        let bias = scope.parameter("bias", &[outputs], Initializer::layer_bias(&shape)?)?;
        Ok(Self { weight, bias })
    }

    /// (…, I) to (…, O).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.linear(&self.weight, Some(&self.bias))
    }

    /// The same with 0 for what is below.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn forward_relu(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.linear_relu(&self.weight, &self.bias)
    }
}

/// Convolution along positions, parameters `weight` (O, C / groups, taps) and `bias` (O).
#[derive(Debug)]
pub struct ConvLayer {
    weight: Tensor,
    bias: Tensor,
    shape: ConvShape,
}

impl ConvLayer {
    /// Starts as `torch.nn.Conv1d`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if a name is taken or the device fails.
    pub fn new(
        scope: &mut Scope<'_>,
        (inputs, outputs): (usize, usize),
        taps: usize,
        shape: ConvShape,
    ) -> Result<Self, ModelsError> {
        let weights = [outputs, inputs / shape.groups.max(1), taps];
        let weight = scope.parameter("weight", &weights, Initializer::layer_weight())?;
        let bias = scope.parameter("bias", &[outputs], Initializer::layer_bias(&weights)?)?;
        Ok(Self { weight, bias, shape })
    }

    /// (B, L, C) to (B, L', O).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.conv(&self.weight, self.shape)?.shift(&self.bias)
    }
}

/// Normalisation of each channel over a batch, parameters `weight`, `bias`, `running_mean`, `running_var` (C).
#[derive(Debug)]
pub struct BatchNormLayer {
    scale: Tensor,
    shift: Tensor,
    mean: Var,
    variance: Var,
    epsilon: f64,
}

impl BatchNormLayer {
    const EPSILON: f64 = 1e-5;
    /// The weight of a batch in the running statistics.
    const MOMENTUM: f64 = 0.1;

    /// Starts as `torch.nn.BatchNorm1d`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if a name is taken or the device fails.
    pub fn new(scope: &mut Scope<'_>, channels: usize) -> Result<Self, ModelsError> {
        Self::with_epsilon(scope, channels, Self::EPSILON)
    }

    /// The same with another number added to variances.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_epsilon(scope: &mut Scope<'_>, channels: usize, epsilon: f64) -> Result<Self, ModelsError> {
        Ok(Self {
            epsilon,
            scale: scope.parameter("weight", &[channels], Initializer::Ones)?,
            shift: scope.parameter("bias", &[channels], Initializer::Zeros)?,
            mean: scope.buffer("running_mean", &[channels], Initializer::Zeros)?,
            variance: scope.buffer("running_var", &[channels], Initializer::Ones)?,
        })
    }

    /// (…, C) to the same shape. In training the running statistics take a tenth of the batch's, its variance as
    /// estimated from the rows (divided by one less than their number).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails; [`ModelsError::Data`] to train with one row.
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, ModelsError> {
        if let Pass::Evaluation = pass {
            return self.evaluate(x);
        }
        let (out, statistics) = normalised_batch(x, &self.scale, &self.shift, self.epsilon)?;
        if let Pass::Repetition(_) = pass {
            return Ok(out);
        }
        let unbiased = statistics.rows as f64 / (statistics.rows as f64 - 1.0);
        follow(&self.mean, &statistics.mean, 1.0)?;
        follow(&self.variance, &statistics.variance, unbiased)?;
        Ok(out)
    }

    /// The scale and the shift.
    pub fn variables(&self) -> [Tensor; 2] {
        [self.scale.clone(), self.shift.clone()]
    }

    /// One scale and shift a channel.
    fn evaluate(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        let (mean, variance) = (Tensor::of_var(&self.mean), Tensor::of_var(&self.variance));
        let inverse = Tensor::plain(variance.raw.affine(1.0, self.epsilon)?.sqrt()?.recip()?);
        let factor = self.scale.mul(&inverse)?;
        let constant = self.shift.sub(&mean.mul(&factor)?)?;
        x.scale_shift(&factor, &constant)
    }
}

fn follow(running: &Var, batch: &[f64], factor: f64) -> Result<(), ModelsError> {
    let old = Tensor::of_var(running).to_f64()?;
    let share = BatchNormLayer::MOMENTUM;
    let new = old.iter().zip(batch).map(|(old, new)| (1.0 - share) * old + share * factor * new);
    overwrite(running, new.collect())
}

/// Normalisation of each row, parameters `weight` and `bias` (C).
#[derive(Debug)]
pub struct LayerNormLayer {
    scale: Tensor,
    shift: Tensor,
}

impl LayerNormLayer {
    const EPSILON: f64 = 1e-5;

    /// Starts as `torch.nn.LayerNorm`.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if a name is taken or the device fails.
    pub fn new(scope: &mut Scope<'_>, channels: usize) -> Result<Self, ModelsError> {
        let scale = scope.parameter("weight", &[channels], Initializer::Ones)?;
        Ok(Self { scale, shift: scope.parameter("bias", &[channels], Initializer::Zeros)? })
    }

    /// (…, C) to the same shape.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.layer_norm(&self.scale, &self.shift, Self::EPSILON)
    }
}

impl Tensor {
    /// In training, each number is 0 with this probability and else scaled up so that the mean stays.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for a probability outside 0..1, [`ModelsError::Tensor`] if the device fails.
    pub fn dropout(&self, probability: f64, pass: &mut Pass) -> Result<Self, ModelsError> {
        if !(0.0..1.0).contains(&probability) {
            return Err(ModelsError::Option {
                option: "dropout",
                found: probability.to_string(),
                expected: "a probability below 1".to_owned(),
            });
        }
        let (Pass::Training(stream) | Pass::Repetition(stream)) = pass else { return Ok(self.clone()) };
        if probability == 0.0 {
            return Ok(self.clone());
        }
        let seed = Seed::new(stream.next_u64());
        let raw = match self.precision() {
            Precision::Single => self.raw_of(mask::<f32>(self.raw.elem_count(), probability, seed))?,
            Precision::Double => self.raw_of(mask::<f64>(self.raw.elem_count(), probability, seed))?,
        };
        self.mul(&Self::plain(raw))
    }

    /// Numbers of this shape and device.
    fn raw_of<T: Real>(&self, values: Vec<T>) -> RawResult<Raw> {
        Raw::from_vec(values, self.raw.shape(), self.raw.device())
    }

    /// Other values in this shape, precision and device, without a record.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there are more or fewer of them or the device fails.
    pub fn with_values(&self, values: Vec<f64>) -> Result<Self, ModelsError> {
        let raw = candle_core::Tensor::from_vec(values, self.raw.shape(), &candle_core::Device::Cpu)?;
        Ok(Self::plain(raw.to_dtype(self.raw.dtype())?.to_device(self.raw.device())?))
    }

    /// x + b over the last axis: x (…, C), b (C).
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn shift(&self, bias: &Self) -> Result<Self, ModelsError> {
        let ones = bias.with_values(vec![1.0; bias.shape().iter().product()])?;
        self.scale_shift(&ones, bias)
    }
}

/// 0 with a probability, else what keeps the mean. Each piece draws from a stream of its own.
fn mask<T: Real>(count: usize, probability: f64, seed: Seed) -> Vec<T> {
    let kept = T::of(1.0 / (1.0 - probability));
    let mut mask = vec![T::zero(); count];
    mask.par_chunks_mut(PIECE).enumerate().for_each(|(i, piece)| {
        let mut stream = seed.stream("dropout", i as u64);
        for x in piece {
            if stream.uniform() >= probability {
                *x = kept;
            }
        }
    });
    mask
}
