use std::cell::RefCell;
use std::collections::{BTreeMap, btree_map};

use candle_core::{CpuStorage, InplaceOp1, Layout, Var};
use cistron_core::Seed;

use super::Precision;
use super::tensor::Tensor;
use crate::train::Initializer;
use crate::{Checkpoint, Device, ModelsError};

/// The named numbers of a network, in the order of their names: what is trained, and what is kept beside it.
#[derive(Debug)]
pub struct Parameters {
    entries: BTreeMap<String, Entry>,
    device: Device,
    precision: Precision,
    /// What new ones begin as, instead of where their layers would have them begin.
    given: Option<Box<Checkpoint>>,
}

#[derive(Debug)]
struct Entry {
    values: Var,
    /// The same storage: a variable if it is trained.
    tensor: Tensor,
    trained: bool,
}

impl Parameters {
    /// None yet.
    pub fn new(device: Device, precision: Precision) -> Self {
        Self { entries: BTreeMap::new(), device, precision, given: None }
    }

    /// None yet; new ones take their numbers from a checkpoint, out of which they go, so that nothing is in memory
    /// twice.
    pub fn given(device: Device, precision: Precision, checkpoint: Checkpoint) -> Self {
        Self { given: Some(Box::new(checkpoint)), ..Self::new(device, precision) }
    }

    /// Where layers put their parameters.
    pub fn scope(&mut self, seed: Seed) -> Scope<'_> {
        Scope { parameters: self, prefix: String::new(), seed }
    }

    /// What is trained, by name.
    pub fn trained(&self) -> impl Iterator<Item = (&str, Tensor)> {
        let trained = self.entries.iter().filter(|(_, entry)| entry.trained);
        trained.map(|(name, entry)| (&**name, entry.tensor.clone()))
    }

    /// Everything, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, Tensor)> {
        self.entries.iter().map(|(name, entry)| (&**name, entry.tensor.clone()))
    }

    /// The values of a parameter by its name, where they lie.
    pub fn get(&self, name: &str) -> Option<Tensor> {
        self.entries.get(name).map(|entry| entry.tensor.clone())
    }

    /// The number of trained numbers.
    pub fn n_trained(&self) -> usize {
        self.trained().map(|(_, tensor)| tensor.shape().iter().product::<usize>()).sum()
    }

    /// All values of single precision, by name.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn save(&self) -> Result<Checkpoint, ModelsError> {
        self.written(|tensor| Ok(crate::Tensor::from_f32(tensor.shape(), &tensor.to_f32()?)))
    }

    /// All values, exactly, by name.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn save_exactly(&self) -> Result<Checkpoint, ModelsError> {
        self.written(|tensor| Ok(crate::Tensor::from_f64(tensor.shape(), &tensor.to_f64()?)))
    }

    fn written(
        &self,
        write: impl Fn(&Tensor) -> Result<Option<crate::Tensor>, ModelsError>,
    ) -> Result<Checkpoint, ModelsError> {
        let mut checkpoint = Checkpoint::new();
        for (name, tensor) in self.all() {
            if let Some(values) = write(&tensor)? {
                checkpoint.insert(name, values);
            }
        }
        Ok(checkpoint)
    }

    /// Takes all values from a checkpoint, which may hold more.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    pub fn load(&self, checkpoint: &Checkpoint) -> Result<(), ModelsError> {
        for (name, tensor) in self.all() {
            self.set(name, checkpoint.values(name, &exactly(tensor.shape()))?)?;
        }
        Ok(())
    }

    /// Changes a trained parameter of single precision in place, in row-major order.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if there is no such parameter, it has another precision, or the device fails.
    pub fn change(&self, name: &str, change: &mut dyn FnMut(&mut [f32])) -> Result<(), ModelsError> {
        let entry = self.entries.get(name).ok_or_else(|| unknown(name))?;
        if entry.values.device().is_cpu() {
            return Ok(entry.values.inplace_op1(&Change(RefCell::new(change)))?);
        }
        // Elsewhere the values take a trip over the processor.
        let mut values = entry.tensor.to_f32()?;
        change(&mut values);
        overwrite(&entry.values, values.into_iter().map(f64::from).collect())
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

impl Parameters {
    /// What a new parameter begins as.
    fn begin(
        &mut self,
        name: &str,
        shape: &[usize],
        start: Initializer,
        seed: Seed,
    ) -> Result<Var, ModelsError> {
        let device = self.device.open()?;
        let given = self.given.as_mut().map(|given| given.take(name, &exactly(shape))).transpose()?;
        Ok(match (self.precision, given) {
            (Precision::Single, Some(given)) => Var::from_vec(given.into_f32(), shape, &device)?,
            (Precision::Double, Some(given)) => Var::from_vec(given.to_f64(), shape, &device)?,
            (Precision::Single, None) => {
                Var::from_vec(start.values::<f32>(seed, name, shape)?, shape, &device)?
            }
            (Precision::Double, None) => {
                Var::from_vec(start.values::<f64>(seed, name, shape)?, shape, &device)?
            }
        })
    }
}

/// A shape with no size left open.
fn exactly(shape: &[usize]) -> Vec<Option<usize>> {
    shape.iter().copied().map(Some).collect()
}

/// What is done to values.
type Doing<'a> = &'a mut dyn FnMut(&mut [f32]);

/// A change of values where they lie.
struct Change<'a>(RefCell<Doing<'a>>);

