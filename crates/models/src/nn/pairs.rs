//! Weighted means of pairs of rows: a pool of two whose weights differ from channel to channel.

use candle_core::bail;
use rayon::prelude::*;

use super::Real;
use super::activation::Activation;
use super::kernel::{Kernel, View, apply, compute};
use super::tensor::{Raw, RawResult, Tensor};
use super::vector::vectorised;
use crate::ModelsError;

/// The first minus the second of each pair of rows: (B, L, C) as (B, L / 2, C). A last row without another is left out.
pub(super) struct PairDifferences;

/// Its gradient, from that of the result, for so many rows.
struct PairDifferencesByInput {
    length: usize,
}

/// `second + σ(logit) · (first - second)` of each pair: x (B, L, C), logits (B, L / 2, C), result (B, ⌈L / 2⌉, C). A
/// last row without another stays.
pub(super) struct PairMeans;

/// The gradient by x, from that of the result and the logits, for so many rows.
struct PairMeansByInput {
    length: usize,
}

/// The gradient by the logits, from that of the result, x and the logits.
struct PairMeansByLogits;

/// Pairs that a thread works on at a time.
const PAIRS: usize = 64;

fn axes(x: &[usize]) -> RawResult<[usize; 3]> {
    match x {
        &[batch, length, channels] if channels > 0 => Ok([batch, length, channels]),
        _ => bail!("pairs of rows are taken from three axes, got {x:?}"),
    }
}

/// Some pairs of an item: their place, and how much of the item is theirs.
struct Pairs {
    /// The item and the first of its pairs.
    item: usize,
    first: usize,
    channels: usize,
}

impl Pairs {
    /// The rows of these pairs, and those after the last, of values with so many rows an item.
    #[inline(always)]
    fn rows<'a, T>(&self, values: &'a [T], length: usize, rows_a_pair: usize) -> &'a [T] {
        let item = &values[self.item * length * self.channels..][..length * self.channels];
        &item[self.first * rows_a_pair * self.channels..]
    }
}

/// Works on pairs of `out`, (B, length, C), some at a time on a thread; the last ones of an item come with a row that
/// is of no pair.
fn for_pairs<T: Real>(
    out: &mut [T],
    [length, channels]: [usize; 2],
    rows_a_pair: usize,
    work: impl Fn(&Pairs, &mut [T]) + Sync,
) {
    let items = out.par_chunks_mut((length * channels).max(1)).enumerate();
    items.for_each(|(item, out)| {
        let blocks = out.par_chunks_mut((PAIRS * rows_a_pair * channels).max(1)).enumerate();
        blocks.for_each(|(i, out)| {
            vectorised(
                #[inline(always)]
                || work(&Pairs { item, first: i * PAIRS, channels }, out),
            );
        });
    });
}

/// Copies to the row of no pair, if it is there.
fn copy_from<T: Copy>(values: &[T], out: Option<&mut [T]>) {
    if let Some(out) = out {
        out.copy_from_slice(&values[..out.len()]);
    }
}

impl Kernel<1> for PairDifferences {
    const NAME: &'static str = "differences of pairs";

    fn shape(&self, [x]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        let [batch, length, channels] = axes(x)?;
        Ok(vec![batch, length / 2, channels])
    }

    fn compute<T: Real>(&self, [x]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let [_, length, channels] = axes(x.dims)?;
        for_pairs(
            out,
            [length / 2, channels],
            1,
            #[inline(always)]
            |pairs, out| {
                let x = pairs.rows(x.values, length, 2).chunks_exact(2 * channels);
                for (pair, out) in x.zip(out.chunks_exact_mut(channels)) {
                    let (first, second) = pair.split_at(channels);
                    for ((out, first), second) in out.iter_mut().zip(first).zip(second) {
                        *out = *first - *second;
                    }
                }
            },
        );
        Ok(())
    }

    fn backward(&self, _: [bool; 1], [x]: [&Raw; 1], _: &Raw, gradient: &Raw) -> RawResult<[Option<Raw>; 1]> {
        Ok([Some(compute(&PairDifferencesByInput { length: x.dim(1)? }, [gradient])?)])
    }

    fn composed(&self, [x]: [&Raw; 1]) -> RawResult<Raw> {
        let [first, second] = halves(x)?;
        first.sub(&second)
    }
}

impl Kernel<1> for PairDifferencesByInput {
    const NAME: &'static str = "gradient of differences of pairs";

    fn shape(&self, [gradient]: [&[usize]; 1]) -> RawResult<Vec<usize>> {
        Ok(vec![gradient[0], self.length, gradient[2]])
    }

    fn compute<T: Real>(&self, [gradient]: [View<'_, T>; 1], out: &mut [T]) -> RawResult<()> {
        let channels = gradient.dims[2];
        for_pairs(
            out,
            [self.length, channels],
            2,
            #[inline(always)]
            |pairs, out| {
                let gradient = pairs.rows(gradient.values, self.length / 2, 1).chunks_exact(channels);
                for (gradient, out) in gradient.zip(out.chunks_exact_mut(2 * channels)) {
                    let (first, second) = out.split_at_mut(channels);
                    for ((first, second), g) in first.iter_mut().zip(second).zip(gradient) {
                        (*first, *second) = (*g, -*g);
                    }
                }
            },
        );
        Ok(())
    }
}

impl Kernel<2> for PairMeans {
    const NAME: &'static str = "means of pairs";

    fn shape(&self, [x, logits]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        let [batch, length, channels] = axes(x)?;
        if logits != [batch, length / 2, channels] {
            bail!("pairs of an input of shape {x:?} take no logits of shape {logits:?}");
        }
        Ok(vec![batch, length.div_ceil(2), channels])
    }

