use std::sync::Arc;

use crate::ModelsError;
use crate::nn::{Pass, Tensor};

/// What runs as a whole.
pub(super) trait Body: Send + Sync + 'static {
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Result<Tensor, ModelsError>;
}

/// A part of the network and what of it is trained.
#[derive(Debug)]
pub(super) struct Part<B> {
    body: Arc<B>,
    variables: Vec<Tensor>,
}

impl<B: Body> Part<B> {
    pub(super) fn new(body: B, variables: Vec<Tensor>) -> Self {
        Self { body: Arc::new(body), variables }
    }

    /// Runs with random numbers of its own; where nothing is trained, as in evaluation. In evaluation nothing is kept
    /// for gradients.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        pass: &mut Pass,
        recompute: bool,
    ) -> Result<Tensor, ModelsError> {
        if let Pass::Evaluation = pass {
            return Ok(self.body.forward(x, pass)?.detached());
        }
        let mut own = if self.variables.is_empty() { Pass::Evaluation } else { pass.part() };
        if !recompute {
            return self.body.forward(x, &mut own);
        }
        let body = Arc::clone(&self.body);
        x.recomputed(&self.variables, &mut own, move |x, pass| body.forward(x, pass))
    }
}
