//! Normalisation over rows (batch) and over columns (layer).

mod batch;
mod layer;

pub(super) use batch::normalised_batch;
#[cfg(test)]
pub(super) use batch::{BatchNorm, ScaleShift};
#[cfg(test)]
pub(super) use layer::LayerNorm;
