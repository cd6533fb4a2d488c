use std::path::PathBuf;

use crate::enformer::{EnformerContextAttention, EnformerContexts, EnformerHeadInput, Trainable};
use crate::nn::Loss;
use crate::train::{Adam, FitOptions, Optimizer, Schedule, Stepping, Watch};
use crate::{Activation, Device, ModelsError};

/// What predicted tracks cost against observed ones, as a mean over bins and tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum TrackLoss {
    /// Of counts or other numbers from 0: p - y ln p, the logarithm of no less than 1e-20, as enformer-pytorch.
    #[default]
    Poisson,
    /// Of any numbers, such as logarithms of one more than a signal: (p - y)².
    SquaredError,
    /// Of counts: Poisson's loss of the sum over a window's bins, and `weight` times the multinomial loss of how it is
    /// divided among them (Borzoi, doi:10.1038/s41588-024-02053-6), over the number of bins.
    PoissonMultinomial {
        /// The weight of the multinomial part; Borzoi's is 5.
        weight: f64,
    },
}

impl TrackLoss {
    /// The names on the command line and in files.
    pub const NAMES: [&str; 3] = ["poisson", "mse", "poisson-multinomial"];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::SquaredError => "mse",
            Self::PoissonMultinomial { .. } => "poisson-multinomial",
        }
    }

    pub(super) const fn loss(self) -> Loss {
        match self {
            Self::Poisson => Loss::Poisson,
            Self::SquaredError => Loss::SquaredError,
            Self::PoissonMultinomial { weight } => Loss::PoissonMultinomial { weight },
        }
    }

    pub(super) fn takes(self, target: f32) -> bool {
        target.is_finite() && (target >= 0.0 || self == Self::SquaredError)
    }

    pub(super) fn expected(self) -> &'static str {
        if self == Self::SquaredError { "finite numbers" } else { "finite numbers from 0" }
    }
}

impl std::str::FromStr for TrackLoss {
    type Err = ModelsError;

    /// `poisson`, `mse` or `poisson-multinomial` with weight 5.
    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let all = [Self::Poisson, Self::SquaredError, Self::PoissonMultinomial { weight: 5.0 }];
        all.into_iter().find(|loss| loss.name() == text).ok_or_else(|| ModelsError::Option {
            option: "loss",
            found: text.to_owned(),
            expected: Self::NAMES.join(", "),
        })
    }
}

/// Which head is trained, and what it begins as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadStart {
    /// A new head `tracks` in the place of all others, of the data's tracks: weights even in ±1 over the root of the
    /// numbers that it reads, biases such that a layer without other inputs predicts the mean of each track over the
    /// training windows.
    #[default]
    TrackMeans,
    /// The same with biases of 0.
    Zero,
    /// The head of this name as it is; the other heads are left out. The data have its tracks.
    Kept(String),
}

/// How an Enformer is finetuned.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "options, with defaults for the rest")]
pub struct EnformerTraining {
    /// What is trained. Default: the head, the layer before it and the last two blocks.
    pub trainable: Trainable,
    /// The head. Default: a new one.
    pub head: HeadStart,
    /// The function of a new head's numbers, softplus or none; losses of counts take none below 0. Default: softplus.
    pub activation: Option<Activation>,
    /// What a new head reads. Default: the embeddings.
    pub reads: EnformerHeadInput,
    /// What a new head makes its tracks of: a context of each by its name, while others are not used. They begin best
    /// as numbers around 1. Default: none, tracks have rows of the head's layer.
    pub contexts: Option<EnformerContexts>,
    /// How embeddings attend to contexts. Default: they do not, the layer is made of the vector of each track.
    pub context_attention: Option<EnformerContextAttention>,
    /// What is learned. Default: Poisson's.
    pub loss: TrackLoss,
    /// The learning rate of `AdamW` after the warm-up. Default: 1e-5.
    pub learning_rate: f64,
    /// The number of steps over which it rises evenly. Default: 0.
    pub warmup_steps: u64,
    /// How it changes then. Default: it does not.
    pub schedule: Schedule,
    /// The weight decay, which spares biases, normalisation and biases of positions. Default: 0.01.
    pub weight_decay: f64,
    /// The largest norm of a step's gradient. Default: 0.5.
    pub clip: Option<f64>,
    /// The windows of a pass over the network. Default: 4.
    pub batch: usize,
    /// The passes of a step. Default: 1.
    pub accumulate: u64,
    /// The largest number of passes over the training windows. Default: 10.
    pub epochs: u64,
    /// The number of epochs without a better one after which training stops. Default: it does not.
    pub patience: Option<u64>,
    /// What the best epoch has of the validation. Default: the highest `pearson`.
    pub best: Watch,
    /// Whether training windows are read on either strand, one as often as the other; the bins of the reverse strand
    /// come last first. Default: yes.
    pub reverse_complement: bool,
    /// The track that each one is on the reverse strand, from 0, where tracks know strands. Default: itself.
    pub mirror: Option<Vec<usize>>,
    /// Training windows are read up to so many bases to either side, while their numbers stay. Default: 0.
    pub max_shift: u32,
    /// The file that keeps what the network makes of each window and strand below the lowest trained layer: as many
    /// numbers of 4 bytes as positions times the width, for a window of full size 9.4 MB. It may be shared by runs that
    /// follow one another and have the same data, weights and lowest layer. Not with `max_shift`. Default: none, all
    /// is computed whenever it is needed. Has no influence on results.
    pub cache: Option<PathBuf>,
    /// Whether layers are computed again for their gradients, which takes a third more work and a fraction of the
    /// memory. Has no influence on results. Default: no.
    pub recompute: bool,
    /// Where the trained layers are computed; all that is below them, on the processor. Default: on the processor.
    pub device: Device,
    /// The number of steps between lines of the log inside an epoch. Default: 50.
    pub log_every: Option<u64>,
    /// The number of steps between states on disk inside an epoch. Default: none inside.
    pub save_every: Option<u64>,
}