    fn compute<T: Real>(&self, [x, logits]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let [_, length, channels] = axes(x.dims)?;
        for_pairs(
            out,
            [length.div_ceil(2), channels],
            1,
            #[inline(always)]
            |pairs, out| {
                let x = pairs.rows(x.values, length, 2);
                let logits = pairs.rows(logits.values, length / 2, 1).chunks_exact(channels);
                let rows = x.chunks_exact(2 * channels).zip(logits);
                for ((pair, logits), out) in rows.zip(out.chunks_exact_mut(channels)) {
                    let (first, second) = pair.split_at(channels);
                    for ((out, logit), (first, second)) in
                        out.iter_mut().zip(logits).zip(first.iter().zip(second))
                    {
                        *out = *second + logit.logistic() * (*first - *second);
                    }
                }
                let single = (length / 2 - pairs.first) * channels;
                copy_from(&x[2 * single..], out.get_mut(single..));
            },
        );
        Ok(())
    }

    fn backward(
        &self,
        [by_x, by_logits]: [bool; 2],
        [x, logits]: [&Raw; 2],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 2]> {
        let length = x.dim(1)?;
        Ok([
            by_x.then(|| compute(&PairMeansByInput { length }, [gradient, logits])).transpose()?,
            by_logits.then(|| compute(&PairMeansByLogits, [gradient, x, logits])).transpose()?,
        ])
    }

    fn composed(&self, [x, logits]: [&Raw; 2]) -> RawResult<Raw> {
        let [_, length, _] = axes(x.dims())?;
        let [first, second] = halves(x)?;
        let share = Activation::Sigmoid.composed([logits])?;
        let means = second.add(&share.mul(&first.sub(&second)?)?)?;
        if length.is_multiple_of(2) {
            Ok(means)
        } else {
            Raw::cat(&[&means, &x.narrow(1, length - 1, 1)?], 1)
        }
    }
}

/// The first and the second rows of all pairs.
fn halves(x: &Raw) -> RawResult<[Raw; 2]> {
    let [batch, length, channels] = axes(x.dims())?;
    let pairs = length / 2;
    let even = x.narrow(1, 0, 2 * pairs)?.contiguous()?.reshape((batch, pairs, 2, channels))?;
    let row = |i: usize| even.narrow(2, i, 1)?.squeeze(2)?.contiguous();
    Ok([row(0)?, row(1)?])
}

impl Kernel<2> for PairMeansByInput {
    const NAME: &'static str = "gradient of means of pairs by their rows";

    fn shape(&self, [gradient, _]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![gradient[0], self.length, gradient[2]])
    }

    fn compute<T: Real>(&self, [gradient, logits]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (length, channels) = (self.length, gradient.dims[2]);
        for_pairs(
            out,
            [length, channels],
            2,
            #[inline(always)]
            |pairs, out| {
                let gradient = pairs.rows(gradient.values, length.div_ceil(2), 1);
                let logits = pairs.rows(logits.values, length / 2, 1).chunks_exact(channels);
                let rows = gradient.chunks_exact(channels).zip(logits);
                for ((gradient, logits), out) in rows.zip(out.chunks_exact_mut(2 * channels)) {
                    let (first, second) = out.split_at_mut(channels);
                    for ((first, second), (g, logit)) in
                        first.iter_mut().zip(second).zip(gradient.iter().zip(logits))
                    {
                        let share = logit.logistic();
                        (*first, *second) = (share * *g, (T::one() - share) * *g);
                    }
                }
                let single = (length / 2 - pairs.first) * channels;
                copy_from(&gradient[single..], out.get_mut(2 * single..));
            },
        );
        Ok(())
    }
}

impl Kernel<3> for PairMeansByLogits {
    const NAME: &'static str = "gradient of means of pairs by their logits";

    fn shape(&self, [_, _, logits]: [&[usize]; 3]) -> RawResult<Vec<usize>> {
        Ok(logits.to_vec())
    }

    fn compute<T: Real>(&self, [gradient, x, logits]: [View<'_, T>; 3], out: &mut [T]) -> RawResult<()> {
        let [_, length, channels] = axes(x.dims)?;
        for_pairs(
            out,
            [length / 2, channels],
            1,
            #[inline(always)]
            |pairs, out| {
                let gradient = pairs.rows(gradient.values, length.div_ceil(2), 1).chunks_exact(channels);
                let logits = pairs.rows(logits.values, length / 2, 1).chunks_exact(channels);
                let x = pairs.rows(x.values, length, 2).chunks_exact(2 * channels);
                for (((gradient, logits), pair), out) in
                    gradient.zip(logits).zip(x).zip(out.chunks_exact_mut(channels))
                {
                    let (first, second) = pair.split_at(channels);
                    let values = first.iter().zip(second).zip(gradient.iter().zip(logits));
                    for (out, ((first, second), (g, logit))) in out.iter_mut().zip(values) {
                        let share = logit.logistic();
                        *out = *g * (*first - *second) * share * (T::one() - share);
                    }
                }
            },
        );
        Ok(())
    }
}

impl Tensor {
    /// The first minus the second of each pair of rows: (B, L, C) as (B, L / 2, C). A last row without another is left
    /// out.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn pair_differences(&self) -> Result<Self, ModelsError> {
        Ok(apply(PairDifferences, [self])?)
    }

    /// A weighted mean of each pair of rows, `second + σ(logit) · (first - second)`: (B, L, C) with logits (B, L / 2, C)
    /// as (B, ⌈L / 2⌉, C). A last row without another stays.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn pair_means(&self, logits: &Self) -> Result<Self, ModelsError> {
        Ok(apply(PairMeans, [self, logits])?)
    }
}
