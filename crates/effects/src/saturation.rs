//! In-silico saturation mutagenesis: the effect of every substitution at every position.

mod attribution;
mod engine;
mod sequences;

use std::ops::Range;

use cistron_core::{Run, Shard, Warning};
use cistron_encode::{Readout, Reduce, SequenceModel};
use ndarray::{Array2, Array4};
use rayon::prelude::*;

pub use attribution::attributions;
pub use engine::Engine;
pub use sequences::Sequences;

use crate::EffectError;
use engine::Evaluator;
pub(crate) use engine::output_names;

/// A plan aims at about this many numbers in a block of an exact engine: 2 MiB of f64.
const CELLS_OF_A_BLOCK: usize = 1 << 18;
/// Above this mean effect of no change a black-box model is reported as noisy.
const NOISE_LIMIT: f64 = 1e-5;

/// The scale of an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Scale {
    /// Mutant minus reference of the model's own output ("logit" of a probe; no other meaning is implied).
    #[default]
    #[serde(rename = "logit")]
    Raw,
    /// `sigmoid(mutant) - sigmoid(reference)`.
    #[serde(rename = "prob")]
    Probability,
}

/// What is done at a position without a reference letter (unknown, padding or gap).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownLetters {
    /// Every letter is a real substitution and is scored.
    #[default]
    Substitute,
    /// Nothing is scored: all cells are NaN.
    Nan,
    /// The first letter counts as the reference with effect 0, the others are scored (as `argmax` of an all-zero
    /// row does in the notebook that this engine replaces).
    Notebook,
}

/// How to run a saturation mutagenesis.
///
/// ```
/// use cistron_effects::{SaturationOptions, Scale};
///
/// let options = SaturationOptions { scale: Scale::Probability, ..SaturationOptions::default() };
/// assert_eq!(options.step, 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data, built with functional update")]
pub struct SaturationOptions {
    /// The scale of the effects. Default: the model's own output.
    pub scale: Scale,
    /// Every how many positions one is evaluated, from the span's start; the others are NaN. Default 1.
    pub step: usize,
    /// The positions evaluated, half-open; the others are NaN. Default: all.
    pub span: Option<Range<usize>>,
    /// What is done at a position without a reference letter.
    pub unknown: UnknownLetters,
    /// The outputs of the model; `None` takes the first head, all tracks, the mean over all bins.
    pub readout: Option<Readout>,
    /// Which engine computes. Default: the model's exact one if it has one.
    pub engine: Engine,
    /// Mutants a prediction of a black-box model. Never changes a result but by the model's own rounding.
    /// Default 256.
    pub batch: usize,
    /// Mutants of each sequence that an exact engine's effects are checked on, by two predictions. Default 0.
    pub check: usize,
    /// Sequences a block. `None`: one for a black-box model, else as many as give 2 MiB of effects.
    pub block: Option<usize>,
}

impl Default for SaturationOptions {
    fn default() -> Self {
        Self {
            scale: Scale::Raw,
            step: 1,
            span: None,
            unknown: UnknownLetters::Substitute,
            readout: None,
            engine: Engine::Auto,
            batch: 256,
            check: 0,
            block: None,
        }
    }
}

/// The effects of some consecutive sequences.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct DeltaBlock {
    /// The block's number in its plan.
    pub id: u64,
    /// The index of its first sequence.
    pub first: usize,
    /// `(n, L)`: the sequences themselves, as codes.
    pub codes: Array2<u8>,
    /// `(n, L, A, T)`: mutant minus reference for each sequence, position, letter and output. Exactly 0 at the
    /// reference letter, NaN where nothing was evaluated.
    pub deltas: Array4<f64>,
    /// `(n, T)`: the model's own output for each unchanged sequence.
    pub reference: Array2<f64>,
}

