use candle_core::backprop::GradStore;

use super::tensor::{Raw, RawResult, Tensor};
use crate::ModelsError;

/// The gradients of one number by all parameters that it depends on.
#[derive(Debug)]
pub struct Gradients(pub(super) GradStore);

impl Gradients {
    /// The gradient by a parameter; `None` if the number does not depend on it.
    pub fn get(&self, parameter: &Tensor) -> Option<Tensor> {
        self.0.get(&parameter.0).map(|gradient| Tensor(gradient.clone()))
    }
}

/// The product of the matrices of the last two axes.
fn batch_product(a: &Raw, b: &Raw) -> RawResult<Raw> {
    // Products of transposed or broadcast views are wrong in places.
    a.contiguous()?.matmul(&b.contiguous()?)
}

impl Tensor {
    /// A copy that gradients are taken by.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn variable(&self) -> Result<Self, ModelsError> {
        Ok(Self(candle_core::Var::from_tensor(&self.0)?.into_inner()))
    }

    /// The gradients of the sum of all values, by the variables that it depends on.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn gradients(&self) -> Result<Gradients, ModelsError> {
        Ok(Gradients(self.0.backward()?))
    }

    /// The products of the matrices of the last two axes: (…, M, K) and (…, K, N), the axes before the same.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn product(&self, other: &Self) -> Result<Self, ModelsError> {
        Ok(Self(batch_product(&self.0, &other.0)?))
    }
}
