//! Experiments on sequences: what a model says before and after motifs are put in, or letters shuffled.

mod dependency;
mod measure;

use std::ops::Range;

use cistron_core::{Run, Seed, Sequence};
use cistron_encode::SequenceBatch;
use ndarray::{Array3, Array4, Axis};

pub use dependency::dependency_map;
pub use measure::{Measure, Prediction};

use crate::EffectError;
use crate::saturation::{Sequences, out_of_range};

/// Sequences that are changed at a time.
const AT_ONCE: usize = 16;

/// What is done to each sequence, in one way or several.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
/// use cistron_effects::Perturbation;
///
/// let dna = Alphabet::dna();
/// let word = |letters| Sequence::parse(&dna, letters);
/// let apart = Perturbation::Space {
///     motifs: vec![word("GG")?, word("CC")?],
///     gaps: vec![vec![0], vec![2]],
///     start: Some(1),
/// };
/// let changed = apart.apply(&word("AAAAAAAA")?, 0, Seed::new(0))?;
/// assert_eq!(changed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["AGGCCAAA", "AGGAACCA"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "plain data, built by hand")]
pub enum Perturbation {
    /// Each motif by itself in the place of the letters from `start` on, or in the middle (from L/2 - w/2): every
    /// sequence with every motif. Unknown letters of a motif leave what stands there.
    ///
    /// Source: tangermeme 1.6.0 `marginalize`, which takes one motif.
    Marginalize {
        /// The motifs, at least one.
        motifs: Vec<Sequence>,
        /// The first position that changes; `None` for the middle.
        start: Option<usize>,
    },
    /// The letters of a span in random order, so often.
    ///
    /// Source: tangermeme 1.6.0 `ablate`, which gives all sequences the same order.
    Ablate {
        /// Positions, not empty, inside the sequences.
        span: Range<usize>,
        /// Random orders, at least 1.
        repeats: usize,
    },
    /// Motifs together at each list of gaps between the end of one and the start of the next.
    ///
    /// Source: tangermeme 1.6.0 `space`.
    Space {
        /// The motifs from left to right, at least one.
        motifs: Vec<Sequence>,
        /// Lists of as many gaps as motifs less one; at least one list.
        gaps: Vec<Vec<usize>>,
        /// The first position of the first motif; `None` puts the middle of all into the middle, for each list anew.
        start: Option<usize>,
    },
}

impl Perturbation {
    /// The number of ways in which each sequence is changed.
    pub fn count(&self) -> usize {
        match self {
            Self::Marginalize { motifs, .. } => motifs.len(),
            Self::Ablate { repeats, .. } => *repeats,
            Self::Space { gaps, .. } => gaps.len(),
        }
    }

    /// A sequence changed in each way. Random orders come from the seed, the index and the repeat.
    ///
    /// # Errors
    /// [`EffectError::Encode`] for motifs or spans that do not fit the sequence.
    pub fn apply(&self, sequence: &Sequence, index: usize, seed: Seed) -> Result<Vec<Sequence>, EffectError> {
        match self {
            Self::Marginalize { motifs, start } => motifs
                .iter()
                .map(|motif| placed(sequence, std::slice::from_ref(motif), &[], *start))
                .collect(),
            Self::Ablate { span, repeats } => {
                let shuffled = |repeat: usize| {
                    let mut codes = sequence.codes().to_vec();
                    let width = codes.len();
                    let Some(letters) = codes.get_mut(span.clone()).filter(|letters| !letters.is_empty())
                    else {
                        let found = format!("{}..{}", span.start, span.end);
                        return Err(out_of_range("span", found, format!("positions in 0..{width}")));
                    };
                    seed.stream("ablation", (index * repeats + repeat) as u64).shuffle(letters);
                    Ok(Sequence::from_codes(sequence.alphabet(), codes)
                        .map_err(cistron_encode::EncodeError::from)?)
                };
                (0..*repeats).map(shuffled).collect()
            }
            Self::Space { motifs, gaps, start } => {
                gaps.iter().map(|gaps| placed(sequence, motifs, gaps, *start)).collect()
            }
        }
    }

    fn check(&self) -> Result<(), EffectError> {
        let motifs = match self {
            Self::Marginalize { motifs, .. } | Self::Space { motifs, .. } => motifs.len(),
            Self::Ablate { .. } => 1,
        };
        if motifs == 0 {
            return Err(out_of_range("number of motifs", 0, "at least 1"));
        }
        if self.count() == 0 {
            return Err(out_of_range("number of changes", 0, "at least 1"));
        }
        Ok(())
    }
}

/// A sequence with motifs in the place of its letters.
fn placed(
    sequence: &Sequence,
    motifs: &[Sequence],
    gaps: &[usize],
    start: Option<usize>,
) -> Result<Sequence, EffectError> {
    let one = |sequence: &Sequence| SequenceBatch::from_sequences(std::slice::from_ref(sequence));
    let batch = one(sequence)?;
    let motifs = motifs.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let width = motifs.iter().map(SequenceBatch::width).chain(gaps.iter().copied());
    let start = match start {
        Some(start) => start,
        None => batch.centred_start(width.fold(0, usize::saturating_add))?,
    };
    let changed = batch.multisubstitute(start, &motifs.iter().collect::<Vec<_>>(), gaps)?;
    Ok(changed.to_sequences()?.into_iter().next().unwrap_or_else(|| sequence.clone()))
}

