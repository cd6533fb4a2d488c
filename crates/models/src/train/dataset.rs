use cistron_core::Seed;

use super::order::RowOrder;
use crate::ModelsError;

/// Rows that a model learns from, made into batches on demand.
///
/// What a row looks like may depend on the epoch (noise, augmentation), but on nothing else that changes: random
/// numbers come from streams keyed by the seed, the epoch and the row, so that any order, any number of threads
/// and a run that was interrupted see the same data.
pub trait Dataset: Sync {
    /// What a step takes.
    type Batch: Send;

    /// The number of rows.
    fn n_rows(&self) -> u64;

    /// Rows of an epoch, in this order.
    ///
    /// # Errors
    /// Whatever stands in the way of reading them.
    fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Self::Batch, ModelsError>;
}

/// Which rows each step takes.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    n_rows: u64,
    size: u64,
    seed: Seed,
    label: &'static str,
}

impl Batches {
    /// Batches of `size` rows in a new random order each epoch; the last one of an epoch takes what is left.
    ///
    /// # Errors
    /// [`ModelsError::Option`] for a size of 0, [`ModelsError::Data`] if there is no row.
    pub fn new(n_rows: u64, size: usize, seed: Seed) -> Result<Self, ModelsError> {
        Self::labelled(n_rows, size, seed, "row order")
    }

    /// As [`new`](Self::new), with orders from the streams of another label.
    pub(crate) fn labelled(
        n_rows: u64,
        size: usize,
        seed: Seed,
        label: &'static str,
    ) -> Result<Self, ModelsError> {
        if size == 0 {
            return Err(ModelsError::Option {
                option: "batch",
                found: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        if n_rows == 0 {
            let problem = "found no row, expected at least 1".to_owned();
            return Err(ModelsError::Data { set: "training", problem });
        }
        Ok(Self { n_rows, size: size as u64, seed, label })
    }

    /// The number of steps of an epoch.
    pub fn n_steps(&self) -> u64 {
        self.n_rows.div_ceil(self.size)
    }

    /// Where to look up the rows of steps.
    pub fn reader(self) -> BatchRows {
        BatchRows { batches: self, order: None, rows: Vec::new() }
    }
}

/// Looks up the rows of steps, any step at any time; the order of an epoch is made when it is first asked for.
#[derive(Clone, Debug)]
pub struct BatchRows {
    batches: Batches,
    order: Option<(u64, RowOrder)>,
    rows: Vec<u64>,
}

impl BatchRows {
    /// The rows of step `index` of an epoch; none from the number of steps on.
    pub fn rows(&mut self, epoch: u64, index: u64) -> &[u64] {
        let Batches { n_rows, size, seed, label } = self.batches;
        if self.order.as_ref().is_none_or(|(current, _)| *current != epoch) {
            self.order = Some((epoch, RowOrder::labelled(n_rows, seed, label, epoch)));
        }
        self.rows.clear();
        if let Some((_, order)) = &self.order {
            let start = index.saturating_mul(size).min(n_rows);
            let end = start.saturating_add(size).min(n_rows);
            self.rows.extend((start..end).map(|place| order.row(place)));
        }
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_takes_each_row_once() {
        for (n, size) in [(1, 1), (7, 3), (9, 3), (5, 100)] {
            let batches = Batches::new(n, size, Seed::new(1)).unwrap();
            let mut reader = batches.reader();
            let mut all: Vec<u64> =
                (0..batches.n_steps()).flat_map(|index| reader.rows(2, index).to_vec()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            assert!(reader.rows(2, batches.n_steps()).is_empty() && reader.rows(2, u64::MAX).is_empty());
        }
    }

    #[test]
    fn a_step_has_its_rows_whatever_was_asked_before() {
        let batches = Batches::new(1000, 32, Seed::new(1)).unwrap();
        let mut reader = batches.reader();
        let late = reader.rows(3, 20).to_vec();
        assert_eq!(batches.reader().rows(3, 20), late);
        assert_ne!(reader.rows(4, 20), late);
        assert_eq!(reader.rows(3, 20), late);
    }

    #[test]
    fn batches_need_rows_and_a_size() {
        let message = |n, size| Batches::new(n, size, Seed::new(1)).unwrap_err().to_string();
        assert_eq!(message(5, 0), "option batch is 0, expected at least 1");
        assert_eq!(message(0, 5), "training data: found no row, expected at least 1");
    }
}
