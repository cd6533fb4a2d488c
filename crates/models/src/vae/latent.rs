use cistron_core::Seed;
use cistron_encode::ModelError;
use ndarray::{Array2, Array3, ArrayView2};

use super::decoder::Drawn;
use super::kernel::Lane;
use super::network::Network;
use super::noise::{Noise, VaeNoise};
use super::tensors::width;
use super::{Vae, VaeSparsity, with_network};
use crate::ModelsError;
use crate::nn::Real;
use crate::train::Scalar;

/// Where sequences lie among the latent variables.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct VaeEmbedding {
    /// The means of the posteriors (n, latent).
    pub mean: Array2<f64>,
    /// The logarithms of their standard deviations (n, latent).
    pub log_sd: Array2<f64>,
}

/// The sequences that are read or made at a time.
const BLOCK: usize = 256;

impl Vae {
    /// Where sequences (n, L) lie among the latent variables. For a picture, train with two of them.
    ///
    /// # Errors
    /// [`ModelsError::Model`] for sequences of another length.
    pub fn embed(&self, sequences: ArrayView2<'_, u8>) -> Result<VaeEmbedding, ModelsError> {
        let codes = self.codes(sequences)?;
        let shape = (sequences.nrows(), self.config.n_latent);
        let (mut mean, mut log_sd) = (Vec::new(), Vec::new());
        with_network!(&self.body, network => {
            for codes in codes.chunks(BLOCK * self.config.length) {
                let n = codes.len() / self.config.length;
                let encoded = network.encoder.encode(codes, n, network.level);
                mean.extend(encoded.mean.into_iter().map(Real::wide));
                log_sd.extend(encoded.log_sd.into_iter().map(Real::wide));
            }
        });
        let table = |values: Vec<f64>| Array2::from_shape_fn(shape, |(i, j)| values[i * shape.1 + j]);
        Ok(VaeEmbedding { mean: table(mean), log_sd: table(log_sd) })
    }

    /// The probability of each letter at each position, (n, L, A), given latent variables (n, latent) and one draw of
    /// the weights; no unit is left out.
    ///
    /// # Errors
    /// [`ModelsError::Model`] for another number of latent variables; those of given noise.
    pub fn decode(&self, z: ArrayView2<'_, f64>, noise: VaeNoise<'_>) -> Result<Array3<f64>, ModelsError> {
        fn decode<T: Lane + Scalar>(
            network: &Network<T>,
            vae: &Vae,
            z: ArrayView2<'_, f64>,
            noise: &Noise<T>,
        ) -> Array3<f64> {
            let (level, mut drawn) = (network.level, Drawn::default());
            network.decoder.draw(noise, level, &mut drawn);
            let (letters, width) = (vae.config.n_letters(), width(vae.config.length));
            let mut all = Array3::zeros((z.nrows(), vae.config.length, letters));
            for (block, mut out) in all.axis_chunks_iter_mut(ndarray::Axis(0), BLOCK).enumerate() {
                let n = out.shape()[0];
                let z: Vec<T> =
                    z.rows().into_iter().skip(block * BLOCK).take(n).flatten().map(|x| T::of(*x)).collect();
                let hidden = network.decoder.hidden(&z, n, &drawn, level, |_, _| None);
                let last = hidden.last().map_or(&[][..], |hidden| &hidden.values);
                // Sequences of gaps: the logits are what is wanted.
                let gaps = vec![u8::MAX; n * vae.config.length];
                let likelihood =
                    network.decoder.output.likelihood(last, &gaps, n, &drawn.output, None, level);
                let logits = &likelihood.by_logits;
                for ((i, position), mut row) in out
                    .lanes_mut(ndarray::Axis(2))
                    .into_iter()
                    .enumerate()
                    .map(|(place, row)| ((place / vae.config.length, place % vae.config.length), row))
                {
                    let logit = |letter: usize| logits[(i * letters + letter) * width + position].wide();
                    let largest = (0..letters).map(logit).fold(f64::NEG_INFINITY, f64::max);
                    row.iter_mut().enumerate().for_each(|(letter, p)| *p = (logit(letter) - largest).exp());
                    let total = row.sum();
                    row.mapv_inplace(|p| p / total);
                }
            }
            all
        }
        if z.ncols() != self.config.n_latent {
            return Err(ModelError::Unsupported(format!(
                "found {} latent variables, expected {}",
                z.ncols(),
                self.config.n_latent
            ))
            .into());
        }
        with_network!(&self.body, network => {
            Ok(decode(network, self, z, &Noise::new(noise, &self.config, z.nrows())?))
        })
    }

    /// New sequences (n, L): latent variables from the standard normal distribution, a draw of the weights for every
    /// 256 sequences, and each letter by its probability.
    ///
    /// # Errors
    /// None that a sound model has.
    pub fn sample(&self, n: usize, seed: Seed) -> Result<Array2<u8>, ModelsError> {
        let mut all = Array2::zeros((n, self.config.length));
        for (block, mut out) in all.axis_chunks_iter_mut(ndarray::Axis(0), BLOCK).enumerate() {
            let mut stream = seed.stream("vae latent", block as u64);
            let z = Array2::from_shape_simple_fn((out.nrows(), self.config.n_latent), || stream.normal());
            let noise = VaeNoise::Drawn { seed, step: block as u64 };
            let probabilities = self.decode(z.view(), noise)?;
            let mut stream = seed.stream("vae letters", block as u64);
            for ((i, position), code) in out.indexed_iter_mut() {
                let mut left = stream.uniform();
                let row = probabilities.slice(ndarray::s![i, position, ..]);
                let chosen = row.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                *code = chosen.unwrap_or(row.len() - 1) as u8;
            }
        }
        Ok(all)
    }

    /// How much each group of units is switched on at each position, (groups, L): the logistic function of the scales'
    /// means, or their exponential. `None` without scales.
    pub fn scales(&self) -> Option<Array2<f64>> {
        let (n, length) = (self.config.n_scale_rows(), self.config.length);
        let of_mean = |mean: f64| match self.config.sparsity {
            Some(VaeSparsity::Logit) => 1.0 / (1.0 + (-mean).exp()),
            _ => mean.exp(),
        };
        with_network!(&self.body, network => {
            let means = &network.decoder.output.scale.as_ref()?.mean;
            let scale = |(row, position): (usize, usize)| of_mean(means[row * width(length) + position].wide());
            Some(Array2::from_shape_fn((n, length), scale))
        })
    }

    /// The positions (columns, from 0) where each group of units is switched on most, the strongest first, with their
    /// scales; what acts together there is often close in the structure.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] of a model without scales.
    pub fn position_groups(&self, top: usize) -> Result<Vec<Vec<(usize, f64)>>, ModelError> {
        let scales = self.scales().ok_or_else(|| {
            ModelError::Unsupported("the model has no scales, expected a sparsity prior".to_owned())
        })?;
        let group = |row: ndarray::ArrayView1<'_, f64>| {
            let mut positions: Vec<(usize, f64)> = row.iter().copied().enumerate().collect();
            positions.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            positions.truncate(top);
            positions
        };
        Ok(scales.rows().into_iter().map(group).collect())
    }
}
