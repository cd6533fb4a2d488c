//! Positional and k-mer probes: a logit is the bias plus one weight for each feature that a sequence has.

use cistron_encode::SequenceBatch;
use ndarray::Array2;

use super::super::kmer::{for_each_kmer, reverse_complement};
use super::super::{KmerWeights, LETTERS, LinearProbe};
use super::{Form, ProbeTraining, Scale, narrow};
use crate::ModelsError;

/// Weights in one list: positional (L, 4), k-mers (4^k), bias (1).
pub(super) struct SparseForm {
    /// The number of positions with weights; 0 without the positional part.
    positions: usize,
    kmer: Option<KmerFeatures>,
    bias: f64,
}

struct KmerFeatures {
    k: usize,
    both_strands: bool,
    /// The weight that each k-mer uses: its own, or that of its reverse complement if this comes first.
    shared: Vec<u32>,
}

impl SparseForm {
    pub(super) fn new(options: &ProbeTraining, width: usize, bias: f64) -> Result<Self, ModelsError> {
        let kmer = if options.kind.has_kmer() {
            let (k, both_strands) = (options.k, options.both_strands);
            let n = KmerWeights::zeros(k, both_strands)?.values().len();
            let first = |kmer: usize| if both_strands { kmer.min(reverse_complement(kmer, k)) } else { kmer };
            Some(KmerFeatures { k, both_strands, shared: (0..n).map(|kmer| first(kmer) as u32).collect() })
        } else {
            None
        };
        Ok(Self { positions: if options.kind.has_positional() { width } else { 0 }, kmer, bias })
    }

    fn n_kmers(&self) -> usize {
        self.kmer.as_ref().map_or(0, |kmer| kmer.shared.len())
    }

    /// Calls `each` with the index of every weight that acts on a sequence, as often as it acts.
    #[inline]
    fn for_each_feature(&self, codes: &[u8], mut each: impl FnMut(usize)) {
        for (position, &code) in codes.iter().enumerate().take(self.positions) {
            if usize::from(code) < LETTERS {
                each(position * LETTERS + usize::from(code));
            }
        }
        if let Some(features) = &self.kmer {
            let before = self.positions * LETTERS;
            for_each_kmer(codes, features.k, |_, kmer| each(before + features.shared[kmer] as usize));
        }
    }
}

/// The codes of a batch in one piece.
pub(super) struct Rows {
    width: usize,
    codes: Vec<u8>,
}

impl Rows {
    fn row(&self, row: usize) -> &[u8] {
        &self.codes[row * self.width..][..self.width]
    }
}

impl Form for SparseForm {
    type Features = Rows;

    fn features(&self, sequences: &SequenceBatch) -> Rows {
        Rows { width: sequences.width(), codes: sequences.codes().iter().copied().collect() }
    }

    fn start(&self) -> Vec<f64> {
        let mut weights = vec![0.0; self.n_penalized()];
        weights.push(self.bias);
        weights
    }

    fn n_penalized(&self) -> usize {
        self.positions * LETTERS + self.n_kmers()
    }

    fn logits(&self, weights: &[f64], features: &Rows, rows: &[u64], out: &mut Vec<f64>) {
        let bias = weights[self.n_penalized()];
        out.clear();
        out.extend(rows.iter().map(|&row| {
            let mut sum = 0.0;
            self.for_each_feature(features.row(row as usize), |feature| sum += weights[feature]);
            sum + bias
        }));
    }

    fn add_gradient(&self, _: &[f64], features: &Rows, rows: &[u64], by_logit: &[f64], gradient: &mut [f64]) {
        for (&row, slope) in rows.iter().zip(by_logit) {
            self.for_each_feature(features.row(row as usize), |feature| gradient[feature] += slope);
        }
        gradient[self.n_penalized()] += by_logit.iter().sum::<f64>();
    }

    fn probe(&self, weights: &[f64], scale: Scale) -> Result<LinearProbe, ModelsError> {
        let (positional, rest) = weights.split_at(self.positions * LETTERS);
        let (kmers, bias) = rest.split_at(self.n_kmers());
        let positional = (self.positions > 0).then(|| {
            let at = |(position, letter)| narrow(scale.factor * positional[position * LETTERS + letter]);
            Array2::from_shape_fn((self.positions, LETTERS), at)
        });
        let kmer = self.kmer.as_ref().map(|features| {
            let values = features.shared.iter().map(|&index| narrow(scale.factor * kmers[index as usize]));
            KmerWeights::new(features.k, features.both_strands, values.collect())
        });
        let bias = narrow(scale.shift + scale.factor * bias.iter().sum::<f64>());
        LinearProbe::from_parts(positional, kmer.transpose()?, bias)
    }
}
