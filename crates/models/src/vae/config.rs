use serde::{Deserialize, Serialize};

use super::prior::normal_quantile;
use crate::ModelsError;
use crate::error::check_option;
use crate::nn::Activation;

/// A variational autoencoder of aligned sequences, declared: what a `config.json` of `model_type` `vae` says.
///
/// The model is DeepSequence's (Riesselman, Ingraham and Marks 2018, doi:10.1038/s41592-018-0138-4); defaults are
/// those of its published runs. The decoder's weights have normal posteriors, or are points
/// ([`VaePoint`]) as in its ablations.
///
/// ```
/// use cistron_models::VaeConfig;
///
/// let config = VaeConfig { alphabet: "ACDEFGHIKLMNPQRSTVWY".into(), length: 253, ..VaeConfig::default() };
/// assert_eq!(config.n_parameters(), 51_087_982);
/// assert_eq!(VaeConfig::small("ACDEFGHIKLMNPQRSTVWY", 253).n_parameters(), 2_689_022);
/// config.check()?;
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct VaeConfig {
    /// The letters, such as `ACDEFGHIKLMNPQRSTVWY`. Anything else in a sequence is a gap: it is 0 for the encoder and
    /// says nothing to the likelihood.
    pub alphabet: String,
    /// The positions of a sequence.
    pub length: usize,
    /// The sequence that mutants are compared with: letters, or empty if there is none. Default: none.
    pub focus: String,
    /// The number of each position in its protein or gene, from 1; empty if positions are counted from 1.
    pub positions: Vec<i64>,
    /// The widths of the encoder's layers. Default: 1500, 1500.
    pub encoder: Vec<usize>,
    /// The widths of the decoder's layers, the last one in groups: it has so many times [`Self::n_patterns`] units.
    /// Default: 100, 500.
    pub decoder: Vec<usize>,
    /// The latent variables. Default: 30.
    pub n_latent: usize,
    /// The units of the last layer that share a row of scales. Default: 4.
    pub n_patterns: usize,
    /// What follows the encoder's layers. Default: `relu`.
    pub encoder_activation: VaeActivation,
    /// What follows the decoder's layers but the last. Default: `relu`.
    pub decoder_activation: VaeActivation,
    /// What follows the decoder's last layer. Default: `sigmoid`.
    pub final_activation: VaeActivation,
    /// The prior of the scales that switch units off at positions; `None`: no scales. Default: `logit`.
    pub sparsity: Option<VaeSparsity>,
    /// The scale of all priors but `logit`. Default: 1.
    pub global_scale: f64,
    /// The share of scales that the prior `logit` switches on. Default: 0.001.
    pub logit_p: f64,
    /// The standard deviation of the prior `logit`. Default: 4.
    pub logit_sigma: f64,
    /// The standard deviation of the prior of output weights and biases. Default: 1.
    pub pattern_sigma: f64,
    /// The patterns of letters that output weights are made of; `None`: each has its own letters. Default: 40.
    pub convolution: Option<usize>,
    /// The features that each letter becomes before the encoder's first layer; `None`: the letters themselves.
    /// Default: none.
    pub encoder_convolution: Option<usize>,
    /// Whether each letter at each position has a number of its own. Default: yes.
    pub output_bias: bool,
    /// Whether logits are multiplied by a trained number. Default: yes.
    pub temperature: bool,
    /// What the divergence of the latent variables counts in training. Default: 1.
    pub kl_scale: f64,
    /// The updates over which all divergences come to count in full. Default: 0.
    pub warm_up: f64,
    /// The share of the decoder's units that a step of training leaves out. Default: 0.
    pub dropout: f64,
    /// What the decoder's probabilities say of a sequence. Default: `categorical`.
    pub likelihood: VaeLikelihood,
    /// How the weights of layers start; output weights start as `glorot` always. Default: `glorot`.
    pub start: VaeStart,
    /// Penalties of a decoder whose weights are points; `None`: they have posteriors. Default: none.
    pub point: Option<VaePoint>,
}

/// Penalties of a decoder whose weights are points: the ablations of the paper's table 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct VaePoint {
    /// What counts the negative log prior of the scales or, without scales, the norm of each unit's weights at each
    /// position. Default: 1.
    pub sparsity_lambda: f64,
    /// What count squared weights: half of them with scales, all but the output weights' without. Default: 1.
    pub l2_lambda: f64,
}

