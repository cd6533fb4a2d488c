//! The mean probe: two layers of which only the product acts, trained as two as PyTorch would.

use cistron_core::Seed;
use cistron_encode::SequenceBatch;
use ndarray::Array2;

use super::super::{LETTERS, LinearProbe, MeanWeights};
use super::{Form, Scale, narrow};
use crate::ModelsError;

/// Weights in one list: projection (H, 4), its bias (H), classifier (H), its bias (1).
pub(super) struct MeanForm {
    hidden: usize,
    seed: Seed,
}

/// The layers in the list of weights.
struct Layers<'a> {
    projection: &'a [f64],
    projection_bias: &'a [f64],
    classifier: &'a [f64],
    classifier_bias: f64,
}

impl MeanForm {
    pub(super) fn new(hidden: usize, seed: Seed) -> Self {
        Self { hidden, seed }
    }

    fn layers<'a>(&self, weights: &'a [f64]) -> Layers<'a> {
        let (projection, rest) = weights.split_at(self.hidden * LETTERS);
        let (projection_bias, rest) = rest.split_at(self.hidden);
        let (classifier, rest) = rest.split_at(self.hidden);
        Layers { projection, projection_bias, classifier, classifier_bias: rest.iter().sum() }
    }
}

impl Form for MeanForm {
    /// The share of each letter of each sequence.
    type Features = Vec<[f64; LETTERS]>;

    fn features(&self, sequences: &SequenceBatch) -> Self::Features {
        let share = |row: ndarray::ArrayView1<'_, u8>| {
            std::array::from_fn(|letter| {
                let count = row.iter().filter(|code| usize::from(**code) == letter).count();
                count as f64 / row.len() as f64
            })
        };
        sequences.codes().outer_iter().map(share).collect()
    }

    /// Uniform in ±1/√fan-in, weights and biases, as `torch.nn.Linear`.
    fn start(&self) -> Vec<f64> {
        let mut stream = self.seed.stream("probe start", 0);
        let (first, second) = (1.0 / (LETTERS as f64).sqrt(), 1.0 / (self.hidden as f64).sqrt());
        let bounds = [(self.hidden * (LETTERS + 1), first), (self.hidden + 1, second)];
        let mut draw = |bound: f64| (2.0 * stream.uniform() - 1.0) * bound;
        bounds.into_iter().flat_map(|(n, bound)| vec![bound; n]).map(&mut draw).collect()
    }

    fn n_penalized(&self) -> usize {
        self.hidden * (LETTERS + 2)
    }

    fn logits(&self, weights: &[f64], features: &Self::Features, rows: &[u64], out: &mut Vec<f64>) {
        let layers = self.layers(weights);
        let mut effect = [0.0; LETTERS];
        for (row, c) in layers.projection.as_chunks::<LETTERS>().0.iter().zip(layers.classifier) {
            effect.iter_mut().zip(row).for_each(|(effect, weight)| *effect += c * weight);
        }
        let through = layers.projection_bias.iter().zip(layers.classifier).map(|(b, c)| b * c);
        let constant = through.sum::<f64>() + layers.classifier_bias;
        out.clear();
        out.extend(rows.iter().map(|&row| {
            features[row as usize].iter().zip(&effect).map(|(share, effect)| share * effect).sum::<f64>()
                + constant
        }));
    }

    fn add_gradient(
        &self,
        weights: &[f64],
        features: &Self::Features,
        rows: &[u64],
        by_logit: &[f64],
        gradient: &mut [f64],
    ) {
        // With S = Σ dz·x and s = Σ dz over the batch: dW = c Sᵀ, db = c s, dc = W S + b s, dd = s.
        let (mut by_share, sum) = ([0.0; LETTERS], by_logit.iter().sum::<f64>());
        for (&row, slope) in rows.iter().zip(by_logit) {
            by_share
                .iter_mut()
                .zip(&features[row as usize])
                .for_each(|(total, share)| *total += slope * share);
        }
        let Layers { projection, projection_bias, classifier, .. } = self.layers(weights);
        let h = self.hidden;
        for unit in 0..h {
            let mut through = projection_bias[unit] * sum;
            for letter in 0..LETTERS {
                gradient[unit * LETTERS + letter] += classifier[unit] * by_share[letter];
                through += projection[unit * LETTERS + letter] * by_share[letter];
            }
            gradient[h * LETTERS + unit] += classifier[unit] * sum;
            gradient[h * (LETTERS + 1) + unit] += through;
        }
        gradient[h * (LETTERS + 2)] += sum;
    }

    fn probe(&self, weights: &[f64], scale: Scale) -> Result<LinearProbe, ModelsError> {
        let layers = self.layers(weights);
        let at = |(unit, letter)| narrow(layers.projection[unit * LETTERS + letter]);
        LinearProbe::from_mean(MeanWeights {
            projection: Array2::from_shape_fn((self.hidden, LETTERS), at),
            projection_bias: layers.projection_bias.iter().map(|&value| narrow(value)).collect(),
            classifier: layers.classifier.iter().map(|value| narrow(scale.factor * value)).collect(),
            classifier_bias: narrow(scale.shift + scale.factor * layers.classifier_bias),
        })
    }
}
