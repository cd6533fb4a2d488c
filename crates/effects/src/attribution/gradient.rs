//! Gradients of whole sequences, with noise or without.

use cistron_core::{Seed, Sequence};
use cistron_encode::{Layout, Readout, SequenceBatch};
use ndarray::{Array3, Axis};

use super::{Attributor, Smoothing};
use crate::EffectError;

/// Noisy copies that a model differentiates at a time.
const COPIES: usize = 64;

impl Attributor<'_> {
    /// The gradient of the sum of a readout, `(n, L, A)`.
    pub(super) fn gradients(
        &self,
        sequences: &[Sequence],
        readout: &Readout,
        first: usize,
        seed: Seed,
    ) -> Result<Array3<f64>, EffectError> {
        let model = self.gradient_model()?;
        let one_hot =
            SequenceBatch::from_sequences(sequences)?.one_hot(Layout::PositionMajor, model.spec().fill);
        let Some(Smoothing { samples, noise }) = self.options.smoothing else {
            return Ok(model.input_gradient_f64(one_hot.view(), readout)?);
        };
        let mut gradients = Array3::zeros(one_hot.dim());
        for (index, (own, mut sum)) in one_hot.outer_iter().zip(gradients.outer_iter_mut()).enumerate() {
            let noisy = |copy: usize| {
                let mut stream = seed.stream("attribution noise", ((first + index) * samples + copy) as u64);
                own.mapv(|value| value + (noise * stream.normal()) as f32)
            };
            for begin in (0..samples).step_by(COPIES) {
                let copies = begin..samples.min(begin + COPIES);
                let mut batch = Array3::zeros((copies.len(), own.nrows(), own.ncols()));
                batch.outer_iter_mut().zip(copies).for_each(|(mut row, copy)| row.assign(&noisy(copy)));
                sum += &model.input_gradient_f64(batch.view(), readout)?.sum_axis(Axis(0));
            }
            sum /= samples as f64;
        }
        Ok(gradients)
    }
}
