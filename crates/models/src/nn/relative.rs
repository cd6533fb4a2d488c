//! Products of queries with keys of distances, for attention that sees positions by how far apart they are.

use candle_core::bail;
use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;

use super::Real;
use super::kernel::{Kernel, View, apply, compute};
use super::matrix::block_product;
use super::tensor::{Raw, RawResult, Tensor};
use crate::ModelsError;

/// Queries (H, B, N, K) with the keys of the distances -(N - 1) to N - 1, (H, 2N - 1, K): the product of query i with
/// the key of the distance j - i, at (h, b, i, j).
pub(super) struct RelativeLogits;

/// The gradient by the queries, from the gradient and the keys.
struct RelativeByQueries;

/// The gradient by the keys, from the gradient and the queries.
struct RelativeByKeys;

/// Queries whose products are in memory at a time.
const QUERIES: usize = 64;

/// What the shapes come to.
#[derive(Clone, Copy)]
struct Geometry {
    heads: usize,
    batch: usize,
    positions: usize,
    width: usize,
}

/// Some queries that follow one another, and the keys of all distances that they look at.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    n: usize,
    positions: usize,
}

impl Geometry {
    fn new(queries: &[usize], keys: &[usize]) -> RawResult<Self> {
        match (queries, keys) {
            (&[heads, batch, positions, width], &[key_heads, distances, key_width])
                if heads == key_heads && width == key_width && distances + 1 == 2 * positions =>
            {
                Ok(Self { heads, batch, positions, width })
            }
            _ => bail!("queries of shape {queries:?} do not look at distances of shape {keys:?}"),
        }
    }

    fn n_distances(self) -> usize {
        2 * self.positions - 1
    }

    /// The blocks of queries of one item.
    fn blocks(self) -> impl Iterator<Item = Block> {
        let positions = self.positions;
        let block = move |first| Block { first, n: QUERIES.min(positions - first), positions };
        (0..positions).step_by(QUERIES).map(block)
    }
}

impl Block {
    /// The first of the distances that its queries look at: -i to N - 1 - i for query i.
    fn start(self) -> usize {
        self.positions - self.first - self.n
    }

    fn n_distances(self) -> usize {
        self.positions + self.n - 1
    }

    /// Where a row's distances begin among those of the block.
    fn offset(self, row: usize) -> usize {
        self.n - 1 - row
    }

    fn keys<T>(self, keys: &[T], width: usize) -> MatRef<'_, T> {
        rows(&keys[self.start() * width..][..self.n_distances() * width], width)
    }

    fn rows<T>(self, values: &[T], width: usize) -> &[T] {
        &values[self.first * width..][..self.n * width]
    }

    /// The gradients of the block's rows, each at its distances, 0 elsewhere.
    fn spread<T: Real>(self, gradient: &[T], band: &mut Vec<T>) {
        band.clear();
        band.resize(self.n * self.n_distances(), T::zero());
        let gradient = self.rows(gradient, self.positions).chunks_exact(self.positions);
        for (i, (band, gradient)) in band.chunks_exact_mut(self.n_distances()).zip(gradient).enumerate() {
            band[self.offset(i)..][..self.positions].copy_from_slice(gradient);
        }
    }
}

fn rows<T>(values: &[T], width: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, values.len() / width, width)
}

fn rows_mut<T>(values: &mut [T], width: usize) -> MatMut<'_, T> {
    let n = values.len() / width;
    MatMut::from_row_major_slice_mut(values, n, width)
}

impl Kernel<2> for RelativeLogits {
    const NAME: &'static str = "logits of distances";

    fn shape(&self, [queries, keys]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        let Geometry { heads, batch, positions, .. } = Geometry::new(queries, keys)?;
        Ok(vec![heads, batch, positions, positions])
    }

    fn compute<T: Real>(&self, [queries, keys]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let geometry = Geometry::new(queries.dims, keys.dims)?;
        let Geometry { batch, positions, width, .. } = geometry;
        let items =
            out.par_chunks_mut(positions * positions).zip(queries.values.par_chunks(positions * width));
        items.enumerate().for_each_init(Vec::new, |band, (item, (out, queries))| {
            let keys = &keys.values[item / batch * geometry.n_distances() * width..];
            for block in geometry.blocks() {
                band.resize(block.n * block.n_distances(), T::zero());
                let keys = block.keys(keys, width).transpose();
                let products = rows_mut(band, block.n_distances());
                block_product(rows(block.rows(queries, width), width), keys, Accum::Replace, products);
                let out = out[block.first * positions..].chunks_exact_mut(positions);
                for (i, (out, band)) in out.zip(band.chunks_exact(block.n_distances())).enumerate() {
                    out.copy_from_slice(&band[block.offset(i)..][..positions]);
                }
            }
        });
        Ok(())
    }