impl InplaceOp1 for Change<'_> {
    fn name(&self) -> &'static str {
        "change of a parameter"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(values) = storage else {
            candle_core::bail!("a parameter that is not of 32 bits")
        };
        let range = layout.contiguous_offsets().and_then(|(start, end)| values.get_mut(start..end));
        let Some(values) = range else { candle_core::bail!("a parameter with gaps") };
        (self.0.borrow_mut())(values);
        Ok(())
    }
}

fn unknown(name: &str) -> ModelsError {
    candle_core::Error::Msg(format!("no parameter is called `{name}`")).into()
}

impl Tensor {
    /// The values of a variable of the tensor library, where they lie.
    pub(super) fn of_var(var: &Var) -> Self {
        Self::plain(var.as_tensor().detach())
    }
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
    /// [`ModelsError::Tensor`] if the name is taken or the device fails; [`ModelsError::MissingTensors`],
    /// [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`] if it is not as it should be in what is given.
    pub fn parameter(
        &mut self,
        name: &str,
        shape: &[usize],
        start: Initializer,
    ) -> Result<Tensor, ModelsError> {
        Ok(self.put(name, shape, start, true)?.tensor.clone())
    }

    /// Numbers that are neither trained nor kept with what is: gradients pass through what they take part in, and
    /// cost nothing by themselves.
    ///
    /// # Errors
    /// As [`parameter`](Self::parameter), save that names are not compared.
    pub fn frozen(&mut self, name: &str, shape: &[usize], start: Initializer) -> Result<Tensor, ModelsError> {
        let name = self.name(name);
        Ok(Tensor::of_var(&self.parameters.begin(&name, shape, start, self.seed)?))
    }

    /// New numbers that are kept but not trained.
    pub(super) fn buffer(
        &mut self,
        name: &str,
        shape: &[usize],
        start: Initializer,
    ) -> Result<Var, ModelsError> {
        Ok(self.put(name, shape, start, false)?.values.clone())
    }

    fn name(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    fn put(
        &mut self,
        name: &str,
        shape: &[usize],
        start: Initializer,
        trained: bool,
    ) -> Result<&Entry, ModelsError> {
        let name = self.name(name);
        let values = self.parameters.begin(&name, shape, start, self.seed)?;
        let tensor = Tensor::of_var(&values);
        let tensor = if trained { tensor.variable() } else { tensor };
        match self.parameters.entries.entry(name) {
            btree_map::Entry::Vacant(place) => Ok(place.insert(Entry { values, tensor, trained })),
            btree_map::Entry::Occupied(place) => {
                let problem = format!("two parameters are called `{}`", place.key());
                Err(candle_core::Error::Msg(problem).into())
            }
        }
    }
}
