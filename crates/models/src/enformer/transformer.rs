//! Blocks of attention with relative positions and of feed-forward layers.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;

use super::GammaNorm;
use super::basis::basis;
use super::layers::{Dense, LayerNorm, Shelf, room};
use crate::nn::{Activation, Real, block_product, lane_sum, vectorised};

/// One block with its weights.
#[derive(Debug)]
pub(super) struct Block<T> {
    pub(super) attention_norm: LayerNorm<T>,
    pub(super) query: Dense<T>,
    pub(super) key: Dense<T>,
    pub(super) value: Dense<T>,
    /// Keys of distances, of the functions of the basis.
    pub(super) relative: Dense<T>,
    /// What is added to queries against contents, and against distances: (heads, key width).
    pub(super) content_bias: Vec<T>,
    pub(super) position_bias: Vec<T>,
    pub(super) out: Dense<T>,
    pub(super) feed_norm: LayerNorm<T>,
    pub(super) up: Dense<T>,
    pub(super) down: Dense<T>,
}

/// All blocks.
#[derive(Debug)]
pub(super) struct Transformer<T> {
    pub(super) blocks: Vec<Block<T>>,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) norm: GammaNorm,
    /// The keys of distances of each block, for the number of positions that was last read.
    pub(super) cached: Mutex<Option<Arc<RelativeKeys<T>>>>,
}

/// Keys of the distances -(N - 1) to N - 1 of each block, (2N - 1, heads · key width).
#[derive(Debug)]
pub(super) struct RelativeKeys<T> {
    positions: usize,
    blocks: Vec<Vec<T>>,
}

/// Rows that are multiplied with weights at a time.
const ROWS: usize = 256;

/// Queries of a head whose logits are in memory at a time.
const QUERIES: usize = 128;

/// What a thread needs.
#[derive(Debug, Default)]
struct Bench<T> {
    normed: Vec<T>,
    wide: Vec<T>,
    queries: Vec<T>,
    logits: Vec<T>,
    relative: Vec<T>,
    inverse: Vec<T>,
}

/// Queries, keys and values of all positions.
#[derive(Debug, Default)]
struct Projected<T> {
    queries: Vec<T>,
    keys: Vec<T>,
    values: Vec<T>,
}

impl<T: Real + Default> Transformer<T> {
    /// Rows `wanted` of what the blocks make of x (N, dim); the last block computes no others.
    pub(super) fn run(&self, x: Vec<T>, wanted: Range<usize>) -> Vec<T> {
        let mut x = self.some_blocks(x, self.blocks.len(), wanted.clone());
        x.truncate(wanted.end * self.width);
        x.drain(..wanted.start * self.width);
        x
    }

    /// All rows of what the first blocks make of x.
    pub(super) fn run_blocks(&self, x: Vec<T>, n_blocks: usize) -> Vec<T> {
        let all = 0..x.len() / self.width;
        self.some_blocks(x, n_blocks, all)
    }

    /// The last of the first blocks changes no rows but those wanted.
    fn some_blocks(&self, mut x: Vec<T>, n_blocks: usize, wanted: Range<usize>) -> Vec<T> {
        let blocks = &self.blocks[..n_blocks.min(self.blocks.len())];
        let positions = x.len() / self.width;
        if blocks.is_empty() {
            return x;
        }
        let relative = self.relative_keys(positions);
        let (shelf, mut projected) = (Shelf::default(), Projected::default());
        for (i, (block, relative)) in blocks.iter().zip(&relative.blocks).enumerate() {
            let rows = if i + 1 == blocks.len() { wanted.clone() } else { 0..positions };
            let pass = Pass { block, heads: self.heads, relative, shelf: &shelf };
            pass.project(&x, &mut projected);
            pass.update(&mut x, rows, &projected);
        }
        x
    }