    fn backward(
        &self,
        [by_queries, by_keys]: [bool; 2],
        [queries, keys]: [&Raw; 2],
        _: &Raw,
        gradient: &Raw,
    ) -> RawResult<[Option<Raw>; 2]> {
        Ok([
            by_queries.then(|| compute(&RelativeByQueries, [gradient, keys])).transpose()?,
            by_keys.then(|| compute(&RelativeByKeys, [gradient, queries])).transpose()?,
        ])
    }

    /// All distances of each query, of which those in reach are found by reading rows of one item fewer.
    fn composed(&self, [queries, keys]: [&Raw; 2]) -> RawResult<Raw> {
        let geometry = Geometry::new(queries.dims(), keys.dims())?;
        let Geometry { heads, batch, positions, width } = geometry;
        let n_distances = geometry.n_distances();
        let queries = queries.contiguous()?.reshape((heads, batch * positions, width))?;
        let all = queries.matmul(&keys.transpose(1, 2)?.contiguous()?)?;
        let padded = all.reshape((heads * batch, positions, n_distances))?.pad_with_zeros(2, 1, 0)?;
        let shifted =
            padded.reshape((heads * batch, n_distances + 1, positions))?.narrow(1, 1, n_distances)?;
        let shifted = shifted.contiguous()?.reshape((heads * batch, positions, n_distances))?;
        shifted.narrow(2, 0, positions)?.contiguous()?.reshape((heads, batch, positions, positions))
    }
}

impl Kernel<2> for RelativeByQueries {
    const NAME: &'static str = "gradient of logits of distances by queries";

    fn shape(&self, [gradient, keys]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![gradient[0], gradient[1], gradient[2], keys[2]])
    }

    fn compute<T: Real>(&self, [gradient, keys]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let (dims, width) = (gradient.dims, keys.dims[2]);
        let geometry = Geometry::new(&[dims[0], dims[1], dims[2], width], keys.dims)?;
        let positions = geometry.positions;
        let gradients = gradient.values.par_chunks(positions * positions);
        let items = out.par_chunks_mut(positions * width).zip(gradients);
        items.enumerate().for_each_init(Vec::new, |band, (item, (out, gradient))| {
            let keys = &keys.values[item / geometry.batch * geometry.n_distances() * width..];
            for block in geometry.blocks() {
                block.spread(gradient, band);
                let out = rows_mut(&mut out[block.first * width..][..block.n * width], width);
                let band = rows(band, block.n_distances());
                block_product(band, block.keys(keys, width), Accum::Replace, out);
            }
        });
        Ok(())
    }
}

impl Kernel<2> for RelativeByKeys {
    const NAME: &'static str = "gradient of logits of distances by keys";

    fn shape(&self, [gradient, queries]: [&[usize]; 2]) -> RawResult<Vec<usize>> {
        Ok(vec![gradient[0], 2 * gradient[2] - 1, queries[3]])
    }

    /// Heads are shared out over threads; within one, items and blocks are added up in their order.
    fn compute<T: Real>(&self, [gradient, queries]: [View<'_, T>; 2], out: &mut [T]) -> RawResult<()> {
        let &[heads, batch, positions, width] = queries.dims else { bail!("queries of four axes") };
        let geometry = Geometry { heads, batch, positions, width };
        let gradients = gradient.values.par_chunks(batch * positions * positions);
        let queries = queries.values.par_chunks(batch * positions * width);
        let heads = out.par_chunks_mut(geometry.n_distances() * width).zip(gradients.zip(queries));
        heads.for_each_init(Vec::new, |band, (out, (gradient, queries))| {
            let items = gradient.chunks_exact(positions * positions);
            for (gradient, queries) in items.zip(queries.chunks_exact(positions * width)) {
                for block in geometry.blocks() {
                    block.spread(gradient, band);
                    let seen = &mut out[block.start() * width..][..block.n_distances() * width];
                    let queries = rows(block.rows(queries, width), width);
                    let band = rows(band, block.n_distances()).transpose();
                    block_product(band, queries, Accum::Add, rows_mut(seen, width));
                }
            }
        });
        Ok(())
    }
}

impl Tensor {
    /// Queries (H, B, N, K) with the keys of the distances -(N - 1) to N - 1, (H, 2N - 1, K), as (H, B, N, N): the
    /// product of query i with the key of the distance j - i stands at j.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit or the device fails.
    pub fn relative_logits(&self, keys: &Self) -> Result<Self, ModelsError> {
        Ok(apply(RelativeLogits, [self, keys])?)
    }
}
