//! The derivative of a probe's logit by its one-hot input.

use cistron_core::Alphabet;
use cistron_encode::{Layout, ModelError, SequenceBatch};
use ndarray::{Array3, ArrayView3, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::{KmerWeights, LETTERS, LinearProbe};

/// The gradient (N, L, 4) of the sum of `columns` equal logits.
pub(super) fn input_gradient(
    probe: &LinearProbe,
    one_hot: ArrayView3<'_, f32>,
    columns: usize,
) -> Result<Array3<f32>, ModelError> {
    let (n, length, letters) = one_hot.dim();
    if letters != LETTERS {
        return Err(ModelError::Alphabet {
            found: format!("{letters} letters"),
            expected: Alphabet::dna().to_string(),
        });
    }
    probe.spec.check(&Alphabet::dna(), length)?;
    let mut sum = Array3::<f64>::zeros((n, length, LETTERS));
    if let Some(part) = &probe.mean {
        for (letter, effect) in part.effect.iter().enumerate() {
            sum.index_axis_mut(Axis(2), letter).fill(effect / length as f64);
        }
    }
    if let Some(weights) = &probe.positional {
        sum += weights;
    }
    if let Some(weights) = &probe.kmer {
        let batch = SequenceBatch::from_one_hot(one_hot, Layout::PositionMajor, &Alphabet::dna()).map_err(
            |error| {
                ModelError::Unsupported(format!("a probe of k-mers has gradients at letters only: {error}"))
            },
        )?;
        let codes = batch.codes();
        let rows: Vec<_> = sum.outer_iter_mut().zip(codes.outer_iter()).collect();
        rows.into_par_iter().for_each(|(gradient, codes)| add_kmers(weights, &codes.to_vec(), gradient));
    }
    let columns = columns as f64;
    Ok(sum.mapv(|value| (value * columns) as f32))
}

/// Adds, for each position and letter, the weights of the windows over the position with that letter there:
/// the k-mer part is the sum over windows and k-mers of `weight · Π x`, linear in each row.
fn add_kmers(weights: &KmerWeights, codes: &[u8], mut gradient: ArrayViewMut2<'_, f64>) {
    let k = weights.k();
    let known = |code: u8| usize::from(code) < LETTERS;
    for (start, window) in codes.windows(k).enumerate() {
        let unknown = window.iter().filter(|code| !known(**code)).count();
        let kmer = window.iter().fold(0, |kmer, &code| kmer << 2 | usize::from(code & 3));
        for (place, &code) in window.iter().enumerate() {
            // Every other row of the window must hold a letter, or the product is 0.
            if unknown > usize::from(!known(code)) {
                continue;
            }
            let shift = 2 * (k - 1 - place);
            let others = kmer & !(3 << shift);
            for (letter, cell) in gradient.row_mut(start + place).iter_mut().enumerate() {
                *cell += weights.values()[others | letter << shift];
            }
        }
    }
}
