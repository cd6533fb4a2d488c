//! The way back through a correlation, from weights that are packed for the way there.

use faer::Accum;

use super::super::Real;
use super::super::matrix::{block_product, matrix, matrix_mut};
use super::super::tensor::RawResult;
use super::super::vector::vectorised;
use super::correlate::{Part, Taps};

/// The rows of the gradient that are multiplied at a time.
const TILE: usize = 128;

/// `out[p · step + t · dilation - before, ·] += gradient[p, ·] · weights[t]ᵀ` for one item, on this thread.
///
/// What a tile's rows give to all taps is one product, which is then added where the taps lie: no weights are packed
/// anew, and a first layer of four channels has a product as wide as its taps.
pub(in super::super) struct Spread<'a, T> {
    pub(in super::super) taps: Taps,
    pub(in super::super) parts: &'a [Part],
    /// Packed for the correlation.
    pub(in super::super) weights: &'a [T],
    pub(in super::super) step: usize,
    /// The zeros before the first position.
    pub(in super::super) before: usize,
}

impl<T: Real> Spread<'_, T> {
    /// Adds to `out` (length, inputs) what a gradient (positions, outputs) gives; `buffer` is room that is used again.
    pub(in super::super) fn run(&self, gradient: &[T], out: &mut [T], buffer: &mut Vec<T>) -> RawResult<()> {
        let (outputs, width) = (self.taps.outputs, self.taps.group_outputs());
        let weights = matrix(self.weights, width)?;
        for (tile, gradient) in gradient.chunks(TILE * outputs).enumerate() {
            let rows = matrix(gradient, outputs)?;
            for part in self.parts {
                buffer.resize(rows.nrows() * part.width, T::zero());
                let seen = rows.subcols(part.group * width, width);
                let weights = weights.subrows(part.row, part.width).transpose();
                block_product(seen, weights, Accum::Replace, matrix_mut(buffer, part.width)?);
                self.add(part, tile * TILE, buffer, out);
            }
        }
        Ok(())
    }

    /// Adds rows of a part's values, of positions from `first` on, where the part lies.
    fn add(&self, part: &Part, first: usize, values: &[T], out: &mut [T]) {
        let inputs = self.taps.inputs;
        let before = self.before * inputs;
        vectorised(
            #[inline(always)]
            || {
                for (row, values) in values.chunks_exact(part.width.max(1)).enumerate() {
                    let start = (first + row) * self.step * inputs + part.offset;
                    let skipped = before.saturating_sub(start).min(values.len());
                    let begin = (start + skipped).saturating_sub(before).min(out.len());
                    for (out, value) in out[begin..].iter_mut().zip(&values[skipped..]) {
                        *out += *value;
                    }
                }
            },
        );
    }
}