impl Default for EnformerTraining {
    fn default() -> Self {
        Self {
            trainable: Trainable::default(),
            head: HeadStart::default(),
            activation: Some(Activation::Softplus),
            reads: EnformerHeadInput::Embeddings,
            contexts: None,
            context_attention: None,
            loss: TrackLoss::default(),
            learning_rate: 1e-5,
            warmup_steps: 0,
            schedule: Schedule::Constant,
            weight_decay: 0.01,
            clip: Some(0.5),
            batch: 4,
            accumulate: 1,
            epochs: 10,
            patience: None,
            best: Watch::Highest("pearson".to_owned()),
            reverse_complement: true,
            mirror: None,
            max_shift: 0,
            cache: None,
            recompute: false,
            device: Device::Cpu,
            log_every: Some(50),
            save_every: None,
        }
    }
}

impl EnformerTraining {
    pub(super) fn fitting(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            warmup_steps: self.warmup_steps,
            schedule: self.schedule.clone(),
            best: Some(self.best.clone()),
            patience: self.patience,
            log_every: self.log_every,
            save_every: self.save_every,
            ..FitOptions::default()
        }
    }

    pub(super) fn stepping(&self) -> Stepping {
        let adam = Adam { weight_decay: self.weight_decay, ..Adam::default() };
        Stepping {
            optimizer: Optimizer::AdamW(adam),
            clip: self.clip,
            accumulate: self.accumulate,
            decay_all: false,
        }
    }

    pub(super) fn check(&self, n_tracks: usize) -> Result<(), ModelsError> {
        let refuse = |option, found: String, expected: &str| {
            Err(ModelsError::Option { option, found, expected: expected.to_owned() })
        };
        if self.accumulate == 0 {
            return refuse("accumulate", "0".to_owned(), "at least 1");
        }
        if self.clip.is_some_and(|clip| !(clip > 0.0 && clip.is_finite())) {
            return refuse("clip", format!("{:?}", self.clip), "a finite number above 0");
        }
        match self.activation {
            Some(Activation::Softplus) => {}
            None if self.loss == TrackLoss::SquaredError => {}
            None => {
                return refuse(
                    "activation",
                    format!("none, with loss {}", self.loss.name()),
                    "softplus, or loss mse",
                );
            }
            Some(other) => return refuse("activation", other.name().to_owned(), "softplus or none"),
        }
        match (&self.contexts, &self.head, self.context_attention) {
            (None, _, Some(_)) => {
                return refuse("context attention", "given".to_owned(), "contexts with it");
            }
            (Some(_), HeadStart::Kept(name), _) => {
                return refuse("contexts", format!("given with head {name}"), "a new head");
            }
            _ => {}
        }
        if self.cache.is_some() && self.max_shift > 0 {
            let found = format!("given with shifts of up to {} bases", self.max_shift);
            return refuse("cache", found, "no shifts, each of which has rows of its own");
        }
        if let Some(mirror) = &self.mirror {
            let is_pairing = mirror.len() == n_tracks
                && mirror.iter().enumerate().all(|(track, &other)| mirror.get(other) == Some(&track));
            if !is_pairing {
                return refuse("mirror", format!("{mirror:?}"), "tracks in pairs, one number for each track");
            }
        }
        Ok(())
    }
}

/// A cache where every layer learns.
pub(super) fn nothing_frozen() -> ModelsError {
    ModelsError::Option {
        option: "cache",
        found: "given, while the first layers are trained".to_owned(),
        expected: "trained layers above others".to_owned(),
    }
}