    fn relative_keys(&self, positions: usize) -> Arc<RelativeKeys<T>> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = cached.as_ref().filter(|keys| keys.positions == positions) {
            return Arc::clone(keys);
        }
        let functions = self.blocks.first().map_or(0, |block| block.relative.inputs);
        let basis: Vec<T> = basis(positions, functions, self.norm).into_iter().map(T::of).collect();
        let keys = |block: &Block<T>| {
            let mut keys = vec![T::zero(); (2 * positions - 1) * block.relative.outputs];
            block.relative.apply(&basis, Accum::Replace, &mut keys);
            keys
        };
        let blocks = self.blocks.par_iter().map(keys).collect();
        let keys = Arc::new(RelativeKeys { positions, blocks });
        *cached = Some(Arc::clone(&keys));
        keys
    }
}

/// A block at work.
struct Pass<'a, T> {
    block: &'a Block<T>,
    heads: usize,
    relative: &'a [T],
    shelf: &'a Shelf<Bench<T>>,
}

impl<T: Real + Default> Pass<'_, T> {
    fn width(&self) -> usize {
        self.block.out.outputs
    }

    fn project(&self, x: &[T], projected: &mut Projected<T>) {
        let Block { query, key, value, .. } = self.block;
        let n = x.len() / self.width();
        let queries = room(&mut projected.queries, n * query.outputs).par_chunks_mut(ROWS * query.outputs);
        let keys = room(&mut projected.keys, n * key.outputs).par_chunks_mut(ROWS * key.outputs);
        let values = room(&mut projected.values, n * value.outputs).par_chunks_mut(ROWS * value.outputs);
        let x = x.par_chunks(ROWS * self.width());
        x.zip(queries).zip(keys.zip(values)).for_each(|((x, queries), (keys, values))| {
            self.shelf.lend(|bench| {
                let normed = room(&mut bench.normed, x.len());
                self.block.attention_norm.apply(x, normed);
                query.apply(normed, Accum::Replace, queries);
                key.apply(normed, Accum::Replace, keys);
                value.apply(normed, Accum::Replace, values);
            });
        });
    }

    /// Changes rows `wanted` of x.
    fn update(&self, x: &mut [T], wanted: Range<usize>, projected: &Projected<T>) {
        let width = self.width();
        let chunks = x[wanted.start * width..wanted.end * width].par_chunks_mut(ROWS * width).enumerate();
        chunks.for_each(|(i, x)| {
            self.shelf.lend(|bench| {
                self.attend(x, wanted.start + i * ROWS, projected, bench);
                self.feed(x, bench);
            });
        });
    }

    /// Adds what attention gives to rows of x from `first` on.
    fn attend(&self, x: &mut [T], first: usize, projected: &Projected<T>, bench: &mut Bench<T>) {
        let width = self.width();
        let mut found = std::mem::take(&mut bench.normed);
        let rows = room(&mut found, x.len());
        for (i, rows) in rows.chunks_mut(QUERIES * width).enumerate() {
            for head in 0..self.heads {
                self.attend_head(head, first + i * QUERIES, projected, bench, rows);
            }
        }
        self.block.out.apply(rows, Accum::Add, x);
        bench.normed = found;
    }

    /// The columns of one head, for rows from `first` on.
    fn attend_head(
        &self,
        head: usize,
        first: usize,
        projected: &Projected<T>,
        bench: &mut Bench<T>,
        out: &mut [T],
    ) {
        let (width, key_width) = (self.width(), self.block.key.outputs / self.heads);
        let (n, stride, value_width) = (out.len() / width, self.block.key.outputs, width / self.heads);
        let positions = projected.keys.len() / stride;
        let Bench { queries, logits, relative, inverse, .. } = bench;
        let logits = room(logits, n * positions);
        let keys = columns(&projected.keys, positions, stride, head * key_width, key_width);
        let queries = room(queries, n * key_width);
        self.biased(&projected.queries, &self.block.content_bias, head, first, queries);
        block_product(
            rows_of(queries, key_width),
            keys.transpose(),
            Accum::Replace,
            rows_mut(logits, positions),
        );
        // Row i looks at the distances -i to N - 1 - i, which begin at N - 1 - i; those of all rows lie together.
        let (start, n_distances) = (positions - first - n, positions + n - 1);
        let distances =
            columns(&self.relative[start * stride..], n_distances, stride, head * key_width, key_width);
        let relative = room(relative, n * n_distances);
        self.biased(&projected.queries, &self.block.position_bias, head, first, queries);
        let out_of_distances = rows_mut(relative, n_distances);
        block_product(rows_of(queries, key_width), distances.transpose(), Accum::Replace, out_of_distances);
        let inverse = room(inverse, n);
        weights(logits, relative, inverse);
        let values = columns(&projected.values, positions, width, head * value_width, value_width);
        let mut out =
            MatMut::from_row_major_slice_mut(out, n, width).subcols_mut(head * value_width, value_width);
        block_product(rows_of(logits, positions), values, Accum::Replace, out.as_mut());
        for (i, inverse) in inverse.iter().enumerate() {
            out.as_mut().row_mut(i).iter_mut().for_each(|x| *x *= *inverse);
        }
    }

    /// A head's queries, scaled, with a bias.
    fn biased(&self, queries: &[T], bias: &[T], head: usize, first: usize, out: &mut [T]) {
        let (stride, width) = (self.block.key.outputs, self.block.key.outputs / self.heads);
        let scale = T::of((width as f64).powf(-0.5));
        let bias = &bias[head * width..][..width];
        let rows = queries[first * stride..].chunks_exact(stride).zip(out.chunks_exact_mut(width));
        for (row, out) in rows {
            for ((x, bias), out) in row[head * width..].iter().zip(bias).zip(out) {
                *out = *x * scale + *bias;
            }
        }
    }

    /// Adds what the feed-forward layers give.
    fn feed(&self, x: &mut [T], bench: &mut Bench<T>) {
        let Block { feed_norm, up, down, .. } = self.block;
        let normed = room(&mut bench.normed, x.len());
        feed_norm.apply(x, normed);
        let wide = room(&mut bench.wide, x.len() / self.width() * up.outputs);
        up.apply(normed, Accum::Replace, wide);
        Activation::Relu.in_place(wide);
        down.apply(wide, Accum::Add, x);
    }
}

