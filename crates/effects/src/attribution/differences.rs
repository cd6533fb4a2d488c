//! Methods that explain the difference between a sequence and references.

use cistron_core::{Seed, Sequence};
use cistron_encode::{Layout, Multipliers, Readout, SequenceBatch, dinucleotide_shuffle};
use ndarray::{Array1, Array3, ArrayView2, ArrayView3, ArrayViewMut2, Axis};

use super::{AttributionMethod, AttributionReferences, Attributor, Explained};
use crate::EffectError;

/// Points on the way from a reference that a model differentiates at a time.
const POINTS: usize = 64;

impl Attributor<'_> {
    /// The mean over the references of what each letter would contribute to the difference from them.
    pub(super) fn differences(
        &self,
        sequences: &[Sequence],
        readout: &Readout,
        first: usize,
        seed: Seed,
    ) -> Result<Explained, EffectError> {
        let (fill, layout) = (self.model.spec().fill, Layout::PositionMajor);
        let own = SequenceBatch::from_sequences(sequences)?;
        let one_hot = own.one_hot(layout, fill);
        let mut explained = Explained::without_differences(Array3::zeros(one_hot.dim()));
        for (index, sequence) in sequences.iter().enumerate() {
            let references = self.references(sequence, first + index, seed)?;
            let rows = references.one_hot(layout, fill);
            let x = one_hot.index_axis(Axis(0), index);
            let multipliers = match self.options.method {
                AttributionMethod::Integrated { steps } => {
                    let batch = SequenceBatch::from_sequences(std::slice::from_ref(sequence))?;
                    self.integrated(x, rows.view(), (&batch, &references), readout, steps)?
                }
                _ => self.deep_lift_model()?.multipliers(x, rows.view(), readout)?,
            };
            let place = explained.hypothetical.index_axis_mut(Axis(0), index);
            let (miss, difference) = explain(&multipliers, x, rows.view(), place);
            explained.convergence[index] = miss;
            explained.difference[index] = difference;
        }
        Ok(explained)
    }

    fn references(
        &self,
        sequence: &Sequence,
        index: usize,
        seed: Seed,
    ) -> Result<SequenceBatch, EffectError> {
        let alphabet = sequence.alphabet();
        match &self.options.references {
            AttributionReferences::Given(batch) => Ok(batch.clone()),
            AttributionReferences::Zero => {
                let codes = vec![alphabet.unknown(); sequence.len()];
                Ok(SequenceBatch::from_rows(alphabet, sequence.len(), codes)?)
            }
            &AttributionReferences::Dinucleotide(n) => {
                let shuffled = |i: usize| {
                    let mut stream = seed.stream("attribution reference", (index * n + i) as u64);
                    dinucleotide_shuffle(sequence, &mut stream)
                };
                let shuffles = (0..n).map(shuffled).collect::<Result<Vec<Sequence>, _>>()?;
                Ok(SequenceBatch::from_sequences(&shuffles)?)
            }
        }
    }

    /// Gradients at the middles of equal steps from each reference to the sequence, averaged.
    fn integrated(
        &self,
        x: ArrayView2<'_, f32>,
        references: ArrayView3<'_, f32>,
        (sequence, batch): (&SequenceBatch, &SequenceBatch),
        readout: &Readout,
        steps: usize,
    ) -> Result<Multipliers, EffectError> {
        let model = self.gradient_model()?;
        let mut multipliers = Array3::zeros(references.dim());
        for (reference, mut sum) in references.outer_iter().zip(multipliers.outer_iter_mut()) {
            for begin in (0..steps).step_by(POINTS) {
                let here = begin..steps.min(begin + POINTS);
                let mut points = Array3::zeros((here.len(), x.nrows(), x.ncols()));
                for (mut point, step) in points.outer_iter_mut().zip(here) {
                    let share = ((step as f64 + 0.5) / steps as f64) as f32;
                    point.assign(&x);
                    point.zip_mut_with(&reference, |x, r| *x = r + share * (*x - r));
                }
                sum += &model.input_gradient_f64(points.view(), readout)?.sum_axis(Axis(0));
            }
            sum /= steps as f64;
        }
        let total = |batch: &SequenceBatch| {
            let found = model.predict_f64(batch, readout)?;
            Ok::<Array1<f64>, EffectError>(found.sum_axis(Axis(2)).sum_axis(Axis(1)))
        };
        Ok(Multipliers { multipliers, output: total(sequence)?.sum(), references: total(batch)? })
    }
}

/// Adds up what each letter would contribute, `(L, A)`; returns the largest miss and the mean size of the differences.
fn explain(
    found: &Multipliers,
    x: ArrayView2<'_, f32>,
    references: ArrayView3<'_, f32>,
    mut hypothetical: ArrayViewMut2<'_, f64>,
) -> (f64, f64) {
    let n = references.dim().0.max(1) as f64;
    let (mut most, mut size) = (0.0_f64, 0.0);
    let pairs = found.multipliers.outer_iter().zip(references.outer_iter()).zip(&found.references);
    for ((multipliers, reference), output) in pairs {
        let mut sum = 0.0;
        let rows = multipliers.rows().into_iter().zip(reference.rows()).zip(x.rows());
        for (((m, r), x), mut place) in rows.zip(hypothetical.rows_mut()) {
            let base: f64 = m.iter().zip(r).map(|(m, r)| m * f64::from(*r)).sum();
            place.zip_mut_with(&m, |place, m| *place += (m - base) / n);
            sum += m.iter().zip(x).map(|(m, x)| m * f64::from(*x)).sum::<f64>() - base;
        }
        let difference = found.output - output;
        most = most.max((difference - sum).abs());
        size += difference.abs() / n;
    }
    (most, size)
}
