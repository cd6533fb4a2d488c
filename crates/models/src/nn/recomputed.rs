//! Parts of a network whose inner values are not kept for the way back, but computed again.

use super::Pass;
use super::tensor::Tensor;
use crate::ModelsError;

impl Tensor {
    /// What a part of a network makes of these values. Of the way there just the values themselves are kept: for the
    /// gradients the part is run once more, with the same random numbers, so that they are the same to the last bit.
    ///
    /// `parameters` are the variables that the part uses; those that are left out get no gradient.
    ///
    /// # Errors
    /// What the part returns.
    pub fn recomputed(
        &self,
        parameters: &[Self],
        pass: &mut Pass,
        part: impl Fn(&Self, &mut Pass) -> Result<Self, ModelsError> + Send + Sync + 'static,
    ) -> Result<Self, ModelsError> {
        let again = pass.again();
        // What was recorded on the way goes with the result's record.
        let output = part(&self.detached(), pass)?.raw;
        let inputs: Vec<&Self> = std::iter::once(self).chain(parameters).collect();
        let (x, variables) = (self.detached(), parameters.to_vec());
        let is_wanted = self.origin.is_some();
        Ok(Self::recorded_of_all(output, &inputs, move |gradient| {
            let x = if is_wanted { x.variable() } else { x.clone() };
            let output = part(&x, &mut again.again()).map_err(candle_core::Error::wrap)?;
            let found = output.gradients_from(gradient.clone())?;
            let gradient = |variable: &Self| found.get(variable).map(|gradient| gradient.raw);
            Ok(std::iter::once(&x).chain(&variables).map(gradient).collect())
        }))
    }
}
