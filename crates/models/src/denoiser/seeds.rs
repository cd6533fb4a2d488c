use super::LETTERS;
use crate::error::check_option;
use crate::{Checkpoint, ModelsError, Tensor};

/// The names of the tensors.
const TABLES: &str = "tables";
const SKIP: &str = "skip";
/// More bases of a seed than memory holds tables for.
const MAX_WIDTH: usize = 11;

/// A table for each seed, a word of `width` bases: what it says about every base of a k-mer it stands in, at each
/// distance. The logits of a k-mer are the sum over its windows, plus the input times a number.
#[derive(Clone, Debug)]
pub(super) struct Seeds {
    k: usize,
    width: usize,
    /// (seeds, 2k - width distances, 4): the base at place p of the k-mer with the seed at place q has distance
    /// p - q + k - width.
    tables: Vec<f32>,
    skip: f32,
}

impl Seeds {
    pub(super) fn new(k: usize, width: usize, skip: f64) -> Result<Self, ModelsError> {
        let most = MAX_WIDTH.min(k);
        check_option("seed width", width, (1..=most).contains(&width), &format!("1 to {most}"))?;
        let size = (1 << (2 * width)) * (2 * k - width) * LETTERS;
        Ok(Self { k, width, tables: vec![0.0; size], skip: skip as f32 })
    }

    pub(super) fn n_parameters(&self) -> usize {
        self.tables.len() + 1
    }

    /// Calls with the start, in the tables, of what each seed of a k-mer says about the k-mer's bases (k, 4).
    fn for_each_seed(&self, codes: &[u8], mut call: impl FnMut(usize)) {
        let mask = (1_usize << (2 * self.width)) - 1;
        let mut seed = 0;
        for (i, code) in codes.iter().enumerate() {
            seed = (seed << 2 | usize::from(*code)) & mask;
            if i + 1 >= self.width {
                let place = i + 1 - self.width;
                call((seed * (2 * self.k - self.width) + self.k - self.width - place) * LETTERS);
            }
        }
    }

    /// Logits (n · k, 4) of codes (n · k).
    pub(super) fn logits(&self, noisy: &[u8]) -> Vec<f32> {
        let mut logits = vec![0.0; noisy.len() * LETTERS];
        for (codes, logits) in noisy.chunks_exact(self.k).zip(logits.chunks_exact_mut(self.k * LETTERS)) {
            for (row, code) in logits.chunks_exact_mut(LETTERS).zip(codes) {
                row[usize::from(*code)] = self.skip;
            }
            self.for_each_seed(codes, |start| {
                logits.iter_mut().zip(&self.tables[start..]).for_each(|(sum, said)| *sum += said);
            });
        }
        logits
    }

    /// One step against the gradient (n · k, 4) of the sum of the losses by the logits.
    pub(super) fn descend(&mut self, noisy: &[u8], gradient: &[f32], rate: f32) {
        let mut by_skip = 0.0;
        for (codes, gradient) in noisy.chunks_exact(self.k).zip(gradient.chunks_exact(self.k * LETTERS)) {
            let rows = gradient.chunks_exact(LETTERS).zip(codes);
            by_skip += rows.map(|(row, code)| f64::from(row[usize::from(*code)])).sum::<f64>();
            let mut starts = [0; cistron_encode::kmer::MAX_K];
            let mut n = 0;
            self.for_each_seed(codes, |start| {
                starts[n] = start;
                n += 1;
            });
            for start in &starts[..n] {
                let said = self.tables[*start..].iter_mut();
                said.zip(gradient).for_each(|(said, slope)| *said -= rate * slope);
            }
        }
        // The one number that all bases share takes their mean.
        self.skip -= rate * (by_skip / noisy.len().max(1) as f64) as f32;
    }

    pub(super) fn weights(&self) -> Checkpoint {
        let mut weights = Checkpoint::new();
        let shape = [1 << (2 * self.width), 2 * self.k - self.width, LETTERS];
        let tables = Tensor::from_f32(&shape, &self.tables).map(|tensor| (TABLES, tensor));
        let skip = Tensor::from_f32(&[1], &[self.skip]).map(|tensor| (SKIP, tensor));
        tables.into_iter().chain(skip).for_each(|(name, tensor)| weights.insert(name, tensor));
        weights
    }

    pub(super) fn load(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        let shape = [1 << (2 * self.width), 2 * self.k - self.width, LETTERS];
        let tables = weights.values(TABLES, &shape.map(Some))?;
        let skip = weights.values(SKIP, &[Some(1)])?;
        self.tables.iter_mut().zip(tables).for_each(|(own, new)| *own = new as f32);
        self.skip = skip.iter().sum::<f64>() as f32;
        Ok(())
    }
}
