//! Effects of edits in closed form.

use cistron_core::Alphabet;
use cistron_encode::{Edit, ModelError, Mutant, ReferencePass};
use ndarray::{Array2, ArrayView2, ArrayViewMut3};

use super::kmer::for_each_kmer;
use super::{CODES, KmerWeights, LETTERS, LinearProbe};

/// A sequence that a probe has read.
pub(super) struct ProbePass<'a> {
    codes: Box<[u8]>,
    prediction: Array2<f64>,
    /// `swap[r][a]`: the effect of code `a` in place of code `r` through the mean part.
    swap: [[f64; CODES]; CODES],
    positional: Option<&'a Array2<f64>>,
    kmer: Option<KmerPass<'a>>,
}

struct KmerPass<'a> {
    weights: &'a KmerWeights,
    /// The weight of the k-mer that starts at each position of the reference; 0 for none.
    windows: Vec<f64>,
}

/// What one call of `deltas` needs besides the reference: allocated once a call, not once a mutant.
struct Scratch {
    /// The reference's codes, edited and restored.
    codes: Vec<u8>,
    /// For each position the last mutant that edited it, and for each window the last that counted it.
    edited: Vec<usize>,
    counted: Vec<usize>,
}

impl<'a> ProbePass<'a> {
    /// Codes that fit the probe, and the number of columns of the readout.
    pub(super) fn new(probe: &'a LinearProbe, codes: &[u8], columns: usize) -> Self {
        let effect = |code: usize| {
            let effects = probe.mean.as_ref().map(|part| &part.effect);
            effects.and_then(|effects| effects.get(code)).copied().unwrap_or(0.0)
        };
        let length = codes.len() as f64;
        let swap = std::array::from_fn(|old| {
            std::array::from_fn(|new| if old == new { 0.0 } else { (effect(new) - effect(old)) / length })
        });
        let kmer = probe.kmer.as_ref().map(|weights| {
            let mut windows = vec![0.0; codes.len()];
            for_each_kmer(codes, weights.k(), |start, kmer| windows[start] = weights.values()[kmer]);
            KmerPass { weights, windows }
        });
        Self {
            codes: codes.into(),
            prediction: Array2::from_elem((1, columns), probe.logit(codes)),
            swap,
            positional: probe.positional.as_ref(),
            kmer,
        }
    }

    /// The effect through the parts that see each letter by itself. Inlined: this is the whole cost of a
    /// mutant of a mean probe.
    #[inline]
    fn single(&self, edit: Edit) -> Result<f64, ModelError> {
        let position = edit.position as usize;
        let old = self.codes.get(position).map(|&code| usize::from(code));
        let new = usize::from(edit.code);
        let swap = old.and_then(|old| self.swap.get(old)?.get(new));
        let (Some(old), Some(swap)) = (old, swap) else { return Err(self.outside(edit)) };
        let Some(weights) = self.positional else { return Ok(*swap) };
        let weight = |code| weights.get((position, code)).copied().unwrap_or(0.0);
        Ok(swap + (weight(new) - weight(old)))
    }

    #[cold]
    fn outside(&self, edit: Edit) -> ModelError {
        ModelError::Edit {
            position: edit.position,
            code: edit.code,
            length: self.codes.len(),
            alphabet: Alphabet::dna().to_string(),
        }
    }

    /// The effect of edits that may share windows. `number` tells this mutant from the others of the call.
    fn several(&self, mutant: &Mutant, number: usize, scratch: &mut Scratch) -> Result<f64, ModelError> {
        let mut sum = 0.0;
        for &edit in mutant {
            sum += self.single(edit)?;
        }
        for edit in mutant {
            // `single` found the position inside the sequence.
            let position = edit.position as usize;
            if scratch.edited[position] == number {
                return Err(ModelError::Unsupported(format!(
                    "mutant {number} edits position {position} twice, expected once"
                )));
            }
            scratch.edited[position] = number;
            scratch.codes[position] = edit.code;
        }
        if let Some(kmer) = &self.kmer {
            for edit in mutant {
                let position = edit.position as usize;
                // A letter in place of itself changes nothing, not even by rounding.
                if edit.code != self.codes[position] {
                    sum += kmer.delta(position, number, scratch);
                }
            }
        }
        for edit in mutant {
            let position = edit.position as usize;
            scratch.codes[position] = self.codes[position];
        }
        Ok(sum)
    }
}

impl KmerPass<'_> {
    /// The change of the windows over a position that this mutant has not counted yet.
    fn delta(&self, position: usize, number: usize, scratch: &mut Scratch) -> f64 {
        let k = self.weights.k();
        let first = (position + 1).saturating_sub(k);
        let end = (position + k).min(scratch.codes.len());
        let Scratch { codes, counted, .. } = scratch;
        let mut sum = 0.0;
        // Windows of the reference that the edit breaks, then those that the mutant has.
        let (mut fresh, last) = (0_u16, (end + 1).saturating_sub(k));
        for (place, start) in (first..last.min(position + 1)).enumerate() {
            if counted[start] != number {
                counted[start] = number;
                fresh |= 1 << place;
                sum -= self.windows[start];
            }
        }
        for_each_kmer(&codes[first..end], k, |place, kmer| {
            if fresh >> place & 1 == 1 {
                sum += self.weights.values()[kmer];
            }
        });
        sum
    }
}

impl ReferencePass for ProbePass<'_> {
    fn prediction(&self) -> ArrayView2<'_, f64> {
        self.prediction.view()
    }

    fn deltas(&self, mutants: &[&Mutant], mut out: ArrayViewMut3<'_, f64>) -> Result<(), ModelError> {
        let expected = (mutants.len(), 1, self.prediction.ncols());
        if out.dim() != expected {
            let found = out.dim();
            return Err(ModelError::Unsupported(format!(
                "room for effects has shape {found:?}, expected {expected:?}"
            )));
        }
        let additive = self.kmer.is_none();
        let mut scratch = None;
        let mut effect = |number: usize, mutant: &Mutant| match mutant {
            [edit] if additive => self.single(*edit),
            _ => self.several(mutant, number, scratch.get_or_insert_with(|| Scratch::new(&self.codes))),
        };
        // The usual case, one column in one piece, needs no index arithmetic.
        if let (1, Some(cells)) = (expected.2, out.as_slice_mut()) {
            for (number, (cell, mutant)) in cells.iter_mut().zip(mutants).enumerate() {
                *cell = effect(number, mutant)?;
            }
            return Ok(());
        }
        for (number, (mut cells, mutant)) in out.outer_iter_mut().zip(mutants).enumerate() {
            cells.fill(effect(number, mutant)?);
        }
        Ok(())
    }
}

impl Scratch {
    fn new(codes: &[u8]) -> Self {
        // No mutant has this number.
        let never = vec![usize::MAX; codes.len()];
        Self { codes: codes.to_vec(), edited: never.clone(), counted: never }
    }
}

const _: () = assert!(LETTERS + 3 == CODES && KmerWeights::MAX_K <= 16, "the bits of `fresh` hold k windows");
