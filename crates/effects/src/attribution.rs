//! What each letter of a sequence contributes to a model's output.

mod differences;
mod gradient;
mod options;
mod strand;

use cistron_core::{Run, Seed, Sequence, Shard, Warning};
use cistron_encode::{DeepLiftModel, GradientModel, Readout, Reduce, SequenceModel};
use ndarray::{Array1, Array2, Array3, Axis, concatenate, s};

pub use options::{AttributionMethod, AttributionOptions, AttributionReferences, Smoothing};

use crate::saturation::{Sequences, attributions, out_of_range};
use crate::{EffectError, SaturationOptions, SaturationPlan};

/// Sequences that are attributed at a time.
const AT_ONCE: usize = 16;
/// Attributions miss the difference that they explain by this and by this share of it at most, or a warning counts them.
const MISS: (f64, f64) = (1e-3, 1e-2);

/// What each letter of some consecutive sequences contributes, and what each other letter would.
///
/// ```
/// use cistron_effects::Attribution;
/// use ndarray::{Array1, Array3, array};
///
/// let attribution = Attribution {
///     first: 0,
///     codes: array![[2, 4]],
///     hypothetical: Array3::from_shape_vec((1, 2, 4), vec![-1., 0., 3., -2., 1., 1., -1., -1.])?,
///     convergence: Array1::zeros(1),
/// };
/// // A G that contributes 3, and an unknown letter.
/// assert_eq!(attribution.importance(), array![[3.0, 0.0]]);
/// assert_eq!(attribution.contributions()[[0, 0, 2]], 3.0);
/// # Ok::<(), ndarray::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Attribution {
    /// The index of the first sequence.
    pub first: usize,
    /// `(n, L)`: the sequences, as codes.
    pub codes: Array2<u8>,
    /// `(n, L, A)`: what each letter would contribute if it stood at each position, in units of the output; NaN where
    /// nothing was evaluated.
    pub hypothetical: Array3<f64>,
    /// `(n)`: by how much the contributions miss the difference of the outputs that they explain, the largest over all
    /// references and strands; NaN for methods that explain no difference.
    pub convergence: Array1<f64>,
}

impl Attribution {
    /// `(n, L, A)`: the hypothetical contributions of the letters that stand there, 0 for all others: the heights of a
    /// logo.
    pub fn contributions(&self) -> Array3<f64> {
        let mut contributions = self.hypothetical.clone();
        for (mut row, &code) in contributions.rows_mut().into_iter().zip(&self.codes) {
            for (letter, value) in row.iter_mut().enumerate() {
                if letter != usize::from(code) && !value.is_nan() {
                    *value = 0.0;
                }
            }
        }
        contributions
    }

    /// `(n, L)`: what the letter at each position contributes, 0 where no letter is known: what seqlets are called on.
    pub fn importance(&self) -> Array2<f64> {
        self.contributions().sum_axis(Axis(2))
    }

    /// The sequences of both, those of the other after these.
    fn join(&mut self, other: &Self) -> Result<(), EffectError> {
        let shapes = |error| out_of_range("shape of attributions", error, "sequences of one length");
        self.codes = concatenate(Axis(0), &[self.codes.view(), other.codes.view()]).map_err(shapes)?;
        let both = [self.hypothetical.view(), other.hypothetical.view()];
        self.hypothetical = concatenate(Axis(0), &both).map_err(shapes)?;
        let both = [self.convergence.view(), other.convergence.view()];
        self.convergence = concatenate(Axis(0), &both).map_err(shapes)?;
        Ok(())
    }
}

/// What the contributions of a method explain, for one reading of some sequences.
struct Explained {
    /// `(n, L, A)`.
    hypothetical: Array3<f64>,
    /// `(n)`.
    convergence: Array1<f64>,
    /// `(n)`: the mean size of the differences that were explained, NaN without any.
    difference: Array1<f64>,
}

impl Explained {
    fn without_differences(hypothetical: Array3<f64>) -> Self {
        let none = Array1::from_elem(hypothetical.dim().0, f64::NAN);
        Self { hypothetical, convergence: none.clone(), difference: none }
    }

    /// How many miss more than they may.
    fn missed(&self) -> u64 {
        let pairs = self.convergence.iter().zip(&self.difference);
        pairs.filter(|(miss, difference)| **miss > MISS.0 + MISS.1 * **difference).count() as u64
    }
}

/// A model and a way to attribute what it says to the letters that it reads.
///
/// What is explained is the mean over all numbers of the readout.
///
/// ```
/// use cistron_core::{Alphabet, Run, Sequence};
/// use cistron_effects::{AttributionMethod, AttributionOptions, Attributor};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// let gc = FnModel::new(ModelSpec::scalar(dna.clone(), None, "gc"), |batch: &SequenceBatch| {
///     let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count(i) as f32))
/// });
/// let options = AttributionOptions { method: AttributionMethod::Mutagenesis, ..AttributionOptions::default() };
/// let found = Attributor::new(&gc, options)?.attribute(&[Sequence::parse(&dna, "GAT")?], Run::default())?;
/// assert_eq!(found.importance().row(0).to_vec(), [0.5, -0.5, -0.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Attributor<'a> {
    model: &'a dyn SequenceModel,
    readout: Readout,
    options: AttributionOptions,
}

impl<'a> Attributor<'a> {
    /// Checks the options against the model.
    ///
    /// # Errors
    /// [`EffectError::Option`] for an option out of range, or a method that the model has not what it takes for;
    /// [`EffectError::Model`] for references that do not fit the model.
    pub fn new(model: &'a dyn SequenceModel, options: AttributionOptions) -> Result<Self, EffectError> {
        options.check(model)?;
        let readout = match options.readout.clone() {
            Some(readout) => readout,
            None => model.spec().readout(None, &[], None, Reduce::Mean)?,
        };
        Ok(Self { model, readout, options })
    }

