//! How far sequences are from the wanted numbers.

use cistron_core::Sequence;
use cistron_encode::{Edit, Mutant, Readout, SequenceBatch, SequenceModel};
use ndarray::{Array3, ArrayView1, s};

use super::constraints::sequence;
use crate::EffectError;

/// Substitutions that the exact engine scores at a time.
const EXACT: usize = 4096;
/// Sequences that a model predicts at a time.
const BATCH: usize = 256;

/// Losses by a model, which counts what it scored.
pub(super) struct Losses<'a> {
    model: &'a dyn SequenceModel,
    readout: &'a Readout,
    target: &'a [f64],
    evaluations: u64,
}

impl<'a> Losses<'a> {
    pub(super) fn new(model: &'a dyn SequenceModel, readout: &'a Readout, target: &'a [f64]) -> Self {
        Self { model, readout, target, evaluations: 0 }
    }

    pub(super) fn evaluations(&self) -> u64 {
        self.evaluations
    }

    fn loss(&self, numbers: impl Iterator<Item = f64>) -> f64 {
        let sum: f64 = numbers.zip(self.target).map(|(y, target)| (y - target) * (y - target)).sum();
        sum / self.target.len().max(1) as f64
    }

    /// Of sequences of one length.
    pub(super) fn of(&mut self, sequences: &[Sequence]) -> Result<Vec<f64>, EffectError> {
        let mut losses = Vec::with_capacity(sequences.len());
        for part in sequences.chunks(BATCH) {
            let predicted = self.model.predict_f64(&SequenceBatch::from_sequences(part)?, self.readout)?;
            losses.extend(predicted.outer_iter().map(|row| self.loss(row.iter().copied())));
        }
        self.evaluations += sequences.len() as u64;
        Ok(losses)
    }

    /// Of a sequence with each substitution by itself.
    pub(super) fn of_edits(&mut self, own: &Sequence, edits: &[Edit]) -> Result<Vec<f64>, EffectError> {
        if let Some(exact) = self.model.as_incremental() {
            let pass = exact.reference(own, self.readout)?;
            let reference: Vec<f64> = pass.prediction().iter().copied().collect();
            let shape = (self.readout.bins_out(), self.readout.tracks.len());
            let mut out = Array3::zeros((EXACT.min(edits.len()), shape.0, shape.1));
            let mut losses = Vec::with_capacity(edits.len());
            for edits in edits.chunks(EXACT) {
                let mutants: Vec<&Mutant> = edits.iter().map(std::slice::from_ref).collect();
                let mut out = out.slice_mut(s![..edits.len(), .., ..]);
                pass.deltas(&mutants, out.view_mut())?;
                for delta in out.outer_iter() {
                    let numbers = delta.iter().zip(&reference).map(|(delta, own)| own + delta);
                    losses.push(self.loss(numbers));
                }
            }
            self.evaluations += edits.len() as u64;
            return Ok(losses);
        }
        let mut losses = Vec::with_capacity(edits.len());
        for part in edits.chunks(BATCH) {
            let mutants = part.iter().map(|edit| edited(own, std::slice::from_ref(edit)));
            losses.extend(self.of(&mutants.collect::<Result<Vec<_>, _>>()?)?);
        }
        Ok(losses)
    }
}

/// A sequence with substitutions.
pub(super) fn edited(own: &Sequence, edits: &[Edit]) -> Result<Sequence, EffectError> {
    let mut codes = own.codes().to_vec();
    for edit in edits {
        if let Some(code) = codes.get_mut(edit.position as usize) {
            *code = edit.code;
        }
    }
    sequence(own, codes)
}

/// The place of the smallest number, the first of equal ones; NaN is never the smallest.
pub(super) fn smallest(losses: ArrayView1<'_, f64>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (place, &loss) in losses.indexed_iter() {
        if !loss.is_nan() && best.is_none_or(|(_, least)| loss < least) {
            best = Some((place, loss));
        }
    }
    best.map(|(place, _)| place)
}
