//! The objective the slow way, number by number, as it is written down.

use std::f64::consts::{E, PI};

use super::*;

/// A tensor by its name, with the number of its columns.
struct Weights<'a> {
    config: &'a VaeConfig,
    checkpoint: &'a Checkpoint,
    noise: &'a Checkpoint,
}

impl Weights<'_> {
    fn numbers(checkpoint: &Checkpoint, name: &str) -> Vec<f64> {
        checkpoint.get(name).unwrap().to_f64()
    }

    fn point(&self, name: &str) -> Vec<f64> {
        Self::numbers(self.checkpoint, name)
    }

    /// A draw of the decoder's weights.
    fn draw(&self, name: &str) -> Vec<f64> {
        if self.config.point.is_some() {
            return self.point(name);
        }
        let (mean, log_sd) = (self.point(&format!("{name}-mu")), self.point(&format!("{name}-log_sigma")));
        let noise = Self::numbers(self.noise, name);
        (0..mean.len()).map(|i| mean[i] + log_sd[i].exp() * noise[i]).collect()
    }
}

fn apply(activation: VaeActivation, x: f64) -> f64 {
    match activation {
        VaeActivation::Relu => x.max(0.0),
        VaeActivation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        VaeActivation::Tanh => x.tanh(),
        VaeActivation::Elu => {
            if x < 0.0 {
                x.exp() - 1.0
            } else {
                x
            }
        }
    }
}

fn layer(x: &[f64], weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let n = bias.len();
    (0..n).map(|j| bias[j] + (0..x.len()).map(|i| x[i] * weights[i * n + j]).sum::<f64>()).collect()
}

pub(super) fn terms(
    config: &VaeConfig,
    checkpoint: &Checkpoint,
    noise: &Checkpoint,
    sequences: &Array2<u8>,
    update: VaeUpdate,
) -> VaeTerms {
    let weights = Weights { config, checkpoint, noise };
    let z_noise = Weights::numbers(noise, "z");
    let (mut log_likelihoods, mut latent) = (Vec::new(), Vec::new());
    for (row, codes) in sequences.rows().into_iter().enumerate() {
        let (mean, log_sd) = encode(&weights, &codes.to_vec());
        let z_noise = &z_noise[row * config.n_latent..];
        let z: Vec<f64> = (0..mean.len()).map(|i| mean[i] + log_sd[i].exp() * z_noise[i]).collect();
        log_likelihoods.push(log_likelihood(&weights, row, &z, &codes.to_vec()));
        let kl = |i: usize| 0.5 * (1.0 + 2.0 * log_sd[i] - mean[i].powi(2) - (2.0 * log_sd[i]).exp());
        latent.push((0..mean.len()).map(kl).sum::<f64>());
    }
    let parameters = if config.point.is_some() { -penalty(&weights) } else { -divergence(&weights) };
    let warm = (update.number as f64 / config.warm_up).min(1.0);
    let n = latent.len() as f64;
    let objective =
        (log_likelihoods.iter().sum::<f64>() + warm * config.kl_scale * latent.iter().sum::<f64>()) / n
            + warm * parameters / update.neff;
    VaeTerms { objective, log_likelihoods, latent, parameters }
}

fn encode(weights: &Weights<'_>, codes: &[u8]) -> (Vec<f64>, Vec<f64>) {
    let (config, letters) = (weights.config, weights.config.n_letters());
    let mut x = Vec::new();
    for code in codes {
        let one_hot: Vec<f64> = (0..letters).map(|a| f64::from(u8::from(usize::from(*code) == a))).collect();
        match config.encoder_convolution {
            None => x.extend(one_hot),
            Some(n) => {
                let features = layer(&one_hot, &weights.point("W_conv_encode"), &vec![0.0; n]);
                x.extend(features.into_iter().map(|x| apply(config.encoder_activation, x)));
            }
        }
    }
    for i in 0..config.encoder.len() {
        let out =
            layer(&x, &weights.point(&format!("W_encode_{i}")), &weights.point(&format!("b_encode_{i}")));
        x = out.into_iter().map(|x| apply(config.encoder_activation, x)).collect();
    }
    let head =
        |name: &str| layer(&x, &weights.point(&format!("W_{name}")), &weights.point(&format!("b_{name}")));
    (head("hmu"), head("hsigma"))
}