impl Default for VaePoint {
    fn default() -> Self {
        Self { sparsity_lambda: 1.0, l2_lambda: 1.0 }
    }
}

/// The prior of the scales; s is a scale's exponential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "those of the published model")]
pub enum VaeSparsity {
    /// Scales are normal, and weights are multiplied by their logistic function.
    #[default]
    Logit,
    /// s is log-normal, of about the half-Cauchy distribution's width; weights are multiplied by s here and below.
    Analytic,
    /// s is half-Cauchy.
    Horseshoe,
    /// s² is exponential.
    Laplacian,
    /// s² is inverse gamma.
    Ard,
}

/// What the decoder's probabilities say of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "those of the published models")]
pub enum VaeLikelihood {
    /// Each position is one of the letters: the sum of ln p over the letters that stand there.
    #[default]
    Categorical,
    /// Each letter at each position is a yes or no, with ln p as its log-odds: the sum over letters of
    /// x ln p - ln(1 + p), as EVE takes the binary cross-entropy of its normalised logits. A gap is a no to every
    /// letter.
    Bernoulli,
}

/// How the weights of layers start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "those of the published models")]
pub enum VaeStart {
    /// Normal, of standard deviation √(2 / (in + out)).
    #[default]
    Glorot,
    /// Even in ±1/√in, as PyTorch's linear layers do.
    Uniform,
}

/// What follows a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "those of the published model")]
#[expect(missing_docs, reason = "the names say it")]
pub enum VaeActivation {
    #[default]
    Relu,
    Sigmoid,
    Tanh,
    Elu,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            alphabet: String::new(),
            length: 0,
            focus: String::new(),
            positions: Vec::new(),
            encoder: vec![1500, 1500],
            decoder: vec![100, 500],
            n_latent: 30,
            n_patterns: 4,
            encoder_activation: VaeActivation::Relu,
            decoder_activation: VaeActivation::Relu,
            final_activation: VaeActivation::Sigmoid,
            sparsity: Some(VaeSparsity::Logit),
            global_scale: 1.0,
            logit_p: 0.001,
            logit_sigma: 4.0,
            pattern_sigma: 1.0,
            convolution: Some(40),
            encoder_convolution: None,
            output_bias: true,
            temperature: true,
            kl_scale: 1.0,
            warm_up: 0.0,
            dropout: 0.0,
            likelihood: VaeLikelihood::Categorical,
            start: VaeStart::Glorot,
            point: None,
        }
    }
}

impl VaeConfig {
    /// A network that learns in minutes: an encoder of 200 units, 20 latent variables, a decoder of 50 and 4 × 40
    /// units, 20 patterns of letters.
    pub fn small(alphabet: &str, length: usize) -> Self {
        Self {
            alphabet: alphabet.to_owned(),
            length,
            encoder: vec![200],
            decoder: vec![50, 40],
            n_latent: 20,
            convolution: Some(20),
            ..Self::default()
        }
    }

    /// A network between [`small`](Self::small) and the default one: an encoder of 300 and 300 units, a decoder of 100
    /// and 4 × 100.
    pub fn medium(alphabet: &str, length: usize) -> Self {
        Self {
            alphabet: alphabet.to_owned(),
            length,
            encoder: vec![300, 300],
            decoder: vec![100, 100],
            ..Self::default()
        }
    }

    /// EVE's network (Frazer et al. 2021, doi:10.1038/s41586-021-04043-8): an encoder of 2000, 1000 and 300 units, 50
    /// latent variables, a decoder of 300, 1000 and 2000 that ends in `relu`, no scales, a dropout of 0.1, and the
    /// [`Bernoulli`](VaeLikelihood::Bernoulli) likelihood. [`VaeTraining::eve`](crate::VaeTraining::eve) trains it.
    ///
    /// Unlike there, latent variables are never left out themselves and nothing is left out while scoring, and the
    /// encoder gives logarithms of deviations where EVE's gives those of variances.
    ///
    /// ```
    /// use cistron_models::{VaeConfig, VaeLikelihood};
    ///
    /// let config = VaeConfig::eve("ACDEFGHIKLMNPQRSTVWY", 253);
    /// assert_eq!((config.n_latent, config.likelihood), (50, VaeLikelihood::Bernoulli));
    /// config.check()?;
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn eve(alphabet: &str, length: usize) -> Self {
        Self {
            alphabet: alphabet.to_owned(),
            length,
            encoder: vec![2000, 1000, 300],
            decoder: vec![300, 1000, 2000],
            n_latent: 50,
            n_patterns: 1,
            final_activation: VaeActivation::Relu,
            sparsity: None,
            dropout: 0.1,
            likelihood: VaeLikelihood::Bernoulli,
            start: VaeStart::Uniform,
            ..Self::default()
        }
    }

