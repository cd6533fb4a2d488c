use cistron_core::{Run, Seed};
use cistron_encode::{Readout, Reduce, SequenceBatch, SequenceModel};
use ndarray::{Array3, s};

use crate::saturation::output_names;
use crate::{Attributor, EffectError};

/// Sequences that a model predicts at a time.
const BATCH: usize = 256;

/// What can be read off sequences: a prediction, or an attribution.
pub trait Measure: Sync {
    /// Three axes, of which the first counts the sequences. Random numbers come from the seed.
    ///
    /// # Errors
    /// [`EffectError`] if the sequences do not fit or the model fails.
    fn measure(&self, batch: &SequenceBatch, seed: Seed) -> Result<Array3<f64>, EffectError>;
}

/// A model's numbers, `(N, bins, tracks)`.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
/// use cistron_effects::{Measure, Prediction};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// let length = FnModel::new(ModelSpec::scalar(dna.clone(), None, "length"), |batch: &SequenceBatch| {
///     Ok(Array3::from_elem((batch.len(), 1, 1), batch.width() as f32))
/// });
/// let batch = SequenceBatch::from_sequences(&[Sequence::parse(&dna, "GATTACA")?])?;
/// assert_eq!(Prediction::new(&length, None)?.measure(&batch, Seed::new(0))?[[0, 0, 0]], 7.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prediction<'a> {
    model: &'a dyn SequenceModel,
    readout: Readout,
}

impl<'a> Prediction<'a> {
    /// The numbers of a readout; `None` takes the first head, all tracks, the mean over all bins.
    ///
    /// # Errors
    /// [`EffectError::Model`] for a model without a head.
    pub fn new(model: &'a dyn SequenceModel, readout: Option<Readout>) -> Result<Self, EffectError> {
        let readout = match readout {
            Some(readout) => readout,
            None => model.spec().readout(None, &[], None, Reduce::Mean)?,
        };
        Ok(Self { model, readout })
    }

    /// The names of the numbers, bins before tracks: the track, with `[bin]` where bins are kept.
    pub fn output_names(&self) -> Vec<String> {
        output_names(self.model.spec(), &self.readout)
    }
}

impl Measure for Prediction<'_> {
    fn measure(&self, batch: &SequenceBatch, _: Seed) -> Result<Array3<f64>, EffectError> {
        let shape = (batch.len(), self.readout.bins_out(), self.readout.tracks.len());
        let mut all = Array3::zeros(shape);
        for first in (0..batch.len()).step_by(BATCH) {
            let rows = first..batch.len().min(first + BATCH);
            let codes = batch.codes().slice(s![rows.clone(), ..]).to_owned();
            let part = SequenceBatch::new(batch.alphabet(), codes)?;
            all.slice_mut(s![rows, .., ..]).assign(&self.model.predict_f64(&part, &self.readout)?);
        }
        Ok(all)
    }
}

/// The contributions of letters, `(N, L, A)`.
impl Measure for Attributor<'_> {
    fn measure(&self, batch: &SequenceBatch, seed: Seed) -> Result<Array3<f64>, EffectError> {
        let run = Run { seed, ..Run::default() };
        Ok(self.attribute(&batch.to_sequences()?, run)?.contributions())
    }
}