/// Logits of contents (n, N) become the exponentials of their sums with those of distances (n, N + n - 1), of which
/// row i begins at n - 1 - i; `inverse` is one over their sum.
fn weights<T: Real>(logits: &mut [T], relative: &[T], inverse: &mut [T]) {
    let n = inverse.len();
    let (positions, n_distances) = (logits.len() / n, relative.len() / n);
    vectorised(
        #[inline(always)]
        || {
            let rows = logits.chunks_exact_mut(positions).zip(relative.chunks_exact(n_distances)).enumerate();
            for (i, (row, relative)) in rows {
                let relative = &relative[n - 1 - i..][..positions];
                let mut top = T::of(f64::NEG_INFINITY);
                for (x, y) in row.iter_mut().zip(relative) {
                    *x += *y;
                    top = if *x > top { *x } else { top };
                }
                for x in row.iter_mut() {
                    *x = (*x - top).exponential();
                }
                inverse[i] = T::one() / lane_sum(row, |x| x);
            }
        },
    );
}

fn rows_of<T>(values: &[T], width: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, values.len() / width, width)
}

fn rows_mut<T>(values: &mut [T], width: usize) -> MatMut<'_, T> {
    MatMut::from_row_major_slice_mut(values, values.len() / width, width)
}

/// Some columns of rows of values.
fn columns<T>(values: &[T], rows: usize, stride: usize, first: usize, width: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(&values[..rows * stride], rows, stride).subcols(first, width)
}