fn log_likelihood(weights: &Weights<'_>, row: usize, z: &[f64], codes: &[u8]) -> f64 {
    let config = weights.config;
    let (letters, length, units) = (config.n_letters(), config.length, config.decoder_units());
    let mut h = z.to_vec();
    for (i, n) in units.iter().enumerate() {
        let last = i + 1 == units.len();
        let activation = if last { config.final_activation } else { config.decoder_activation };
        h = layer(&h, &weights.draw(&format!("W_decode_{i}")), &weights.draw(&format!("b_decode_{i}")));
        let mask = Weights::numbers(weights.noise, &format!("dropout_{i}"));
        for (j, x) in h.iter_mut().enumerate() {
            *x = apply(activation, *x);
            if config.dropout > 0.0 {
                *x *= mask[row * n + j] / (1.0 - config.dropout);
            }
        }
    }
    let (out, channels) = (weights.draw("W_out"), config.n_output_rows());
    let patterns = config.convolution.map(|_| weights.draw("W_conv"));
    let scales = config.sparsity.map(|_| weights.draw("W_out_scale"));
    let bias = config.output_bias.then(|| weights.draw("b_out"));
    let temperature = config.temperature.then(|| (1.0 + weights.draw("final_pwm_scale")[0].exp()).ln());
    let weight = |unit: usize, position: usize, letter: usize| {
        let own = &out[(unit * length + position) * channels..][..channels];
        let value: f64 = match &patterns {
            None => own[letter],
            Some(patterns) => (0..channels).map(|c| own[c] * patterns[c * letters + letter]).sum(),
        };
        // Units repeat the rows of scales, one set after the other.
        let scale = scales.as_ref().map(|s| s[unit % config.n_scale_rows() * length + position]);
        value
            * match (scale, config.sparsity) {
                (None, _) => 1.0,
                (Some(s), Some(VaeSparsity::Logit)) => 1.0 / (1.0 + (-s).exp()),
                (Some(s), _) => s.exp(),
            }
    };
    let at = |position: usize, code: usize| {
        let logit = |letter: usize| {
            let sum: f64 = (0..h.len()).map(|unit| h[unit] * weight(unit, position, letter)).sum();
            let sum = sum + bias.as_ref().map_or(0.0, |bias| bias[position * letters + letter]);
            sum * temperature.unwrap_or(1.0)
        };
        let logits: Vec<f64> = (0..letters).map(logit).collect();
        // Scales may make logits whose exponentials are too large.
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let norm = largest + logits.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
        let own = logits.get(code).map_or(0.0, |logit| logit - norm);
        match config.likelihood {
            VaeLikelihood::Categorical => own,
            VaeLikelihood::Bernoulli => {
                own - logits.iter().map(|logit| (1.0 + (logit - norm).exp()).ln()).sum::<f64>()
            }
        }
    };
    codes.iter().enumerate().map(|(l, code)| at(l, (*code).into())).sum()
}

/// The log density of a scale, and whether it is normal: its mean and standard deviation.
fn normal_scale(config: &VaeConfig) -> Option<(f64, f64)> {
    match config.sparsity.unwrap() {
        // The quantile of the standard normal distribution at 0.1, from tables.
        VaeSparsity::Logit => Some((-1.281_551_565_544_600_4 * 4.0, 4.0)),
        VaeSparsity::Analytic => Some((config.global_scale.ln(), PI / 2.0)),
        _ => None,
    }
}

fn scale_density(config: &VaeConfig, u: f64) -> f64 {
    let (g, s) = (config.global_scale, u.exp());
    if let Some((mean, sd)) = normal_scale(config) {
        return -0.5 * (2.0 * PI * sd * sd).ln() - (u - mean).powi(2) / (2.0 * sd * sd);
    }
    match config.sparsity.unwrap() {
        VaeSparsity::Horseshoe => 2.0_f64.ln() + g.ln() - PI.ln() + s.ln() - (g * g + s * s).ln(),
        VaeSparsity::Laplacian => 2.0_f64.ln() + (1.0 / g).ln() - s * s / g + 2.0 * s.ln(),
        _ => 2.0_f64.ln() + g * g.ln() - libm::lgamma(g) - g / (s * s + 1e-8) - 2.0 * g * s.ln(),
    }
}

fn divergence(weights: &Weights<'_>) -> f64 {
    let config = weights.config;
    let mut sum = 0.0;
    for spec in tensors::tensors(config) {
        let name = &spec.name;
        let Some(mean) = weights.checkpoint.get(&format!("{name}-mu")) else { continue };
        let (mean, log_sd) = (mean.to_f64(), weights.point(&format!("{name}-log_sigma")));
        for i in 0..mean.len() {
            let (mu, ls) = (mean[i], log_sd[i]);
            let kl = |pm: f64, ps: f64| {
                ps.ln() - ls + 0.5 * ((2.0 * ls).exp() + (mu - pm).powi(2)) / (ps * ps) - 0.5
            };
            sum += match (name.as_str(), config.sparsity) {
                ("W_out_scale", Some(_)) => {
                    if let Some((pm, ps)) = normal_scale(config) {
                        kl(pm, ps)
                    } else {
                        let own = Weights::numbers(weights.noise, "W_out_scale_kl")[i];
                        -(scale_density(config, mu + ls.exp() * own) + ls + 0.5 * (2.0 * PI * E).ln())
                    }
                }
                ("W_out" | "b_out", _) => kl(0.0, config.pattern_sigma),
                _ => kl(0.0, 1.0),
            };
        }
    }
    sum
}

fn penalty(weights: &Weights<'_>) -> f64 {
    let config = weights.config;
    let point = config.point.unwrap();
    let squares = |name: &str| -> f64 {
        weights.checkpoint.get(name).map_or(0.0, |tensor| tensor.to_f64().iter().map(|x| x * x).sum())
    };
    let mut l2 = squares("W_conv") + squares("b_out") + squares("final_pwm_scale");
    for i in 0..config.decoder.len() {
        l2 += squares(&format!("W_decode_{i}")) + squares(&format!("b_decode_{i}"));
    }
    let group = if config.sparsity.is_some() {
        l2 = 0.5 * (l2 + squares("W_out"));
        -weights.point("W_out_scale").iter().map(|u| scale_density(config, *u)).sum::<f64>()
    } else {
        let norm = |numbers: &[f64]| (numbers.iter().map(|x| x * x).sum::<f64>() + 1e-8).sqrt();
        weights.point("W_out").chunks(config.n_output_rows()).map(norm).sum()
    };
    point.sparsity_lambda * group + point.l2_lambda * l2
}