/// A saturation mutagenesis that is ready to run: options checked, blocks numbered.
///
/// ```
/// use cistron_core::{Alphabet, Run, Sequence, Shard};
/// use cistron_effects::{SaturationOptions, SaturationPlan};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// let gc = FnModel::new(ModelSpec::scalar(dna.clone(), None, "gc"), |batch: &SequenceBatch| {
///     let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count(i) as f32))
/// });
/// let sequences = [Sequence::parse(&dna, "GAT")?];
/// let plan = SaturationPlan::new(&sequences[..], &gc, SaturationOptions::default())?;
/// plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
///     assert_eq!(block.deltas.iter().copied().collect::<Vec<_>>(),
///                [-1., 0., 0., -1.,  0., 1., 1., 0.,  0., 1., 1., 0.]);
///     Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SaturationPlan<'a> {
    sequences: Sequences<'a>,
    evaluator: Evaluator<'a>,
    block: usize,
    length: usize,
}

impl<'a> SaturationPlan<'a> {
    /// Checks the sequences and options against the model.
    ///
    /// # Errors
    /// [`EffectError::Option`] for an option out of range or an engine that the model does not have,
    /// [`EffectError::Model`] for sequences that do not fit the model.
    pub fn new(
        sequences: impl Into<Sequences<'a>>,
        model: &'a dyn SequenceModel,
        options: SaturationOptions,
    ) -> Result<Self, EffectError> {
        let sequences = sequences.into();
        let length = sequences.check(model.spec())?;
        let positions = checked_positions(&options, length)?;
        let readout = match options.readout.clone() {
            Some(readout) => readout,
            None => model.spec().readout(None, &[], None, Reduce::Mean)?,
        };
        let evaluator = Evaluator::new(model, readout, positions, &options)?;
        let cells = length * usize::from(model.spec().alphabet.len()) * evaluator.outputs();
        let exact_block = (CELLS_OF_A_BLOCK / cells.max(1)).max(1);
        let block = options.block.unwrap_or(if evaluator.is_exact() { exact_block } else { 1 });
        if block == 0 {
            return Err(out_of_range("block size", 0, "at least 1"));
        }
        Ok(Self { sequences, evaluator, block, length })
    }

    /// The number of blocks.
    pub fn blocks(&self) -> u64 {
        self.sequences.len().div_ceil(self.block) as u64
    }

    /// The number of sequences in every block but the last.
    pub fn block_size(&self) -> usize {
        self.block
    }

    /// The sequences of a range of blocks, as a range of indices.
    pub fn sequences_of(&self, blocks: Range<u64>) -> Range<usize> {
        let at = |block: u64| (block as usize * self.block).min(self.sequences.len());
        at(blocks.start)..at(blocks.end)
    }

    /// `(N, L, A, T)`: the shape of all effects together.
    pub fn shape(&self) -> [usize; 4] {
        [self.sequences.len(), self.length, self.evaluator.letters(), self.evaluator.outputs()]
    }

    /// The letters of the model's alphabet, in the order of their codes.
    pub fn letters(&self) -> String {
        self.evaluator.alphabet().to_string()
    }