    /// The attributions of all sequences at once; [`execute`](Self::execute) is for many.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn attribute<'s>(
        &self,
        sequences: impl Into<Sequences<'s>>,
        run: Run<'_>,
    ) -> Result<Attribution, EffectError> {
        let mut all: Option<Attribution> = None;
        self.execute(sequences, run, &mut |attribution| {
            if let Some(all) = &mut all {
                return all.join(&attribution);
            }
            all = Some(attribution);
            Ok(())
        })?;
        all.ok_or_else(|| out_of_range("number of sequences", 0, "at least 1"))
    }

    /// Attributes sequences of one length and hands them to the sink in order, some at a time.
    ///
    /// Random numbers come from the run's seed and the index of the sequence. A warning counts the sequences whose
    /// contributions miss the difference that they explain by more than 0.001 and a hundredth of it.
    ///
    /// # Errors
    /// [`EffectError::Option`] without a sequence, [`EffectError::Model`] for sequences that do not fit the model,
    /// [`EffectError::Encode`] for letters without a complement where both strands are wanted,
    /// [`EffectError::Cancelled`] if the run was asked to stop (counted in sequences), else the first error of the model
    /// or the sink.
    pub fn execute<'s>(
        &self,
        sequences: impl Into<Sequences<'s>>,
        run: Run<'_>,
        sink: &mut dyn FnMut(Attribution) -> Result<(), EffectError>,
    ) -> Result<(), EffectError> {
        let sequences = sequences.into();
        let length = sequences.check(self.model.spec())?;
        self.options.check_length(length)?;
        let n = sequences.len();
        run.observer.begin("attribution", Some(n as u64));
        let mut missed = 0;
        for first in (0..n).step_by(AT_ONCE) {
            if run.is_cancelled() {
                return Err(EffectError::Cancelled { done: first as u64, total: n as u64 });
            }
            let part = sequences.fetch(first..n.min(first + AT_ONCE))?;
            let explained = self.explain_strands(&part, first, run.seed)?;
            missed += explained.missed();
            let codes = part.iter().flat_map(|sequence| sequence.codes().iter().copied()).collect();
            let codes = Array2::from_shape_vec((part.len(), length), codes)
                .map_err(|error| out_of_range("sequence length", error, length.to_string()))?;
            let Explained { hypothetical, convergence, .. } = explained;
            run.observer.advance(part.len() as u64);
            sink(Attribution { first, codes, hypothetical, convergence })?;
        }
        run.observer.end();
        if missed > 0 {
            let what =
                "sequences have contributions that miss the difference of the outputs by over a hundredth";
            run.observer.warn(Warning::new(missed, what));
        }
        Ok(())
    }

    /// As they stand, or the mean of that and of what their other strands give.
    fn explain_strands(
        &self,
        sequences: &[Sequence],
        first: usize,
        seed: Seed,
    ) -> Result<Explained, EffectError> {
        let forward = self.explain(sequences, &self.readout, first, seed)?;
        if !self.options.both_strands {
            return Ok(forward);
        }
        let turned = strand::reverse_complements(sequences)?;
        let readout = strand::mirrored_readout(self.model, &self.readout);
        let reverse = self.explain(&turned, &readout, first, seed)?;
        strand::mean(forward, &reverse, &self.model.spec().alphabet)
    }

    fn explain(
        &self,
        sequences: &[Sequence],
        readout: &Readout,
        first: usize,
        seed: Seed,
    ) -> Result<Explained, EffectError> {
        let mut explained = match self.options.method {
            AttributionMethod::Mutagenesis => return self.mutagenesis(sequences, readout),
            AttributionMethod::Gradient => {
                let mut gradient = self.gradients(sequences, readout, first, seed)?;
                for mut row in gradient.rows_mut() {
                    let mean = row.sum() / row.len().max(1) as f64;
                    row -= mean;
                }
                Explained::without_differences(gradient)
            }
            AttributionMethod::GradientInput => {
                Explained::without_differences(self.gradients(sequences, readout, first, seed)?)
            }
            AttributionMethod::Integrated { .. } | AttributionMethod::DeepLift => {
                self.differences(sequences, readout, first, seed)?
            }
        };
        // The models explain sums.
        let outputs = (readout.bins_out() * readout.tracks.len()).max(1) as f64;
        explained.hypothetical /= outputs;
        explained.convergence /= outputs;
        explained.difference /= outputs;
        Ok(explained)
    }

    /// The effects of all substitutions, centred on each position.
    fn mutagenesis(&self, sequences: &[Sequence], readout: &Readout) -> Result<Explained, EffectError> {
        let options = SaturationOptions { readout: Some(readout.clone()), ..SaturationOptions::default() };
        let plan = SaturationPlan::new(sequences, self.model, options)?;
        let [n, length, letters, _] = plan.shape();
        let mut hypothetical = Array3::zeros((n, length, letters));
        plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
            let (_, found) = attributions(block.deltas.view(), block.codes.view());
            let rows = block.first..block.first + found.dim().0;
            hypothetical.slice_mut(s![rows, .., ..]).assign(&found);
            Ok(())
        })?;
        Ok(Explained::without_differences(hypothetical))
    }

    fn gradient_model(&self) -> Result<&'a dyn GradientModel, EffectError> {
        self.model.as_gradient().ok_or_else(|| self.options.unfit(self.model))
    }

    fn deep_lift_model(&self) -> Result<&'a dyn DeepLiftModel, EffectError> {
        self.model.as_deep_lift().ok_or_else(|| self.options.unfit(self.model))
    }
}