    /// The number of trained numbers; a posterior has two for each weight.
    pub fn n_parameters(&self) -> usize {
        super::tensors::tensors(self).iter().map(|tensor| tensor.size() * tensor.n_numbers()).sum()
    }

    /// Checks that every number is in its range.
    ///
    /// # Errors
    /// [`ModelsError::Option`] with the first that is not.
    pub fn check(&self) -> Result<(), ModelsError> {
        self.letters()?;
        let counts = [("length", self.length), ("latent", self.n_latent), ("patterns", self.n_patterns)];
        let layers = [("encoder", &self.encoder), ("decoder", &self.decoder)];
        let widths = layers.iter().flat_map(|(name, widths)| widths.iter().map(|width| (*name, *width)));
        let convolutions = [self.convolution, self.encoder_convolution].into_iter().flatten();
        let convolutions = convolutions.map(|patterns| ("convolution", patterns));
        for (option, count) in counts.into_iter().chain(widths).chain(convolutions) {
            check_option(option, count, (1..=1 << 20).contains(&count), "1 to 1048576")?;
        }
        for (option, widths) in layers {
            check_option(option, "no layer", !widths.is_empty(), "at least one")?;
        }
        self.check_numbers()?;
        let n = self.focus.len();
        check_option("focus", n, n == 0 || n == self.length, "as many letters as the length, or none")?;
        let n = self.positions.len();
        check_option("positions", n, n == 0 || n == self.length, "as many as the length, or none")
    }

    fn check_numbers(&self) -> Result<(), ModelsError> {
        let above_zero = [
            ("global scale", self.global_scale),
            ("logit sigma", self.logit_sigma),
            ("pattern sigma", self.pattern_sigma),
        ];
        for (option, value) in above_zero {
            check_option(option, value, value.is_finite() && value > 0.0, "a finite number above 0")?;
        }
        let point = self.point.unwrap_or_default();
        let from_zero = [
            ("kl scale", self.kl_scale),
            ("warm up", self.warm_up),
            ("sparsity lambda", point.sparsity_lambda),
            ("l2 lambda", point.l2_lambda),
        ];
        for (option, value) in from_zero {
            check_option(option, value, value.is_finite() && value >= 0.0, "a finite number from 0")?;
        }
        let p = self.logit_p;
        check_option("logit p", p, p > 0.0 && p < 1.0, "a probability above 0 and below 1")?;
        let p = self.dropout;
        check_option("dropout", p, (0.0..1.0).contains(&p), "a probability below 1")
    }

    /// The letters of the alphabet.
    pub(super) fn n_letters(&self) -> usize {
        self.alphabet.len()
    }

    /// The rows of scales.
    pub(super) fn n_scale_rows(&self) -> usize {
        self.decoder.last().copied().unwrap_or(0)
    }

    /// The widths of the decoder's layers in units.
    pub(super) fn decoder_units(&self) -> Vec<usize> {
        let mut widths = self.decoder.clone();
        if let Some(last) = widths.last_mut() {
            *last *= self.n_patterns;
        }
        widths
    }

    /// The numbers of a unit at a position before letters are made of them.
    pub(super) fn n_output_rows(&self) -> usize {
        self.convolution.unwrap_or(self.n_letters())
    }

    /// Mean and standard deviation of a normal prior of the scales, if they have one.
    pub(super) fn scale_prior(&self) -> Option<(f64, f64)> {
        match self.sparsity? {
            VaeSparsity::Logit => Some((self.logit_sigma * normal_quantile(self.logit_p), self.logit_sigma)),
            VaeSparsity::Analytic => Some((self.global_scale.ln(), std::f64::consts::FRAC_PI_2)),
            _ => None,
        }
    }

    /// What divergences count at an update.
    pub(super) fn warmth(&self, update: u64) -> f64 {
        let update = update as f64;
        if update < self.warm_up { update / self.warm_up } else { 1.0 }
    }
}

impl VaeActivation {
    pub(super) const fn function(self) -> Activation {
        match self {
            Self::Relu => Activation::Relu,
            Self::Sigmoid => Activation::Sigmoid,
            Self::Tanh => Activation::Tanh,
            Self::Elu => Activation::Elu,
        }
    }
}
