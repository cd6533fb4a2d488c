use cistron_core::Seed;
use cistron_encode::{Edit, ModelError};
use ndarray::{Array2, ArrayView2};

use super::decoder::Drawn;
use super::kernel::Lane;
use super::network::{Network, latent, latent_divergences};
use super::noise::{Noise, VaeNoise};
use super::tensors::LATENT;
use super::{Vae, VaeConfig, with_network};
use crate::ModelsError;
use crate::train::Scalar;

/// The sequences that are scored at a time.
const BLOCK: usize = 256;

/// What a mutant does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct MutantEffect {
    /// The mean over draws of the mutant's evidence lower bound minus the wild type's; higher is fitter.
    pub effect: f64,
    /// Its standard error over draws; NaN of a single one.
    pub standard_error: f64,
}

/// The mean effects of several models, such as some trained from other seeds; the standard error is that of the draws.
///
/// # Errors
/// [`ModelError::Unsupported`] for no model or lists of different lengths.
///
/// ```
/// use cistron_models::{MutantEffect, ensemble_effects};
///
/// let one = |effect| vec![MutantEffect { effect, standard_error: 0.3 }];
/// let both = ensemble_effects(&[one(-1.0), one(-2.0)])?;
/// assert_eq!(both[0].effect, -1.5);
/// assert!((both[0].standard_error - 0.3 / 2.0_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), cistron_encode::ModelError>(())
/// ```
pub fn ensemble_effects(models: &[Vec<MutantEffect>]) -> Result<Vec<MutantEffect>, ModelError> {
    let n = models.first().map_or(0, Vec::len);
    if models.is_empty() || models.iter().any(|effects| effects.len() != n) {
        let problem =
            "found no model or lists of different lengths, expected a list of effects of each model";
        return Err(ModelError::Unsupported(problem.to_owned()));
    }
    let count = models.len() as f64;
    let mean = |i: usize| {
        let sum: f64 = models.iter().map(|effects| effects[i].effect).sum();
        let variance: f64 = models.iter().map(|effects| effects[i].standard_error.powi(2)).sum();
        MutantEffect { effect: sum / count, standard_error: variance.sqrt() / count }
    };
    Ok((0..n).map(mean).collect())
}

impl Vae {
    /// One draw of the evidence lower bound of each sequence (n, L): the logarithm of its probability given a draw of
    /// its latent variables, minus their divergence from the standard normal distribution. The divergence of the
    /// decoder's weights is not part of it, and no unit is left out.
    ///
    /// Drawn noise is the same for all sequences: those of latent variables too.
    ///
    /// # Errors
    /// [`ModelsError::Model`] for sequences of another length; those of given noise.
    pub fn elbo(&self, sequences: ArrayView2<'_, u8>, noise: VaeNoise<'_>) -> Result<Vec<f64>, ModelsError> {
        let codes = self.codes(sequences)?;
        let n = sequences.nrows();
        let mut all = Vec::new();
        with_network!(&self.body, network => {
            let noise = Noise::new(noise, &self.config, n)?;
            Scoring::new(network, &self.config, &codes).draw(&noise, &mut all);
        });
        Ok(all)
    }

    /// Draws of the evidence lower bound, (n, samples): each draw is the same for all sequences.
    ///
    /// # Errors
    /// [`ModelsError::Model`] for sequences of another length.
    pub fn elbo_samples(
        &self,
        sequences: ArrayView2<'_, u8>,
        samples: usize,
        seed: Seed,
    ) -> Result<Array2<f64>, ModelsError> {
        let mut all = Array2::zeros((sequences.nrows(), samples));
        self.each_sample(&self.codes(sequences)?, samples, seed, |sample, values| {
            all.column_mut(sample).iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
        })?;
        Ok(all)
    }

    fn each_sample(
        &self,
        codes: &[u8],
        samples: usize,
        seed: Seed,
        mut visit: impl FnMut(usize, &[f64]),
    ) -> Result<(), ModelsError> {
        let mut values = Vec::new();
        with_network!(&self.body, network => {
            let mut scoring = Scoring::new(network, &self.config, codes);
            for sample in 0..samples {
                let noise = Noise::new(VaeNoise::Drawn { seed, step: sample as u64 }, &self.config, 1)?;
                scoring.draw(&noise, &mut values);
                visit(sample, &values);
            }
        });
        Ok(())
    }

