use cistron_core::Seed;

use super::config::VaeConfig;
use super::decoder::{Decoder, Drawn};
use super::encoder::{Encoded, Encoder};
use super::kernel::{AdamRule, Lane, Level};
use super::learner::VaeUpdate;
use super::noise::Noise;
use super::tensors::{self, LATENT};
use super::variable::Variable;
use crate::train::Scalar;
use crate::{Checkpoint, ModelsError};

/// Encoder and decoder in a precision.
#[derive(Clone, Debug)]
pub(super) struct Network<T> {
    pub(super) encoder: Encoder<T>,
    pub(super) decoder: Decoder<T>,
    pub(super) level: Level,
}

/// The objective of a batch and what it is made of, before an update.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VaeTerms {
    /// What training raises: the mean over sequences of log p(x|z) and minus the latent divergence, and minus the
    /// parameters' divergence over the effective number of sequences.
    pub objective: f64,
    /// log p(x|z) of each sequence.
    pub log_likelihoods: Vec<f64>,
    /// Minus the divergence of each sequence's latent variables from the standard normal distribution.
    pub latent: Vec<f64>,
    /// Minus the divergence of the decoder's weights from their priors, or the penalty of points.
    pub parameters: f64,
}

impl<T: Lane + Scalar> Network<T> {
    pub(super) fn new(config: &VaeConfig, seed: Seed) -> Result<Self, ModelsError> {
        let (encoder, decoder) = (Encoder::new(config, seed)?, Decoder::new(config, seed)?);
        Ok(Self { encoder, decoder, level: Level::best() })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable<T>> {
        self.encoder.variables().chain(self.decoder.variables())
    }

    pub(super) fn variables_mut(&mut self) -> impl Iterator<Item = &mut Variable<T>> {
        self.encoder.variables_mut().chain(self.decoder.variables_mut())
    }

    pub(super) fn save(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::new();
        self.variables().for_each(|variable| variable.save(&mut checkpoint));
        checkpoint
    }

    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), ModelsError> {
        self.variables_mut().try_for_each(|variable| variable.load(checkpoint))
    }

    pub(super) fn begin_training(&mut self) {
        self.variables_mut().for_each(Variable::begin_training);
    }

    pub(super) fn end_training(&mut self) {
        self.variables_mut().for_each(|variable| variable.moments = Default::default());
    }

    pub(super) fn save_moments(&self, checkpoint: &mut Checkpoint) {
        self.variables().for_each(|variable| variable.save_moments(checkpoint));
    }

    pub(super) fn load_moments(&mut self, checkpoint: &Checkpoint) -> Result<(), ModelsError> {
        self.variables_mut().try_for_each(|variable| variable.load_moments(checkpoint))
    }

    /// Raises the objective of a batch of codes by a step of Adam; gives it as it was.
    pub(super) fn step(
        &mut self,
        config: &VaeConfig,
        codes: &[u8],
        noise: &Noise<T>,
        update: VaeUpdate,
        rule: AdamRule<T>,
        drawn: &mut Drawn<T>,
    ) -> VaeTerms {
        let (n, level) = (codes.len() / config.length, self.level);
        let warmth = config.warmth(update.number);
        let cost = warmth / update.neff;
        let encoded = self.encoder.encode(codes, n, level);
        let mut latent_noise = vec![T::zero(); encoded.mean.len()];
        noise.fill(level, LATENT, 0, &mut latent_noise);
        let z = latent(&encoded.mean, &encoded.log_sd, &latent_noise);
        self.decoder.draw(noise, level, drawn);
        let masks = tensors::dropout_masks(config, n);
        let hidden = self.decoder.hidden(&z, n, drawn, level, |layer, size| {
            let stream = masks.get(layer).filter(|_| config.dropout > 0.0)?.stream;
            let mut mask = vec![T::zero(); size];
            noise.mask(level, stream, config.dropout, &mut mask);
            Some(mask)
        });
        let last = hidden.last().map_or(&[][..], |hidden| &hidden.values);
        let (decoder, share) = (&mut self.decoder, Some(1.0 / n as f64));
        let likelihood = decoder.output.likelihood(last, codes, n, &drawn.output, share, level);
        let terms = terms(config, &likelihood.log_probabilities, &encoded, drawn.negative_cost, update);
        let drawn_output = (&drawn.output, noise);
        let by_hidden = decoder.output.step(last, &likelihood, drawn_output, cost, (rule, level));
        let by_z = decoder.step_layers((&z, &hidden), by_hidden, (&*drawn, noise), cost, (rule, level));
        let kl = warmth * config.kl_scale / n as f64;
        let [by_mean, by_log_sd] = by_posterior(&encoded, &latent_noise, by_z, kl);
        self.encoder.step(codes, &encoded, [&by_mean, &by_log_sd], (rule, level));
        terms
    }
}

/// A draw of latent variables; noise of one row serves all.
pub(super) fn latent<T: Lane>(mean: &[T], log_sd: &[T], noise: &[T]) -> Vec<T> {
    let posteriors = mean.iter().zip(log_sd);
    posteriors
        .zip(noise.iter().cycle())
        .map(|((mean, log_sd), noise)| *mean + log_sd.exponential() * *noise)
        .collect()
}

/// Minus the divergence of each row's latent variables from the standard normal distribution.
pub(super) fn latent_divergences<T: Lane>(mean: &[T], log_sd: &[T], n_latent: usize) -> Vec<f64> {
    let rows = mean.chunks_exact(n_latent).zip(log_sd.chunks_exact(n_latent));
    let each = |(mean, log_sd): (&T, &T)| {
        let (mean, log_sd) = (mean.wide(), log_sd.wide());
        0.5 * (1.0 + 2.0 * log_sd - mean * mean - (2.0 * log_sd).exp())
    };
    rows.map(|(mean, log_sd)| mean.iter().zip(log_sd).map(each).sum()).collect()
}

fn terms<T: Lane>(
    config: &VaeConfig,
    log_likelihoods: &[f64],
    encoded: &Encoded<T>,
    parameters: f64,
    update: VaeUpdate,
) -> VaeTerms {
    let n = log_likelihoods.len();
    let latent = latent_divergences(&encoded.mean, &encoded.log_sd, config.n_latent);
    let warmth = config.warmth(update.number);
    let of_data = log_likelihoods.iter().sum::<f64>() + warmth * config.kl_scale * latent.iter().sum::<f64>();
    let objective = of_data / n as f64 + warmth * parameters / update.neff;
    VaeTerms { objective, log_likelihoods: log_likelihoods.to_vec(), latent, parameters }
}

/// The gradients by the means and log deviations of latent variables, `kl` being what their divergence counts.
fn by_posterior<T: Lane>(encoded: &Encoded<T>, noise: &[T], by_z: Vec<T>, kl: f64) -> [Vec<T>; 2] {
    let kl = T::of(kl);
    let mut by_log_sd = by_z.clone();
    for ((d, log_sd), noise) in by_log_sd.iter_mut().zip(&encoded.log_sd).zip(noise) {
        let sd = log_sd.exponential();
        *d = *d * *noise * sd + kl * (T::one() - sd * sd);
    }
    let mut by_mean = by_z;
    by_mean.iter_mut().zip(&encoded.mean).for_each(|(d, mean)| *d -= kl * *mean);
    [by_mean, by_log_sd]
}
