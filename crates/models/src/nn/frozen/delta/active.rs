use candle_core::bail;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef};

use crate::nn::Real;
use crate::nn::matrix::{matrix, steady_block_product};
use crate::nn::tensor::RawResult;

/// The columns of a matrix where some row is not 0: a change does not reach what a function holds at 0.
///
/// Products without the others are the same to the bit. A product adds up columns in their order, so many at a time,
/// and what is left out adds nothing to a sum; where these begin stays where it would be with all columns.
#[derive(Default)]
pub(super) struct Active {
    columns: usize,
    /// None for all of them.
    chosen: Option<Vec<usize>>,
}

/// The columns that a product adds up before they are added to others.
const TOGETHER: usize = 512;
/// Leaving columns out is worth it below so large a share.
const WORTH: f64 = 0.9;
/// Narrower matrices are multiplied in other orders.
const LEAST: usize = 64;
/// For fewer rows it takes longer to choose among weights.
const LEAST_ROWS: usize = 32;

impl Active {
    /// Of so many rows, to be multiplied with weights of these columns and outputs.
    pub(super) fn of<'a, T: Real>(
        rows: impl Iterator<Item = &'a [T]>,
        n_rows: usize,
        [columns, outputs]: [usize; 2],
    ) -> Self {
        let all = Self { columns, chosen: None };
        let is_little = n_rows < LEAST_ROWS || columns < LEAST || outputs < LEAST;
        if is_little || columns % TOGETHER == 1 {
            return all;
        }
        let mut is_active = vec![false; columns];
        for row in rows {
            is_active.iter_mut().zip(row).for_each(|(is_active, x)| *is_active |= *x != T::zero());
        }
        for some in is_active.chunks_mut(TOGETHER) {
            // A single column is multiplied another way.
            if some.iter().filter(|is_active| **is_active).count() == 1
                && let Some(other) = some.iter_mut().find(|is_active| !**is_active)
            {
                *other = true;
            }
        }
        let chosen: Vec<usize> = (0..columns).filter(|&column| is_active[column]).collect();
        let is_worth_it = (chosen.len() as f64) < WORTH * columns as f64;
        if is_worth_it { Self { columns, chosen: Some(chosen) } } else { all }
    }

    /// How many there are.
    pub(super) fn n(&self) -> usize {
        self.chosen.as_ref().map_or(self.columns, Vec::len)
    }

    /// Adds those of a row to others.
    pub(super) fn choose<T: Copy>(&self, row: &[T], out: &mut Vec<T>) {
        match &self.chosen {
            Some(chosen) => out.extend(chosen.iter().map(|&column| row[column])),
            None => out.extend_from_slice(row),
        }
    }

    /// Adds products of rows, of the chosen columns, with weights (outputs, columns) to `out`.
    pub(super) fn product<T: Real>(
        &self,
        rows: &[T],
        weights: MatRef<'_, T>,
        packed: &mut Vec<T>,
        mut out: MatMut<'_, T>,
    ) -> RawResult<()> {
        let Some(chosen) = &self.chosen else {
            steady_block_product(matrix(rows, self.columns)?, weights.transpose(), Accum::Add, out);
            return Ok(());
        };
        let rows = matrix(rows, chosen.len())?;
        let mut first = 0;
        for some in chosen.chunk_by(|a, b| a / TOGETHER == b / TOGETHER) {
            packed.clear();
            for row in weights.row_iter() {
                let Some(row) = row.try_as_row_major() else {
                    bail!("weights whose rows do not lie together")
                };
                let row = row.as_slice();
                packed.extend(some.iter().map(|&column| row[column]));
            }
            let weights = matrix(packed, some.len())?;
            let rows = rows.subcols(first, some.len());
            steady_block_product(rows, weights.transpose(), Accum::Add, out.rb_mut());
            first += some.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;

    use super::*;
    use crate::nn::matrix::matrix_mut;

    /// Rows of which few columns are not 0.
    fn rows<T: Real>(n: usize, columns: usize, share: f64, seed: u64) -> Vec<T> {
        let mut stream = Seed::new(seed).stream("rows", 0);
        let lives: Vec<bool> = (0..columns).map(|_| stream.uniform() < share).collect();
        let value = |i: usize| if lives[i % columns] { T::of(stream.normal()) } else { T::zero() };
        (0..n * columns).map(value).collect()
    }

    fn check<T: Real>() {
        for (n, columns, outputs) in [(32, 64, 64), (100, 300, 200), (512, 1000, 164), (77, 1024, 99)] {
            for share in [0.0, 0.004, 0.3, 0.6, 1.0] {
                let all = rows::<T>(n, columns, share, 1);
                let weights = rows::<T>(outputs, columns, 1.0, 2);
                let weights = matrix(&weights, columns).unwrap();
                let mut expected: Vec<T> = vec![T::one(); n * outputs];
                let out = matrix_mut(&mut expected, outputs).unwrap();
                steady_block_product(matrix(&all, columns).unwrap(), weights.transpose(), Accum::Add, out);
                let active = Active::of(all.chunks(columns), n, [columns, outputs]);
                assert_eq!(active.chosen.is_some(), share < 0.8, "{columns} {share}");
                let mut chosen = Vec::new();
                all.chunks(columns).for_each(|row| active.choose(row, &mut chosen));
                assert_eq!(chosen.len(), n * active.n());
                let mut found: Vec<T> = vec![T::one(); n * outputs];
                let out = matrix_mut(&mut found, outputs).unwrap();
                active.product(&chosen, weights, &mut Vec::new(), out).unwrap();
                assert!(found == expected, "{n} {columns} {outputs} {share}");
            }
        }
    }

    #[test]
    fn products_of_active_columns_are_the_same_to_the_bit() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn small_products_keep_all_columns() {
        for (n, columns, outputs) in [(31, 64, 64), (64, 63, 64), (64, 64, 63), (64, 513, 64)] {
            let zeros = vec![0.0_f32; n * columns];
            let active = Active::of(zeros.chunks(columns), n, [columns, outputs]);
            assert!(active.chosen.is_none());
        }
    }
}
