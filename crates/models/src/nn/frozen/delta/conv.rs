use candle_core::bail;
use faer::Accum;
use faer::prelude::ReborrowMut;

use super::super::{FrozenConv, FrozenLayer};
use super::bilinear::Bilinear;
use super::changes::{Changes, Scratch};
use super::reference::Kept;
use crate::nn::Real;
use crate::nn::matrix::{matrix, matrix_mut, steady_block_product};
use crate::nn::tensor::RawResult;

/// The width and the channels of a span after a layer, where the sequence is long enough.
pub(super) fn span_after<T: Real>(
    layer: &FrozenLayer<T>,
    kept: &Kept<T>,
    width: usize,
    channels: usize,
) -> (usize, usize) {
    let (width, channels) = layer.span(width, channels);
    (width.min(kept.out_rows.max(1)), channels)
}

impl<T: Real + Default> Changes<T> {
    pub(super) fn convolve(
        &mut self,
        conv: &FrozenConv<T>,
        kept: &Kept<T>,
        scratch: &mut Scratch<T>,
    ) -> RawResult<()> {
        if self.channels != conv.taps.inputs {
            bail!("a convolution of {:?} takes no rows of {}", conv.taps, self.channels)
        }
        let covers = (self.width + conv.taps.span() - 1).div_ceil(conv.stride) > kept.out_rows;
        match conv.products(self.width)? {
            _ if conv.stride > 1 => self.stride(conv, scratch)?,
            _ if covers => self.slide(conv, kept.out_rows, scratch)?,
            Some(bilinear) => self.multiply(conv, bilinear, scratch)?,
            None => self.slide(conv, kept.out_rows, scratch)?,
        }
        if covers {
            self.cover(kept.out_rows);
        } else {
            self.clear_outside(kept.out_rows);
        }
        Ok(())
    }

    /// Tap by tap: what a tap makes of a place of the spans is added where it falls, for all places at once.
    fn slide(&mut self, conv: &FrozenConv<T>, out_rows: usize, scratch: &mut Scratch<T>) -> RawResult<()> {
        let (taps, n) = (conv.taps, self.n());
        let reach = taps.span() - 1;
        let first = conv.padding as isize - reach as isize;
        let rows = self.rows_inside(first, self.width + reach, out_rows);
        let next = &mut scratch.next;
        next.clear();
        next.resize(rows.len() * n * taps.outputs, T::zero());
        let (inputs, outputs) = (taps.inputs / taps.groups, taps.outputs / taps.groups);
        let weights = matrix(&conv.weights, outputs)?;
        let size = n * self.channels;
        for tap in 0..taps.count {
            let shift = (taps.count - 1 - tap) * taps.dilation;
            let seen = rows.start.saturating_sub(shift)..rows.end.saturating_sub(shift).min(self.width);
            if seen.is_empty() {
                continue;
            }
            let x = matrix(&self.values[seen.start * size..seen.end * size], self.channels)?;
            let place = (seen.start + shift - rows.start) * n * taps.outputs;
            let out = &mut next[place..place + seen.len() * n * taps.outputs];
            let mut out = matrix_mut(out, taps.outputs)?;
            for group in 0..taps.groups {
                let weights = weights.subrows((group * taps.count + tap) * inputs, inputs);
                let out = out.rb_mut().subcols_mut(group * outputs, outputs);
                steady_block_product(x.subcols(group * inputs, inputs), weights, Accum::Add, out);
            }
        }
        let first = first + rows.start as isize;
        self.advance(next, rows.len(), taps.outputs, |start| start + first);
        Ok(())
    }

    /// Those places of the spans to come that may lie inside the sequence: where all spans are one and longer than it,
    /// just these.
    fn rows_inside(&self, first: isize, width: usize, out_rows: usize) -> std::ops::Range<usize> {
        match self.starts.split_first() {
            Some((start, others)) if width > out_rows && others.iter().all(|other| other == start) => {
                let place = |position: isize| (position - start - first).clamp(0, width as isize) as usize;
                place(0)..place(out_rows as isize)
            }
            _ => 0..width,
        }
    }

    /// As a product of polynomials, at points.
    fn multiply(
        &mut self,
        conv: &FrozenConv<T>,
        bilinear: &Bilinear<T>,
        scratch: &mut Scratch<T>,
    ) -> RawResult<()> {
        let (n, inputs, outputs) = (self.n(), conv.taps.inputs, conv.taps.outputs);
        let width = self.width + conv.taps.count - 1;
        let Scratch { next, points, products, .. } = scratch;
        points.resize(bilinear.rank * n * inputs, T::zero());
        products.resize(bilinear.rank * n * outputs, T::zero());
        next.resize(width * n * outputs, T::zero());
        bilinear.evaluate(&self.values, n * inputs, points)?;
        bilinear.multiply(points, products, [n, inputs, outputs])?;
        bilinear.interpolate(products, n * outputs, next)?;
        let first = conv.padding as isize - (conv.taps.count as isize - 1);
        self.advance(next, width, outputs, |start| start + first);
        Ok(())
    }

    /// Where windows are not side by side, a tap sees a place of some of the spans alone.
    fn stride(&mut self, conv: &FrozenConv<T>, scratch: &mut Scratch<T>) -> RawResult<()> {
        let (taps, n, step) = (conv.taps, self.n(), conv.stride as isize);
        let (inputs, outputs) = (taps.inputs / taps.groups, taps.outputs / taps.groups);
        let reach = taps.span() - 1;
        let width = (self.width + reach).div_ceil(conv.stride);
        let first = |start: isize| ceiling(start + conv.padding as isize - reach as isize, step);
        let Scratch { next, points, products, .. } = scratch;
        next.clear();
        next.resize(width * n * taps.outputs, T::zero());
        let weights = matrix(&conv.weights, outputs)?;
        let mut seen = Vec::with_capacity(n);
        for (i, tap) in (0..self.width).flat_map(|i| (0..taps.count).map(move |tap| (i, tap))) {
            seen.clear();
            points.clear();
            for (mutant, &start) in self.starts.iter().enumerate() {
                let place = start + (i + conv.padding) as isize - (tap * taps.dilation) as isize;
                if place.rem_euclid(step) == 0 {
                    seen.push((mutant, (place.div_euclid(step) - first(start)) as usize));
                    points.extend_from_slice(self.row(i, mutant));
                }
            }
            products.clear();
            products.resize(seen.len() * taps.outputs, T::zero());
            let x = matrix(points, taps.inputs)?;
            let mut out = matrix_mut(products, taps.outputs)?;
            for group in 0..taps.groups {
                let weights = weights.subrows((group * taps.count + tap) * inputs, inputs);
                let out = out.rb_mut().subcols_mut(group * outputs, outputs);
                steady_block_product(x.subcols(group * inputs, inputs), weights, Accum::Replace, out);
            }
            for (&(mutant, place), row) in seen.iter().zip(products.chunks_exact(taps.outputs.max(1))) {
                let sum = &mut next[(place * n + mutant) * taps.outputs..][..taps.outputs];
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
            }
        }
        self.advance(next, width, taps.outputs, first);
        Ok(())
    }
}

/// The quotient, rounded up.
pub(super) fn ceiling(dividend: isize, divisor: isize) -> isize {
    -(-dividend).div_euclid(divisor)
}
