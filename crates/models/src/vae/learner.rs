use ndarray::ArrayView2;

use super::decoder::Drawn;
use super::kernel::{AdamRule, Lane};
use super::network::{Network, VaeTerms};
use super::noise::{Noise, VaeNoise};
use super::{Body, Vae};
use crate::train::Scalar;
use crate::{Checkpoint, ModelsError, Tensor, TensorElement};

/// How Adam counts its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaeAdam {
    /// As published (Kingma and Ba 2015, arXiv:1412.6980), ε beside the root of the second moment as it is.
    #[default]
    Standard,
    /// As DeepSequence does: every step counts as the first, so that moments are never corrected and the rate is
    /// 0.316 of the one that is asked for.
    FixedT,
}

impl VaeAdam {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Standard, Self::FixedT];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::FixedT => "fixed-t",
        }
    }

    fn rule<T: Lane>(self, step: u64, rate: f64) -> AdamRule<T> {
        let (beta1, beta2) = (0.9_f64, 0.999_f64);
        let t = if self == Self::FixedT { 1.0 } else { step as f64 };
        let rate = rate * (1.0 - beta2.powf(t)).sqrt() / (1.0 - beta1.powf(t));
        AdamRule { rate: T::of(rate), beta1: T::of(beta1), beta2: T::of(beta2), epsilon: T::of(1e-8) }
    }
}