    /// The effect of each mutant of the wild type, from so many draws, each the same for mutants and wild type: what
    /// they share cancels out, and the error is far smaller than with draws of their own, as in DeepSequence.
    ///
    /// The wild type itself (no edit) has the effect 0, exactly.
    ///
    /// **Cost**: per draw, that of the weights, and a pass through the decoder for each mutant.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] without a focus sequence, [`ModelError::Edit`] for an edit that does not fit it, in
    /// [`ModelsError::Model`]; [`ModelsError::Option`] for no draw.
    pub fn mutant_effects(
        &self,
        mutants: &[Vec<Edit>],
        samples: usize,
        seed: Seed,
    ) -> Result<Vec<MutantEffect>, ModelsError> {
        if samples == 0 {
            let (found, expected) = ("0".to_owned(), "at least 1".to_owned());
            return Err(ModelsError::Option { option: "samples", found, expected });
        }
        let mut codes = self.wild_type()?.codes().to_vec();
        for mutant in mutants {
            codes.extend(self.mutated(mutant)?);
        }
        // Welford's running means and sums of squares.
        let mut sums = vec![[0.0_f64; 2]; mutants.len()];
        self.each_sample(&codes, samples, seed, |sample, values| {
            let Some((wild_type, values)) = values.split_first() else { return };
            for ([mean, squares], value) in sums.iter_mut().zip(values) {
                let delta = value - wild_type - *mean;
                *mean += delta / (sample + 1) as f64;
                *squares += delta * (value - wild_type - *mean);
            }
        })?;
        let n = samples as f64;
        let effect = |[mean, squares]: [f64; 2]| MutantEffect {
            effect: mean,
            standard_error: (squares / (n - 1.0) / n).sqrt(),
        };
        Ok(sums.into_iter().map(effect).collect())
    }

    /// The effects of all single mutants, (L, A); 0 for the letter of the wild type, NaN at gaps of it.
    ///
    /// # Errors
    /// As [`mutant_effects`](Self::mutant_effects).
    pub fn single_effects(&self, samples: usize, seed: Seed) -> Result<Array2<f64>, ModelsError> {
        let wild_type = self.wild_type()?;
        let singles: Vec<Vec<Edit>> = wild_type.singles().map(|edit| vec![edit]).collect();
        let effects = self.mutant_effects(&singles, samples, seed)?;
        let mut matrix = Array2::from_elem((wild_type.len(), self.config.n_letters()), f64::NAN);
        for (position, code) in wild_type.codes().iter().enumerate() {
            if let Some(slot) = matrix.get_mut((position, usize::from(*code))) {
                *slot = 0.0;
            }
        }
        for (edit, effect) in singles.iter().flatten().zip(effects) {
            matrix[(edit.position as usize, usize::from(edit.code))] = effect.effect;
        }
        Ok(matrix)
    }

    fn mutated(&self, mutant: &[Edit]) -> Result<Vec<u8>, ModelError> {
        let wild_type = self.wild_type()?;
        let mut codes = wild_type.codes().to_vec();
        for edit in mutant {
            let Edit { position, code } = *edit;
            let slot =
                codes.get_mut(position as usize).filter(|_| usize::from(code) < self.config.n_letters());
            let Some(slot) = slot else {
                let (length, alphabet) = (wild_type.len(), wild_type.alphabet().to_string());
                return Err(ModelError::Edit { position, code, length, alphabet });
            };
            *slot = code;
        }
        Ok(codes)
    }
}

/// Sequences that have been encoded, to be decoded with one draw after the other.
struct Scoring<'a, T> {
    network: &'a Network<T>,
    config: &'a VaeConfig,
    codes: &'a [u8],
    /// (n, latent)
    mean: Vec<T>,
    log_sd: Vec<T>,
    latent: Vec<f64>,
    drawn: Drawn<T>,
}

impl<'a, T: Lane + Scalar> Scoring<'a, T> {
    fn new(network: &'a Network<T>, config: &'a VaeConfig, codes: &'a [u8]) -> Self {
        let (mut mean, mut log_sd) = (Vec::new(), Vec::new());
        for codes in codes.chunks(BLOCK * config.length) {
            let encoded = network.encoder.encode(codes, codes.len() / config.length, network.level);
            mean.extend(encoded.mean);
            log_sd.extend(encoded.log_sd);
        }
        let latent = latent_divergences(&mean, &log_sd, config.n_latent);
        Self { network, config, codes, mean, log_sd, latent, drawn: Drawn::default() }
    }

    /// The lower bounds under one draw.
    fn draw(&mut self, noise: &Noise<T>, values: &mut Vec<f64>) {
        let (level, decoder, n_latent) = (self.network.level, &self.network.decoder, self.config.n_latent);
        decoder.draw(noise, level, &mut self.drawn);
        let of_latent = match noise {
            Noise::Drawn { .. } => n_latent,
            Noise::Given(_) => self.mean.len(),
        };
        let mut own = vec![T::zero(); of_latent];
        noise.fill(level, LATENT, 0, &mut own);
        values.clear();
        let posteriors = self.mean.chunks(BLOCK * n_latent).zip(self.log_sd.chunks(BLOCK * n_latent));
        for ((mean, log_sd), codes) in posteriors.zip(self.codes.chunks(BLOCK * self.config.length)) {
            let n = mean.len() / n_latent;
            let own = if of_latent == n_latent { &own[..] } else { &own[values.len() * n_latent..] };
            let z = latent(mean, log_sd, own);
            let hidden = decoder.hidden(&z, n, &self.drawn, level, |_, _| None);
            let last = hidden.last().map_or(&[][..], |hidden| &hidden.values);
            let drawn = &self.drawn.output;
            let likelihood = decoder.output.likelihood(last, codes, n, drawn, None, level);
            values.extend(likelihood.log_probabilities);
        }
        values.iter_mut().zip(&self.latent).for_each(|(value, latent)| *value += latent);
    }
}
