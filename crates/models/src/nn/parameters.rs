use std::collections::BTreeMap;

use candle_core::Var;
use cistron_core::Seed;

use super::Precision;
use super::tensor::Tensor;
use crate::{Device, ModelsError};

/// The named numbers of a network, in the order of their names: what is trained, and what is kept beside it.
#[derive(Debug)]
pub struct Parameters {
    entries: BTreeMap<String, Entry>,
    device: Device,
    precision: Precision,
}

#[derive(Debug)]
struct Entry {
    values: Var,
    trained: bool,
}

/// What a parameter holds before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Uniform in ± this bound, drawn from the seed by the parameter's name.
    Uniform(f64),
    /// One number everywhere.
    Constant(f64),
}

impl Start {
    /// PyTorch's rule for linear layers and convolutions, weights and biases: uniform in ±1/√fan-in.
    pub fn fan_in(count: usize) -> Self {
        Self::Uniform(1.0 / (count.max(1) as f64).sqrt())
    }

    fn values(self, count: usize, seed: Seed, name: &str) -> Vec<f64> {
        match self {
            Self::Uniform(bound) => {
                let mut stream = seed.stream(name, 0);
                (0..count).map(|_| (2.0 * stream.uniform() - 1.0) * bound).collect()
            }
            Self::Constant(value) => vec![value; count],
        }
    }
}

impl Parameters {
    /// None yet.
    pub fn new(device: Device, precision: Precision) -> Self {
        Self { entries: BTreeMap::new(), device, precision }
    }

    /// Where layers put their parameters.
    pub fn scope(&mut self, seed: Seed) -> Scope<'_> {
        Scope { parameters: self, prefix: String::new(), seed }
    }

    /// What is trained, by name.
    pub fn trained(&self) -> impl Iterator<Item = (&str, Tensor)> {
        let trained = self.entries.iter().filter(|(_, entry)| entry.trained);
        trained.map(|(name, entry)| (&**name, Tensor(entry.values.as_tensor().clone())))
    }

    /// Everything, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, Tensor)> {
        self.entries.iter().map(|(name, entry)| (&**name, Tensor(entry.values.as_tensor().clone())))
    }

    /// The number of trained numbers.
    pub fn n_trained(&self) -> usize {
        self.trained().map(|(_, tensor)| tensor.shape().iter().product::<usize>()).sum()
    }

    /// Gives a parameter other values, in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there is no such parameter, it has another shape, or the device fails.
    pub fn set(&self, name: &str, values: Vec<f64>) -> Result<(), ModelsError> {
        let entry = self.entries.get(name).ok_or_else(|| unknown(name))?;
        overwrite(&entry.values, values)
    }
}

fn unknown(name: &str) -> ModelsError {
    candle_core::Error::Msg(format!("no parameter is called `{name}`")).into()
}

pub(super) fn overwrite(var: &Var, values: Vec<f64>) -> Result<(), ModelsError> {
    let values = candle_core::Tensor::from_vec(values, var.shape(), &candle_core::Device::Cpu)?;
    Ok(var.set(&values.to_dtype(var.dtype())?.to_device(var.device())?)?)
}

/// A place in the tree of names.
#[derive(Debug)]
pub struct Scope<'a> {
    parameters: &'a mut Parameters,
    prefix: String,
    seed: Seed,
}

impl Scope<'_> {
    /// The place below, as in `encoder.0`.
    pub fn enter(&mut self, name: &str) -> Scope<'_> {
        Scope { prefix: self.name(name), parameters: self.parameters, seed: self.seed }
    }

    /// A new trained parameter.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the name is taken or the device fails.
    pub fn parameter(&mut self, name: &str, shape: &[usize], start: Start) -> Result<Tensor, ModelsError> {
        let var = self.put(name, shape, start, true)?;
        Ok(Tensor(var.into_inner()))
    }

    /// New numbers that are kept but not trained.
    pub(super) fn buffer(&mut self, name: &str, shape: &[usize], value: f64) -> Result<Var, ModelsError> {
        self.put(name, shape, Start::Constant(value), false)
    }

    fn name(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    fn put(&mut self, name: &str, shape: &[usize], start: Start, trained: bool) -> Result<Var, ModelsError> {
        let name = self.name(name);
        if self.parameters.entries.contains_key(&name) {
            return Err(candle_core::Error::Msg(format!("two parameters are called `{name}`")).into());
        }
        let values = start.values(shape.iter().product(), self.seed, &name);
        let Parameters { device, precision, .. } = *self.parameters;
        let values = Var::from_tensor(&Tensor::from_f64(values, shape, precision, device)?.0)?;
        self.parameters.entries.insert(name, Entry { values: values.clone(), trained });
        Ok(values)
    }
}