impl std::str::FromStr for VaeAdam {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        Self::ALL.into_iter().find(|adam| adam.name() == text).ok_or_else(|| ModelsError::Option {
            option: "adam",
            found: text.to_owned(),
            expected: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// What an update depends on besides its batch and noise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct VaeUpdate {
    /// The effective number of sequences, over which the cost of parameters is shared out.
    pub neff: f64,
    /// The number of the update, from 1: how far divergences have warmed up.
    pub number: u64,
    /// The learning rate.
    pub rate: f64,
}

/// A [`Vae`] in training, one update at a time; [`train_vae`](crate::train_vae) makes all of them.
///
/// A step of all weights costs little more than the products of matrices that give its gradients: noise, divergence,
/// gradient and Adam of the output weights are one pass, and their noise is drawn again instead of kept.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_models::{Vae, VaeAdam, VaeConfig, VaeLearner, VaeNoise, VaeUpdate};
/// use ndarray::array;
///
/// let vae = Vae::new(&VaeConfig::small("ACGU", 6), Seed::new(1))?;
/// let mut learner = VaeLearner::new(vae, VaeAdam::Standard);
/// let batch = array![[0, 1, 2, 3, 0, 1], [0, 1, 2, 3, 3, 1]];
/// let mut step = |number| {
///     let noise = VaeNoise::Drawn { seed: Seed::new(2), step: number };
///     learner.step(batch.view(), noise, VaeUpdate { neff: 2.0, number, rate: 1e-3 })
/// };
/// let first = step(1)?.objective;
/// assert!((2..50).try_fold(first, |_, number| step(number).map(|terms| terms.objective))? > first);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Debug)]
pub struct VaeLearner {
    vae: Vae,
    adam: VaeAdam,
    steps: u64,
    drawn: EitherDrawn,
}

/// What a pass writes, in a precision.
#[derive(Debug)]
enum EitherDrawn {
    Single(Drawn<f32>),
    Double(Drawn<f64>),
}

const STEPS: &str = "optimizer.steps";

impl VaeLearner {
    /// A network before its first step.
    pub fn new(mut vae: Vae, adam: VaeAdam) -> Self {
        let drawn = match &mut vae.body {
            Body::Single(network) => {
                network.begin_training();
                EitherDrawn::Single(Drawn::default())
            }
            Body::Double(network) => {
                network.begin_training();
                EitherDrawn::Double(Drawn::default())
            }
        };
        Self { vae, adam, steps: 0, drawn }
    }

    /// The network.
    pub fn vae(&self) -> &Vae {
        &self.vae
    }

    /// The network, without what only training needs.
    pub fn into_vae(mut self) -> Vae {
        super::with_network!(&mut self.vae.body, network => network.end_training());
        self.vae
    }

    /// Raises the objective of sequences (n, L) by a step of Adam; gives the objective as it was.
    ///
    /// # Errors
    /// [`ModelsError::Model`] for sequences of another length, [`ModelsError::Data`] for none; those of given noise.
    pub fn step(
        &mut self,
        sequences: ArrayView2<'_, u8>,
        noise: VaeNoise<'_>,
        update: VaeUpdate,
    ) -> Result<VaeTerms, ModelsError> {
        self.steps += 1;
        let (adam, steps) = (self.adam, self.steps);
        let codes = self.checked(sequences)?;
        let config = &self.vae.config;
        match (&mut self.vae.body, &mut self.drawn) {
            (Body::Single(network), EitherDrawn::Single(drawn)) => {
                let noise = Noise::new(noise, config, sequences.nrows())?;
                Ok(network.step(config, &codes, &noise, update, adam.rule(steps, update.rate), drawn))
            }
            (Body::Double(network), EitherDrawn::Double(drawn)) => {
                let noise = Noise::new(noise, config, sequences.nrows())?;
                Ok(network.step(config, &codes, &noise, update, adam.rule(steps, update.rate), drawn))
            }
            _ => Err(ModelsError::Data { set: "training", problem: "another precision".to_owned() }),
        }
    }

    fn checked(&self, sequences: ArrayView2<'_, u8>) -> Result<Vec<u8>, ModelsError> {
        if sequences.nrows() == 0 {
            let problem = "found no sequence, expected at least 1".to_owned();
            return Err(ModelsError::Data { set: "training", problem });
        }
        Ok(self.vae.codes(sequences)?)
    }

    /// Everything that later steps depend on.
    pub fn state(&self) -> Checkpoint {
        let mut state = self.vae.weights();
        super::with_network!(&self.vae.body, network => network.save_moments(&mut state));
        let steps = self.steps.to_le_bytes().to_vec();
        if let Some(steps) = Tensor::from_bytes(TensorElement::I64, &[], steps) {
            state.insert(STEPS, steps);
        }
        state
    }

    /// Takes up a state, so that all that follows is as it would have been on the same kind of processor.
    ///
    /// # Errors
    /// [`ModelsError::MissingTensors`], [`ModelsError::TensorShape`] or [`ModelsError::NonFinite`].
    pub fn restore(&mut self, state: &Checkpoint) -> Result<(), ModelsError> {
        self.steps = state.values(STEPS, &[])?.iter().sum::<f64>() as u64;
        super::with_network!(&mut self.vae.body, network => {
            network.load(state)?;
            network.load_moments(state)
        })
    }

    /// Takes up weights alone.
    pub(super) fn set_weights(&mut self, weights: &Checkpoint) -> Result<(), ModelsError> {
        super::with_network!(&mut self.vae.body, network => network.load(weights))
    }
}

impl Vae {
    /// The objective of sequences (n, L) and its gradient by all weights, under their names; `rate` is not used.
    ///
    /// **Cost**: a copy of the network and its moments.
    ///
    /// # Errors
    /// As [`VaeLearner::step`].
    pub fn gradients(
        &self,
        sequences: ArrayView2<'_, u8>,
        noise: VaeNoise<'_>,
        update: VaeUpdate,
    ) -> Result<(VaeTerms, Checkpoint), ModelsError> {
        fn gradients<T: Lane + Scalar>(
            network: &Network<T>,
            vae: &Vae,
            codes: &[u8],
            noise: VaeNoise<'_>,
            update: VaeUpdate,
        ) -> Result<(VaeTerms, Checkpoint), ModelsError> {
            // The first moment of a first step that keeps nothing of what was before is the gradient.
            let zero = T::zero();
            let rule = AdamRule { rate: zero, beta1: zero, beta2: zero, epsilon: T::one() };
            let mut network = network.clone();
            network.begin_training();
            let noise = Noise::new(noise, &vae.config, codes.len() / vae.config.length)?;
            let terms = network.step(&vae.config, codes, &noise, update, rule, &mut Drawn::default());
            network.variables_mut().for_each(super::variable::Variable::become_gradient);
            Ok((terms, network.save()))
        }
        let codes = self.codes(sequences)?;
        super::with_network!(&self.body, network => gradients(network, self, &codes, noise, update))
    }
}