/// What was read off some consecutive sequences before and after they were changed.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Perturbed {
    /// The index of the first sequence.
    pub first: usize,
    /// `(n, B, T)`: as they stand; the last two axes are those of the [`Measure`].
    pub before: Array3<f64>,
    /// `(n, K, B, T)`: changed in each of K ways.
    pub after: Array4<f64>,
}

impl Perturbed {
    /// `(n, K, B, T)`: after less before.
    ///
    /// ```
    /// use cistron_effects::Perturbed;
    /// use ndarray::{Array3, Array4};
    ///
    /// let perturbed =
    ///     Perturbed { first: 0, before: Array3::ones((1, 1, 1)), after: Array4::from_elem((1, 2, 1, 1), 3.0) };
    /// assert_eq!(perturbed.differences(), Array4::from_elem((1, 2, 1, 1), 2.0));
    /// ```
    pub fn differences(&self) -> Array4<f64> {
        &self.after - &self.before.view().insert_axis(Axis(1))
    }
}

/// Changes sequences and reads them before and after; hands the results to the sink in order, some at a time.
///
/// # Errors
/// [`EffectError::Option`] without a sequence or a change, [`EffectError::Encode`] for motifs or spans that do not fit,
/// [`EffectError::Cancelled`] if the run was asked to stop (counted in sequences), else the first error of the measure or
/// the sink.
///
/// ```
/// use cistron_core::{Alphabet, Run, Sequence};
/// use cistron_effects::{Perturbation, Prediction, perturb};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// let gc = FnModel::new(ModelSpec::scalar(dna.clone(), None, "gc"), |batch: &SequenceBatch| {
///     let count = |i| batch.codes().row(i).iter().filter(|code| matches!(**code, 1 | 2)).count();
///     Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count(i) as f32))
/// });
/// let motif = Perturbation::Marginalize { motifs: vec![Sequence::parse(&dna, "GCG")?], start: None };
/// let backgrounds = [Sequence::parse(&dna, "ATATATAT")?];
/// perturb(&Prediction::new(&gc, None)?, &backgrounds, &motif, Run::default(), &mut |found| {
///     assert_eq!(found.differences()[[0, 0, 0, 0]], 3.0);
///     Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn perturb<'s>(
    measure: &dyn Measure,
    sequences: impl Into<Sequences<'s>>,
    perturbation: &Perturbation,
    run: Run<'_>,
    sink: &mut dyn FnMut(Perturbed) -> Result<(), EffectError>,
) -> Result<(), EffectError> {
    perturbation.check()?;
    let sequences = sequences.into();
    let n = sequences.len();
    if n == 0 {
        return Err(out_of_range("number of sequences", 0, "at least 1"));
    }
    run.observer.begin("perturbation", Some(n as u64));
    for first in (0..n).step_by(AT_ONCE) {
        if run.is_cancelled() {
            return Err(EffectError::Cancelled { done: first as u64, total: n as u64 });
        }
        let part = sequences.fetch(first..n.min(first + AT_ONCE))?;
        let mut changed = Vec::with_capacity(part.len() * perturbation.count());
        for (index, sequence) in (first..).zip(part.iter()) {
            changed.extend(perturbation.apply(sequence, index, run.seed)?);
        }
        let before = SequenceBatch::from_sequences(&part)?;
        let (before, after) =
            compare_edited(measure, &before, &SequenceBatch::from_sequences(&changed)?, run.seed)?;
        run.observer.advance(part.len() as u64);
        sink(Perturbed { first, before, after })?;
    }
    run.observer.end();
    Ok(())
}

/// What is read off sequences `(n)` and off those that they became, `(n · K)`, all K of the first before those of the
/// next: `(n, B, T)` and `(n, K, B, T)`. For changes of one's own.
///
/// # Errors
/// [`EffectError::Option`] if the changed are not so many for each, else the error of the measure.
///
/// ```
/// use cistron_core::{Alphabet, Seed, Sequence};
/// use cistron_effects::{Prediction, compare_edited};
/// use cistron_encode::{FnModel, ModelSpec, SequenceBatch};
/// use ndarray::Array3;
///
/// let dna = Alphabet::dna();
/// let length = FnModel::new(ModelSpec::scalar(dna.clone(), None, "length"), |batch: &SequenceBatch| {
///     Ok(Array3::from_elem((batch.len(), 1, 1), batch.width() as f32))
/// });
/// let batch = SequenceBatch::from_sequences(&[Sequence::parse(&dna, "GATTACA")?])?;
/// let (before, after) =
///     compare_edited(&Prediction::new(&length, None)?, &batch, &batch.delete(0..3)?, Seed::new(0))?;
/// assert_eq!((before[[0, 0, 0]], after[[0, 0, 0, 0]]), (7.0, 4.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare_edited(
    measure: &dyn Measure,
    before: &SequenceBatch,
    after: &SequenceBatch,
    seed: Seed,
) -> Result<(Array3<f64>, Array4<f64>), EffectError> {
    let (n, each) = (before.len(), after.len().checked_div(before.len()).unwrap_or(0));
    if n == 0 || n * each != after.len() {
        let expected = format!("a multiple of the {n} sequences before");
        return Err(out_of_range("number of changed sequences", after.len(), expected));
    }
    let before = measure.measure(before, seed)?;
    let after = measure.measure(after, seed)?;
    let (_, bins, tracks) = after.dim();
    let after = after
        .into_shape_with_order((n, each, bins, tracks))
        .map_err(|error| out_of_range("shape of what was read", error, "a row for each sequence"))?;
    Ok((before, after))
}
