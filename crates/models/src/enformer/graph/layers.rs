//! Layers with their weights, trained or frozen.

use std::collections::{BTreeMap, BTreeSet};

use super::super::layers::EPSILON;
use super::super::lora::Addition;
use super::super::parse::problem;
use crate::ModelsError;
use crate::nn::{Activation, BatchNormLayer, ConvShape, Pass, Scope, Tensor};
use crate::train::Initializer;

/// A fully connected layer, or a convolution of one tap.
#[derive(Debug)]
pub(super) struct Layer {
    weight: Tensor,
    bias: Option<Tensor>,
    addition: Option<Addition>,
}

impl Layer {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        let y = x.linear(&self.weight, self.bias.as_ref())?;
        match &self.addition {
            Some(addition) => y.add(&addition.forward(x)?),
            None => Ok(y),
        }
    }

    /// What of it is above 0, else 0.
    pub(super) fn forward_relu(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        match &self.bias {
            Some(bias) if self.addition.is_none() => x.linear_relu(&self.weight, bias),
            _ => self.forward(x)?.activate(Activation::Relu),
        }
    }
}

/// A convolution whose result is as long as what it reads.
#[derive(Debug)]
pub(super) struct Conv {
    weight: Tensor,
    bias: Tensor,
    shape: ConvShape,
}

impl Conv {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.conv(&self.weight, self.shape)?.shift(&self.bias)
    }
}

/// A batch normalisation, followed by GELU.
#[derive(Debug)]
pub(super) enum Norm {
    /// By the batch, which the running statistics follow; in evaluation by these.
    Trained(BatchNormLayer),
    /// By the running statistics: a factor and a constant for each channel.
    Fixed { factor: Tensor, constant: Tensor },
}

impl Norm {
    pub(super) fn gelu(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, ModelsError> {
        let normal = match self {
            Self::Trained(norm) => norm.forward(x, pass)?,
            Self::Fixed { factor, constant } => x.scale_shift(factor, constant)?,
        };
        normal.activate(Activation::GeluSigmoid)
    }
}

/// A normalisation of each row.
#[derive(Debug)]
pub(super) struct RowNorm {
    scale: Tensor,
    shift: Tensor,
}

impl RowNorm {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelsError> {
        x.layer_norm(&self.scale, &self.shift, EPSILON)
    }
}

/// The tensors of a model by their names, as layers take them.
pub(super) struct Weights<'a> {
    scope: Scope<'a>,
    shapes: BTreeMap<String, Vec<usize>>,
    trained: &'a BTreeSet<String>,
    /// What is trained of the part that is being made.
    variables: Vec<Tensor>,
    additions: Vec<Addition>,
}

impl<'a> Weights<'a> {
    pub(super) fn new(
        scope: Scope<'a>,
        tensors: Vec<(String, Vec<usize>)>,
        trained: &'a BTreeSet<String>,
    ) -> Self {
        let shapes = tensors.into_iter().collect();
        Self { scope, shapes, trained, variables: Vec::new(), additions: Vec::new() }
    }

    /// What is trained of all layers since this was last asked for.
    pub(super) fn take_variables(&mut self) -> Vec<Tensor> {
        std::mem::take(&mut self.variables)
    }

    pub(super) fn into_additions(self) -> Vec<Addition> {
        self.additions
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>, ModelsError> {
        self.shapes.get(name).cloned().ok_or_else(|| problem(name, "found no such parameter"))
    }

    pub(super) fn tensor(&mut self, name: &str) -> Result<Tensor, ModelsError> {
        let shape = self.shape(name)?;
        if !self.trained.contains(name) {
            return self.scope.frozen(name, &shape, Initializer::Zeros);
        }
        let variable = self.scope.parameter(name, &shape, Initializer::Zeros)?;
        self.variables.push(variable.clone());
        Ok(variable)
    }

    /// The numbers of a tensor as one row.
    pub(super) fn flat(&mut self, name: &str) -> Result<Tensor, ModelsError> {
        let tensor = self.tensor(name)?;
        tensor.reshape(&[tensor.shape().iter().product()])
    }

    /// A layer with weights `<name>.weight`, and a bias if there is one.
    pub(super) fn layer(&mut self, name: &str) -> Result<Layer, ModelsError> {
        let weight_name = format!("{name}.weight");
        let full = self.tensor(&weight_name)?;
        let outputs = full.shape().first().copied().unwrap_or(0);
        let weight = full.reshape(&[outputs, full.shape().iter().skip(1).product()])?;
        let bias = format!("{name}.bias");
        let bias = if self.shapes.contains_key(&bias) { Some(self.tensor(&bias)?) } else { None };
        let addition = self.addition(name, weight_name, &weight)?;
        Ok(Layer { weight, bias, addition })
    }

    fn addition(
        &mut self,
        layer: &str,
        weight_name: String,
        weight: &Tensor,
    ) -> Result<Option<Addition>, ModelsError> {
        let [a, b] = ["a", "b"].map(|which| format!("{layer}.lora_{which}"));
        if !self.shapes.contains_key(&a) {
            return Ok(None);
        }
        let (a, b) = (self.tensor(&a)?, self.tensor(&b)?);
        let addition = Addition { weight_name, weight: weight.clone(), a, b };
        self.additions.push(addition.clone());
        Ok(Some(addition))
    }

    pub(super) fn conv(&mut self, name: &str) -> Result<Conv, ModelsError> {
        let weight = self.tensor(&format!("{name}.weight"))?;
        let taps = weight.shape().last().copied().unwrap_or(1);
        let shape = ConvShape { padding: taps / 2, ..ConvShape::default() };
        Ok(Conv { weight, bias: self.tensor(&format!("{name}.bias"))?, shape })
    }

    pub(super) fn norm(&mut self, name: &str) -> Result<Norm, ModelsError> {
        let scale = format!("{name}.weight");
        if self.trained.contains(&scale) {
            let channels = self.shape(&scale)?.iter().product();
            let norm = BatchNormLayer::with_epsilon(&mut self.scope.enter(name), channels, EPSILON)?;
            self.variables.extend(norm.variables());
            return Ok(Norm::Trained(norm));
        }
        let mut read = |what: &str| self.tensor(&format!("{name}.{what}"));
        let [scale, shift] = [read("weight")?, read("bias")?];
        let [mean, variance] = [read("running_mean")?.to_f64()?, read("running_var")?.to_f64()?];
        let inverse = variance.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt());
        let factor: Vec<f64> = scale.to_f64()?.iter().zip(inverse).map(|(scale, it)| scale * it).collect();
        let centre = mean.iter().zip(&factor).map(|(mean, factor)| mean * factor);
        let constant = shift.to_f64()?.iter().zip(centre).map(|(shift, centre)| shift - centre).collect();
        Ok(Norm::Fixed { factor: scale.with_values(factor)?, constant: scale.with_values(constant)? })
    }

    pub(super) fn row_norm(&mut self, name: &str) -> Result<RowNorm, ModelsError> {
        let scale = self.tensor(&format!("{name}.weight"))?;
        Ok(RowNorm { scale, shift: self.tensor(&format!("{name}.bias"))? })
    }
}