    /// The name of the engine that runs: `closed`, `delta` or `blackbox`.
    pub fn engine(&self) -> &'static str {
        self.evaluator.name()
    }

    /// Whether the engine's effects are free of the model's f32 rounding.
    pub fn is_exact(&self) -> bool {
        self.evaluator.is_exact()
    }

    /// The names of the outputs: the track, with `[bin]` where bins are kept.
    pub fn output_names(&self) -> Vec<String> {
        self.evaluator.output_names()
    }

    /// Computes a shard's blocks, on the current rayon pool, and hands them to the sink in order.
    ///
    /// Blocks are the same bytes for any shard and any number of threads. About two blocks a thread are in
    /// memory at a time, with the sequences of windows.
    ///
    /// # Errors
    /// [`EffectError::Reference`] if a window cannot be read, [`EffectError::Cancelled`] if the run was asked to stop, [`EffectError::Inexact`] if an exact engine fails
    /// its check, else the first error of the model or the sink. What the sink has got is valid.
    pub fn execute(
        &self,
        shard: Shard,
        run: Run<'_>,
        sink: &mut dyn FnMut(DeltaBlock) -> Result<(), EffectError>,
    ) -> Result<(), EffectError> {
        let range = shard.blocks(self.blocks());
        let total = range.end - range.start;
        run.observer.begin("mutagenesis", Some(self.sequences_of(range.clone()).len() as u64));
        let mut noise = Vec::new();
        let at_once = (2 * rayon::current_num_threads()) as u64;
        let mut next = range.start;
        while next < range.end {
            if run.is_cancelled() {
                return Err(EffectError::Cancelled { done: next - range.start, total });
            }
            let group: Vec<u64> = (next..range.end.min(next + at_once)).collect();
            next += group.len() as u64;
            let blocks: Vec<_> = group.into_par_iter().map(|id| self.compute(id, run)).collect();
            for block in blocks {
                let (block, block_noise) = block?;
                noise.extend(block_noise);
                run.observer.advance(block.reference.nrows() as u64);
                sink(block)?;
            }
        }
        run.observer.end();
        warn_of_noise(&noise, run);
        Ok(())
    }

    fn compute(&self, id: u64, run: Run<'_>) -> Result<(DeltaBlock, Vec<f64>), EffectError> {
        let range = self.sequences_of(id..id + 1);
        let [_, length, letters, outputs] = self.shape();
        let mut deltas = Array4::from_elem((range.len(), length, letters, outputs), f64::NAN);
        let mut reference = Array2::zeros((range.len(), outputs));
        let sequences = self.sequences.fetch(range.clone())?;
        let codes = sequences.iter().flat_map(|sequence| sequence.codes().iter().copied());
        let codes = Array2::from_shape_vec((range.len(), length), codes.collect())
            .map_err(|error| out_of_range("sequence length", error, length.to_string()))?;
        let mut noise = Vec::with_capacity(range.len());
        let rows = deltas.outer_iter_mut().zip(reference.outer_iter_mut());
        for ((index, sequence), (deltas, reference)) in range.clone().zip(sequences.iter()).zip(rows) {
            if run.is_cancelled() {
                return Err(EffectError::Cancelled { done: id, total: self.blocks() });
            }
            noise.push(self.evaluator.evaluate(index, sequence, deltas, reference)?);
        }
        Ok((DeltaBlock { id, first: range.start, codes, deltas, reference }, noise))
    }
}

fn warn_of_noise(noise: &[f64], run: Run<'_>) {
    let mean = noise.iter().sum::<f64>() / noise.len().max(1) as f64;
    if mean > NOISE_LIMIT {
        let what = format!(
            "sequences have a mean effect of no change of {mean:e}, expected below {NOISE_LIMIT:e}: the model's \
             answer depends on the place in the batch"
        );
        run.observer.warn(Warning::new(noise.len() as u64, what));
    }
}

fn checked_positions(options: &SaturationOptions, length: usize) -> Result<Vec<u32>, EffectError> {
    let span = options.span.clone().unwrap_or(0..length);
    if span.is_empty() || span.end > length {
        let found = format!("{}..{}", span.start, span.end);
        return Err(out_of_range("span", found, format!("a range of positions in 0..{length}")));
    }
    if options.step == 0 {
        return Err(out_of_range("position step", 0, "at least 1"));
    }
    if options.batch == 0 {
        return Err(out_of_range("batch", 0, "at least 1"));
    }
    Ok(span.step_by(options.step).map(|position| position as u32).collect())
}

pub(crate) fn out_of_range(
    what: &'static str,
    found: impl ToString,
    expected: impl Into<String>,
) -> EffectError {
    EffectError::Option { what, found: found.to_string(), expected: expected.into() }
}
